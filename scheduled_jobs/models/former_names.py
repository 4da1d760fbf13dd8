"""Ids under which jobs were known before."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class FormerName(models.Model):
    """An id under which a job was known before: deliveries under it still reach the row."""

    job = models.ForeignKey(
        "scheduled_jobs.ScheduledJob",
        verbose_name=_("job"),
        related_name="former_names",
        on_delete=models.CASCADE,
    )
    name = models.CharField(_("job id"), max_length=500, db_index=True)
    remote_name = models.CharField(_("name in Google"), max_length=700, unique=True)
    deleted_at = models.DateTimeField(_("deleted in Google at"), null=True, blank=True)

    class Meta:
        verbose_name = _("former name")
        verbose_name_plural = _("former names")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name
