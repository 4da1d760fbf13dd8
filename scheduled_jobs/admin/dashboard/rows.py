"""The rows of the timeline: one for each job, or above ``MANY`` those with a problem and one for each app."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models.fields.json import KT
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from scheduled_jobs.admin.dashboard.addresses import Addresses
from scheduled_jobs.admin.dashboard.needs import BADGES
from scheduled_jobs.admin.dashboard.sentence import is_wrong
from scheduled_jobs.admin.dashboard.timeline import BAND, Axis, draw, draw_coming
from scheduled_jobs.admin.words import HEALTH_BADGES, Badge, JobName, times
from scheduled_jobs.domain.ahead import Facts, ahead
from scheduled_jobs.models import FACTS, JobRun, ScheduledJob, facts_from
from scheduled_jobs.services.history.health import Health
from scheduled_jobs.services.history.matters import JobNow, Kind, Matter
from scheduled_jobs.services.history.stats.cells import app_of
from scheduled_jobs.services.history.stats.marks import Mark, marks_by_app, marks_by_job
from scheduled_jobs.services.history.stats.reading import Unfolded

Status = JobRun.Status
SyncState = ScheduledJob.SyncState

MANY = 60
PROBLEMS = 20
MOST_RUNS = 3_000
"""Runs that are read one by one, for marks at their very times; of more the cells are read."""
MOST_OPEN = 500
EXACT = timedelta(hours=24)
"""Up to this length a timeline is drawn from the runs, where they are few."""
CELL = timedelta(minutes=10)

OF_STATUS = {
    Status.SUCCEEDED: "ok",
    Status.DISCARDED: "ok",
    Status.FAILED: "bad",
    Status.TIMED_OUT: "bad",
    Status.LOST: "lost",
    Status.MISSED: "missed",
    Status.SKIPPED: "skipped",
}
ENDS = (
    gettext_lazy("%(n)s succeeded"),
    gettext_lazy("%(n)s failed"),
    gettext_lazy("%(n)s lost"),
    gettext_lazy("%(n)s missed"),
    gettext_lazy("%(n)s skipped"),
    gettext_lazy("%(n)s running or queued"),
)
"""What is said of the numbers of a mark, and of what goes on."""


class TimelineRow(NamedTuple):
    """One row; ``part`` names it among the others, ``note`` stands after its name."""

    part: str
    badge: Badge
    name: str
    title: str
    url: str
    label: str
    paths: list[tuple[str, str]]
    note: str = ""


class TimelineGroup(NamedTuple):
    """Rows under a heading, which may be empty."""

    heading: str
    rows: list[TimelineRow]


def groups(
    jobs: Sequence[JobNow], matters: Sequence[Matter], axis: Axis, to: Addresses, unfolded: Unfolded | None
) -> list[TimelineGroup]:
    """The rows of these jobs, which are the most urgent first; without runs where ``unfolded`` is None."""
    if len(jobs) <= MANY:
        return [TimelineGroup("", _rows_of_jobs(jobs, axis, to, unfolded))]
    own = _with_problems_of_their_own(jobs, matters)
    heading = ngettext(
        "%(n)d single job with a problem of its own",
        "%(n)d single jobs with a problem of their own",
        len(own),
    )
    found = [TimelineGroup(heading % {"n": len(own)}, _rows_of_jobs(own, axis, to, unfolded))] if own else []
    return [*found, _apps(jobs, axis, to, unfolded)]


def _with_problems_of_their_own(jobs: Sequence[JobNow], matters: Sequence[Matter]) -> list[JobNow]:
    alike = {job.pk for matter in matters if matter.is_joined for job in matter.jobs}
    return [job for job in jobs if is_wrong(job) and job.pk not in alike][:PROBLEMS]


# --- Jobs -------------------------------------------------------------------------------------------


def _rows_of_jobs(
    jobs: Sequence[JobNow], axis: Axis, to: Addresses, unfolded: Unfolded | None
) -> list[TimelineRow]:
    pks = [job.pk for job in jobs]
    marks = _marks(pks, axis, unfolded) if unfolded is not None else {}
    going_on = _going_on(pks, axis) if unfolded is not None else {}
    facts = _facts(pks)
    found = []
    for job in jobs:
        if job.pk not in facts:
            continue
        of, held = facts[job.pk]
        coming = _coming(of, axis)
        name = JobName.from_columns(job.origin, job.task, job.name)
        paths = draw(
            axis, marks.get(job.pk, []), running=going_on.get(job.pk, []), coming=draw_coming(axis, coming),
            held=_held(held, axis) if job.is_held else None,
        )  # fmt: skip
        label = _told(name.short, marks.get(job.pk, []), len(going_on.get(job.pk, [])), coming)
        found.append(
            TimelineRow(f"t-{job.pk}", badge_of(job), name.short, str(name), to.job(job.pk), label, paths)
        )
    return found


def badge_of(job: JobNow) -> Badge:
    """How a job is; where it is well, how Google stands to it."""
    if job.health in (Health.HEALTHY, Health.NEW, Health.QUEUED, Health.RUNNING):
        if job.sync_state == SyncState.FAILED:
            return BADGES[Kind.NOT_SENT]
        if job.sync_state == SyncState.DRIFTED:
            return BADGES[Kind.DIFFERS]
    return HEALTH_BADGES[job.health]


def _held(held: tuple[datetime | None, datetime | None], axis: Axis) -> tuple[datetime, datetime]:
    since, until = held
    return max(since or axis.start, axis.start), min(until or axis.end, axis.end)


def _told(name: str, marks: Sequence[Mark], running: int, coming: Sequence[datetime]) -> str:
    """The row in words: "SyncStock: 66 succeeded, 6 failed; 24 to come"."""
    _at, _until, *ends = zip(*marks, strict=True) if marks else [()] * len(Mark._fields)
    counts = (*map(sum, ends), running)
    some = zip(_ends(get_language()), counts, strict=True)
    # Of a thousand on a number is written as the language has it, which takes its time.
    past = ", ".join(text % {"n": n if n < 1_000 else intcomma(n)} for text, n in some if n)
    values = {"name": name, "past": past or _("no run"), "n": len(coming)}
    if len(coming) >= BAND * 4:
        return _("%(name)s: %(past)s; more to come") % values
    return _("%(name)s: %(past)s; %(n)d to come") % values


@lru_cache(maxsize=64)
def _ends(_language: str | None) -> list[str]:
    """Looked up once, not for each row."""
    return [str(text) for text in ENDS]


def _marks(pks: Collection[int], axis: Axis, unfolded: Unfolded) -> dict[int, list[Mark]]:
    """Job -> its marks: at the very times of the runs where these are few, else of cells."""
    step = max(axis.span.mark, CELL)
    found = marks_by_job(axis.marked_from, axis.now, step, pks, unfolded)
    if (
        axis.end - axis.start > EXACT
        or sum(mark.runs for some in found.values() for mark in some) > MOST_RUNS
    ):
        return found
    return _of_runs(pks, axis)


def _of_runs(pks: Collection[int], axis: Axis) -> dict[int, list[Mark]]:
    runs = JobRun.objects.filter(at__gte=axis.start, status__in=OF_STATUS)
    if len(pks) <= PROBLEMS:
        runs = runs.filter(job__in=pks)
    rows = runs.order_by("-at").values_list("job", "status", "at", "scheduled_for", "finished_at")
    found = list(rows[: 2 * MOST_RUNS])  # a run is in the cell of its slot, and may have begun later
    marks: dict[int, list[Mark]] = defaultdict(list)
    for job, status, at, slot, finished_at in reversed(found):
        # The times of a schedule are even, those of starts are not quite.
        begun = slot if slot is not None and at - slot < axis.span.mark else at
        until = finished_at if finished_at and finished_at - begun > axis.span.mark else None
        marks[job].append(Mark(max(begun, axis.start), until, **{OF_STATUS[status]: 1}))
    return marks


def _going_on(pks: Collection[int], axis: Axis) -> dict[int, list[datetime]]:
    # Put in order here: SQLite, once it has statistics, would rather read all runs in this order.
    rows = JobRun.objects.filter(status__in=JobRun.OPEN).order_by()
    found: dict[int, list[datetime]] = defaultdict(list)
    for job, at in sorted(rows.values_list("job", "at")[:MOST_OPEN], key=lambda row: row[1]):
        if job in pks:
            found[job].append(max(min(at, axis.now), axis.start))
    return found


# --- What is still to come --------------------------------------------------------------------------


def _facts(pks: Collection[int]) -> dict[int, tuple[Facts, tuple[Any, Any]]]:
    """Job -> what decides what runs next, and since and until when it is paused."""
    rows = (
        ScheduledJob.objects.filter(pk__in=pks)
        .order_by()
        .annotate(google_state=KT("live__state"), google_schedule=KT("live__schedule"))
        .values("pk", "paused_at", *FACTS, "google_state", "google_schedule")
    )
    found = {}
    for row in rows:
        google = {name: row[name] or "" for name in ("google_state", "google_schedule")}
        found[row["pk"]] = facts_from(row, **google), (row["paused_at"], row["paused_until"])
    return found


def _coming(facts: Facts, axis: Axis) -> list[datetime]:
    """The first run in each mark still to come."""
    first = axis.now - (axis.now - axis.marked_from) % axis.span.mark
    return [at for at in _first_in_each(facts, first, axis.end, axis.span.mark) if at > axis.now]


@lru_cache(maxsize=1024)
def _first_in_each(facts: Facts, start: datetime, end: datetime, mark: timedelta) -> tuple[datetime, ...]:
    """Kept, because a page that is asked for every few seconds asks for the same each time."""
    found: list[datetime] = []
    after = start - timedelta(microseconds=1)
    while (at := ahead(facts, after, 1).next_at) is not None and at < end:
        found.append(at)
        # On with the next mark, however many runs this one has.
        after = start + ((at - start) // mark + 1) * mark - timedelta(microseconds=1)
    return tuple(found)


# --- Apps -------------------------------------------------------------------------------------------


def _apps(jobs: Sequence[JobNow], axis: Axis, to: Addresses, unfolded: Unfolded | None) -> TimelineGroup:
    of: dict[str, list[JobNow]] = defaultdict(list)
    for job in jobs:
        of[app_of(job.task)].append(job)
    coming = _whole_future(axis)
    ahead, rows = draw_coming(axis, coming), []
    axis = axis.for_rows(len(of))
    step = max(axis.span.mark, CELL)
    found = marks_by_app(axis.marked_from, axis.now, step, of, unfolded) if unfolded is not None else {}
    for app, some in of.items():
        marks = found.get(app, [])
        wrong = [job for job in some if is_wrong(job)]
        badge = badge_of(wrong[0]) if wrong else HEALTH_BADGES[Health.HEALTHY]
        note = ngettext("%(n)s job", "%(n)s jobs", len(some)) % {"n": intcomma(len(some))}
        if wrong:
            alike = sum(badge_of(job) == badge for job in wrong)
            values = {"jobs": note, "n": intcomma(alike), "state": str(badge.word).lower()}
            note = _("%(jobs)s, %(n)s %(state)s") % values
        label = _told(app, marks, 0, coming)
        paths = draw(axis, marks, coming=ahead)
        rows.append(TimelineRow(f"a-{app}", badge, app, app, to.jobs(q=f"{app}."), label, paths, note))
    heading = _("All %(n)s jobs by app; red is the share of runs that failed in %(time)s")
    return TimelineGroup(heading % {"n": intcomma(len(jobs)), "time": times.distance(step)}, rows)


def _whole_future(axis: Axis) -> list[datetime]:
    """An app with many jobs runs in every mark; that of each job is not asked for."""
    return [axis.now + n * axis.span.mark for n in range(1, int((axis.end - axis.now) / axis.span.mark))]
