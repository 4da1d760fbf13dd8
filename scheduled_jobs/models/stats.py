"""Figures that are kept, so that no page counts runs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from django.db import connections, models
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.conf import settings
from scheduled_jobs.models.fields import KeyField, ObjectField
from scheduled_jobs.models.leases import Lease
from scheduled_jobs.models.writer import ReadFromWriter, WriterManager, WriterQuerySet

TEN_MINUTES, HOUR, DAY = timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)
SIX_HOURS = 6 * HOUR
"""What a month is drawn of."""
LENGTHS = (DAY, SIX_HOURS, HOUR, TEN_MINUTES)
FOLD = "fold"
"""The lease of whoever makes the figures."""
FOLDED = "folded"
"""The lease that says until when all runs are in them."""
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
FINE = timedelta(days=8)
"""For how long cells of ten minutes are kept; those of hours are as long as runs are."""


class Key(NamedTuple):
    """Which cell: of a job, of an app (``job`` 0) or of all (``app`` empty too)."""

    job: int
    app: str
    length: timedelta
    start: datetime

    def within(self, length: timedelta) -> Key:
        """The longer cell of the same job or app that this one is part of."""
        return self._replace(length=length, start=floor(self.start, length))


def floor(at: datetime, length: timedelta) -> datetime:
    """When the cell begins that holds a time."""
    return at - (at - EPOCH) % length


def finest(at: datetime, now: datetime) -> timedelta:
    """The length of the shortest cell that a time has at ``now``; all times of an hour, or day, have one."""
    if at >= floor(now - FINE, HOUR):
        return TEN_MINUTES
    days = settings.HISTORY_MAX_AGE
    return HOUR if days is None or at >= floor(now - timedelta(days=days), DAY) else DAY


def cell_of(job: int, scheduled_for: datetime | None, created_at: datetime, now: datetime) -> Key:
    """The shortest cell of a run: that of its slot, else of when it was asked for, which never change."""
    at = scheduled_for or created_at
    length = finest(at, now)
    return Key(job, "", length, floor(at, length))


def is_frozen(key: Key, pruned_until: datetime | None) -> bool:
    """Whether runs of a cell may be gone, so that it can no longer be made from them."""
    return pruned_until is not None and key.start < pruned_until


class RunStatsQuerySet(WriterQuerySet["RunStats"]):
    def upsert(self, cells: Iterable[RunStats], *columns: str) -> None:
        """Insert these cells; of those that are there, write the columns."""
        features = connections[self.db].features
        has_target = features.supports_update_conflicts_with_target
        self.bulk_create(
            cells,
            batch_size=100,
            update_conflicts=True,
            unique_fields=["job", "app", "length", "start"] if has_target else None,
            update_fields=columns,
        )

    def mark_stale(self, keys: Iterable[Key]) -> None:
        """Say that runs of these cells are gone, in the transaction that deletes them.

        A cell that somebody makes just now is there when he has done: it is waited for, and marked after.
        """
        self.upsert([RunStats.of(key, stale=1) for key in sorted(set(keys))], "stale")

    def of_job_gone(self, jobs: Iterable[int]) -> None:
        """Say that these jobs are gone, in the transaction that deletes them, after whoever folds now.

        One mark for each, on a cell that is read last: they may have thousands.
        """
        connection = connections[self.db]
        if connection.features.has_select_for_update:
            list(Lease.objects.using(self.db).filter(name=FOLD).select_for_update())
        self.mark_stale(Key(job, "", DAY, EPOCH) for job in jobs)


if TYPE_CHECKING:

    class RunStatsManager(RunStatsQuerySet, WriterManager["RunStats"]):  # type: ignore[misc]
        """What the class below is, in words that every type checker understands."""

else:

    class RunStatsManager(WriterManager.from_queryset(RunStatsQuerySet)):
        """Has the methods of the query set."""


class RunStats(ReadFromWriter):
    """The figures of one cell: of a job, of an app (``job`` 0) or of all (``app`` empty too).

    The cells of a longer time, of an app and of all hold the sums of those below them. ``of_app`` is the app
    of a job's cell. ``stale`` is 1 where runs were deleted since the figures were made.
    ``services.history.stats`` alone writes figures.
    """

    job = models.BigIntegerField(default=0)
    app = KeyField(max_length=100, default="")
    of_app = KeyField(max_length=100, default="")
    length = models.DurationField()
    start = models.DateTimeField()
    runs = models.PositiveIntegerField(_("runs"), default=0)
    """All of them, also those that have not ended."""
    succeeded = models.PositiveIntegerField(_("succeeded"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    timed_out = models.PositiveIntegerField(_("timed out"), default=0)
    lost = models.PositiveIntegerField(_("lost"), default=0)
    missed = models.PositiveIntegerField(_("missed"), default=0)
    skipped = models.PositiveIntegerField(_("skipped"), default=0)
    discarded = models.PositiveIntegerField(_("discarded"), default=0)
    delivered_twice = models.PositiveIntegerField(default=0)
    """Deliveries beyond the first of each run."""
    seconds = models.FloatField(default=0)
    """How long the runs that succeeded took together."""
    longest = models.FloatField(default=0)
    longest_delay = models.FloatField(default=0)
    durations = ObjectField(default=dict)
    """Buckets of the runs that succeeded, as ``domain.histogram`` has them."""
    delays = ObjectField(default=dict)
    """The same of the time between slot and start, of first attempts that the schedule has made."""
    stale = models.PositiveSmallIntegerField(null=True)

    objects: ClassVar[RunStatsManager] = RunStatsManager()

    class Meta:
        verbose_name = _("figures of a time")
        verbose_name_plural = _("figures of times")
        constraints = [
            models.UniqueConstraint(fields=["job", "app", "length", "start"], name="sj_stats_cell")
        ]
        indexes = [
            models.Index(fields=["length", "start"], name="sj_stats_time"),
            # Has all that a page reads: SQLite, once it has statistics, would not use the one column alone.
            models.Index(fields=["stale", "job", "start"], name="sj_stats_stale"),
        ]

    def __str__(self) -> str:
        return f"{self.job or self.app} {self.start:%Y-%m-%d %H:%M} +{self.length}"

    @classmethod
    def of(cls, key: Key, **values: Any) -> RunStats:
        """The row of a cell, unsaved."""
        return cls(**key._asdict(), **values)

    @property
    def key(self) -> Key:
        """Which cell it is."""
        return Key(self.job, self.app, self.length, self.start)
