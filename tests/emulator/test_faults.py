"""Calls that go wrong on demand."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest

from scheduled_jobs.emulator.faults import Call, Faults
from scheduled_jobs.emulator.store import Store, StoreError
from tests.emulator.jobs import PARENT, Clock, http_job, name_of

NAME = name_of("report")


def exists(store: Store) -> bool:
    return bool(store.list_jobs(PARENT)[0])


def test_every_call_is_recorded_in_order_refused_ones_too(store: Store) -> None:
    store.create_job(PARENT, http_job())
    store.create_job(PARENT, http_job(""))
    with pytest.raises(StoreError):
        store.get_job("nonsense")
    store.list_jobs(PARENT)
    assert store.faults.calls == [
        ("CreateJob", NAME),
        ("CreateJob", PARENT),
        ("GetJob", "nonsense"),
        ("ListJobs", PARENT),
    ]
    assert store.faults.calls[0] == Call(method="CreateJob", name=NAME)


def test_nothing_is_recorded_where_nobody_reads_it(clock: Clock) -> None:
    store = Store(clock, faults=Faults(record=False))
    store.create_job(PARENT, http_job())
    assert store.faults.calls == []


def test_a_refused_call_does_nothing_and_the_next_one_works(store: Store) -> None:
    store.faults.refuse("CreateJob", "UNAVAILABLE", "try later")
    with pytest.raises(StoreError, match=r"^UNAVAILABLE: try later$"):
        store.create_job(PARENT, http_job())
    assert not exists(store)
    store.create_job(PARENT, http_job())
    assert exists(store)


def test_a_lost_answer_is_a_call_that_was_carried_out(store: Store) -> None:
    store.faults.lose_answer("CreateJob")
    with pytest.raises(StoreError, match="DEADLINE_EXCEEDED: The answer was lost"):
        store.create_job(PARENT, http_job())
    assert exists(store)


def test_a_fault_can_be_meant_for_one_job_and_for_several_calls(store: Store) -> None:
    store.create_job(PARENT, http_job())
    store.create_job(PARENT, http_job("other"))
    store.faults.refuse("GetJob", "UNAVAILABLE", name=NAME, times=2)
    store.get_job(name_of("other"))
    for _ in range(2):
        with pytest.raises(StoreError, match="UNAVAILABLE"):
            store.get_job(NAME)
    store.get_job(NAME)


def test_an_interceptor_sees_each_call_before_and_after(clock: Clock) -> None:
    seen: list[tuple[str, str, str]] = []
    store = Store(clock, faults=Faults(intercept=lambda *call: seen.append(call)))
    store.create_job(PARENT, http_job())
    with pytest.raises(StoreError):
        store.create_job(PARENT, http_job())
    assert seen == [
        ("CreateJob", NAME, "before"),
        ("CreateJob", NAME, "after"),
        ("CreateJob", NAME, "before"),
    ]


def test_latency_is_what_a_call_takes(clock: Clock) -> None:
    store = Store(clock, faults=Faults(latency=0.05))
    started = time.monotonic()
    store.list_jobs(PARENT)
    assert time.monotonic() - started >= 0.05


def test_calls_wait_side_by_side_until_the_store_is_closed(clock: Clock) -> None:
    store = Store(clock, faults=Faults(latency=3600))
    threads = [threading.Thread(target=store.list_jobs, args=(PARENT,)) for _ in range(10)]
    for thread in threads:
        thread.start()
    while len(store.faults.calls) < 10:
        time.sleep(0.001)
    assert all(thread.is_alive() for thread in threads)
    store.close()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_writes_beyond_the_quota_are_refused_for_a_minute(clock: Clock) -> None:
    store = Store(clock, faults=Faults(writes_per_minute=2))
    store.create_job(PARENT, http_job())
    clock.now += timedelta(seconds=30)
    store.run_job(NAME)
    with pytest.raises(StoreError) as error:
        store.pause_job(NAME)
    assert error.value.code == "RESOURCE_EXHAUSTED"
    assert error.value.message == (
        "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per minute' of service "
        "'cloudscheduler.googleapis.com' for consumer 'projects/shop'."
    )
    store.get_job(NAME)
    clock.now += timedelta(seconds=30)
    store.pause_job(NAME)
    with pytest.raises(StoreError, match="RESOURCE_EXHAUSTED"):
        store.resume_job(NAME)


def test_the_quota_is_counted_for_each_project(clock: Clock) -> None:
    store = Store(clock, faults=Faults(writes_per_minute=1))
    store.create_job(PARENT, http_job())
    assert store.create_job("projects/other/locations/x", http_job("")).name.startswith("projects/other/")


def test_a_change_right_after_another_is_aborted(clock: Clock) -> None:
    store = Store(clock, faults=Faults(settle=1))
    store.create_job(PARENT, http_job())
    store.create_job(PARENT, http_job("other"))
    store.pause_job(NAME)
    with pytest.raises(StoreError) as error:
        store.delete_job(NAME)
    assert (error.value.code, error.value.message) == ("ABORTED", "sync mutate calls cannot be queued")
    assert error.value.resource == NAME
    store.delete_job(name_of("other"))
    store.run_job(NAME)
    clock.now += timedelta(seconds=1)
    store.delete_job(NAME)


def test_two_changes_of_one_job_at_once_abort_the_second(clock: Clock) -> None:
    faults = Faults(settle=1)
    with faults.around("UpdateJob", NAME, clock):
        clock.now += timedelta(minutes=5)
        with pytest.raises(StoreError, match="ABORTED"), faults.around("PauseJob", NAME, clock):
            pytest.fail("the update was still under way")
