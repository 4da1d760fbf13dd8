"""What Google was told and has confirmed, from when to when: missed runs are judged by it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.domain.jobs import ENABLED
from scheduled_jobs.models.writer import ReadFromWriter, WriterManager, WriterQuerySet

ABSENT = "ABSENT"
"""The state of a job that Google does not have."""
HELD = "HELD"
"""The state of a job that Google fires, and whose runs a pause in the database skips: nothing is owed."""


class JobVersionQuerySet(WriterQuerySet["JobVersion"]):
    """To be called in the transaction of what they follow: job -> from when on it counts."""

    def hold(self, jobs: Mapping[int, datetime]) -> None:
        """A pause in the database: what Google goes on firing is owed no more."""
        self._turn(jobs, ENABLED, HELD)

    hold.queryset_only = True  # type: ignore[attr-defined]

    def release(self, jobs: Mapping[int, datetime]) -> None:
        """Its end: what Google has fired all the while is owed again. What is paused there waits for it."""
        self._turn(jobs, HELD, ENABLED)

    release.queryset_only = True  # type: ignore[attr-defined]

    def _turn(self, jobs: Mapping[int, datetime], old: str, new: str) -> None:
        rows = self.model.objects.using(self.db)
        opened = list(rows.filter(job__in=jobs, until=None, state=old))
        for version in opened:
            at = max(jobs[version.job_id], version.since)
            rows.filter(pk=version.pk).update(until=at)
            rows.create(
                job_id=version.job_id,
                since=at,
                confirmed_at=None if version.confirmed_at is None else at,
                schedule=version.schedule,
                time_zone=version.time_zone,
                state=new,
            )


if TYPE_CHECKING:

    class JobVersionManager(JobVersionQuerySet, WriterManager["JobVersion"]):  # type: ignore[misc]
        """What the class below is, in words that every type checker understands."""

else:

    class JobVersionManager(WriterManager.from_queryset(JobVersionQuerySet)):
        """Has the methods of the query set."""


class JobVersion(ReadFromWriter):
    """A span of time in which Cloud Scheduler had one schedule, zone and state for a job.

    It is opened before a call that changes the job is made, and is uncertain until the call's answer,
    or a later look at Google, confirms it: from ``since`` until ``confirmed_at`` nothing is known.
    """

    job = models.ForeignKey(
        "scheduled_jobs.ScheduledJob",
        verbose_name=_("job"),
        related_name="versions",
        on_delete=models.CASCADE,
    )
    since = models.DateTimeField(_("since"))
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, blank=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)
    schedule = models.CharField(_("schedule"), max_length=500)
    time_zone = models.CharField(_("time zone"), max_length=64)
    state = models.CharField(_("state"), max_length=16)

    objects: ClassVar[JobVersionManager] = JobVersionManager()

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        ordering = ["-pk"]
        indexes = [models.Index(fields=["job", "until"], name="sj_version_job_until")]

    def __str__(self) -> str:
        return f"{self.schedule} ({self.time_zone}, {self.state})"
