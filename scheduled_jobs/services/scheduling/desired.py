"""What Google ought to have for a row: the values in force and those that only the class knows.

Thousands of rows are read without an instance of the model for each, which costs ten times as much.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.conf import settings as django_settings
from django.db.models import QuerySet

from scheduled_jobs import authentication, registry
from scheduled_jobs.domain import jobs as domain
from scheduled_jobs.domain.jobs import JobSpec, canonical, parse_job_id
from scheduled_jobs.domain.limits import MAX_BODY
from scheduled_jobs.domain.plan import Desired
from scheduled_jobs.exceptions import InvalidDefinition, TaskNotLoaded
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.models.in_force import DECLARED, OVERRIDES, ValuesInForce
from scheduled_jobs.registry import Task
from scheduled_jobs.services.scheduling.google_names import OwnName, names_of
from scheduled_jobs.services.scheduling.mount import as_configured
from scheduled_jobs.services.scheduling.names import App, this_app

COLUMNS = (
    "pk", "name", "task", "origin", "revision", "pushed_revision", "retired_at", "deleting_at", "paused",
    "paused_until", "synced_at", *DECLARED, *OVERRIDES,
)  # fmt: skip
FIRST_DECLARED = COLUMNS.index(DECLARED[0])
_Columns = namedtuple("_Columns", COLUMNS)  # type: ignore[misc]  # mypy wants to read the names


class Row(ValuesInForce, _Columns):
    """One job as of one revision, with what is in force of it."""

    __slots__ = ()

    pk: int
    name: str
    task: str
    origin: str
    revision: int
    pushed_revision: int
    retired_at: datetime | None
    deleting_at: datetime | None
    paused: bool
    paused_until: datetime | None
    synced_at: datetime | None
    declared_payload: dict[str, Any]

    @property
    def declared(self) -> tuple[Any, ...]:
        """What the code declares, in the order of ``OVERRIDABLE``."""
        return tuple(self[FIRST_DECLARED : FIRST_DECLARED + len(DECLARED)])


def read_rows(jobs: QuerySet[ScheduledJob]) -> Iterator[Row]:
    """These jobs, in one query.

    Without ``iterator()``: its cursor on the server is gone with the next statement where a pool gives each
    transaction another connection, as PgBouncer does.
    """
    return map(Row._make, jobs.values_list(*COLUMNS))


MANY = 500
"""From so many rows on, reading the names of all is quicker than naming those that are wanted."""


@as_configured()
def desired_of_all(jobs: Sequence[ScheduledJob | Row], prefix: str) -> list[Desired]:
    """What these rows want. ``prefix`` is the full resource name of a job without its id."""
    pks: Collection[int] = [job.pk for job in jobs if job.pk is not None]
    names = names_of(pks if len(pks) < MANY else None)
    app = this_app()
    return [desired_of(job, app, prefix, names.get(job.pk, ())) for job in jobs]


def with_pushed(wanted: Sequence[Desired]) -> list[Desired]:
    """The same with what was pushed last: it is large, and asked only of what differs."""
    rows = ScheduledJob.objects.filter(pushed__isnull=False)
    pushed: dict[int | None, Any] = {}
    for some in rows.in_batches(desired.pk for desired in wanted if desired.pk is not None):
        pushed.update(some.values_list("pk", "pushed"))
    return [replace(job, pushed=pushed[job.pk] or {}) if job.pk in pushed else job for job in wanted]


def desired_of(job: ScheduledJob | Row, app: App, prefix: str, names: Sequence[OwnName] = ()) -> Desired:
    """What a row wants, read together with its class."""
    spec: JobSpec | None = None
    fault, is_class_missing = "", False
    task = None
    try:
        # A row that is retired wants nothing of its class.
        task = registry.get(job.task) if job.retired_at is not None else registry.find(job.task)
    except TaskNotLoaded as error:
        is_class_missing, fault = True, str(error)
    if task is None:
        is_class_missing = True
        fault = fault or f"{job.task} is not in the code of this process"
    else:
        try:
            check_prefix(job.name, app)
            spec = spec_of(job, task, app)
        except InvalidDefinition as error:
            fault = str(error)
        except Exception as error:  # noqa: BLE001 – the hook is the user's code
            fault = f"schedule_headers() raised {type(error).__name__}: {error}"
    remote_name = prefix + job.name
    own = next((name for name in names if name.name == remote_name), None)
    others = [name for name in names if name is not own]
    return Desired(
        pk=job.pk,
        revision=job.revision,
        task=job.task,
        name=job.name,
        remote_name=remote_name,
        state=job.desired_state,
        spec=spec,
        fault=fault,
        is_class_missing=is_class_missing,
        is_claimed=own is not None,
        is_confirmed=own is not None and own.is_settled,
        former=tuple(name.name for name in others if name.is_ours),
        known_as=others[-1].name.rpartition("/")[2] if others else "",
        pushed=(job.pushed or {}) if isinstance(job, ScheduledJob) else {},
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


def _check_upload(payload: Mapping[str, Any]) -> None:
    """Raise InvalidDefinition for a payload that Django would not read."""
    limit = django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE if payload else None
    if limit is None or limit >= MAX_BODY:
        return  # nothing that a job can have is larger
    if (size := len(canonical(payload).encode("utf-8", "surrogatepass"))) > limit:
        raise InvalidDefinition(
            f"the payload has {size:,} bytes and DATA_UPLOAD_MAX_MEMORY_SIZE is {limit:,}: each call would "
            "be answered 413; raise it"
        )


def spec_of(job: ScheduledJob | Row, task: type[Task], app: App) -> JobSpec:
    """The job that is sent to Google for a row; raises InvalidDefinition where no address can be made."""
    _check_upload(job.payload)
    has_token = registry.uses_oidc(task)
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
        oidc_service_account=app.service_account if has_token else "",
        oidc_audience=app.audience if has_token else "",
        attempt_deadline=job.attempt_deadline,
        retry=job.retry_policy,
    )
