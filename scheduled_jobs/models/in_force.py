"""The fields that code declares and people override, and what is in force of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from scheduled_jobs import registry
from scheduled_jobs.domain.ahead import Facts
from scheduled_jobs.domain.jobs import (
    DEFAULT_ATTEMPT_DEADLINE,
    DEFAULT_MAX_BACKOFF,
    DEFAULT_MAX_DOUBLINGS,
    DEFAULT_MIN_BACKOFF,
    OVERRIDABLE,
    RETRY_FIELDS,
    RetryPolicy,
    desired_state,
    differences,
    normalised,
)
from scheduled_jobs.domain.schedules import Schedule
from scheduled_jobs.models.fields import LineField, ObjectField
from scheduled_jobs.models.writer import ReadFromWriter

if TYPE_CHECKING:
    from scheduled_jobs.models.jobs import ScheduledJob

T = TypeVar("T")

OVERRIDES = tuple(f"{name}_override" for name in OVERRIDABLE)
DECLARED = tuple(f"declared_{name}" for name in OVERRIDABLE)


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


class ValuesInForce:
    """What is in force of a row: of each field that is declared and may be overridden, and of its pause."""

    __slots__ = ()

    retired_at: Any
    deleting_at: Any
    paused: Any
    paused_until: Any

    schedule = InForce[str]()
    time_zone = InForce[str]()
    payload = InForce[dict[str, Any]]()
    description = InForce[str]()
    retry_count = InForce[int]()
    min_backoff = InForce[timedelta]()
    max_backoff = InForce[timedelta]()
    max_retry_duration = InForce[timedelta]()
    max_doublings = InForce[int]()
    attempt_deadline = InForce[timedelta]()

    @property
    def retry_policy(self) -> RetryPolicy:
        """How Google retries the job."""
        return RetryPolicy(**{name: getattr(self, name) for name in RETRY_FIELDS})

    @property
    def desired_state(self) -> str | None:
        """The state wanted in Google; None if the job ought not to exist there."""
        return desired_state(
            exists=self.retired_at is None and self.deleting_at is None,
            paused=self.paused,
            has_end=self.paused_until is not None,
        )


class WithOverrides(ValuesInForce, ReadFromWriter):
    """What the code declares, what people override, and what is in force.

    ``declared_*`` is written by code only, ``*_override`` by people only: null follows the code.
    """

    declared_schedule = models.CharField(_("schedule"), max_length=500, blank=True, default="")
    declared_time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    declared_payload = ObjectField(_("payload"), default=dict, blank=True)
    declared_description = LineField(_("description"), max_length=500, blank=True, default="")
    declared_retry_count = models.PositiveSmallIntegerField(_("retry count"), default=0)
    declared_min_backoff = models.DurationField(_("minimum backoff"), default=DEFAULT_MIN_BACKOFF)
    declared_max_backoff = models.DurationField(_("maximum backoff"), default=DEFAULT_MAX_BACKOFF)
    declared_max_retry_duration = models.DurationField(_("maximum retry duration"), default=timedelta)
    declared_max_doublings = models.PositiveIntegerField(
        _("maximum doublings"), default=DEFAULT_MAX_DOUBLINGS
    )
    declared_attempt_deadline = models.DurationField(_("attempt deadline"), default=DEFAULT_ATTEMPT_DEADLINE)

    schedule_override = models.CharField(_("schedule"), max_length=500, null=True, blank=True)
    time_zone_override = models.CharField(_("time zone"), max_length=64, null=True, blank=True)
    payload_override = models.JSONField(_("payload"), null=True, blank=True, encoder=DjangoJSONEncoder)
    description_override: models.CharField[str | None, str | None] = LineField(  # type: ignore[assignment,misc]
        _("description"), max_length=500, null=True, blank=True
    )
    retry_count_override = models.PositiveSmallIntegerField(_("retry count"), null=True, blank=True)
    min_backoff_override = models.DurationField(_("minimum backoff"), null=True, blank=True)
    max_backoff_override = models.DurationField(_("maximum backoff"), null=True, blank=True)
    max_retry_duration_override = models.DurationField(_("maximum retry duration"), null=True, blank=True)
    max_doublings_override = models.PositiveIntegerField(_("maximum doublings"), null=True, blank=True)
    attempt_deadline_override = models.DurationField(_("attempt deadline"), null=True, blank=True)

    class Meta:
        abstract = True

    @property
    def is_overridden(self) -> bool:
        """Whether an operator has set any field."""
        return any(getattr(self, name) is not None for name in OVERRIDES)

    @property
    def parsed_schedule(self) -> Schedule:
        """The schedule in force; raises InvalidSchedule for a row that was never validated."""
        return Schedule.parse(self.schedule, self.time_zone)


def values_in_force(job: ScheduledJob) -> dict[str, Any]:
    """Field -> what is in force, in the one form in which it compares with what Google has."""
    values = normalised(
        schedule=job.schedule,
        time_zone=job.time_zone,
        payload=job.payload,
        description=job.description,
        retry=job.retry_policy,
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


FACTS = (
    "task", "declared_schedule", "schedule_override", "declared_time_zone", "time_zone_override",
    "paused", "paused_until", "retired_at", "deleting_at", "next_run_at",
)  # fmt: skip
"""The columns that ``facts_from`` reads, beside the state and schedule that Google was last seen to have."""


def facts_from(row: Mapping[str, Any], *, google_state: str, google_schedule: str) -> Facts:
    """The facts of a row that was read as these columns."""
    return Facts(
        schedule=value_in_force(row, "schedule"),
        time_zone=value_in_force(row, "time_zone"),
        is_paused=row["paused"],
        paused_until=row["paused_until"],
        is_retired=row["retired_at"] is not None,
        is_deleting=row["deleting_at"] is not None,
        is_in_code=row["retired_at"] is None and registry.find_or_none(row["task"]) is not None,
        google_state=google_state,
        google_schedule=google_schedule,
        google_next=row["next_run_at"],
    )


def value_in_force(row: Mapping[str, Any], field: str) -> str:
    """What counts of a field, of a row that was read as columns."""
    declared: str = row[f"declared_{field}"]
    override: str | None = row[f"{field}_override"]
    return declared if override is None else override
