"""What is sent when, on a clock that the test moves."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.emulator.delivery import Delivery, Outcome, Unanswered
from scheduled_jobs.emulator.dispatcher import Dispatcher
from tests.emulator.jobs import PARENT, Clock, http_job, name_of, utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduled_jobs.emulator.messages import JobMessage
    from scheduled_jobs.emulator.store import Store

NAME = name_of("report")
MINUTELY = "* * * * *"


@pytest.fixture
def dispatcher(store: Store) -> Dispatcher:
    return Dispatcher(store)


class Target:
    """Answers what it is told, and keeps what it received and when."""

    def __init__(self, clock: Clock, answer: Outcome | Callable[[Delivery], Outcome] = 200) -> None:
        self.clock = clock
        self.answer = answer
        self.received: list[tuple[datetime, Delivery]] = []

    def __call__(self, delivery: Delivery) -> Outcome:
        self.received.append((self.clock.now, delivery))
        return self.answer(delivery) if callable(self.answer) else self.answer

    def times(self) -> list[str]:
        return [at.strftime("%H:%M:%S") for at, _ in self.received]


def create(store: Store, schedule: str = MINUTELY, job_id: str = "report", **fields: Any) -> JobMessage:
    return store.create_job(PARENT, http_job(job_id, schedule, **fields))


def schedule_time(store: Store) -> datetime:
    time: datetime = store.get_job(NAME).schedule_time.ToDatetime(tzinfo=UTC)
    return time


def test_a_job_fires_at_each_of_its_slots_and_announces_it(
    store: Store, dispatcher: Dispatcher, clock: Clock
) -> None:
    create(store)
    target = Target(clock)
    dispatcher.run_until(utc(2026, 10, 5, 12, 3), target, clock.move_to)
    assert target.times() == ["12:01:00", "12:02:00", "12:03:00"]
    first = target.received[0][1]
    assert (first.schedule_time, first.forced, first.attempt) == (utc(2026, 10, 5, 12, 1), False, 1)
    assert first.headers["X-CloudScheduler-ScheduleTime"] == "2026-10-05T05:01:00-07:00"
    assert clock.now == utc(2026, 10, 5, 12, 3)


def test_nothing_is_due_before_its_time(store: Store, dispatcher: Dispatcher, clock: Clock) -> None:
    create(store)
    assert dispatcher.next_time() == utc(2026, 10, 5, 12, 1)
    assert dispatcher.step(clock.now) == []
    assert len(dispatcher.step(utc(2026, 10, 5, 12, 1))) == 1
    assert dispatcher.step(utc(2026, 10, 5, 12, 1)) == []


def test_an_empty_store_has_no_next_time(dispatcher: Dispatcher) -> None:
    assert dispatcher.next_time() is None


def test_an_attempt_shows_in_the_job(store: Store, dispatcher: Dispatcher, clock: Clock) -> None:
    create(store)
    clock.now = utc(2026, 10, 5, 12, 1)
    (delivery,) = dispatcher.step(clock.now)
    running = store.get_job(NAME)
    assert running.last_attempt_time.ToDatetime(tzinfo=UTC) == clock.now
    assert running.status.code == -1
    dispatcher.finish(delivery, 500, clock.now)
    assert store.get_job(NAME).status.code == 13
    dispatcher.run_until(utc(2026, 10, 5, 12, 2), lambda _: 200, clock.move_to)
    done = store.get_job(NAME)
    assert done.HasField("status")
    assert done.status.code == 0
    assert schedule_time(store) == utc(2026, 10, 5, 12, 3)


def test_a_failed_attempt_is_retried_with_the_same_schedule_time(
    store: Store, dispatcher: Dispatcher, clock: Clock
) -> None:
    create(store, "0 13 * * *", retry_config={"retry_count": 2})
    target = Target(clock, 500)
    dispatcher.run_until(utc(2026, 10, 5, 14), target, clock.move_to)
    assert target.times() == ["13:00:00", "13:00:05", "13:00:15"]
    assert {delivery.schedule_time for _, delivery in target.received} == {utc(2026, 10, 5, 13)}
    assert [delivery.attempt for _, delivery in target.received] == [1, 2, 3]


def test_a_success_ends_the_retries(store: Store, dispatcher: Dispatcher, clock: Clock) -> None:
    create(store, "0 13 * * *", retry_config={"retry_count": 5})
    target = Target(clock, lambda delivery: 500 if delivery.attempt == 1 else 204)
    dispatcher.run_until(utc(2026, 10, 5, 14), target, clock.move_to)
    assert target.times() == ["13:00:00", "13:00:05"]
    assert store.get_job(NAME).status.code == 0


def test_the_schedule_time_of_a_waiting_job_is_its_retry(
    store: Store, dispatcher: Dispatcher, clock: Clock
) -> None:
    create(store, "0 13 * * *", retry_config={"retry_count": 1})
    dispatcher.run_until(utc(2026, 10, 5, 13), lambda _: 500, clock.move_to)
    assert schedule_time(store) == utc(2026, 10, 5, 13, 0, 5)
    dispatcher.run_until(utc(2026, 10, 5, 13, 1), lambda _: 500, clock.move_to)
    assert schedule_time(store) == utc(2026, 10, 6, 13)


def test_retries_stop_at_the_next_slot(store: Store, dispatcher: Dispatcher, clock: Clock) -> None:
    create(store, retry_config={"retry_count": 5, "min_backoff_duration": {"seconds": 20}})
    target = Target(clock, 500)
    dispatcher.run_until(utc(2026, 10, 5, 12, 2, 30), target, clock.move_to)
    assert target.times() == ["12:01:00", "12:01:20", "12:02:00", "12:02:20"]
    assert [delivery.attempt for _, delivery in target.received] == [1, 2, 1, 2]


def test_a_natural_start_inside_a_running_one_is_skipped(
    store: Store, dispatcher: Dispatcher, clock: Clock
) -> None:
    create(store)
    clock.now = utc(2026, 10, 5, 12, 1)
    (running,) = dispatcher.step(clock.now)
    assert dispatcher.step(utc(2026, 10, 5, 12, 2)) == []
    dispatcher.finish(running, 200, utc(2026, 10, 5, 12, 2, 40))
    (after,) = dispatcher.step(utc(2026, 10, 5, 12, 3))
    assert after.schedule_time == utc(2026, 10, 5, 12, 3)


def test_a_forced_run_starts_at_once_and_announces_the_next_slot(
    store: Store, dispatcher: Dispatcher, clock: Clock
) -> None:
    create(store, "0 0 1 1 *")
    store.run_job(NAME)
    assert dispatcher.next_time() == clock.now
    (forced,) = dispatcher.step(clock.now)
    assert forced.forced
    assert forced.headers["X-CloudScheduler-ScheduleTime"] == "2026-12-31T16:00:00-08:00"
    assert schedule_time(store) == utc(2027, 1, 1)


def test_each_forced_run_is_one_more_request(store: Store, dispatcher: Dispatcher, clock: Clock) -> None:
    create(store)
    store.run_job(NAME)
    store.run_job(NAME)
    target = Target(clock)
    dispatcher.run_until(utc(2026, 10, 5, 12, 1), target, clock.move_to)
    assert target.times() == ["12:00:30", "12:00:30", "12:01:00"]
    assert {d.headers["X-CloudScheduler-ScheduleTime"] for _, d in target.received} == {
        "2026-10-05T05:01:00-07:00"
    }


def test_a_forced_run_may_start_inside_a_running_one(
    store: Store, dispatcher: Dispatcher, clock: Clock
) -> None:
    create(store)
    clock.now = utc(2026, 10, 5, 12, 1)
    (natural,) = dispatcher.step(clock.now)
    store.run_job(NAME)
    (forced,) = dispatcher.step(clock.now)
    dispatcher.finish(natural, 200, clock.now)
    assert dispatcher.step(utc(2026, 10, 5, 12, 2)) == [], "the forced run is still going"
    dispatcher.finish(forced, 200, clock.now)
    assert len(dispatcher.step(utc(2026, 10, 5, 12, 3))) == 1


def test_a_forced_run_is_retried_until_the_next_slot(
    store: Store, dispatcher: Dispatcher, clock: Clock
) -> None:
    create(store, retry_config={"retry_count": 5, "min_backoff_duration": {"seconds": 10}})
    store.run_job(NAME)
    target = Target(clock, 500)
    dispatcher.run_until(utc(2026, 10, 5, 12, 1), target, clock.move_to)
    assert target.times() == ["12:00:30", "12:00:40", "12:01:00"]
    assert [delivery.forced for _, delivery in target.received] == [True, True, False]


def test_a_paused_job_fires_only_when_forced(store: Store, dispatcher: Dispatcher, clock: Clock) -> None:
    create(store)
    store.pause_job(NAME)
    target = Target(clock)
    dispatcher.run_until(utc(2026, 10, 5, 12, 5), target, clock.move_to)
    assert target.received == []
    store.run_job(NAME)
    (forced,) = dispatcher.step(clock.now)
    assert forced.schedule_time == utc(2026, 10, 5, 12, 6)
    dispatcher.finish(forced, 200, clock.now)
    assert not store.get_job(NAME).HasField("schedule_time")


@pytest.mark.parametrize("call", ["pause_job", "delete_job"])
def test_a_pause_or_a_deletion_ends_the_retries(
    store: Store, dispatcher: Dispatcher, clock: Clock, call: str
) -> None:
    create(store, "0 13 * * *", retry_config={"retry_count": 5})
    dispatcher.run_until(utc(2026, 10, 5, 13), lambda _: 500, clock.move_to)
    getattr(store, call)(NAME)
    target = Target(clock)
    dispatcher.run_until(utc(2026, 10, 5, 14), target, clock.move_to)
    assert target.received == []


def test_an_attempt_that_fails_after_a_pause_is_not_retried(
    store: Store, dispatcher: Dispatcher, clock: Clock
) -> None:
    create(store, "0 13 * * *", retry_config={"retry_count": 5})
    clock.now = utc(2026, 10, 5, 13)
    (delivery,) = dispatcher.step(clock.now)
    store.pause_job(NAME)
    dispatcher.finish(delivery, Unanswered.DEADLINE, clock.now)
    assert store.get_job(NAME).status.code == 4
    assert dispatcher.next_time() is None


def test_a_job_deleted_after_run_is_not_sent(store: Store, dispatcher: Dispatcher, clock: Clock) -> None:
    create(store)
    store.run_job(NAME)
    store.delete_job(NAME)
    assert dispatcher.step(clock.now) == []


def test_an_update_during_the_retries_changes_the_next_attempt(
    store: Store, dispatcher: Dispatcher, clock: Clock
) -> None:
    create(store, "0 13 * * *", retry_config={"retry_count": 5})
    dispatcher.run_until(utc(2026, 10, 5, 13), lambda _: 500, clock.move_to)
    store.update_job(http_job(http_target={"uri": "https://new.example/"}), ["http_target"])
    target = Target(clock)
    dispatcher.run_until(utc(2026, 10, 5, 14), target, clock.move_to)
    assert [(d.uri, d.attempt) for _, d in target.received] == [("https://new.example/", 2)]


def test_a_drifting_interval_keeps_its_phase(store: Store, dispatcher: Dispatcher, clock: Clock) -> None:
    create(store, "every 5 minutes")
    first = utc(2026, 10, 5, 12, 5, 1).replace(microsecond=416_739)
    (delivery,) = dispatcher.step(first)
    assert delivery.headers["X-CloudScheduler-ScheduleTime"] == "2026-10-05T05:05:00-07:00"
    dispatcher.finish(delivery, 200, first)
    (delivery,) = dispatcher.step(first + timedelta(minutes=5, seconds=2))
    assert delivery.headers["X-CloudScheduler-ScheduleTime"] == "2026-10-05T05:10:01.416739-07:00"
    assert schedule_time(store) == first + timedelta(minutes=10)


def test_a_forced_run_of_an_interval_announces_its_fraction(
    store: Store, dispatcher: Dispatcher, clock: Clock
) -> None:
    create(store, "every 1 minutes")
    clock.now = utc(2026, 10, 5, 12, 1, 1).replace(microsecond=416_739)
    (natural,) = dispatcher.step(clock.now)
    dispatcher.finish(natural, 200, clock.now)
    clock.now += timedelta(seconds=30)
    store.run_job(NAME)
    (forced,) = dispatcher.step(clock.now)
    assert forced.headers["X-CloudScheduler-ScheduleTime"] == "2026-10-05T05:02:01.416739-07:00"
    dispatcher.finish(forced, 200, clock.now)
    (natural,) = dispatcher.step(clock.now + timedelta(seconds=30))
    assert natural.headers["X-CloudScheduler-ScheduleTime"] == "2026-10-05T05:02:01.416739-07:00"
    assert not natural.forced


def test_the_window_is_counted_from_the_first_attempt(
    store: Store, dispatcher: Dispatcher, clock: Clock
) -> None:
    window = {
        "max_retry_duration": {"seconds": 30},
        "min_backoff_duration": {"seconds": 4},
        "max_backoff_duration": {"seconds": 10},
    }
    create(store, "0 13 * * *", retry_config=window)
    target = Target(clock, 500)
    dispatcher.run_until(utc(2026, 10, 5, 14), target, clock.move_to)
    assert target.times() == ["13:00:00", "13:00:04", "13:00:12", "13:00:22"]


def test_the_clock_is_never_moved_back_to_a_slot_that_is_overdue(
    store: Store, dispatcher: Dispatcher, clock: Clock
) -> None:
    create(store)
    clock.now = utc(2026, 10, 5, 12, 1, 20)
    target = Target(clock)
    dispatcher.run_until(utc(2026, 10, 5, 12, 2), target, clock.move_to)
    assert target.times() == ["12:01:20", "12:02:00"]


def test_a_leap_of_the_clock_sends_the_missed_slot_once(store: Store, dispatcher: Dispatcher) -> None:
    create(store)
    (delivery,) = dispatcher.step(utc(2026, 10, 5, 15, 0, 20))
    assert delivery.schedule_time == utc(2026, 10, 5, 12, 1)
    assert dispatcher.next_time() == utc(2026, 10, 5, 15, 1)


def test_a_limit_leaves_the_rest_for_the_next_step(store: Store, dispatcher: Dispatcher) -> None:
    for number in range(5):
        create(store, job_id=f"job-{number}")
    now = utc(2026, 10, 5, 12, 1)
    sizes = [len(dispatcher.step(now, 2)) for _ in range(4)]
    assert sizes == [2, 2, 1, 0]


@pytest.mark.parametrize(
    "fields",
    [
        {"pubsub_target": {"topic_name": "projects/shop/topics/orders", "data": b"x"}},
        {"app_engine_http_target": {"relative_uri": "/"}},
        {
            "http_target": {
                "uri": "https://storage.googleapis.com/b",
                "oauth_token": {"service_account_email": "a@b.example"},
            }
        },
    ],
)
def test_a_target_of_another_kind_shows_as_unimplemented(
    store: Store,
    dispatcher: Dispatcher,
    clock: Clock,
    fields: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    create(store, **{"http_target": None, **fields})
    with caplog.at_level(logging.WARNING, "scheduled_jobs.emulator"):
        assert dispatcher.step(utc(2026, 10, 5, 12, 1)) == []
    assert store.get_job(NAME).status.code == 12
    assert caplog.messages == [f"{NAME} is not sent: the emulator sends to HTTP targets only"]


def test_a_target_may_pause_its_own_job(store: Store, dispatcher: Dispatcher, clock: Clock) -> None:
    create(store)

    def pause(_: Delivery) -> Outcome:
        store.pause_job(NAME)
        return 200

    target = Target(clock, pause)
    dispatcher.run_until(utc(2026, 10, 5, 12, 5), target, clock.move_to)
    assert target.times() == ["12:01:00"]
