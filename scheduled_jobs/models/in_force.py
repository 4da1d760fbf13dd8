"""What is in force for a field of a job, read as one attribute, or for all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from scheduled_jobs.domain.jobs import OVERRIDABLE, RETRY_FIELDS, RetryPolicy, differences, normalised

if TYPE_CHECKING:
    from scheduled_jobs.models.jobs import ScheduledJob

T = TypeVar("T")


class InForce(Generic[T]):
    """What is in force for a field: the operator's override where there is one, else the code's default."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, job: None, owner: type) -> InForce[T]: ...
    @overload
    def __get__(self, job: Any, owner: type) -> T: ...
    def __get__(self, job: Any, owner: type) -> InForce[T] | T:
        if job is None:
            return self
        override: T | None = getattr(job, f"{self.name}_override")
        declared: T = getattr(job, f"declared_{self.name}")
        return declared if override is None else override

    def __set__(self, job: ScheduledJob, value: T) -> None:
        raise AttributeError(f"{self.name} is what is in force; set {self.name}_override")


def values_in_force(job: ScheduledJob) -> dict[str, Any]:
    """Field -> what is in force, in the one form in which it compares with what Google has."""
    values = normalised(
        schedule=job.schedule,
        time_zone=job.time_zone,
        payload=job.payload,
        description=job.description,
        retry=RetryPolicy(**{name: getattr(job, name) for name in RETRY_FIELDS}),
        attempt_deadline=job.attempt_deadline,
        uri="",
        http_method="",
        headers={},
        oidc_service_account="",
        oidc_audience="",
    )
    return {name: values[name] for name in OVERRIDABLE}


def seen_differences(job: ScheduledJob) -> dict[str, tuple[Any, Any]]:
    """Field -> (in Google as last seen, in force) where these differ, the state included.

    The address, the headers and the account are not looked at: their values are in no row. Nothing differs
    in a job that Google was not seen to have.
    """
    if job.live is None:
        return {}
    found = differences(values_in_force(job), job.live, job.pushed)
    if job.desired_state is not None and job.live.get("state") != job.desired_state:
        found["state"] = (job.live.get("state"), job.desired_state)
    return found
