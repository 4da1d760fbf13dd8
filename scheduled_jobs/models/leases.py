"""A lease that one process holds at a time, whatever database it is in."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone
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


class Turn:
    """One process's wish for a lease, which it takes, renews and frees."""

    def __init__(self, name: str, length: timedelta) -> None:
        self.length = length
        self.token = uuid.uuid4().hex
        self.rows = Lease.objects.filter(name=name)
        Lease.objects.get_or_create(name=name)

    def take(self) -> bool:
        """Take the lease if it is free, or its time is up."""
        # One conditional statement settles who of two is first.
        now = timezone.now()
        free = Q(token=None) | Q(until__lt=now)
        return bool(self.rows.filter(free).update(token=self.token, until=now + self.length))

    def renew(self) -> bool:
        """Hold it on. A turn that ran out is still ours while nobody took it; one that was taken is not."""
        return bool(self.rows.filter(token=self.token).update(until=timezone.now() + self.length))

    def free(self) -> None:
        """Let go of it, if it is ours."""
        self.rows.filter(token=self.token).update(token=None, until=None)
