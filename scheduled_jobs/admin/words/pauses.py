"""A pause, in the words of every page that tells of one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.utils.translation import gettext as _

from scheduled_jobs.models import ScheduledJob


def pause_in_words(job: ScheduledJob, tell: Callable[[datetime], str]) -> str:
    """By whom a job is paused, since when and until when; ``tell`` puts a time into words."""
    values = {
        "person": job.paused_by,
        "since": tell(job.paused_at) if job.paused_at else "",
        "until": tell(job.paused_until) if job.paused_until else "",
    }
    text = _("Paused until somebody resumes it.")
    if job.paused_by and job.paused_at:
        text = _("Paused by %(person)s since %(since)s, until somebody resumes it.")
        if job.paused_until:
            text = _("Paused by %(person)s since %(since)s, until %(until)s.")
    elif job.paused_by:
        text = _("Paused by %(person)s, until somebody resumes it.")
        if job.paused_until:
            text = _("Paused by %(person)s, until %(until)s.")
    elif job.paused_until:
        text = _("Paused until %(until)s.")
    return text % values
