"""What Google's last attempt says, and that nobody is accused of it who has answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from google.rpc import code_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduled_jobs.domain.attempts import (
    MEANINGS,
    NEVER,
    OK,
    SKEW,
    Known,
    LastAttempt,
    code_meaning,
    earliest,
    stands,
)
from scheduled_jobs.domain.schedules import Schedule
from scheduled_jobs.emulator.delivery import CODES

UNAVAILABLE, INTERNAL = 14, 13
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
LONG_AGO = NINE - timedelta(days=30)
DEADLINE = 3 * MINUTE
HOURLY = Schedule.parse("0 * * * *")
EVERY_MINUTE = Schedule.parse("* * * * *")


def since(
    code: int,
    seen_after: timedelta,
    *,
    schedule: Schedule | None = HOURLY,
    address_since: datetime = LONG_AGO,
    fires_since: datetime = LONG_AGO,
    is_first: bool = False,
) -> datetime | None:
    """``earliest`` of an attempt at nine."""
    attempt = LastAttempt(NINE, code, NINE + seen_after, DEADLINE)
    return earliest(
        attempt,
        address_since=address_since,
        is_first=is_first,
        schedule=schedule,
        fires_since=fires_since,
    )


# --- The table of codes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "known", "told"),
    [
        (-1, "recorded", "has not ended yet"),
        (0, "recorded", "got a success (2xx)"),
        (13, "recorded", "was answered 500"),
        (4, "recorded", "got no answer in time"),
        (7, "reported", "was refused (403, as others report)"),
        (16, "assumed", "was probably answered 401"),
        (5, "assumed", "was probably answered 404"),
        (14, "assumed", "got no usable answer"),
        (3, "assumed", "was probably answered 400"),
        (8, "assumed", "was probably answered 429"),
        (2, "assumed", "got an answer for which it has no code"),
    ],
)
def test_each_code_says_how_surely_it_is_known(code: int, known: str, told: str) -> None:
    meaning = code_meaning(code)
    assert (meaning.known, meaning.told) == (known, told)
    assert meaning.remedy or code == NEVER


def test_a_status_of_http_is_assumed_with_a_word_of_doubt() -> None:
    for meaning in MEANINGS.values():
        if meaning.known == Known.ASSUMED and any(status in meaning.told for status in ("40", "42")):
            assert "probably" in meaning.told


def test_the_names_are_those_of_google_rpc() -> None:
    named = {code: code_meaning(code).name for code in range(17)}
    assert named == {code: code_pb2.Code.Name(code) for code in named}


def test_the_statuses_are_those_of_the_emulator() -> None:
    told = {status: MEANINGS[code].told for status, code in CODES.items() if code in MEANINGS}
    assert all(str(status) in told[status] for status in (400, 401, 403, 404, 429, 500))


def test_a_code_that_nobody_has_met_is_told_by_its_number() -> None:
    assert (code_meaning(99).told, code_meaning(99).remedy) == ("failed with code 99", "")


# --- Which attempts may be judged -----------------------------------------------------------------------


def test_an_attempt_past_its_deadline_is_the_one_told_of() -> None:
    assert since(UNAVAILABLE, DEADLINE, schedule=None) is None
    assert since(UNAVAILABLE, DEADLINE + SECOND) == NINE


def test_a_success_is_doubted_a_minute_later() -> None:
    assert since(OK, DEADLINE + SKEW, schedule=None) is None
    assert since(OK, DEADLINE + SKEW + SECOND) == NINE


def test_nothing_is_said_of_a_job_never_tried() -> None:
    assert since(NEVER, HOUR) is None


def test_what_was_met_at_another_address_says_nothing() -> None:
    assert since(UNAVAILABLE, HOUR, address_since=NINE) is None
    assert since(UNAVAILABLE, HOUR, address_since=NINE - SKEW) is None
    assert since(UNAVAILABLE, HOUR, address_since=NINE - SKEW - SECOND) == NINE


def test_a_young_attempt_of_an_hourly_job_may_be_ours() -> None:
    # The code may be that of eight o'clock, which may have arrived.
    found = since(INTERNAL, 10 * SECOND)
    assert found == NINE - HOUR - DEADLINE
    assert not stands(found, NINE - HOUR)
    assert stands(found, NINE - 2 * HOUR)


def test_what_a_new_schedule_had_not_fired_yet_is_not_missed() -> None:
    """Nor what came in a pause: the code is that of an attempt before, which may have arrived."""
    assert since(OK, 20 * SECOND, fires_since=NINE - SKEW) is None
    assert since(OK, 20 * SECOND, fires_since=NINE - SKEW, is_first=True) == LONG_AGO


def test_the_job_of_every_minute_is_judged_though_always_young() -> None:
    found = since(UNAVAILABLE, 16 * SECOND, schedule=EVERY_MINUTE)
    assert found == NINE - 7 * MINUTE
    assert stands(found, NINE - 20 * MINUTE)
    assert not stands(found, NINE - 7 * MINUTE)


def test_an_interval_of_minutes_is_judged_too() -> None:
    found = since(UNAVAILABLE, SECOND, schedule=Schedule.parse("every 2 minutes"))
    assert found == NINE + SECOND - 9 * MINUTE


def test_a_young_attempt_without_a_known_schedule_is_not_judged() -> None:
    assert since(UNAVAILABLE, SECOND, schedule=None) is None


def test_a_new_job_is_judged_from_its_first_attempts_on() -> None:
    made = NINE - 2 * MINUTE
    found = since(UNAVAILABLE, SECOND, address_since=made, is_first=True)
    assert (found, stands(found, None), stands(found, made)) == (made, True, False)
    assert since(UNAVAILABLE, SECOND, address_since=made) is None


@pytest.mark.parametrize(
    ("delivered", "accused"),
    [
        (None, True),
        (NINE - SKEW - SECOND, True),
        (NINE - SKEW, False),
        (NINE, False),
        (NINE + HOUR, False),
    ],
)
def test_a_delivery_a_minute_before_or_later_may_be_it(delivered: datetime | None, *, accused: bool) -> None:
    assert stands(NINE, delivered) is accused


def test_nothing_stands_where_nothing_may_be_said() -> None:
    assert not stands(None, None)


# --- Against made-up histories ----------------------------------------------------------------------------


@dataclass
class Tried:
    """One attempt of a made-up history, in seconds; ``arrived`` is None where it never reached this app.

    ``arrived`` and ``run_ended`` are told by the clock of this app, which is ``ahead`` of the true time.
    """

    began: float
    ended: float
    code: int
    arrived: float | None
    run_ended: float
    ahead: float = 0.0

    def is_going_on(self, true_time: float) -> bool:
        return self.arrived is not None and self.arrived <= true_time + self.ahead < self.run_ended

    def is_recorded(self, true_time: float) -> bool:
        return self.arrived is not None and self.run_ended <= true_time + self.ahead


@st.composite
def histories(draw: st.DrawFn) -> tuple[int, int, int, list[Tried]]:
    """Period, deadline, the time from which Google has our address, and what it tried."""
    period = draw(st.sampled_from([60, 120, 300, 3600]))
    deadline = draw(st.sampled_from([15, 60, 180, 600]))
    moved = draw(st.integers(-period, 6 * period))
    found: list[Tried] = []
    free = 0.0
    for slot in range(0, 14 * period, period):
        if slot < free:  # recorded: a natural start never falls inside an attempt
            continue
        began = slot + draw(st.floats(0, 5))
        took = draw(st.sampled_from([0.1, 1.0, deadline / 2, float(deadline)]))
        ended = began + took
        code = draw(st.sampled_from([OK, INTERNAL, UNAVAILABLE])) if took < deadline else 4
        arrived, run_ended, skew = None, None, 0.0
        if began > moved and draw(st.booleans()):
            skew = draw(st.floats(-5, 5))
            arrived = began + draw(st.floats(0, 1)) * took + skew
            run_ended = ended + skew + (0 if took < deadline else draw(st.integers(0, 1000)))
        found.append(Tried(began, ended, code, arrived, run_ended or ended, skew))
        free = ended
    return period, deadline, moved, found


def at(seconds: float) -> datetime:
    return NINE + timedelta(seconds=seconds)


def judged(history: tuple[int, int, int, list[Tried]], look: float) -> tuple[datetime | None, Tried | None]:
    """What a look says, and the attempt of which it speaks."""
    period, deadline, moved, tried = history
    begun = [one for one in tried if one.began <= look]
    over = [one for one in begun if one.ended <= look]
    if not begun:
        return None, None
    last = max(over, key=lambda one: one.ended, default=None)
    attempt = LastAttempt(
        at(begun[-1].began), last.code if last else NEVER, at(look), timedelta(seconds=deadline)
    )
    found = earliest(
        attempt,
        address_since=at(moved),
        is_first=all(one.began > moved for one in tried),
        schedule=Schedule.parse(f"*/{period // 60} * * * *" if period < 3600 else "0 * * * *"),
        fires_since=LONG_AGO,
    )
    return found, last


@settings(max_examples=400)
@given(histories(), st.data())
def test_nobody_who_has_answered_is_accused(
    history: tuple[int, int, int, list[Tried]], data: st.DataObject
) -> None:
    period, _, moved, tried = history
    look = data.draw(st.floats(0, 15 * period))
    read = look + data.draw(st.sampled_from([0, 1, 30, 3600]))
    found, last = judged(history, look)
    if any(one.is_going_on(read) for one in tried):
        return  # a run is going on, which is told instead
    arrivals = [one.arrived for one in tried if one.is_recorded(read) and one.arrived is not None]
    if stands(found, at(max(arrivals)) if arrivals else None):
        assert last is not None
        assert last.arrived is None
        assert last.began > moved


@settings(max_examples=200)
@given(histories())
def test_an_app_that_is_never_reached_is_told_in_the_end(
    history: tuple[int, int, int, list[Tried]],
) -> None:
    period, deadline, moved, tried = history
    for one in tried:
        one.arrived = None
    end = tried[-1].began + 1
    if end - moved > 3 * (period + deadline) + 180:
        found, _ = judged(history, max(end, tried[-1].ended))
        if period <= 2 * deadline:
            assert stands(found, None)
        later, _ = judged(history, end + deadline + 61)
        assert stands(later, None)
