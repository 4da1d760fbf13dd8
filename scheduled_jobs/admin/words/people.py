"""Who has done something."""

from __future__ import annotations

from django.utils.translation import gettext as _

from scheduled_jobs.models import JobChange


def who_made(change: JobChange) -> str:
    """Who made a change."""
    if change.actor_label:
        return change.actor_label
    return {
        JobChange.Via.CODE: _("The code"),
        JobChange.Via.SYNC: _("The sync"),
        JobChange.Via.AUTO: _("The system"),
    }.get(JobChange.Via(change.via), _("Somebody"))
