"""Makes the figures anew where runs were written, changed or deleted since they were made.

Each run that was written carries a mark, ``JobRun.unfolded``. Its cell is made anew from the runs that are
there, and never counted up: a late end, a correction and a clock that is behind leave nothing wrong.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import datetime, timedelta

from django.db import Error
from django.db.models import Q, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from scheduled_jobs.conf import settings
from scheduled_jobs.logs import logger
from scheduled_jobs.models import JobRun, RunStats
from scheduled_jobs.models.leases import Lease, Turn
from scheduled_jobs.models.stats import (
    DAY,
    FINE,
    FOLD,
    FOLDED,
    HOUR,
    LENGTHS,
    SIX_HOURS,
    TEN_MINUTES,
    Key,
    cell_of,
    finest,
    floor,
    is_frozen,
)
from scheduled_jobs.models.writing import Pace
from scheduled_jobs.services.history.stats.cells import (
    COLUMNS,
    Jobs,
    Tally,
    count_runs,
    jobs_of,
    these,
)

LENGTH = timedelta(minutes=1)
LONGER = tuple(reversed(LENGTHS[:-1]))
AT_ONCE = 500
"""Runs, and cells that are out of date, of one transaction."""
MARKED = 100
"""Runs of one statement that is written: where their rows lie on a slow disk, each is a wait."""
TRIES = 3
EVERY = 50
"""One delivery in so many folds, after its answer: nobody else might."""
REST = 20
"""A fold after a delivery took so long: for as many times that, its process folds after none."""


def fold(*, most: int | None = None) -> int:
    """Bring the figures up to date, in at most ``most`` transactions; returns how many runs were folded.

    Does nothing while another process does it. Between two transactions others may write.
    """
    turn, pace = Turn(FOLD, LENGTH), Pace()
    if not turn.take():
        return 0
    folded = 0
    try:
        merge(timezone.now())
        while most is None or most > 0:
            runs, is_more = _fold_some(turn, pace)
            folded += runs
            if not is_more:
                break
            most = None if most is None else most - 1
    finally:
        turn.free()
    return folded


def fold_after(run_id: int | None, clock: Callable[[], float] = time.monotonic) -> None:
    """Fold after the delivery of a run has been answered, if it is the turn of that one."""
    global _rests_until  # noqa: PLW0603 – of this process
    if run_id is not None and not run_id % EVERY and (began := clock()) >= _rests_until:
        catch_up(most=1)
        ended = clock()
        _rests_until = ended + REST * (ended - began)


_rests_until = 0.0


def catch_up(*, most: int = 20) -> None:
    """Fold beside something else, which has nothing to do with it: what goes wrong is only logged."""
    try:
        fold(most=most)
    except Exception:
        logger.exception("the figures of the runs could not be made anew")


def merge(now: datetime) -> None:
    """Drop the cells whose time is told by longer ones alone: a little later than they are last read."""
    days = settings.HISTORY_MAX_AGE
    _drop(TEN_MINUTES, floor(now - FINE - HOUR, HOUR))
    if days is not None:
        for length in (HOUR, SIX_HOURS):
            _drop(length, floor(now - timedelta(days=days) - DAY, DAY))


def _drop(length: timedelta, before: datetime) -> None:
    # Not what is out of date still: the mark leads to the longer cells that are.
    old = RunStats.objects.filter(length=length, start__lt=before, stale=None)
    while pks := list(old.values_list("pk", flat=True)[:AT_ONCE]):
        RunStats.objects.filter(pk__in=pks).delete()


class _Moved(Exception):
    """What was read has changed before it was written."""


def _fold_some(turn: Turn, pace: Pace) -> tuple[int, bool]:
    """Fold what one transaction may; the number of runs, and whether there may be more."""
    for left in reversed(range(TRIES)):
        try:
            with pace.writing():
                # First a write: SQLite lets no transaction write that has read while another wrote. It is
                # a lock as well: two folders whose clocks are apart still fold one after the other.
                return _fold_locked() if turn.renew() else (0, False)
        except _Moved:
            continue
        except Error:
            if not left:
                raise
    return 0, False


def _fold_locked() -> tuple[int, bool]:
    now = timezone.now()
    # Not "= 1": SQLite, once it has statistics, takes an index that is null nearly everywhere for no use.
    runs = list(
        JobRun.objects.filter(unfolded__gte=1)
        .order_by()
        .values_list("pk", "job_id", "scheduled_for", "created_at", "status", "deliveries")[:AT_ONCE]
    )
    stale = list(
        RunStats.objects.filter(stale__gte=1).order_by().only("job", "app", "length", "start")[:AT_ONCE]
    )
    keys = {cell_of(job, slot, created, now) for _pk, job, slot, created, *_rest in runs}
    keys |= {cell.key.within(max(cell.length, finest(cell.start, now))) for cell in stale}
    jobs = jobs_of({key.job for key in keys})
    gone = {key.job for key in keys} - jobs.keys() - {0}
    # Before the runs are read: who deletes some of them meanwhile waits here, and marks the cell again.
    RunStats.objects.filter(pk__in=[cell.pk for cell in stale if cell.job not in gone]).update(stale=None)
    _make(keys, jobs, now, _cells_of_gone(gone))
    if jobs_of(jobs) != jobs:
        raise _Moved("pruning has begun meanwhile")
    _mark_folded(runs)
    is_more = bool(gone) or AT_ONCE in (len(runs), len(stale))
    if not is_more:
        Lease.objects.update_or_create(name=FOLDED, defaults={"until": now})
    return len(runs), is_more


def _cells_of_gone(jobs: Collection[int]) -> list[RunStats]:
    """Cells of jobs that are gone, the latest of each first: all lengths of a day, or none of it.

    A page takes the cells of a job that is gone off those of all: of each time they have the same lengths.
    """
    cells = RunStats.objects.filter(job__in=jobs).order_by("job", "-start")
    some = list(cells.only("job", "app", "length", "start", "of_app")[: AT_ONCE + 1]) if jobs else []
    if len(some) <= AT_ONCE:
        return some
    last = some[-1]
    return [cell for cell in some if cell.job != last.job or cell.start >= floor(last.start, DAY) + DAY]


def _mark_folded(runs: Iterable[tuple[int, int, datetime | None, datetime, str, int]]) -> None:
    alike = defaultdict(list)
    for pk, _job, _slot, _created, status, deliveries in runs:
        alike[status, deliveries].append(pk)
    # Not by the status as it stands: SQLite without statistics would rather read all successes by its index.
    rows = JobRun.objects.alias(_status=Coalesce("status", Value("")))
    for (status, deliveries), pks in alike.items():
        for first in range(0, len(pks), MARKED):
            some = pks[first : first + MARKED]
            # One that was written since it was read keeps its mark, and its cell is made once more.
            same = rows.filter(pk__in=some, _status=status, deliveries=deliveries)
            if same.update(unfolded=None) != len(some):
                raise _Moved("a run was written meanwhile")


def _make(keys: set[Key], jobs: Jobs, now: datetime, gone: Iterable[RunStats]) -> None:
    """Make these cells anew, and all that are sums of them; those ``gone`` are deleted."""
    apps = {pk: app for pk, (app, _until) in jobs.items()}
    RunStats.objects.filter(pk__in=[cell.pk for cell in gone]).delete()
    touched = {Key(0, cell.of_app, cell.length, cell.start) for cell in gone} | {k for k in keys if not k.job}
    of_jobs = {key for key in keys if key.job in jobs}
    shortest = {key for key in of_jobs if key.length == finest(key.start, now)}
    tallies = count_runs([key for key in shortest if not is_frozen(key, jobs[key.job][1])])
    touched |= _write(tallies, apps)
    for length in LONGER:
        longer = {key for key in of_jobs - shortest if key.length == length} | _longer(tallies, length)
        tallies |= (summed := _sums(longer, _shorter))
        touched |= _write(summed, apps)
    touched = touched.union(*(_longer(touched, length) for length in LONGER))
    of_apps = {key for key in touched if key.app}
    for parts, made in ((_jobs_of_app, of_apps), (_apps, {key._replace(app="") for key in touched})):
        for length in reversed(LENGTHS):
            # The shortest cells of a time are sums of those of jobs, or of apps; the others of shorter ones.
            over = {key: key.length - finest(key.start, now) for key in made if key.length == length}
            _write(_sums({key for key, rest in over.items() if not rest}, parts), {})
            _write(_sums({key for key, rest in over.items() if rest > timedelta()}, _shorter), {})


def _longer(keys: Iterable[Key], length: timedelta) -> set[Key]:
    return {key.within(length) for key in keys if key.length < length}


def _write(tallies: dict[Key, Tally], apps: dict[int, str]) -> set[Key]:
    """Write these cells, and delete what has become empty; returns the cells of apps they are part of."""
    touched = {Key(0, apps[key.job], key.length, key.start) for key in tallies if key.job in apps}
    touched |= _moved_from({key for key in tallies if key.job}, apps)
    full = {key: tally for key, tally in tallies.items() if tally.counts["runs"]}
    rows = [
        RunStats.of(key, of_app=apps.get(key.job, ""), **tally.values())
        for key, tally in sorted(full.items(), key=lambda item: item[0])
    ]
    RunStats.objects.upsert(rows, "of_app", *COLUMNS)
    empty = tallies.keys() - full.keys()
    if empty:
        RunStats.objects.filter(these(empty)).delete()
    return touched


def _moved_from(keys: set[Key], apps: dict[int, str]) -> set[Key]:
    """The cells of the apps from which jobs were moved since theirs were made."""
    rows = (
        RunStats.objects.filter(these(keys)).values_list("job", "of_app", "length", "start") if keys else ()
    )
    return {Key(0, app, length, start) for job, app, length, start in rows if app and app != apps[job]}


# --- Sums -------------------------------------------------------------------------------------------


_Parts = tuple[Q, "Callable[[Key, str], Key]"]
"""Which cells are added up, and into which each of them, of its key and the app of its job."""


def _sums(keys: Iterable[Key], parts: Callable[[set[Key]], _Parts]) -> dict[Key, Tally]:
    """Add up cells into these; ``parts`` tells which."""
    found = {key: Tally() for key in keys}
    if not found:
        return found
    condition, whole_of = parts(set(found))
    # No objects: for the cells of an app those of all its jobs are read.
    cells = RunStats.objects.filter(condition).order_by().values_list(*Key._fields, "of_app", *COLUMNS)
    for job, app, length, start, of_app, *values in cells:
        whole = whole_of(Key(job, app, length, start), of_app)
        if whole in found:
            found[whole].add(dict(zip(COLUMNS, values, strict=True)))
    return found


def _shorter(keys: set[Key]) -> _Parts:
    """The cells of the next shorter length, of the same job or app."""
    length = next(iter(keys)).length
    part = LENGTHS[LENGTHS.index(length) + 1]
    alike = defaultdict(set)
    for key in keys:
        alike[key.app, key.start].add(key.job)
    condition = Q(pk__in=[])
    for (app, start), jobs in alike.items():
        condition |= Q(job__in=jobs, app=app, length=part, start__gte=start, start__lt=start + length)
    return condition, lambda key, _of_app: key.within(length)


def _jobs_of_app(keys: set[Key]) -> _Parts:
    condition = Q(pk__in=[])
    for key in keys:
        condition |= Q(length=key.length, start=key.start, of_app=key.app, job__gt=0)
    return condition, lambda key, of_app: Key(0, of_app, key.length, key.start)


def _apps(keys: set[Key]) -> _Parts:
    condition = Q(pk__in=[])
    for key in keys:
        condition |= Q(length=key.length, start=key.start, job=0, app__gt="")
    return condition, lambda key, _of_app: key._replace(app="")
