"""When something is told, and that it is told once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.domain.alerts import (
    Decision,
    Dropped,
    Owed,
    OwedKind,
    ToldAlert,
    decide_alerts,
    in_messages,
    pauses_itself,
)
from scheduled_jobs.domain.jobs import RetryPolicy
from scheduled_jobs.domain.retries import last_retry_time

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 10, 23, 2, 4, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
COOLDOWN = 6 * HOUR


def decided(*owed: Owed, recent: Sequence[ToldAlert] = (), now: datetime = NOW) -> Decision:
    return decide_alerts(owed, recent, now, cooldown=COOLDOWN, again=MINUTE)


def failing(pk: int = 1, *, job: int = 1, cause: str = "KeyError", **values: Any) -> Owed:
    return Owed(pk, OwedKind.FAILING, job, cause, **values)


def told(
    *jobs: int, kind: OwedKind = OwedKind.FAILING, cause: str = "KeyError", ago: timedelta = HOUR, **more: Any
) -> ToldAlert:
    return ToldAlert(7, kind, cause, NOW - ago, frozenset(jobs), **more)


def told_now(decision: Decision) -> list[tuple[OwedKind, list[int]]]:
    return [(cause.kind, [one.pk for one in cause.owed]) for cause in decision.causes]


def test_a_failure_is_told_at_once() -> None:
    assert told_now(decided(failing())) == [(OwedKind.FAILING, [1])]


def test_jobs_with_one_error_are_told_together() -> None:
    decision = decided(failing(1, job=1), failing(2, job=2), failing(3, job=3, cause="ValueError"))
    assert told_now(decision) == [(OwedKind.FAILING, [1, 2]), (OwedKind.FAILING, [3])]


def test_of_more_than_ten_causes_one_message_tells() -> None:
    few = decided(*(failing(n, cause=f"Error{n}") for n in range(10))).causes
    assert in_messages(few) == [[cause] for cause in few]
    more = [failing(20 + job, job=job, cause="OSError") for job in range(2)]
    over = recovered(30, told=told(1, 2))
    many = decided(over, *(failing(n, cause=f"Error{n}") for n in range(9)), *more).causes
    (one,) = in_messages(many)
    assert [cause.owed[0].pk for cause in one] == [20, *range(9), 30]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"is_settled": True}, Dropped.SETTLED),
        ({"is_dealt_with": True}, Dropped.DEALT_WITH),
        ({"in_a_row": 2, "tolerance": 3}, Dropped.TOLERATED),
    ],
)
def test_what_needs_nobody_is_dropped(facts: dict[str, Any], why: Dropped) -> None:
    decision = decided(failing(**facts))
    assert (told_now(decision), decision.held, decision.dropped) == ([], {}, {1: why})


def test_a_task_is_told_of_when_its_tolerance_is_reached() -> None:
    assert told_now(decided(failing(in_a_row=3, tolerance=3))) == [(OwedKind.FAILING, [1])]


def test_a_cause_that_was_told_waits_for_the_cooldown() -> None:
    """The same error of another job too: it is the cause that was told."""
    decision = decided(failing(1, job=1), failing(2, job=2), recent=[told(1)])
    assert (told_now(decision), decision.held) == ([], {1: NOW + 5 * HOUR, 2: NOW + 5 * HOUR})
    assert told_now(decided(failing(), recent=[told(1, ago=COOLDOWN)])) == [(OwedKind.FAILING, [1])]


def test_another_cause_of_the_same_job_is_told_at_once() -> None:
    assert told_now(decided(failing(cause="ValueError"), recent=[told(1)])) == [(OwedKind.FAILING, [1])]


def test_what_was_missed_is_told_together_whatever_google_said() -> None:
    decision = decided(Owed(1, OwedKind.MISSED, 1, "missed"), Owed(2, OwedKind.MISSED, 2, "unreachable"))
    assert told_now(decision) == [(OwedKind.MISSED, [1, 2])]


def test_a_missed_run_of_another_job_is_told_unless_many_were() -> None:
    """Missed says how it ended and not why; of three jobs at once it is known that it is not theirs."""
    missed = Owed(1, OwedKind.MISSED, 9, "missed")
    one, many = (told(*jobs, kind=OwedKind.MISSED, cause="missed") for jobs in ((1,), (1, 2, 3)))
    assert told_now(decided(missed, recent=[one])) == [(OwedKind.MISSED, [1])]
    # When it is over for all of these, it is asked what else it has cost.
    assert decided(missed, recent=[replace(many, down=frozenset({2}))]).held == {1: NOW + MINUTE}
    assert told_now(decided(missed, recent=[many])) == [(OwedKind.MISSED, [1])]
    assert decided(missed, recent=[told(9, kind=OwedKind.MISSED, cause="missed")]).held == {1: NOW + 5 * HOUR}


def test_more_of_what_was_told_to_be_over_is_not_told() -> None:
    """Not even when the cooldown has ended: an outage of ten minutes is no news six hours later."""
    before = told(1, kind=OwedKind.MISSED, cause="missed", ago=COOLDOWN + HOUR)
    missed = Owed(1, OwedKind.MISSED, 1, "missed", since=before.at + HOUR, is_over=True)
    assert decided(missed, recent=[before]).dropped == {1: Dropped.OVER}
    for other in (
        replace(missed, is_over=False),
        replace(missed, since=before.at + COOLDOWN),
        replace(missed, job=2),
        replace(missed, kind=OwedKind.LOST, cause="lost"),
    ):
        assert told_now(decided(other, recent=[before])) == [(other.kind, [1])]


def test_a_lost_run_of_the_same_job_waits_for_the_cooldown() -> None:
    lost = Owed(1, OwedKind.LOST, 1, "lost")
    assert decided(lost, recent=[told(1, kind=OwedKind.LOST, cause="lost")]).held == {1: NOW + 5 * HOUR}
    assert told_now(decided(lost, recent=[told(1)])) == [(OwedKind.LOST, [1])]


def recovered(pk: int = 1, *, job: int = 1, **values: Any) -> Owed:
    return Owed(pk, OwedKind.RECOVERED, job, **values)


def test_a_recovery_is_told_where_the_trouble_was() -> None:
    assert told_now(decided(recovered(told=told(1)), recent=[told(1)])) == [(OwedKind.RECOVERED, [1])]
    assert decided(recovered()).dropped == {1: Dropped.NOTHING_TOLD}


def test_a_recovery_that_did_not_last_is_not_told() -> None:
    assert decided(recovered(told=told(1), in_a_row=0)).dropped == {1: Dropped.FAILED_AGAIN}


def test_a_recovery_waits_for_as_many_successes_as_wanted() -> None:
    assert decided(recovered(told=told(1), in_a_row=1, tolerance=2)).held == {1: NOW + MINUTE}
    assert told_now(decided(recovered(told=told(1), in_a_row=2, tolerance=2))) == [(OwedKind.RECOVERED, [1])]


def test_jobs_told_together_are_told_well_together() -> None:
    """While one of them fails the others wait, and no longer than the cooldown."""
    waiting = told(1, 2, down=frozenset({2}))
    assert decided(recovered(told=waiting)).held == {1: NOW + MINUTE}
    old = told(1, 2, down=frozenset({2}), ago=COOLDOWN)
    assert told_now(decided(recovered(told=old))) == [(OwedKind.RECOVERED, [1])]
    well = told(1, 2)
    both = decided(recovered(1, job=1, told=well), recovered(2, job=2, told=well))
    assert told_now(both) == [(OwedKind.RECOVERED, [1, 2])]


def test_a_job_is_paused_unless_three_share_the_cause() -> None:
    assert [pauses_itself(n, 5, 1) for n in (4, 5, 6)] == [False, True, True]
    assert [pauses_itself(5, 5, sharing) for sharing in (2, 3)] == [True, False]
    assert not pauses_itself(1_000, None, 1)


@pytest.mark.parametrize(
    ("policy", "attempts", "seconds"),
    [
        (RetryPolicy(), 1, None),
        (RetryPolicy(retry_count=5), 1, 5 + 10 + 20 + 40 + 80),
        (RetryPolicy(retry_count=5), 5, 80),
        (RetryPolicy(retry_count=5), 6, None),
        # A window alone: the try that begins past it is none.
        (RetryPolicy(max_retry_duration=timedelta(seconds=30)), 1, 5 + 10),
    ],
)
def test_the_last_try_is_known_from_the_first(
    policy: RetryPolicy, attempts: int, seconds: int | None
) -> None:
    at = last_retry_time(policy, attempts=attempts, first=NOW, ended=NOW, next_slot=None)
    assert at == (None if seconds is None else NOW + timedelta(seconds=seconds))


def test_google_tries_no_more_when_the_next_slot_comes() -> None:
    policy = RetryPolicy(retry_count=5)
    next_slot = NOW + timedelta(seconds=60)
    at = last_retry_time(policy, attempts=1, first=NOW, ended=NOW, next_slot=next_slot)
    assert at == NOW + timedelta(seconds=5 + 10 + 20)
