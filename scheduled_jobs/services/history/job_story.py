"""One job's own story: its last runs, who set what and when, in a number of queries that does not grow."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Case, Count, Max, Min, Q, QuerySet, Sum, TextField, Value, When
from django.db.models.functions import Cast, Left, Length
from django.utils import timezone
from django.utils.duration import duration_iso_string

from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.models import JobChange, JobRun, RunStats, ScheduledJob
from scheduled_jobs.models.stats import DAY
from scheduled_jobs.services.history.stats.figures import Series, series_by_job
from scheduled_jobs.services.history.stats.reading import Unfolded

SetBy = Mapping[tuple[int, str], "LastSet"]
"""Key of a job and name of a field -> who set its override last."""

Status = JobRun.Status

RESULT = 2_000
"""Characters of a result that is read for a list; a longer one is only shown on its own page."""
ERROR = 500
READ = 200
"""Most changes that are read to tell who set what, and what changed since."""
HOUR = timedelta(hours=1)
COUNTED = 1_000
"""Most rows that are counted."""


class Counted(NamedTuple):
    """How many there are; ``is_more`` where there are more than ``n``, which were not counted."""

    n: int
    is_more: bool


class Lasted(NamedTuple):
    """One run of the chart. ``at`` is its slot, or when it began."""

    pk: int
    status: str
    at: datetime
    seconds: float | None


class Brief(NamedTuple):
    """One run of the job page's list. ``result`` is None where there is none, or it is too long."""

    run: JobRun
    error: str
    result: Any
    has_long_result: bool


class LastSet(NamedTuple):
    """``person`` is empty where nobody was named; ``at`` is aware."""

    person: str
    at: datetime


@dataclass(frozen=True)
class Since:
    """The code's default has changed after an override was set: what it was, when and in which release."""

    was: Any
    at: datetime
    release: str


def count_capped(rows: QuerySet[Any]) -> Counted:
    """How many of a job's runs or changes there are, as far as they are counted."""
    n = rows.order_by()[: COUNTED + 1].count()
    return Counted(min(n, COUNTED), n > COUNTED)


def runs_left(job: ScheduledJob) -> Counted:
    """How many runs a job has: counted as far as that goes, and from there on told by its figures.

    Those are of whole days, and a little behind: it is only about so many.
    """
    runs = JobRun.objects.filter(job=job)
    found, first = count_capped(runs), runs.order_by("at").values_list("at", flat=True)[:1]
    since = min(first, default=timezone.now()) - DAY
    days = RunStats.objects.filter(job=job.pk, length=DAY, start__gt=since).aggregate(n=Sum("runs"))
    return found._replace(n=max(days["n"] or 0, found.n)) if found.is_more else found


def lasted(job: ScheduledJob, length: int) -> list[Lasted]:
    """The last ``length`` runs, the oldest first."""
    rows = JobRun.objects.filter(job=job)
    found = rows.values_list("pk", "status", "scheduled_for", "started_at", "created_at", "duration")[:length]
    return [
        Lasted(pk, status, slot or started or created, duration.total_seconds() if duration else None)
        for pk, status, slot, started, created, duration in reversed(found)
    ]


def quantiles(runs: Sequence[Lasted]) -> tuple[float, float] | None:
    """Median and 95th percentile of the successes' durations, in seconds; None without a success."""
    seconds = sorted(
        run.seconds for run in runs if run.status == Status.SUCCEEDED and run.seconds is not None
    )
    if not seconds:
        return None
    return statistics.median(seconds), seconds[min(int(len(seconds) * 0.95), len(seconds) - 1)]


def recent(job: ScheduledJob, length: int) -> list[Brief]:
    """The last ``length`` runs, the newest first, with a short result and the head of the error."""
    text = Cast("result", TextField())
    rows = (
        JobRun.objects.filter(job=job)
        .annotate(
            head=Left("error", ERROR),
            result_length=Length(text),
            short=Case(
                When(result_length__lte=RESULT, then=text), default=Value(""), output_field=TextField()
            ),
        )
        .only(
            "pk", "status", "trigger", "scheduled_for", "attempt", "created_at", "started_at", "finished_at",
            "duration", "requested_by", "reason", "sent", "sent_at", "lease_until", "progress_done",
            "progress_total", "progress_message",
        )
    )[:length]  # fmt: skip
    found = []
    for run in rows:
        values: Any = run
        long = values.result_length is not None and values.result_length > RESULT
        found.append(Brief(run, values.head, json.loads(values.short) if values.short else None, long))
    return found


def failure_of(job: ScheduledJob) -> JobRun | None:
    """The run that failed last, with its error; None where it is not kept any more."""
    rows = JobRun.objects.filter(pk=job.last_failure_id or 0)
    return rows.only("pk", "status", "error", "traceback").first()


def month_of(job: ScheduledJob, start: datetime, end: datetime, unfolded: Unfolded) -> Series:
    """The figures of each hour between two times (aware) in which there were runs."""
    return series_by_job(start, end, HOUR, [job.pk], unfolded).get(job.pk, [])


# --- Changes --------------------------------------------------------------------------------------


PEOPLE, RELEASES, GOOGLE = "people", "releases", "google"
ORIGINS = {
    PEOPLE: ~Q(actor_label=""),
    RELEASES: Q(actor_label="", via=JobChange.Via.CODE),
    GOOGLE: Q(actor_label="") & ~Q(via=JobChange.Via.CODE),
}
"""Who made a change: a person, a release of the code, or what goes on between here and Google."""


