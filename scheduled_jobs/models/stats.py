"""Figures that are kept, so that no page counts runs."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.models.fields import KeyField, ObjectField
from scheduled_jobs.models.writer import ReadFromWriter


class RunStats(ReadFromWriter):
    """The figures of one cell: of a job, of an app (``job`` 0) or of all (``app`` empty too).

    A run belongs to the time of its slot, else to that at which it was asked for, which never change. The
    cells of a longer time, of an app and of all hold the sums of those below them. ``stale`` is 1 where runs
    were deleted since the figures were made. ``services.history.stats`` alone writes these rows.
    """

    job = models.BigIntegerField(default=0)
    app = KeyField(max_length=100, default="")
    length = models.PositiveSmallIntegerField()
    """10, 60 or 1,440 minutes."""
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
    stale = models.PositiveSmallIntegerField(null=True, db_index=True)

    class Meta:
        verbose_name = _("figures of a time")
        verbose_name_plural = _("figures of times")
        constraints = [
            models.UniqueConstraint(fields=["job", "app", "length", "start"], name="sj_stats_cell")
        ]
        indexes = [models.Index(fields=["length", "start"], name="sj_stats_time")]

    def __str__(self) -> str:
        return f"{self.job or self.app} {self.start:%Y-%m-%d %H:%M} +{self.length} min"
