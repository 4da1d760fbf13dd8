"""What Google was told and has confirmed, from when to when: missed runs are judged by it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.models.writer import ReadFromWriter


class JobVersion(ReadFromWriter):
    """A span of time in which Cloud Scheduler had one schedule, zone and state for a job.

    It is opened before a call that changes the job is made, and is uncertain until the call's answer,
    or a later look at Google, confirms it.
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

    class Meta:
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        ordering = ["-pk"]
        indexes = [models.Index(fields=["job", "until"], name="sj_version_job_until")]

    def __str__(self) -> str:
        return f"{self.schedule} ({self.time_zone}, {self.state})"
