"""A lease that one process holds at a time, whatever database it is in."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.models.writer import ReadFromWriter


class Lease(ReadFromWriter):
    """Who may do something now, and until when; a process that dies lets go when its time is up."""

    name = models.CharField(_("name"), max_length=64, primary_key=True)
    token = models.CharField(max_length=32, null=True)
    until = models.DateTimeField(_("until"), null=True)

    class Meta:
        verbose_name = _("lease")
        verbose_name_plural = _("leases")

    def __str__(self) -> str:
        return self.name
