"""What comes in and what goes out: a delivery of Cloud Scheduler's, and its answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from scheduled_jobs.services.execution.slots import Announcement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

    from scheduled_jobs.models import JobRun, ScheduledJob
    from scheduled_jobs.registry import Task

RETRY_AFTER = 30
"""Seconds after which a delivery of a slot that is being run may come again."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request of a verified caller, for a job that was found.

    ``schedule_time`` is the raw X-CloudScheduler-ScheduleTime header, ``caller`` the email that the token
    names, ``headers`` what the task may see of the request's headers.
    """

    job: ScheduledJob
    task: type[Task]
    body: bytes = b""
    schedule_time: str | None = None
    request: HttpRequest | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, JSON body and headers of the response. Google takes any 2xx for success."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

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
    def error(cls, status: HTTPStatus, text: str, headers: Mapping[str, str] | None = None) -> Answer:
        return cls(status, {"error": text}, headers or {})


@dataclass(frozen=True, slots=True)
class Begun:
    """A run whose row says ``running``, and which is now to be executed by this very process.

    ``arguments`` are the validated keyword arguments; None for a run that was claimed: its own payload
    wins, and is validated as part of the run.
    """

    run: JobRun
    arguments: dict[str, Any] | None
    claimed: bool = False


def announcement_of(delivery: Delivery) -> Announcement:
    """The announced time of a delivery."""
    return Announcement.parse(delivery.schedule_time)
