"""What Google ought to have for a row: the values in force and those that only the class knows."""

from __future__ import annotations

from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from scheduled_jobs import authentication, registry
from scheduled_jobs.domain import jobs as domain
from scheduled_jobs.domain.jobs import JobSpec, RetryPolicy, parse_job_id
from scheduled_jobs.domain.plan import Desired
from scheduled_jobs.exceptions import InvalidDefinition
from scheduled_jobs.models import FormerName, ScheduledJob
from scheduled_jobs.services.scheduling.names import App, this_app

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import timedelta

    from scheduled_jobs.backends import Backend
    from scheduled_jobs.services.scheduling.rows import Row
    from scheduled_jobs.tasks import PeriodicTask


NOTHING: Mapping[str, Any] = MappingProxyType({})
"""What most jobs have, shared by thousands of them."""


def desired_of_all(
    jobs: Sequence[ScheduledJob | Row], backend: Backend, *, using: str, names: Collection[str] | None = None
) -> list[Desired]:
    """What these rows want, with the names under which Google still has them from before.

    ``names`` are the job ids of all rows in use, where they are not yet those of the database.
    """
    former: dict[int, list[str]] = {}
    owners: dict[str, int] = {}
    formers = FormerName.objects.using(using).filter(deleted_at=None).order_by("pk")
    for pk, remote_name in formers.values_list("job_id", "remote_name"):
        former.setdefault(pk, []).append(remote_name)
        owners[remote_name] = pk
    prefix = backend.remote_name("")
    for job in jobs:
        # Another project or location: the job is known by its name there until it is deleted. Unless another
        # row took the name over, and has had the job there made its own.
        if job.remote_name not in ("", prefix + job.name) and owners.get(job.remote_name, job.pk) == job.pk:
            former.setdefault(job.pk, []).append(job.remote_name)
    taken = _taken(former.values(), backend, using, names)
    app = this_app()
    return [
        desired_of(
            job,
            app,
            remote_name=prefix + job.name,
            former=tuple(name for name in dict.fromkeys(former.get(job.pk, ())) if name not in taken),
        )
        for job in jobs
    ]


def _taken(
    former: Iterable[list[str]], backend: Backend, using: str, names: Collection[str] | None
) -> set[str]:
    """The names that some row has now, perhaps one that took over another's: these are not deleted."""
    identifiers = {name.rpartition("/")[2] for names in former for name in names}
    if not identifiers:
        return set()
    if names is not None:
        return {backend.remote_name(name) for name in identifiers.intersection(names)}
    current = ScheduledJob.objects.using(using).filter(name__in=identifiers, retired_at=None)
    return {backend.remote_name(name) for name in current.values_list("name", flat=True)}


def desired_of(
    job: ScheduledJob | Row, app: App, *, remote_name: str, former: tuple[str, ...] = ()
) -> Desired:
    """What a row wants, read together with its class."""
    spec: JobSpec | None = None
    fault, is_absent_here = "", False
    task = registry.get(job.task)
    if task is None:
        is_absent_here = True
        fault = f"{job.task} is not in the code of this process"
    else:
        try:
            check_prefix(job.name, app)
            spec = spec_of(job, task, app)
        except InvalidDefinition as error:
            fault = str(error)
        except Exception as error:  # noqa: BLE001 – the hook is the user's code
            fault = f"schedule_headers() raised {type(error).__name__}: {error}"
    return Desired(
        pk=job.pk,
        revision=job.revision,
        task=job.task,
        name=job.name,
        remote_name=remote_name,
        state=job.desired_state,
        spec=spec,
        fault=fault,
        is_absent_here=is_absent_here,
        created=job.remote_name == remote_name,
        former=former,
        pushed=(job.pushed or NOTHING) if isinstance(job, ScheduledJob) else NOTHING,
        pushed_at=job.synced_at,
        is_pushed=job.pushed_revision == job.revision,
    )


def check_prefix(name: str, app: App) -> None:
    """Raise InvalidDefinition for a job that would not be known as ours once Google has it."""
    if parse_job_id(name, app_name=app.app_name, delimiter=app.delimiter) is None:
        raise InvalidDefinition(
            f"its id does not begin with {app.job_id('')}, so that it would not be known as ours; "
            f"name it {app.job_id(name)}"
        )


def spec_of(job: ScheduledJob | Row, task: type[PeriodicTask], app: App) -> JobSpec:
    """The job that is sent to Google for a row; raises InvalidDefinition where no address can be made."""
    return JobSpec(
        name=job.name,
        schedule=job.schedule,
        time_zone=job.time_zone,
        uri=app.url(job.task),
        payload=job.payload,
        description=job.description,
        headers={
            **task.schedule_headers(),
            domain.MARK_HEADER: domain.mark_of(app.app_name),
            domain.TOKEN_HEADER: authentication.sign_job(job.name, job.task),
        },
        oidc_service_account=app.service_account if task.schedule_use_oidc else "",
        oidc_audience=app.audience if task.schedule_use_oidc else "",
        attempt_deadline=job.attempt_deadline,
        retry=_retry_policy(
            job.retry_count, job.min_backoff, job.max_backoff, job.max_retry_duration, job.max_doublings
        ),
    )


@lru_cache(maxsize=256)
def _retry_policy(
    retry_count: int,
    min_backoff: timedelta,
    max_backoff: timedelta,
    max_retry_duration: timedelta,
    max_doublings: int,
) -> RetryPolicy:
    """Thousands of jobs share a few policies."""
    return RetryPolicy(retry_count, min_backoff, max_backoff, max_retry_duration, max_doublings)
