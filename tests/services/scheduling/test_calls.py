"""The quota is never exceeded, and free places are used at once."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from django.test import override_settings

from scheduled_jobs.exceptions import Aborted, NotFound, OutcomeUnknown
from scheduled_jobs.services.scheduling import calls
from scheduled_jobs.services.scheduling.calls import Calls, OutOfTime, WriteLimit

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

FOREVER = float("inf")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


@override_settings(DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=3)
def test_all_free_places_are_given_at_once_and_then_none() -> None:
    clock = Clock()
    limit = WriteLimit(clock)
    for _ in range(3):
        with limit.place(FOREVER):
            pass
    assert limit.free() == 0
    with pytest.raises(OutOfTime, match="the limit of 3 writes a minute is used up"), limit.place(59.0):
        pass


@override_settings(DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=1)
def test_a_place_is_free_again_a_minute_after_its_call_ended() -> None:
    clock = Clock()
    limit = WriteLimit(clock)
    with limit.place(FOREVER):
        clock.now = 10.0
    clock.now = 69.9
    assert limit.free() == 0
    clock.now = 70.0
    assert limit.free() == 1
    with limit.place(FOREVER):
        pass


@override_settings(DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=None)
def test_without_a_limit_nothing_is_counted() -> None:
    limit = WriteLimit()
    for _ in range(1000):
        with limit.place(0.0):
            pass
    assert limit.free() is None


@override_settings(DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=2)
def test_calls_in_flight_take_places_too() -> None:
    limit = WriteLimit()
    entered = threading.Event()
    leave = threading.Event()

    def hold() -> None:
        with limit.place(FOREVER):
            entered.set()
            leave.wait(5)

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait(5)
    assert limit.free() == 1
    leave.set()
    thread.join()


@override_settings(DJANGO_CLOUD_TASKS_RPC_TIMEOUT=1.0)
def test_what_nobody_answers_is_tried_again_within_the_time_of_one_call(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(calls, "time", SimpleNamespace(monotonic=clock, sleep=clock.wait))
    google.store.faults.refuse("GetJob", "UNAVAILABLE", "try later", times=99)
    with pytest.raises(OutcomeUnknown):
        Calls(60, google).get(google.remote_name("x"))
    assert 2 <= len(google.store.faults.calls) <= 5
    assert 0 < clock.now < 1


def test_a_refusal_is_not_tried_again(google: MemoryBackend) -> None:
    with pytest.raises(NotFound):
        Calls(time.monotonic() + 60, google).delete(google.remote_name("x"))
    assert len(google.store.faults.calls) == 1


@pytest.mark.usefixtures("no_backoff")
def test_an_aborted_call_is_given_up_after_five_tries(google: MemoryBackend) -> None:
    google.store.faults.refuse("DeleteJob", "ABORTED", "sync mutate calls cannot be queued", times=99)
    with pytest.raises(Aborted):
        Calls(time.monotonic() + 60, google).delete(google.remote_name("x"))
    assert len(google.store.faults.calls) == 5


def test_when_time_is_up_nothing_is_sent(google: MemoryBackend) -> None:
    with pytest.raises(OutOfTime):
        Calls(time.monotonic() - 1, google).get(google.remote_name("x"))
    assert google.store.faults.calls == []