@dataclass(frozen=True)
class ChangeCounts:
    """The newest changes in numbers, ``COUNTED`` at most; ``floor`` is the key of the oldest of them."""

    all: Counted
    by_origin: dict[str, int]
    floor: int
    since: datetime | None


def count_changes(job: ScheduledJob) -> ChangeCounts:
    """How many changes there are, and by whom, as far as they are counted."""
    newest = JobChange.objects.filter(job=job).order_by("-pk")[: COUNTED + 1]
    by_origin = {name: Count("pk", filter=condition) for name, condition in ORIGINS.items()}
    found = newest.aggregate(n=Count("pk"), floor=Min("pk"), since=Min("at"), **by_origin)
    n = found["n"]
    counts = {name: found[name] for name in ORIGINS}
    return ChangeCounts(Counted(min(n, COUNTED), n > COUNTED), counts, found["floor"] or 0, found["since"])


def changes_of(
    job: ScheduledJob, length: int, *, condition: Q | None = None, floor: int = 0, before: int | None = None
) -> list[JobChange]:
    """Changes with keys from ``floor`` on and before another one, the newest first; ``length`` at most."""
    rows = JobChange.objects.filter(condition or Q(), job=job, pk__gte=floor).order_by("-pk")
    return named((rows if before is None else rows.filter(pk__lt=before))[:length])


def defaults_at(job: ScheduledJob, changes: Iterable[JobChange]) -> dict[int, Any]:
    """By the key of each change that began or ended an override: what the code said at that time, as JSON."""
    asked = {one.pk: one.field for one in changes if one.field in OVERRIDABLE and None in (one.old, one.new)}
    if not asked:
        return {}
    fields = {f"declared_{name}" for name in asked.values()}
    later = JobChange.objects.filter(job=job, field__in=fields, pk__gt=min(asked)).order_by("pk")
    replaced = list(later.values_list("pk", "field", "old")[:READ])
    return {
        pk: next(
            (old for at, field, old in replaced if at > pk and field == f"declared_{name}"),
            _as_json(getattr(job, f"declared_{name}")),
        )
        for pk, name in asked.items()
    }


def changed_fields(job: ScheduledJob, floor: int) -> dict[str, int]:
    """Field -> how often it was changed, the most often first."""
    rows = JobChange.objects.filter(job=job, pk__gte=floor).order_by().values_list("field")
    return dict(rows.annotate(n=Count("pk")).order_by("-n", "field"))


def provenance_of(job: ScheduledJob) -> dict[str, JobChange]:
    """Field -> the change that set the override that stands; fields without an override are left out."""
    fields = [name for name in OVERRIDABLE if getattr(job, f"{name}_override") is not None]
    if not fields:
        return {}
    found: dict[str, JobChange] = {}
    settled = set()
    changes = JobChange.objects.filter(job=job, field__in=fields).order_by("-pk")
    for change in named(changes[:READ]):
        # What was replaced in Google is recorded too, with the same new value; the oldest of them set it.
        if change.new != _as_json(getattr(job, f"{change.field}_override")):
            settled.add(change.field)
        elif change.field not in settled:
            found[change.field] = change
    return found


def changed_since(job: ScheduledJob, set_by: dict[str, JobChange]) -> dict[str, Since]:
    """Field -> how the code's default changed after its override was set."""
    if not set_by:
        return {}
    newer = Q()
    for field, change in set_by.items():
        newer |= Q(field=f"declared_{field}", pk__gt=change.pk)
    found: dict[str, Since] = {}
    for change in JobChange.objects.filter(newer, job=job).order_by("pk")[:READ]:
        field = change.field.removeprefix("declared_")
        was = found[field].was if field in found else change.old
        found[field] = Since(was, change.at, change.release)
    # A default that went away and came back is what it was.
    return {
        field: since
        for field, since in found.items()
        if since.was != _as_json(getattr(job, f"declared_{field}"))
    }


def last_set(job_pks: Iterable[int]) -> SetBy:
    """Who set each override of these jobs last, as the audit knows it; one query, and a row for each."""
    changes = JobChange.objects.filter(job__in=list(job_pks), field__in=OVERRIDABLE).order_by()
    newest = changes.values("job_id", "field").annotate(newest=Max("pk")).values("newest")
    rows = JobChange.objects.filter(pk__in=newest).values_list("job_id", "field", "actor_label", "at")
    return {(job_pk or 0, field): LastSet(person, at) for job_pk, field, person, at in rows}


def changes_after(job: ScheduledJob, fields: Iterable[str]) -> dict[str, JobChange]:
    """Field -> its newest change: who set or reset it last."""
    newest = JobChange.objects.filter(job=job, field__in=list(fields)).order_by().values("field")
    pks = newest.annotate(newest=Max("pk")).values("newest")
    return {change.field: change for change in named(JobChange.objects.filter(pk__in=pks))}


def named(changes: Iterable[JobChange]) -> list[JobChange]:
    """The changes, each labelled with the full name of its user where there is one; never saved.

    The users may lie in another database, and their keys may have been others once.
    """
    found = list(changes)
    people = get_user_model()._default_manager  # noqa: SLF001 – documented for the user model
    key, keys = get_user_model()._meta.pk, set()
    for change in found:
        with suppress(ValidationError, ValueError):
            keys.add(key.to_python(change.actor_id or None))
    # A user model need not have full names.
    names = {str(u.pk): getattr(u, "get_full_name", str)() for u in people.filter(pk__in=keys - {None})}
    for change in found:
        change.actor_label = names.get(change.actor_id) or change.actor_label
    return found


def _as_json(value: Any) -> Any:
    """A value as the audit holds it."""
    return duration_iso_string(value) if isinstance(value, timedelta) else value
