"""``scheduled_jobs prune``: what it tells; which runs are kept is ``services.history.retention``'s."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from scheduled_jobs.management import terminal as progress
from scheduled_jobs.management.verbs import upkeep
from scheduled_jobs.models import JobRun, ScheduledJob, runs
from scheduled_jobs.services.history.retention import Pruned
from scheduled_jobs.services.scheduling.deleting import ask_to_delete
from tests.management.verbs.calling import call
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs in a chunk, no run that is kept for its number, and a bar that is drawn at each step."""
    monkeypatch.setattr(runs, "AT_ONCE", 2)
    monkeypatch.setattr(progress, "PAUSE", 0)
    with override_settings(DJANGO_CLOUD_TASKS_HISTORY_MIN_RUNS=0):
        yield


def make_runs(job: ScheduledJob, *statuses: str) -> None:
    """One a day, in this order; the figures of all of them are made."""
    JobRun.objects.bulk_create(
        JobRun(job=job, status=s, trigger="manual", unfolded=None, created_at=LONG_AGO + timedelta(days=n))
        for n, s in enumerate(statuses)
    )


def test_it_tells_how_many_are_deleted_or_would_be(job: ScheduledJob) -> None:
    make_runs(job, "skipped", "skipped", "failed", "skipped", "succeeded")
    assert call("prune", "--dry-run") == "3 runs would be deleted.\n"
    assert JobRun.objects.count() == 5
    assert call("prune") == "3 runs deleted.\n"
    assert sorted(JobRun.objects.values_list("status", flat=True)) == ["failed", "succeeded"]
    assert call("prune") == "0 runs deleted.\n"


def test_a_terminal_sees_how_far_it_is(job: ScheduledJob) -> None:
    make_runs(job, *["skipped"] * 4)
    make_runs(row("One"), "skipped")
    terminal = Terminal()
    call_command("scheduled_jobs", "prune", stdout=io.StringIO(), stderr=terminal)
    bars = [part.rstrip() for part in terminal.getvalue().split("\r") if part.strip()]
    assert bars == [
        "[..............................] 0 of 1 job, 2 runs deleted",
        "[..............................] 0 of 1 job, 4 runs deleted",
        "[..............................] 0 of 1 job, 5 runs deleted",
        "[##############################] 1 of 1 job, 5 runs deleted",
    ]
    assert terminal.screen == [""]


def test_whoever_stops_it_is_told_how_far_it_came(job: ScheduledJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: Any, **__: Any) -> Iterator[Pruned]:
        yield Pruned(jobs=3, done=1.5, deleted=1)
        raise KeyboardInterrupt

    monkeypatch.setattr(upkeep, "pruning", stopped)
    stderr = io.StringIO()
    with pytest.raises(SystemExit) as stop:
        call_command("scheduled_jobs", "prune", stderr=stderr)
    assert stop.value.code == 130
    assert stderr.getvalue() == "Stopped: 1 run deleted so far. The next prune goes on from there.\n"


def test_a_deleted_job_goes_with_its_runs(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    own = ScheduledJob(
        name="shop--own", task="shop.tasks.One", origin="operator", schedule_override="5 * * * *"
    )
    own.save()
    make_runs(own, *["skipped"] * 5)
    ask_to_delete(own)
    assert call("prune", "--dry-run") == "5 runs would be deleted.\n"
    JobRun.objects.update(created_at=timezone.now())
    assert call("prune", "--dry-run") == "0 runs would be deleted.\n"
    assert call("prune") == "5 runs deleted.\n"
    assert [job.name for job in ScheduledJob.objects.all()] == [row("One").name]
