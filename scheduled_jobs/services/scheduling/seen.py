"""What Google was seen to have of a job, and what its last attempt says, as the job's row keeps it.

A row is written only where a look has shown something new, and never by a look that was begun before what the
row knows: a list that was begun before a push must not put older values over newer ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connections, transaction
from django.utils import timezone

from scheduled_jobs.domain.attempts import OK, SKEW, LastAttempt, earliest, time_of
from scheduled_jobs.domain.jobs import ENABLED, TARGET_FIELDS, LiveJob, same_values
from scheduled_jobs.domain.plan import Listing
from scheduled_jobs.domain.schedules import Schedule
from scheduled_jobs.exceptions import InvalidSchedule
from scheduled_jobs.models import LastList, ScheduledJob
from scheduled_jobs.models.writer import writer
from scheduled_jobs.models.writing import execute_for_each

SEEN = ("live", "next_run_at", "late_since", "unreachable_since", "no_run_since")
"""The columns that a look fills, beside ``live_seen_at``."""


class Before(NamedTuple):
    """What a row knows before a look."""

    pk: int
    live: dict[str, Any] | None
    next_run_at: datetime | None
    late_since: datetime | None
    unreachable_since: datetime | None
    no_run_since: datetime | None
    last_run_at: datetime | None
    last_delivery_at: datetime | None


def seen_before(pks: Iterable[int]) -> dict[int, Before]:
    """What the rows know."""
    rows = ScheduledJob.objects
    return {
        row[0]: Before._make(row)
        for some in rows.in_batches(pks)
        for row in some.values_list(*Before._fields)
    }


def record_look(seen: Mapping[int, LiveJob | None], at: datetime, *, is_of_all: bool = True) -> None:
    """Keep what Google had when a look was begun, at ``at``.

    A look at a few (not ``is_of_all``) tells on their rows when it was made.
    """
    before = seen_before(seen)
    changed = {}
    for pk, known in before.items():
        values = columns(seen[pk], known, at)
        if not is_of_all or not _is_known(values, known):
            changed[pk] = [*values.values(), at]
    for rows in ScheduledJob.objects.in_batches(sorted(changed)):
        with transaction.atomic(using=writer()):
            rows.lock()
            found = rows.values_list("pk", flat=True)
            write_columns(
                (*SEEN, "live_seen_at"),
                [(*changed[pk], pk, at, timezone.now()) for pk in found],
                where=(
                    ("live_seen_at", "({0} IS NULL OR {0} < %s)"),
                    # Whoever holds a row's lease now writes its answer itself.
                    ("push_until", "({0} IS NULL OR {0} < %s)"),
                ),
            )


def record_list(listing: Listing) -> None:
    """Keep when all jobs were listed."""
    rows = LastList.objects
    _, is_new = rows.get_or_create(parent=listing.parent, defaults={"at": listing.at})
    if not is_new:
        rows.filter(parent=listing.parent, at__lt=listing.at).update(at=listing.at)


def write_columns(
    names: Sequence[str],
    rows: Iterable[Sequence[Any]],
    where: Sequence[tuple[str, str]] = (),
) -> None:
    """Other values for each row, in one round trip: with ``bulk_update()`` this takes fifteen times as long.

    A row is the values of the columns, its key, and the values of the conditions: column and statement.
    """
    connection = connections[writer()]
    fields = [ScheduledJob._meta.get_field(name) for name in (*names, "id", *(name for name, _ in where))]
    quote = connection.ops.quote_name
    sets = ", ".join(f"{quote(name)} = %s" for name in names)
    conditions = " AND ".join([f"{quote('id')} = %s", *(text.format(quote(name)) for name, text in where)])
    table = quote(ScheduledJob._meta.db_table)
    prepared = [
        [field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)]  # type: ignore[union-attr]
        for row in rows
    ]
    execute_for_each(f"UPDATE {table} SET {sets} WHERE {conditions}", prepared)  # noqa: S608 – our own columns


# --- The columns ------------------------------------------------------------------------------------------


def columns(
    live: LiveJob | None, before: Before, at: datetime, *, begun: datetime | None = None, is_ours: bool = True
) -> dict[str, Any]:
    """What the columns ``SEEN`` hold once this was seen at ``at``; null where there was no such job.

    ``begun`` is when the look began, where that was earlier. What a job that is not ours (``is_ours``) has
    tried says nothing.
    """
    if live is None:
        return dict.fromkeys(SEEN)
    since, is_first = _address(live, before, at)
    fires_since = _fires_since(live, before, at)
    unserved = (
        _unserved_since(live, begun or at, since, is_first=is_first, fires_since=fires_since)
        if is_ours
        else None
    )
    return {
        "live": {
            **live.values,
            "state": live.state,
            **({"last_attempt_time": live.last_attempt_time.isoformat()} if live.last_attempt_time else {}),
            "status": live.status,
            "address_since": since.isoformat(),
            "is_first_address": is_first,
            "fires_since": fires_since.isoformat(),
        },
        "next_run_at": live.schedule_time,
        "late_since": _late_since(live, before, at),
        "unreachable_since": unserved if live.status != OK else None,
        "no_run_since": unserved if live.status == OK else None,
    }


def _is_known(values: Mapping[str, Any], known: Before) -> bool:
    is_same = all(value == getattr(known, name) for name, value in values.items())
    return is_same and same_values(values["live"] or {}, known.live or {})


def _address(live: LiveJob, before: Before, at: datetime) -> tuple[datetime, bool]:
    """Since when Google is known to call this address with this account, and whether no other before."""
    known = before.live or {}
    since = time_of(known.get("address_since"))
    if since is not None and all(known.get(name) == live.values[name] for name in TARGET_FIELDS):
        return since, known.get("is_first_address") is True
    return at, live.last_attempt_time is None


def _fires_since(live: LiveJob, before: Before, at: datetime) -> datetime:
    """Since when Google is known to fire by this schedule: before that, it tried nothing by it."""
    known = before.live or {}
    since = time_of(known.get("fires_since"))
    fires_by = {**live.values, "state": live.state}
    is_same = all(known.get(name) == fires_by[name] for name in ("schedule", "time_zone", "state"))
    return since if since is not None and is_same else at


def _unserved_since(
    live: LiveJob, seen_at: datetime, address_since: datetime, *, is_first: bool, fires_since: datetime
) -> datetime | None:
    if live.last_attempt_time is None:
        return None
    deadline = timedelta(seconds=live.values["attempt_deadline"])
    attempt = LastAttempt(live.last_attempt_time, live.status, seen_at, deadline)
    schedule = _schedule(live) if live.state == ENABLED else None
    return earliest(
        attempt,
        address_since=address_since,
        is_first=is_first,
        schedule=schedule,
        fires_since=fires_since,
    )


def _schedule(live: LiveJob) -> Schedule | None:
    try:
        return Schedule.parse(live.values["schedule"], live.values["time_zone"])
    except InvalidSchedule:
        return None


def _late_since(live: LiveJob, before: Before, at: datetime) -> datetime | None:
    """Google's next run of an earlier look, if it never arrived: the present one would hide it."""
    due = before.late_since or before.next_run_at
    known = before.live or {}
    is_same = all(known.get(name) == live.values[name] for name in ("schedule", "time_zone"))
    if due is None or due >= at or not is_same or (known.get("state"), live.state) != (ENABLED, ENABLED):
        return None
    arrived = [time for time in (before.last_run_at, before.last_delivery_at) if time is not None]
    return due if max(arrived, default=due - 2 * SKEW) < due - SKEW else None
