"""Google's last attempt at a job: what its status means, and whether it says that nothing arrived here.

Google keeps one attempt: when it began, and a code of ``google.rpc.Code`` that is written when it ends. Which
HTTP status stands behind a code is told nowhere, so that each meaning says how it is known, and a remedy is
worded no more strongly.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from scheduled_jobs.domain.schedules import Schedule

NEVER, OK = -1, 0

SKEW = timedelta(minutes=1)
"""How far the clocks of Google and of this process may differ."""


class Known(StrEnum):
    """How it is known what a code means."""

    RECORDED = "recorded"
    """Seen in the service's own answers."""
    REPORTED = "reported"
    """Told by people who use the service."""
    ASSUMED = "assumed"
    """As ``google.rpc.Code`` maps the statuses of HTTP; nobody has recorded it."""


@dataclass(frozen=True, slots=True)
class CodeMeaning:
    """What a code says. ``told`` goes on after "Google" or "Google's attempt", ``heading`` stands alone."""

    name: str
    told: str
    known: Known
    heading: str
    remedy: str


MEANINGS: dict[int, CodeMeaning] = {
    NEVER: CodeMeaning(
        "", "has not ended yet", Known.RECORDED, "Google's first attempt has not ended yet", ""
    ),
    OK: CodeMeaning(
        "OK",
        "got a success (2xx)",
        Known.RECORDED,
        "Google reports success, but nothing ran here",
        "Something else answers there: often a login page after a redirect, which a middleware, a proxy or "
        "Identity-Aware Proxy asks for, or another server. Let Google's POST through to this app without a "
        "session; the view checks Google's own token.",
    ),
    2: CodeMeaning(
        "UNKNOWN",
        "got an answer for which it has no code",
        Known.ASSUMED,
        "Google got an answer that it cannot name",
        "See what answers at that address.",
    ),
    3: CodeMeaning(
        "INVALID_ARGUMENT",
        "was probably answered 400",
        Known.ASSUMED,
        "Google's call is probably answered 400",
        "Django answers 400 where the host of the address is missing in ALLOWED_HOSTS: see the server's log.",
    ),
    4: CodeMeaning(
        "DEADLINE_EXCEEDED",
        "got no answer in time",
        Known.RECORDED,
        "Google stopped waiting for an answer",
        "Nothing answered within the attempt deadline, or something answered 504: look for a firewall that "
        "drops the connection, and at the time limits of proxy and web server.",
    ),
    5: CodeMeaning(
        "NOT_FOUND",
        "was probably answered 404",
        Known.ASSUMED,
        "The address probably leads nowhere",
        "Does the address lie where this app is included, and does that server have the class? "
        "schedule_tasks sends the address anew.",
    ),
    7: CodeMeaning(
        "PERMISSION_DENIED",
        "was refused (403, as others report)",
        Known.REPORTED,
        "Google's call is refused",
        "Usual causes: a private Cloud Run service without the Invoker role for the service account, or an "
        "account that OIDC_ALLOWED_EMAILS does not name.",
    ),
    8: CodeMeaning(
        "RESOURCE_EXHAUSTED",
        "was probably answered 429",
        Known.ASSUMED,
        "Google is probably told to come less often",
        "See what limits the rate of requests in front of this app.",
    ),
    13: CodeMeaning(
        "INTERNAL",
        "was answered 500",
        Known.RECORDED,
        "Google's call is answered 500",
        "Something answers 500 before this app could record the call: see the log of the server.",
    ),
    14: CodeMeaning(
        "UNAVAILABLE",
        "got no usable answer",
        Known.ASSUMED,
        "Google got no usable answer",
        "Nothing answered at that address, or something answered 503, perhaps this app itself while its "
        "database was away. Does the address reach this server? If not, set DJANGO_CLOUD_TASKS_ENDPOINT and "
        "run schedule_tasks.",
    ),
    16: CodeMeaning(
        "UNAUTHENTICATED",
        "was probably answered 401",
        Known.ASSUMED,
        "Google's call is probably refused (401)",
        "Perhaps the token's audience is not the one expected here: schedule_tasks sends it anew. Or "
        "the clock of this server is slow, so that fresh tokens are none to it; or "
        "something in front of this app asks for a login.",
    ),
}
"""Code of Google's last attempt -> what it means."""

OTHER_NAMES = {
    1: "CANCELLED", 6: "ALREADY_EXISTS", 9: "FAILED_PRECONDITION", 10: "ABORTED", 11: "OUT_OF_RANGE",
    12: "UNIMPLEMENTED", 15: "DATA_LOSS",
}  # fmt: skip
"""What ``google.rpc.Code`` calls the codes of which nobody has told what Google met."""

ADVICE = "manage.py scheduled_jobs doctor says what answers there."


def code_meaning(code: int) -> CodeMeaning:
    """What a code means; of one that nobody has met yet its name is told, and its number."""
    return MEANINGS.get(code) or CodeMeaning(
        OTHER_NAMES.get(code, "unnamed"),
        f"failed with code {code}",
        Known.ASSUMED,
        "Google's attempt failed",
        "",
    )


@dataclass(frozen=True, slots=True)
class LastAttempt:
    """The last attempt as one look has shown it. All times are aware.

    ``code`` may still be that of the attempt before: until an attempt ends, or its deadline has passed.
    """

    at: datetime
    code: int
    seen_at: datetime
    """When the look was begun."""
    deadline: timedelta


def earliest(
    attempt: LastAttempt,
    *,
    address_since: datetime,
    is_first: bool,
    schedule: Schedule | None,
    fires_since: datetime,
) -> datetime | None:
    """When the attempt that the code tells of began, at the earliest; None where nothing may be said of it.

    Whatever arrived here since then, or a minute before, may have been that attempt (``stands``).
    ``address_since`` is since when Google has the address that it has: what it met at another says nothing.
    ``is_first`` tells that Google had never tried before that. ``schedule`` is what it fires by since
    ``fires_since``, and None where that is not known: paused jobs, schedules that cannot be read here.
    """
    if attempt.code == NEVER or attempt.at <= address_since + SKEW:
        return None
    # What is answered is recorded here before the answer goes out, so that only a success is doubted longer.
    over = attempt.deadline + (SKEW if attempt.code == OK else timedelta())
    if attempt.seen_at - attempt.at > over:
        return attempt.at
    # It may be under way still, and the code that of an earlier one. The job of every minute is always so.
    bounds = [address_since] if is_first else []
    if (
        schedule is not None
        and (due := _due_by(schedule, attempt.seen_at - attempt.deadline - SKEW)) is not None
    ):
        # Something was tried then, or was under way, and has ended since.
        begun = due - attempt.deadline
        bounds += [begun] if begun > max(address_since, fires_since) + SKEW else []
    return max(bounds, default=None)


def _due_by(schedule: Schedule, when: datetime) -> datetime | None:
    """A time by which Google has tried once more, at the latest; an interval begins with the end of a run."""
    if schedule.interval is not None:
        return when - schedule.interval
    slot = schedule.previous(when)
    return slot.at if slot is not None else None


def time_of(value: object) -> datetime | None:
    """A time that is kept as JSON, aware; None where an older release or a hand wrote another thing."""
    try:
        at = datetime.fromisoformat(value)  # type: ignore[arg-type] # told by the TypeError
    except (TypeError, ValueError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def stands(since: datetime | None, last_delivery_at: datetime | None) -> bool:
    """Whether nothing has arrived that could be the attempt which ``earliest`` has dated."""
    return since is not None and (last_delivery_at is None or last_delivery_at < since - SKEW)
