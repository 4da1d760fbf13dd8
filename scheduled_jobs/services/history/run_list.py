"""Runs in a list: pages by time, newest first, of which none costs more as the history grows.

A page is read along one index of (…, at), beginning where the page before has ended. What no index
knows is asked of the runs that lie there, and of no more than ``MOST_LOOKED_AT`` of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections
from django.db.models import Case, DateTimeField, ExpressionWrapper, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Concat, Left, StrIndex

from scheduled_jobs.conf import settings
from scheduled_jobs.domain.payloads import redact
from scheduled_jobs.models import AlertRun, JobRun

Status = JobRun.Status

PAGE = 50
MOST_LOOKED_AT = 10_000
"""Runs that one page looks at for what no index knows."""
MOST_OPEN = 1_000
"""Queued and running runs that are counted, of each."""
CHUNK = 1_000
"""Runs of an export that are read at once."""
MAX_NUMBER = 18
"""Digits of the number of a run."""
HEAD = 400
"""Characters of an error in which its first line is looked for."""

GROUPS = {"open": JobRun.OPEN, "failing": JobRun.FAILING}
"""More than one status at once, by name."""


class Place(NamedTuple):
    """Where in the order of runs one stands; without a key, before or after all runs of that time."""

    at: datetime
    pk: int | None = None


@dataclass(frozen=True)
class Asked:
    """Which runs a list is of. ``start`` <= at < ``end``, both aware; empty values ask for nothing."""

    job_id: int | None = None
    statuses: tuple[str, ...] = ()
    trigger: str = ""
    error_key: str = ""
    over: timedelta | None = None
    """Runs that took longer."""
    late: timedelta | None = None
    """Runs that started later after their slot."""
    twice: bool = False
    """Runs that were delivered more than once."""
    text: str = ""
    """In the first line of the error, or in who asked for it; or the number of a run."""
    start: datetime | None = None
    end: datetime | None = None
    among: QuerySet[JobRun] | None = None
    """The runs that may be seen; None: all."""

    @property
    def runs(self) -> QuerySet[JobRun]:
        """The runs that may be seen, in no order."""
        runs = JobRun.objects.all() if self.among is None else self.among
        return runs.order_by()

    @property
    def looks_at_runs(self) -> bool:
        """Whether there is anything to ask of each run that no index knows."""
        return bool(self.trigger or self.over is not None or self.late is not None or self.twice or self.text)

    @property
    def number(self) -> int | None:
        """The run that is searched for by its number; None where the text is no number."""
        digits = self.text.removeprefix("#")
        is_number = digits.isascii() and digits.isdecimal() and len(digits) <= MAX_NUMBER
        return int(digits) if is_number else None


@dataclass(frozen=True)
class Found:
    """One page. ``pks`` are in their order, ``earlier`` is where the next page begins, if there is one."""

    pks: list[int] = field(default_factory=list)
    earlier: Place | None = None
    is_stopped: bool = False
    """Whether the page ends because it has looked at so many runs, and not because it is full."""


# --- Pages --------------------------------------------------------------------------------------------


def newest_runs(asked: Asked, before: Place | None = None, size: int = PAGE) -> Found:
    """The runs that lie before a place, or the newest, the newest first."""
    numbered = _numbered(asked) if before is None and asked.number is not None else []
    if asked.number is not None and asked.text.startswith("#"):
        return Found(numbered)
    rows, stop = _read(asked, before, size + 1)
    pks = numbered + [row.pk for row in rows[:size] if row.pk not in numbered]
    if len(rows) > size:
        return Found(pks, rows[size - 1].place)
    return Found(pks, stop, is_stopped=stop is not None)


def runs_after(asked: Asked, after: Place, size: int = PAGE) -> Found | None:
    """The page of the runs that follow a place, the newest first; None where that is the first page."""
    rows, stop = _read(asked, after, size + 1, is_newest_first=False)
    if len(rows) <= size and stop is None:
        return None
    rows = rows[size - 1 :: -1] if len(rows) > size else rows[::-1]
    return Found([row.pk for row in rows], rows[-1].place if rows else after)


def open_runs(asked: Asked) -> tuple[list[int], Counter[str]]:
    """The runs that wait or are going on, the newest first, and how many there are of each status.

    They stand before all others. No more than ``MOST_OPEN`` of each are counted.
    """
    rows, _stop = _read(replace(asked, statuses=JobRun.OPEN), None, MOST_OPEN)
    return [row.pk for row in rows], Counter(JobRun.OPEN[row.branch] for row in rows)


def latest_runs(asked: Asked, n: int) -> list[JobRun]:
    """So many of the last runs, with their jobs: what waits or is going on, then the newest."""
    opened = [] if asked.statuses else open_runs(asked)[0]
    return _loaded(asked, [*opened, *newest_runs(asked, size=n).pks][:n])


def walk(asked: Asked, most: int) -> Iterator[list[JobRun]]:
    """All runs of a list, with their jobs, chunk by chunk, the newest first, up to ``most``.

    Each chunk is a query of its own: no transaction and no cursor is held between them.
    """
    place: Place | None = None
    while most > 0:
        found = newest_runs(asked, place, min(CHUNK, most))
        yield _loaded(asked, found.pks)
        most -= len(found.pks)
        place = found.earlier
        if place is None:
            return


def _loaded(asked: Asked, pks: list[int]) -> list[JobRun]:
    loaded = asked.runs.select_related("job").defer("traceback", "log").in_bulk(pks)
    return [loaded[pk] for pk in pks if pk in loaded]


def run_summary(run: JobRun) -> dict[str, Any]:
    """What a list tells a machine of a run, secrets masked."""
    return {
        "run": run.pk,
        "job": run.job.name,
        "status": run.status,
        "trigger": run.trigger,
        "scheduled_for": run.scheduled_for,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "duration": run.duration,
        "attempt": run.attempt,
        "payload": redact(run.payload, settings.REDACTED_KEYS),
        "result": redact(run.result, settings.REDACTED_KEYS),
        "error": run.error,
        "requested_by": run.requested_by,
    }


def alerts_of(runs: Iterable[JobRun]) -> dict[int, list[dict[str, Any]]]:
    """Run -> what was told of it, the earliest first, when and to whom; of a webhook the host alone."""
    told = AlertRun.objects.filter(run__in=[run.pk for run in runs], alert__isnull=False).order_by("alert")
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for run, kind, at, channels in told.values_list(
        "run", "alert__kind", "alert__created_at", "alert__channels"
    ):
        to = [{name: one[name] for name in ("channel", "to", "sent_at", "error")} for one in channels]
        found[run].append({"kind": kind, "at": at, "to": to})
    return found


# --- The statement ------------------------------------------------------------------------------------


class _Row(NamedTuple):
    at: datetime
    pk: int
    fits: bool
    number: int
    """Of the runs that a branch has looked at, the first one has 1."""
    branch: int

    @property
    def place(self) -> Place:
        return Place(self.at, self.pk)


def _numbered(asked: Asked) -> list[int]:
    runs = asked.runs.filter(pk__in=[asked.number])
    if asked.job_id is not None:
        runs = runs.filter(job_id=asked.job_id)
    return list(runs.values_list("pk", flat=True))


def _branches(asked: Asked) -> tuple[list[QuerySet[JobRun]], Q]:
    """Runs that lie together in an index, one set after the other, and what is to be asked of each."""
    runs, rest = asked.runs, _asked_of_each(asked)
    of_job = Q() if asked.job_id is None else Q(job_id=asked.job_id)
    of_status = Q(status__in=asked.statuses) if asked.statuses else Q()
    if not asked.statuses:
        runs = runs.exclude(status__in=JobRun.OPEN)
    if asked.error_key:
        return [runs.filter(error_key=asked.error_key)], rest & of_status & of_job
    if asked.statuses and (asked.job_id is None or set(asked.statuses).issubset(JobRun.OPEN)):
        return [runs.filter(status=status) for status in asked.statuses], rest & of_job
    return [runs.filter(of_job)], rest & of_status


def _asked_of_each(asked: Asked) -> Q:
    condition = Q()
    if asked.trigger:
        condition &= Q(trigger=asked.trigger)
    if asked.over is not None:
        condition &= Q(duration__gt=asked.over)
    if asked.late is not None:
        condition &= Q(started_at__gt=_after("scheduled_for", asked.late))
    if asked.twice:
        condition &= Q(deliveries__gt=1)
    if asked.text:
        # In the whole error first: of few runs the first line need be looked for.
        line = Q(error__icontains=asked.text) & Q(_line__icontains=asked.text)
        condition &= line | Q(requested_by__icontains=asked.text)
    return condition


def _after(column: str, length: timedelta) -> Any:
    return ExpressionWrapper(F(column) + length, output_field=DateTimeField())


def _read(
    asked: Asked, place: Place | None, size: int, *, is_newest_first: bool = True
) -> tuple[list[_Row], Place | None]:
    """So many runs from a place on, and where it was stopped to look for more of them, if it was."""
    branches, rest = _branches(asked)
    most = max(MOST_LOOKED_AT // len(branches), 1) if rest else size
    connection = connections[asked.runs.db]
    at, pk, fits, number = map(connection.ops.quote_name, ("at", "id", "fits", "number"))
    way = "DESC" if is_newest_first else "ASC"
    order = f"ORDER BY {at} {way}, {pk} {way}"
    parts, params = [], []
    compiler: Any = None
    for branch, runs in enumerate(branches):
        looked_at = _looked_at(runs, asked, rest, place, is_newest_first=is_newest_first)
        compiler = looked_at[:most].query.get_compiler(connection=connection)
        inner, values = compiler.as_sql()
        params += values
        parts.append(
            # Names of columns, and numbers: nothing in it comes from outside.
            f"SELECT * FROM (SELECT {at}, {pk}, {fits}, {number}, {branch} FROM (SELECT {at}, {pk}, {fits}, "  # noqa: S608
            f"ROW_NUMBER() OVER ({order}) AS {number} FROM ({inner}) looked_at{branch}) numbered{branch} "
            f"WHERE {fits} = 1 OR {number} = {most} {order} LIMIT {size}) branch{branch}"
        )
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), params)
        found = cursor.fetchall()
    converters = compiler.get_converters([column for column, *_ in compiler.select])
    rows = sorted(map(_Row._make, compiler.apply_converters(found, converters)), reverse=is_newest_first)
    # A branch is known up to the last run that was looked at there; beyond the nearest such, some may lie.
    last = {row.branch: row for row in rows}
    counts = Counter(row.branch for row in rows)
    ends = [row for row in last.values() if row.number == most or counts[row.branch] == size]
    stop = (max if is_newest_first else min)(ends) if ends else None
    if stop is not None:
        rows = rows[: rows.index(stop) + 1]
    rows = [row for row in rows if row.fits][:size]
    return rows, stop.place if stop is not None and len(rows) < size else None


def _looked_at(
    runs: QuerySet[JobRun], asked: Asked, rest: Q, place: Place | None, *, is_newest_first: bool
) -> QuerySet[JobRun, Any]:
    if asked.start is not None:
        runs = runs.filter(at__gte=asked.start)
    if asked.end is not None:
        runs = runs.filter(at__lt=asked.end)
    if place is not None:
        # The first condition is what an index understands.
        than = "lt" if is_newest_first else "gt"
        beyond = Q(**{f"at__{than}": place.at})
        if place.pk is not None:
            beyond |= Q(**{f"pk__{than}": place.pk})
        runs = runs.filter(beyond, **{f"at__{than}e": place.at})
    if asked.text:
        head = Left("error", HEAD)
        runs = runs.alias(_line=Left(head, StrIndex(Concat(head, Value("\n")), Value("\n"))))
    fits = Case(When(rest, then=1), default=0, output_field=IntegerField()) if rest else Value(1)
    order = ("-at", "-pk") if is_newest_first else ("at", "pk")
    return runs.annotate(fits=fits).order_by(*order).values_list("at", "id", "fits")
