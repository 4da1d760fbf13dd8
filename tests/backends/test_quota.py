"""The quota is never exceeded, free places are used at once, and only Google has one."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from django.test import override_settings

from scheduled_jobs.backends.base import WriteLimit
from scheduled_jobs.domain.jobs import JobSpec
from scheduled_jobs.exceptions import OutOfTime
from scheduled_jobs.services.scheduling.client import Client

if TYPE_CHECKING:
    from scheduled_jobs.backends.cloud_scheduler import CloudSchedulerBackend
    from scheduled_jobs.backends.memory import MemoryBackend
    from tests.backends.server import Server

FOREVER = float("inf")
JOB = JobSpec("plain", "* * * * *", "UTC", "https://shop.example.com")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


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


def test_the_451st_write_to_google_waits_for_its_minute(
    server: Server, backend: CloudSchedulerBackend
) -> None:
    for _ in range(450):
        Client(FOREVER, backend).update(JOB, ["schedule"])
    assert len(server.calls) == 450

    with pytest.raises(OutOfTime, match="the limit of 450 writes a minute is used up"):
        Client(time.monotonic() + 30, backend).update(JOB, ["schedule"])
    assert len(server.calls) == 450

    Client(time.monotonic() + 30, backend).get(backend.remote_name("plain"))
    assert server.calls[450:] == ["GetJob"]


def test_each_backend_of_google_has_a_quota_of_its_own(backend: CloudSchedulerBackend) -> None:
    other = type(backend)()
    with backend.quota.place(FOREVER):
        assert (backend.quota.free(), other.quota.free()) == (449, 450)


def test_writes_to_memory_are_not_counted(google: MemoryBackend) -> None:
    google.create(JOB, timeout=1)
    for _ in range(1000):
        Client(time.monotonic() + 30, google).update(JOB, ["schedule"])
    assert len(google.store.faults.calls) == 1001
    assert google.quota.free() is None
