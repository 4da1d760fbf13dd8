"""When all jobs were last looked at in Google, and when somebody last looked for runs that did not come."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.models.writer import ReadFromWriter


class LastList(ReadFromWriter):
    """The last list of a location's jobs; a job's own row is written only where it showed something new."""

    parent = models.CharField(_("location"), max_length=190, primary_key=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("last list")
        verbose_name_plural = _("last lists")

    def __str__(self) -> str:
        return self.parent


class LastWatch(ReadFromWriter):
    """The last step of the watch, in a row that there is once."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("last watch")
        verbose_name_plural = _("last watches")

    def __str__(self) -> str:
        return str(self.at)
