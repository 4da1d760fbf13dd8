"""With the quota on, many jobs are created without one refusal met, and none twice at once."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test import override_settings

from scheduled_jobs.backends import base as quota
from scheduled_jobs.backends.base import WriteLimit
from scheduled_jobs.emulator import faults
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling.sync import sync
from tests.support.declaring import declare, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.domain.jobs import JobSpec, LiveJob

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


@pytest.fixture
def _short_minutes(google: MemoryBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute lasts a second, for the service and for us, who keep to its quota."""
    monkeypatch.setattr(quota, "WINDOW", 1.0)
    google.quota = WriteLimit()
    monkeypatch.setattr(faults, "MINUTE", timedelta(seconds=1))


@pytest.mark.usefixtures("_short_minutes")
@override_settings(DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=450)
def test_fifteen_hundred_jobs_meet_no_refusal(google: MemoryBackend) -> None:
    google.store.faults.writes_per_minute = 500
    google.store.faults.latency = 0.001
    for n in range(1500):
        declare(f"Job{n}")
    output = schedule_tasks()
    assert output.code == 0
    assert output.totals == "1500 jobs: 1500 created, 0 updated, 0 deleted, 0 failed, 0 unchanged."
    made = [call.name for call in google.store.faults.calls if call.method == "CreateJob"]
    assert len(made) == len(set(made)) == 1500
    assert ScheduledJob.objects.filter(sync_state="synced").count() == 1500


@pytest.mark.usefixtures("_short_minutes")
@override_settings(DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=50)
def test_a_refusal_by_somebody_elses_writes_is_waited_out(google: MemoryBackend) -> None:
    google.store.faults.refuse("CreateJob", "RESOURCE_EXHAUSTED", "Quota exceeded", times=20)
    for n in range(20):
        declare(f"Job{n}")
    assert schedule_tasks().code == 0


@pytest.mark.usefixtures("_short_minutes")
@override_settings(DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=450)
def test_calls_that_are_made_again_are_counted_like_all_others(google: MemoryBackend) -> None:
    google.store.faults.writes_per_minute = 500
    for n in range(440):
        declare(f"Job{n}")
        if n % 3 == 0:
            google.store.faults.lose_answer("CreateJob", name=google.remote_name(f"shop-tasks-Job{n}"))
    refused = []

    def watch(method: str, name: str, phase: str) -> None:
        made = [call for call in google.store.faults.calls if call.method == "CreateJob"]
        if len(made) > 500 and time.monotonic() - begun < 1.0:
            refused.append(name)

    begun = time.monotonic()
    google.store.faults.intercept = watch
    output = schedule_tasks()
    assert output.totals == "440 jobs: 440 created, 0 updated, 0 deleted, 0 failed, 0 unchanged."
    assert refused == []


@pytest.mark.usefixtures("_short_minutes")
@override_settings(DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=450)
def test_a_quota_that_others_use_up_as_well_is_waited_for(google: MemoryBackend) -> None:
    google.store.faults.writes_per_minute = 60
    for n in range(150):
        declare(f"Job{n}")
    output = schedule_tasks()
    assert output.totals == "150 jobs: 150 created, 0 updated, 0 deleted, 0 failed, 0 unchanged."


@override_settings(DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=10)
def test_jobs_for_which_time_did_not_suffice_are_named(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.quota = WriteLimit()
    monkeypatch.setattr(sync, "PATIENCE", 4)  # enough for ten calls on a busy machine
    for n in range(12):
        declare(f"Job{n:02}")
    output = schedule_tasks()
    assert output.code == 1
    assert output.totals == "12 jobs: 10 created, 0 updated, 0 deleted, 2 failed, 0 unchanged."
    late = [line for line in output.lines if line.startswith("[!]")]
    assert late == [
        f"[!] Job failed: shop.tasks.Job{n}: time ran out; run schedule_tasks again: it goes on from there"
        for n in (10, 11)
    ]
    assert ScheduledJob.objects.filter(sync_state="pending", push_token=None).count() == 2


def test_a_list_that_google_refuses_once_is_asked_for_again(google: MemoryBackend) -> None:
    declare("One")
    google.store.faults.refuse("ListJobs", "UNAVAILABLE", "try again")
    assert schedule_tasks().lines == ["[+] Job created: shop.tasks.One"]


@override_settings(DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=None, DJANGO_CLOUD_TASKS_CONCURRENCY=8)
def test_no_more_calls_are_in_flight_than_the_setting_says(google: MemoryBackend) -> None:
    lock = threading.Lock()
    now, most = 0, 0
    create = google.create

    def counted(spec: JobSpec, *, timeout: float) -> LiveJob:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.003)
        with lock:
            now -= 1
        return create(spec, timeout=timeout)

    google.create = counted  # type: ignore[method-assign]
    for n in range(100):
        declare(f"Job{n}")
    assert schedule_tasks().code == 0
    assert 2 <= most <= 8


@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite in memory has one connection: no race")
def test_two_deploys_at_once_take_turns(google: MemoryBackend) -> None:
    google.store.faults.latency = 0.002
    google.store.faults.settle = 0.005
    for n in range(50):
        declare(f"Job{n}", schedule_paused=n % 5 == 0)
    outputs: list[str] = []

    def deploy() -> None:
        try:
            outputs.append(schedule_tasks())
        finally:
            connection.close()

    threads = [threading.Thread(target=deploy) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(output.totals for output in outputs) == [  # type: ignore[attr-defined]
        "50 jobs: 0 created, 0 updated, 0 deleted, 0 failed, 50 unchanged.",
        "50 jobs: 50 created, 0 updated, 0 deleted, 0 failed, 0 unchanged.",
    ]
    made = [call.name for call in google.store.faults.calls if call.method == "CreateJob"]
    assert len(made) == 50
