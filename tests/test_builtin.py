"""The package's own tasks: there only where BUILTIN_TASKS names them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.test import override_settings
from django.utils import timezone

from scheduled_jobs import builtin, registry
from scheduled_jobs.builtin import PruneHistory, WatchJobs
from scheduled_jobs.domain.metadata import TaskMetadata
from scheduled_jobs.models import JobRun, ScheduledJob, runs
from scheduled_jobs.services import execution
from scheduled_jobs.services.history import retention
from scheduled_jobs.services.monitoring import watch
from scheduled_jobs.services.scheduling import declare as declaration_of
from tests.support.declaring import declare, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "scheduled_jobs.builtin.PruneHistory"
NAMED = override_settings(DJANGO_CLOUD_TASKS_BUILTIN_TASKS=[PATH], DJANGO_CLOUD_TASKS_HISTORY_MIN_RUNS=0)


@pytest.fixture(autouse=True)
def prune_history(no_tasks: None) -> None:
    registry.register(PruneHistory)


def make_old_runs(number: int) -> None:
    job = ScheduledJob.objects.get(task="shop.tasks.One")
    JobRun.objects.bulk_create(
        JobRun(
            job=job, status="skipped", trigger="manual", unfolded=None,
            created_at=datetime(2020, 1, 1, n % 24, tzinfo=UTC),
        )
        for n in range(number)
    )  # fmt: skip


def test_a_task_of_the_package_is_scheduled_while_it_is_named(google: MemoryBackend) -> None:
    declare("One")
    assert schedule_tasks().lines == ["[+] Job created: shop.tasks.One"]
    assert registry.find(PATH) is None
    with NAMED:
        assert declaration_of(PruneHistory).fault == ""
        assert schedule_tasks().lines == [f"[+] Job created: {PATH}"]
        assert registry.find(PATH) is PruneHistory
    assert schedule_tasks().lines == [f"[-] Job deleted: {PATH}"]
    with override_settings(DJANGO_CLOUD_TASKS_BUILTIN_TASKS=5):
        assert registry.find(PATH) is None


@NAMED
def test_pruning_as_a_job_tells_what_it_has_deleted(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    make_old_runs(3)
    job = ScheduledJob.objects.get(task=PATH)
    assert execution.run_eagerly(job, PruneHistory) == {"deleted": 3, "is_done": True}
    run = JobRun.objects.get()
    assert (run.progress_done, run.progress_total, run.progress_message) == (2, 2, "3 runs deleted")


@NAMED
def test_it_stops_before_its_deadline_and_goes_on_next_time(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare("One")
    schedule_tasks()
    make_old_runs(5)
    monkeypatch.setattr(runs, "AT_ONCE", 2)
    now = timezone.now()

    def run_until(*times: float) -> object:
        """With a deadline ten seconds ahead, at these seconds after the beginning."""
        clock = iter([now, *(now + timedelta(seconds=seconds) for seconds in times)])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(builtin.timezone, "now", lambda: next(clock))
            patch.setattr(retention.stats, "fold", lambda **_: 0)
            task = PruneHistory()
            task._metadata = TaskMetadata(
                PATH, "job", scheduled_for=now, deadline=now + timedelta(seconds=10)
            )
            return json.dumps(task.run())

    assert run_until(1, 8) == '{"deleted": 4, "is_done": false}'
    assert run_until(1, 2) == '{"deleted": 1, "is_done": true}'
    assert not JobRun.objects.exists()


def test_the_watch_is_a_task_that_looks_each_minute(google: MemoryBackend) -> None:
    registry.register(WatchJobs)
    with override_settings(DJANGO_CLOUD_TASKS_BUILTIN_TASKS=["scheduled_jobs.builtin.WatchJobs"]):
        assert declaration_of(WatchJobs).fault == ""
        schedule_tasks()
        job = ScheduledJob.objects.get(task="scheduled_jobs.builtin.WatchJobs")
        result = execution.run_eagerly(job, WatchJobs)
    assert json.loads(json.dumps(result)) == result
    assert job.schedule == "* * * * *"
    assert result == {
        "google": "", "missed": 0, "lost": 0, "differing": 0, "judged": 0, "doubtful": 0, "google_busy": 0,
        "settled": 0, "pushed": 0, "left": 0,
    }  # fmt: skip


def test_a_watch_of_which_a_part_failed_has_failed(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_now: datetime) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(watch.execution, "expire", broken)
    with pytest.raises(RuntimeError, match=r"^lost runs: ValueError: broken$"):
        WatchJobs().run()
