"""What comes in and what goes out: a delivery of Cloud Scheduler's, and its answer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.registry import Task
from scheduled_jobs.services.execution.situation import Situation

TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2}).*", re.ASCII)
"""W3C Trace Context."""
CLOUD_TRACE = re.compile(r"([0-9a-fA-F]{32})/([0-9]{1,20})(?:;o=([01])|$)", re.ASCII)
"""The older form of Google's; its span is written in decimal."""
RETRY_AFTER = 30
"""Seconds after which a delivery of a slot that is being run may come again."""
AHEAD = timedelta(seconds=5)
"""How far Google's clock and ours may be apart: a time that is nearer than this is waited for."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """The time in ``X-CloudScheduler-ScheduleTime``, and whether it has come.

    A forced run announces the job's next slot, a retry the slot of the first attempt: a time that has come
    is that of a slot, a time still ahead can only be that of a forced run. ``slot`` is the announced time
    in UTC, or None where there is none that can be read.
    """

    text: str = ""
    slot: datetime | None = None

    @classmethod
    def parse(cls, text: str | None) -> Announcement:
        """Read the header: RFC 3339 with an offset, with or without a fraction of a second.

        A text that cannot be read counts as none at all: a change of Google's format must not stop
        every job.
        """
        text = (text or "").strip()
        try:
            parsed = datetime.fromisoformat(text)
            return cls(text, parsed.astimezone(UTC) if parsed.tzinfo is not None else None)
        except (ValueError, OverflowError):
            return cls(text)

    @property
    def is_unreadable(self) -> bool:
        """Whether something was announced that is not a time."""
        return bool(self.text) and self.slot is None

    def is_due(self, now: datetime) -> bool:
        """Whether the announced time has come."""
        return self.slot is not None and self.slot <= now

    def wait(self, now: datetime) -> float:
        """Seconds to wait before anything is decided: until a slot that is all but there, else none."""
        if self.slot is None or not now < self.slot <= now + AHEAD:
            return 0.0
        return (self.slot - now).total_seconds()


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request of a verified caller, for a job that was found.

    ``body`` is None where not all of it arrived. ``schedule_time`` is the raw X-CloudScheduler-ScheduleTime
    header, ``caller`` the email that the token names, ``headers`` what the task may see of the request's
    headers.
    """

    job: ScheduledJob
    task: type[Task]
    body: bytes | None = b""
    schedule_time: str | None = None
    request: HttpRequest | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    caller: str = ""
    seen: Situation | None = None
    """What decides, as it was read with the job just now."""

    @property
    def trace(self) -> dict[str, Any]:
        """The ``trace`` and the ``span`` of the request, in hexadecimal, ``sampled`` if so; empty without."""
        sent = {} if self.request is None else self.request.META
        if found := TRACEPARENT.fullmatch(sent.get("HTTP_TRACEPARENT", "")):
            trace, span, sampled = found[1], found[2], int(found[3], 16) & 1
        elif found := CLOUD_TRACE.match(sent.get("HTTP_X_CLOUD_TRACE_CONTEXT", "")):
            trace, span, sampled = found[1].lower(), f"{int(found[2]):016x}", found[3] == "1"
        else:
            return {}
        is_one = int(trace, 16) and 0 < int(span, 16) < 1 << 64
        return {"trace": trace, "span": span, **({"sampled": True} if sampled else {})} if is_one else {}

    @property
    def announced(self) -> Announcement:
        """The time that Google announces."""
        return Announcement.parse(self.schedule_time)


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, JSON body and headers of the response. Google takes any 2xx for success."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)
    has_queue: bool = False
    """Whether runs of the job may wait that a person asked for."""

    @classmethod
    def executed(cls, run_id: int, result: Any, *, recorded: bool) -> Answer:
        body = {"status": "executed", "result": result, "run": run_id}
        return cls(HTTPStatus.OK, body if recorded else {**body, "recorded": False})

    @classmethod
    def discarded(cls, run_id: int, *, recorded: bool) -> Answer:
        body = {"status": "discarded", "result": None, "run": run_id}
        return cls(HTTPStatus.ACCEPTED, body if recorded else {**body, "recorded": False})

    @classmethod
    def failed(cls, run_id: int, *, may_retry: bool, recorded: bool) -> Answer:
        """A claimed run is never tried again: the retry would carry a slot's time that is not its own."""
        body: dict[str, Any] = {"status": "failed", "run": run_id}
        status = HTTPStatus.INTERNAL_SERVER_ERROR if may_retry else HTTPStatus.OK
        return cls(status, body if recorded else {**body, "recorded": False})

    @classmethod
    def duplicate(cls, run_id: int) -> Answer:
        return cls(HTTPStatus.OK, {"status": "duplicate", "run": run_id})

    @classmethod
    def running(cls, run_id: int) -> Answer:
        """Not 2xx: this delivery is Google's only remaining chain, and has to stay alive."""
        return cls(
            HTTPStatus.CONFLICT, {"status": "running", "run": run_id}, {"Retry-After": str(RETRY_AFTER)}
        )

    @classmethod
    def skipped(cls, reason: str) -> Answer:
        return cls(HTTPStatus.OK, {"status": "skipped", "reason": reason})

    @classmethod
    def error(cls, status: HTTPStatus, text: str) -> Answer:
        return cls(status, {"error": text})


@dataclass(frozen=True, slots=True)
class Begun:
    """A run whose row says ``running``, and which is now to be executed by this very process.

    ``arguments`` are the validated keyword arguments; None for a run that was claimed: its own payload
    wins, and is validated as part of the run.
    """

    run: JobRun
    arguments: dict[str, Any] | None
    claimed: bool = False
    has_queue: bool = False
    """Whether other runs of the job waited when it began."""
