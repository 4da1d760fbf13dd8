"""A deploy that came to a halt for longer than its turn stops, once another has taken over."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from django.test import override_settings
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.exceptions import Aborted
from scheduled_jobs.models import Lease, ScheduledJob
from scheduled_jobs.services.scheduling.push import push
from scheduled_jobs.services.scheduling.sync import lock
from scheduled_jobs.services.scheduling.sync.lock import NAME, sync_lock
from scheduled_jobs.services.scheduling.sync.sync import LOCK_LOST
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


def lease(token: str | None, *, minutes: int = 5) -> None:
    until = timezone.now() + timedelta(minutes=minutes) if token else None
    Lease.objects.filter(name=NAME).update(token=token, until=until)


def taken_over(google: MemoryBackend, method: str) -> None:
    """Another deploy takes the turn during the first call of this method."""
    google.store.faults.intercept = lambda called, name, phase: (
        lease("another") if (called, phase) == (method, "before") else None
    )


def test_a_turn_is_three_minutes_and_is_waited_for_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    minutes, told = [0], []

    def sleep(_seconds: float) -> None:
        minutes[0] += 1

    clock = SimpleNamespace(monotonic=lambda: 60.0 * minutes[0], sleep=sleep)
    monkeypatch.setattr(lock, "time", clock)
    before = timezone.now()
    with sync_lock("default"):
        until = Lease.objects.get(name=NAME).until
        assert until is not None
        assert timedelta() <= until - before - timedelta(minutes=3) <= timezone.now() - before
        another = sync_lock(on_wait=lambda: told.append(minutes[0]))
        with pytest.raises(Aborted, match="has been running for ten minutes"), another:
            raise AssertionError("two have the turn")
    assert (minutes, told) == ([11], [0])


def test_a_turn_that_ran_out_is_ours_until_somebody_takes_it() -> None:
    with sync_lock() as renew:
        Lease.objects.filter(name=NAME).update(until=timezone.now() - timedelta(minutes=1))
        assert renew() is True
        lease("another")
        assert renew() is False
    assert Lease.objects.get(name=NAME).token == "another"


def test_a_turn_that_was_taken_and_given_back_is_ours_no_more() -> None:
    with sync_lock() as renew:
        lease(None)
        assert renew() is False


def test_who_lost_the_turn_names_the_jobs_left(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "CHUNK", 1)
    for n in range(6):
        declare(f"Job{n}")
    taken_over(google, "CreateJob")
    output = schedule_tasks()
    assert output.code == 1
    # Two were under way by then; each holds the lease of its row.
    assert output.totals == "6 jobs: 2 created, 0 updated, 0 deleted, 4 failed, 0 unchanged."
    assert output.lines[2:] == [f"[!] Job failed: shop.tasks.Job{n}: {LOCK_LOST}" for n in range(2, 6)]
    assert ScheduledJob.objects.filter(sync_state="pending", push_token=None).count() == 4
    google.store.faults.intercept = None
    lease(None)
    assert schedule_tasks().totals == "6 jobs: 4 created, 0 updated, 0 deleted, 0 failed, 2 unchanged."


def test_who_lost_the_turn_during_the_list_writes_nothing(
    google: MemoryBackend,
) -> None:
    for name in ("One", "Orphan", "Two"):
        declare(name)
    schedule_tasks()
    with override_settings(DJANGO_CLOUD_TASKS_PUSH="off"):
        row("Orphan").delete()
    del registry._tasks["shop.tasks.Orphan"]
    declare("One", "0 10 * * *")
    google.store.faults.calls.clear()
    taken_over(google, "ListJobs")
    output = schedule_tasks(yes=True)
    assert output.lines == [
        f"[!] Job failed: shop.tasks.One: {LOCK_LOST}",
        "[!] Job failed: shop--shop-tasks-Orphan: another schedule_tasks took over. Nothing is lost: the next "
        "schedule_tasks, or Send to Google in the admin, sends it again.",
    ]
    assert {call.method for call in google.store.faults.calls} == {"ListJobs"}
