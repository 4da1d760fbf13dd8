"""What jobs, and people, are called on the pages."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, Self

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from scheduled_jobs.models import JobChange, ScheduledJob
from scheduled_jobs.models.origin import name_in_parts

MAX_UNBROKEN = 20
"""Characters up to which the name of a class is not broken."""
_PIECES = re.compile(r"[^.]+?(?:\.|$|(?<=[a-z0-9])(?=[A-Z]))|\.")


@lru_cache(maxsize=4096)
def breakable(name: str) -> SafeString:
    """A dotted path or a long name with ``<wbr>`` where a narrow column may break it."""
    return format_html_join(mark_safe("<wbr>"), "{}", ((piece,) for piece in _PIECES.findall(name)))


class JobName(NamedTuple):
    """A name in two parts, of which the second is the one to look for."""

    module: str
    short: str

    def __str__(self) -> str:
        return self.module + self.short

    @property
    def html(self) -> SafeString:
        """The module in a quiet tone, and ``<wbr>`` where a narrow column may break the name."""
        name = breakable(self.short) if len(self.short) > MAX_UNBROKEN else self.short
        if not self.module:
            return format_html("{}", name)
        return format_html('<span class="sj-mod">{}<wbr></span>{}', breakable(self.module), name)

    @classmethod
    def for_job(cls, job: ScheduledJob) -> Self:
        """The task of a job of the code, or what an operator called a job of their own."""
        return cls.from_columns(job.origin, job.task, job.name)

    @classmethod
    def from_columns(cls, origin: str, task: str, name: str) -> Self:
        """The same, of three columns of a job."""
        return cls(*name_in_parts(origin, task, name))


def job_label(job: ScheduledJob) -> str:
    """What a job is called where its name stands in one piece."""
    return str(JobName.for_job(job))


def who_made(change: JobChange) -> str:
    """Who made a change."""
    if change.actor_label:
        return change.actor_label
    if change.release and (change.field in ("job", "retired") or change.field.startswith("declared_")):
        return _("Release %(release)s") % {"release": change.release}
    return {
        JobChange.Via.CODE: _("The code"),
        JobChange.Via.SYNC: _("Comparing with Google"),
        JobChange.Via.AUTO: _("The system"),
    }.get(JobChange.Via(change.via), _("Somebody"))
