"""Sends what is to be told, within a time of its own: a channel that fails or hangs holds up nobody."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any

from django.db import connections
from django.db.models import QuerySet
from django.utils import timezone

from scheduled_jobs.asking import begin
from scheduled_jobs.logs import logger
from scheduled_jobs.models import Alert
from scheduled_jobs.services.alerts import channels, judging, wording
from scheduled_jobs.services.alerts.http import NotSent, no_answer

if TYPE_CHECKING:
    from scheduled_jobs.services.alerts.channels import Channel

UnderWay = list[tuple["Channel", "Callable[[float], None]"]]

SECONDS = 5.0
"""In all, after the end of a run has been answered."""
CLAIM = timedelta(minutes=1)
"""For how long nobody else sends a message: a process that dies leaves it to be sent again then."""
WAITS = tuple(timedelta(minutes=n) for n in (1, 5, 15, 60, 180, 360, 720))
"""After how long what was not sent is tried again; then no more."""
LATE = 50.0
"""Seconds for which what nobody waits for may still be taken: less than until it is tried again."""
ROUNDS = 5
LEAST = 2.0
MOST = 20
POLL, PATIENCE = 0.05, 1.0
"""How often it is asked whether nobody else decides any more, and for how long: that takes milliseconds."""
AT_ONCE = 500
"""Rows that are deleted at once."""
HANGING = 5
"""Messages to one channel that are under way in a process: each holds a thread, and may hang for ever."""

_rooms: defaultdict[tuple[str, str], BoundedSemaphore] = defaultdict(lambda: BoundedSemaphore(HANGING))


def send_owed(
    now: datetime | None = None, *, seconds: float = SECONDS, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Judge what is due and send it, in so many seconds; what is left then is sent by the next call.

    Raises nothing. A process that dies between sending and recording has its message sent again.
    """
    until = time.monotonic() + seconds
    try:
        now = now or timezone.now()
        patient = min(until, time.monotonic() + PATIENCE)
        while not judging.judge_owed(now) and time.monotonic() < patient:
            sleep(POLL)
        # Whatever deciding took, such as telling Google of a pause, a little is left for sending.
        until = max(until, time.monotonic() + LEAST)
        for alert in Alert.objects.filter(next_try_at__lte=now).order_by("next_try_at", "pk")[:MOST]:
            if (left := until - time.monotonic()) <= 0:
                break
            if _claim(alert, now):
                _send(alert, now, min(left, SECONDS))
    except Exception:
        logger.exception("What is to be told of runs could not be told")


def send_test(by: str = "") -> list[Channel]:
    """Tell all channels that this is a test, now; returns what happened at each. Nothing is tried again."""
    alert = Alert(**wording.test_message(by)._asdict(), channels=channels.configured())
    if alert.channels:
        _try(alert, timezone.now(), SECONDS)
        alert.save()
    return list(alert.channels)


def _claim(alert: Alert, now: datetime) -> bool:
    """Take it, so that no other process sends it; one statement settles who of two is first."""
    claimed, seen = now + CLAIM, alert.next_try_at
    mine = Alert.objects.filter(pk=alert.pk, next_try_at=seen)
    if not mine.update(next_try_at=claimed, tries=alert.tries + 1):
        return False
    alert.tries, alert.next_try_at = alert.tries + 1, claimed
    return True


def _send(alert: Alert, now: datetime, seconds: float) -> None:
    under_way = _try(alert, now, seconds)
    failed = [one for one in alert.channels if one["sent_at"] is None]
    next_try = now + WAITS[alert.tries - 1] if failed and alert.tries <= len(WAITS) else None
    for one in failed:
        logger.warning(
            "Alert %s was not sent to %s: %s%s", alert.pk, channels.in_words(one), one["error"],
            "" if next_try else "; it is not tried again",
        )  # fmt: skip
    Alert.objects.filter(pk=alert.pk, next_try_at=alert.next_try_at).update(
        channels=alert.channels, next_try_at=next_try
    )
    if under_way:
        begin(lambda: _note_late(alert.pk, under_way))


def _note_late(pk: int, under_way: UnderWay) -> None:
    """Whoever took it after nobody waited any more has it, and is not sent it again."""
    until = time.monotonic() + LATE
    taken = []
    for one, answer in under_way:
        with suppress(TimeoutError, NotSent):
            answer(max(until - time.monotonic(), 0))
            taken.append((one["channel"], one["key"]))
    try:
        for _round in range(ROUNDS if taken else 0):
            alert = Alert.objects.get(pk=pk)
            for one in alert.channels:
                if (one["channel"], one["key"]) in taken and one["sent_at"] is None:
                    one["error"], one["sent_at"] = "", one["at"]
            over = all(one["sent_at"] is not None for one in alert.channels)
            as_it_is = Alert.objects.filter(pk=pk, next_try_at=alert.next_try_at)
            next_try = None if over else alert.next_try_at
            if as_it_is.update(channels=alert.channels, next_try_at=next_try):
                break
    except Exception:
        logger.exception("That alert %s was taken late could not be noted", pk)
    finally:
        connections.close_all()  # this is a thread of its own


def _try(alert: Alert, now: datetime, seconds: float) -> UnderWay:
    """Send it to all that do not have it yet, at the same time, and note what happened.

    Returns those of which nothing is known yet.
    """
    late: UnderWay = []
    until = time.monotonic() + seconds
    under_way = [(one, _begin(alert, one)) for one in alert.channels if one["sent_at"] is None]
    for one, answer in under_way:
        one["tries"] += 1
        one["at"] = now.isoformat()
        try:
            answer(max(until - time.monotonic(), 0))
        except TimeoutError:
            one["error"] = no_answer(SECONDS)
            late.append((one, answer))
        except NotSent as error:
            one["error"] = str(error)[: channels.MAX_ERROR]
        else:
            one["error"], one["sent_at"] = "", now.isoformat()
    return late


def _begin(alert: Alert, one: Channel) -> Callable[[float], None]:
    room = _rooms[one["channel"], one["key"]]
    if not room.acquire(blocking=False):
        return _refuse

    def tell() -> None:
        try:
            channels.tell(alert, one)
        finally:
            room.release()

    return begin(tell)


def _refuse(_seconds: float) -> None:
    raise NotSent("earlier messages to it still hang")


def prune_alerts(before: datetime) -> int:
    """Delete what was judged before then, and what was told of no other; returns how many messages."""
    _delete(judging.judged_before(before))
    return _delete(Alert.objects.filter(created_at__lt=before, next_try_at=None, runs=None))


def _delete(rows: QuerySet[Any]) -> int:
    deleted = 0
    while pks := list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
        deleted += len(pks)
        rows.filter(pk__in=pks).delete()
    return deleted
