"""With the quota on, many jobs are created without one refusal met, and none twice at once."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.test import override_settings

from scheduled_jobs.emulator import faults
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling import calls
from tests.services.scheduling.declaring import declare, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.domain.jobs import JobSpec, LiveJob

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


@pytest.fixture
def _short_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute lasts a second, for the service and for us."""
    monkeypatch.setattr(calls, "WINDOW", 1.0)
    monkeypatch.setattr(calls, "write_limit", calls.WriteLimit())
    monkeypatch.setattr("scheduled_jobs.services.scheduling.pushing.write_limit", calls.write_limit)
    monkeypatch.setattr(faults, "MINUTE", timedelta(seconds=1))


@pytest.mark.usefixtures("_short_minutes")
@override_settings(DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=450)
def test_fifteen_hundred_jobs_are_created_without_meeting_a_refusal(google: MemoryBackend) -> None:
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
