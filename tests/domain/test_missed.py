"""Which runs are missed, each row of what may be a false alarm; without a database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from scheduled_jobs.domain.jobs import ENABLED, PAUSED, RetryPolicy
from scheduled_jobs.domain.missed import (
    Arrival,
    Busy,
    Doubt,
    DueTime,
    Epoch,
    FailedAttempt,
    Watched,
    due,
    heard_until,
    is_busy,
    is_seen,
    is_unreachable,
    next_in,
    silences,
)

EIGHT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
NINE, TEN = EIGHT.replace(hour=9), EIGHT.replace(hour=10)
MINUTE, SECOND, HOUR, GRACE = (
    timedelta(minutes=1),
    timedelta(seconds=1),
    timedelta(hours=1),
    timedelta(minutes=5),
)
HOURLY = Epoch(EIGHT - HOUR, EIGHT - HOUR, None, "0 * * * *", "UTC", ENABLED)
JOB = Watched([HOURLY], EIGHT + MINUTE, GRACE)


def times(job: Watched, now: datetime) -> list[tuple[datetime, Doubt | None]]:
    return [(slot.at, slot.doubt) for slot in due(job, now).slots]


# --- What is owed -------------------------------------------------------------------------------------------


def test_a_time_is_due_when_its_grace_is_over() -> None:
    assert times(JOB, NINE + GRACE - SECOND) == []
    assert times(JOB, NINE + GRACE) == [(NINE, None)]
    assert due(JOB, NINE + GRACE).until == NINE + timedelta(microseconds=1)
    assert times(replace(JOB, since=NINE + timedelta(microseconds=1)), NINE + GRACE) == []
    assert due(JOB, NINE).until is None


@pytest.mark.parametrize(
    ("retries", "schedule", "patience"),
    [
        (RetryPolicy(), "0 * * * *", GRACE),
        # 5 + 10 + 20 + 40 + 80 seconds are less than the grace.
        (RetryPolicy(retry_count=5), "0 * * * *", GRACE),
        (RetryPolicy(retry_count=3, min_backoff=5 * MINUTE), "0 * * * *", 35 * MINUTE),
        (RetryPolicy(retry_count=5, min_backoff=5 * MINUTE), "0 * * * *", HOUR),
        (RetryPolicy(retry_count=3, min_backoff=5 * MINUTE), "*/10 * * * *", 10 * MINUTE),
        (RetryPolicy(max_retry_duration=20 * MINUTE), "0 * * * *", 20 * MINUTE),
    ],
)
def test_google_may_try_again_until_the_next_time(
    retries: RetryPolicy, schedule: str, patience: timedelta
) -> None:
    job = Watched([replace(HOURLY, schedule=schedule)], NINE, GRACE, retries)
    assert times(job, NINE + patience - SECOND) == []
    assert times(job, NINE + patience) == [(NINE, None)]


def test_nothing_is_owed_of_what_does_not_fire_or_cannot_be_read() -> None:
    for epoch in (
        replace(HOURLY, state=PAUSED),
        replace(HOURLY, state="HELD"),
        replace(HOURLY, state="ABSENT", schedule="", time_zone=""),
        replace(HOURLY, schedule="*/60 * * * *"),
        replace(HOURLY, schedule="every 7 minutes"),
    ):
        assert times(replace(JOB, spans=[epoch]), TEN) == []
    assert times(replace(JOB, ended_at=NINE), TEN) == []
    assert times(replace(JOB, ended_at=NINE + SECOND), NINE + GRACE) == [(NINE, None)]


def test_what_google_had_at_the_time_decides() -> None:
    edited = NINE + 30 * MINUTE
    spans = [
        replace(HOURLY, until=edited),
        replace(HOURLY, since=edited, confirmed_at=edited, schedule="45 * * * *"),
    ]
    assert times(replace(JOB, spans=spans), TEN) == [(NINE, None), (NINE + 45 * MINUTE, None)]


def test_beside_an_edit_and_while_nobody_knows_all_is_doubtful() -> None:
    first = replace(HOURLY, schedule="* * * * *", until=NINE)
    second = replace(first, since=NINE, confirmed_at=NINE + 2 * MINUTE, until=None)
    job = Watched([first, second], NINE - 3 * MINUTE, timedelta())
    assert times(job, NINE + 4 * MINUTE) == [
        (NINE - 3 * MINUTE, None),
        (NINE - 2 * MINUTE, None),
        (NINE - MINUTE, Doubt.EDGE),
        (NINE, Doubt.UNCERTAIN),
        (NINE + MINUTE, Doubt.UNCERTAIN),
        (NINE + 2 * MINUTE, Doubt.EDGE),
        (NINE + 3 * MINUTE, Doubt.EDGE),
        (NINE + 4 * MINUTE, None),
    ]
    # A call that was never answered: nothing is known until a look.
    lost = Watched([replace(second, confirmed_at=None)], NINE, timedelta())
    assert {doubt for _at, doubt in times(lost, NINE + 9 * MINUTE)} == {Doubt.UNCERTAIN}


def test_a_new_job_owes_its_second_time_at_the_latest() -> None:
    new = replace(HOURLY, since=NINE - 30 * SECOND, confirmed_at=NINE - 29 * SECOND, schedule="* * * * *")
    assert times(Watched([new], None, GRACE), NINE + 6 * MINUTE) == [
        (NINE, Doubt.EDGE),
        (NINE + MINUTE, None),
    ]
    assert times(Watched([replace(new, confirmed_at=None)], None, GRACE), NINE + HOUR) == []


def test_the_times_of_a_change_of_the_clocks() -> None:
    lisbon = replace(HOURLY, time_zone="Europe/Lisbon", schedule="30 1 * * *")
    october = datetime(2026, 10, 24, 12, 0, tzinfo=UTC)
    spans = [replace(lisbon, since=october - 9 * HOUR, confirmed_at=october - 9 * HOUR)]
    job = Watched(spans, october, GRACE)
    assert times(job, october + 2 * 24 * HOUR) == [
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), Doubt.CLOCKS),
        (datetime(2026, 10, 26, 1, 30, tzinfo=UTC), None),
    ]
    # In spring 01:30 is left out: nothing is owed that night.
    march = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
    spans = [replace(lisbon, since=march - 9 * HOUR, confirmed_at=march - 9 * HOUR)]
    assert times(Watched(spans, march, GRACE), march + 2 * 24 * HOUR) == [
        (datetime(2026, 3, 30, 0, 30, tzinfo=UTC), None)
    ]


# --- Google's own skips -------------------------------------------------------------------------------------


def arrival(status: str, start: datetime, length: timedelta | None, **values: object) -> Arrival:
    end = None if length is None else start + length
    return Arrival(start, 1, status, start, end, start + 3 * MINUTE)._replace(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("run", "last"),
    [
        (arrival("succeeded", NINE, 10 * MINUTE), 10 * MINUTE),
        (arrival("failed", NINE, 10 * MINUTE), 10 * MINUTE),
        # Whoever died: Google waits for its answer until the attempt's deadline.
        (arrival("lost", NINE, None), 3 * MINUTE),
        (arrival("timed_out", NINE, 9 * MINUTE), 3 * MINUTE),
    ],
)
def test_google_fires_none_while_a_run_is_going_on(run: Arrival, last: timedelta) -> None:
    assert is_busy(NINE + last, [run], RetryPolicy())
    assert not is_busy(NINE + last + SECOND, [run], RetryPolicy())
    assert not is_busy(NINE - SECOND, [run], RetryPolicy())


def test_google_fires_none_while_it_tries_again_or_a_run_lives() -> None:
    retries = RetryPolicy(retry_count=2, min_backoff=MINUTE)
    failed = arrival("failed", NINE, MINUTE)
    assert is_busy(NINE + 2 * MINUTE, [failed], retries)
    assert not is_busy(NINE + 2 * MINUTE + SECOND, [failed], retries)
    assert not is_busy(NINE + 2 * MINUTE, [failed], RetryPolicy())
    assert not is_busy(NINE + 2 * MINUTE, [failed._replace(attempt=3)], retries)
    assert is_busy(NINE + 9 * HOUR, [arrival("running", NINE, None)], RetryPolicy())
    assert not is_busy(NINE, [arrival("queued", NINE, None, started_at=None)], RetryPolicy())


def test_a_run_that_told_no_time_may_be_that_of_any() -> None:
    run = arrival("succeeded", NINE + MINUTE, SECOND, slot=None, is_unannounced=True)
    assert is_seen(NINE, [run], GRACE)
    assert not is_seen(NINE - GRACE, [run], GRACE)
    assert not is_seen(NINE + 2 * MINUTE, [run], GRACE)
    assert not is_seen(NINE, [run._replace(is_unannounced=False)], GRACE)


# --- Intervals ----------------------------------------------------------------------------------------------


def test_an_interval_is_silent_after_two_of_them_and_the_grace() -> None:
    every_seven = replace(HOURLY, schedule="every 7 minutes")
    job, late = replace(JOB, spans=[every_seven]), NINE + 19 * MINUTE
    seven, going_on = NINE + 7 * MINUTE, late + SECOND

    def silent(now: datetime, *arrivals: Busy, job: Watched = job) -> list[tuple[datetime, datetime | None]]:
        since_eight = [Busy(EIGHT + n * 7 * MINUTE, EIGHT + n * 7 * MINUTE) for n in range(9)]
        at_nine = Busy(NINE, NINE)
        return [(one.missed, one.until) for one in silences(job, [*since_eight, at_nine, *arrivals], now)]

    assert silent(late) == []
    assert silent(going_on) == [(seven, None)]
    # It began and ended while nobody watched: it is found all the same.
    assert silent(TEN, Busy(going_on, TEN)) == [(seven, going_on)]
    assert silent(TEN, Busy(late, TEN)) == []
    assert silent(TEN, Busy(going_on, going_on)) == [(seven, going_on), (NINE + 26 * MINUTE, None)]
    # Google fires nothing else while a run goes on, one too that had begun before an edit.
    anew = replace(every_seven, since=NINE + MINUTE, confirmed_at=NINE + MINUTE)
    assert silent(going_on, job=replace(job, spans=[anew])) == []
    assert silent(TEN, job=replace(job, spans=[anew])) == [(NINE + 8 * MINUTE, None)]
    assert silent(TEN, Busy(NINE, TEN), job=replace(job, spans=[anew])) == []
    assert silent(going_on, job=replace(job, ended_at=NINE)) == []
    assert silent(TEN + HOUR, job=JOB) == []


def test_what_goes_on_is_read_again() -> None:
    assert heard_until([], NINE) is None
    assert heard_until([Busy(EIGHT, EIGHT + MINUTE)], NINE) == EIGHT + MINUTE
    assert heard_until([Busy(EIGHT, NINE + SECOND), Busy(NINE - MINUTE, NINE)], NINE) == EIGHT


# --- Google's last attempt ----------------------------------------------------------------------------------


def test_the_one_attempt_that_google_keeps_is_of_the_latest_time_before_it() -> None:
    at = NINE + 2 * MINUTE
    attempt = FailedAttempt(at, 14, since=at)
    assert next_in(JOB, NINE) == TEN
    assert is_unreachable(NINE, TEN, attempt)
    assert not is_unreachable(EIGHT, NINE, attempt)
    assert not is_unreachable(TEN, TEN + HOUR, attempt)
    assert not is_unreachable(NINE, TEN, replace(attempt, code=0))
    assert not is_unreachable(NINE, TEN, replace(attempt, code=-1))
    assert not is_unreachable(NINE, TEN, None)
    assert due(JOB, NINE + GRACE).slots == [DueTime(NINE)]


def test_of_a_frequent_job_all_attempts_since_then_have_failed() -> None:
    attempt = FailedAttempt(NINE + 10 * MINUTE, 14, since=NINE + 3 * MINUTE)
    found = [is_unreachable(at, at + MINUTE, attempt) for at in (NINE + n * MINUTE for n in range(12))]
    assert found == [*[False] * 3, *[True] * 8, False]
