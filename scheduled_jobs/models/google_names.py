"""The ledger of names in Google: which job has which full resource name there."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.models.fields import KeyField
from scheduled_jobs.models.writer import ReadFromWriter


class GoogleName(ReadFromWriter):
    """A full resource name that a job has, or has had, in Google.

    A row that lost its job owes a deletion in Google, until ``gone_at``. The keys have no constraint in the
    database: what deletes jobs behind Django's back has no deletions to owe.
    """

    name = KeyField(_("name in Google"), max_length=700, unique=True)
    identifier = KeyField(_("job id"), max_length=500, db_index=True)
    """The id that X-CloudScheduler-JobName carries."""
    job = models.ForeignKey(
        "scheduled_jobs.ScheduledJob",
        verbose_name=_("job"),
        related_name="google_names",
        null=True,
        on_delete=models.SET_NULL,
        db_constraint=False,
    )
    former_job = models.ForeignKey(
        "scheduled_jobs.ScheduledJob",
        verbose_name=_("former job"),
        related_name="+",
        null=True,
        on_delete=models.SET_NULL,
        db_constraint=False,
    )
    """The job from which the name was taken over: what was sent for it before is still delivered to it."""
    endpoint = KeyField(_("endpoint"), max_length=500)
    """DJANGO_CLOUD_TASKS_ENDPOINT when the name was claimed: a copy of the database owes nothing there."""
    confirmed_at = models.DateTimeField(_("confirmed at"), null=True)
    """When Google was last known to have a job of ours under the name."""
    busy_until = models.DateTimeField(_("busy until"), null=True)
    """Until then a deletion may be on its way, and nobody else takes the name."""
    gone_at = models.DateTimeField(_("gone at"), null=True)

    class Meta:
        verbose_name = _("name in Google")
        verbose_name_plural = _("names in Google")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name
