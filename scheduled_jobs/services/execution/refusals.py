"""What callers with a genuine token have met who may not run tasks here: counted on the row of the job."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import Error
from django.db.models import F, Q

from scheduled_jobs.domain.payloads import clean_text, without_tokens
from scheduled_jobs.logs import logger
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.execution import statements

MINUTE = timedelta(minutes=1)
MOST_IN_A_MINUTE = 100
"""Jobs for which one process looks in a minute."""
MAX_CALLER = 254


class Minute:
    """What this process has looked at in the current minute."""

    def __init__(self) -> None:
        self._began: datetime | None = None
        self._seen: set[tuple[str, str]] = set()

    def has_room(self, key: tuple[str, str], now: datetime) -> bool:
        """Whether this is the first of its key in this minute, and not too many others came before it."""
        if self._began is None or abs(now - self._began) >= MINUTE:
            self._began, self._seen = now, set()
        if key in self._seen or len(self._seen) >= MOST_IN_A_MINUTE:
            return False
        self._seen.add(key)
        return True


minute = Minute()


def note_refusal(task: str, name: str, caller: str, now: datetime) -> None:
    """Count that the token of a call was genuine and its account not allowed. Raises nothing.

    Anybody with an account of Google's can have such a token made, so that what is done for it is bounded:
    one statement, once a minute for each job.
    """
    if not name or not minute.has_room((task, name), now):
        return
    rows = ScheduledJob.objects.filter(name=clean_text(name), task=task)
    earlier = Q(refused_at=None) | Q(refused_at__lte=now - MINUTE)
    caller = without_tokens(caller)[:MAX_CALLER]
    try:
        with statements.statement():
            rows.filter(earlier).update(refusals=F("refusals") + 1, refused_at=now, refused_caller=caller)
    except Error:
        logger.exception("The refusal of a call could not be written on job %s", name)
