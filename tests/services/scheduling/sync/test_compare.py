"""What others do while Google is listing its jobs is neither drift, nor an orphan, nor a new job."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.domain.jobs import JobSpec
from scheduled_jobs.models import GoogleName, ScheduledJob
from scheduled_jobs.services.scheduling import desired, push_jobs
from scheduled_jobs.services.scheduling.sync import sync
from tests.support import full_name
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.services.scheduling.sync.report import Comparison

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

MARKED = {"X-Scheduled-Jobs": "1; app=shop"}


@pytest.fixture
def meanwhile(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], object]], None]:
    """Does something once Google has listed its jobs, and before the rows are read."""

    def between(action: Callable[[], object]) -> None:
        real = sync.compare

        def compare(*args: Any, **options: Any) -> Comparison:
            monkeypatch.setattr(sync, "compare", real)
            action()
            return real(*args, **options)

        monkeypatch.setattr(sync, "compare", compare)

    return between


def _methods(google: MemoryBackend) -> list[str]:
    return [call.method for call in google.store.faults.calls]


def _other_process(google: MemoryBackend, edit: Callable[[], object]) -> Callable[[], None]:
    """An edit and its push, of which this sync's own list was taken before or after."""

    def act() -> None:
        edit()
        google.store.faults.calls.clear()

    return act


def test_a_row_that_was_edited_and_pushed_meanwhile_is_no_drift(
    google: MemoryBackend, meanwhile: Callable[..., None]
) -> None:
    declare("Digest")
    schedule_tasks()

    def edit() -> None:
        job = row("Digest")
        job.schedule_override = "0 3 * * *"
        job.save()

    meanwhile(_other_process(google, edit))
    output = schedule_tasks()

    assert output.lines == []
    assert _methods(google) == []
    assert google.get(full_name(row("Digest")), timeout=1).values["schedule"] == "0 3 * * *"
    assert row("Digest").sync_state == "synced"


def test_a_row_that_was_paused_meanwhile_stays_paused(
    google: MemoryBackend, meanwhile: Callable[..., None]
) -> None:
    declare("Digest")
    schedule_tasks()
    meanwhile(lambda: row("Digest").pause(reason="legal"))

    assert schedule_tasks().lines == []
    assert google.get(full_name(row("Digest")), timeout=1).state == "PAUSED"


def test_a_job_that_was_added_and_pushed_meanwhile_is_no_orphan(
    google: MemoryBackend, meanwhile: Callable[..., None]
) -> None:
    declare("Digest")
    schedule_tasks()

    def add() -> None:
        ScheduledJob(
            name="shop--mine", task="shop.tasks.Digest", origin="operator", schedule_override="0 4 * * *"
        ).save()

    meanwhile(add)
    output = schedule_tasks("--yes")

    assert output.lines == []
    assert {job.name for job in google.list(timeout=1)} == {"shop--mine", "shop--shop-tasks-Digest"}


def test_a_row_that_was_deleted_meanwhile_is_not_created_again(
    google: MemoryBackend, meanwhile: Callable[..., None]
) -> None:
    declare("Digest")
    declare("Kept")
    schedule_tasks()
    meanwhile(lambda: row("Digest").delete())

    assert schedule_tasks().lines == []
    assert [job.name for job in google.list(timeout=1)] == ["shop--shop-tasks-Kept"]


def test_a_row_edited_after_the_plan_is_read_again(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = declare("Digest")
    schedule_tasks()
    task.run_every = "0 10 * * *"
    real = sync._Sync._confirm

    def edit_first(self: sync._Sync, *args: object) -> None:
        # Saved by a process that died before its push.
        ScheduledJob.objects.filter(task="shop.tasks.Digest").mark_pending(schedule_override="0 3 * * *")
        real(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(sync._Sync, "_confirm", edit_first)
    schedule_tasks()

    assert google.get(full_name(row("Digest")), timeout=1).values["schedule"] == "0 3 * * *"
    assert row("Digest").pushed_revision == row("Digest").revision


@pytest.mark.parametrize("many", [1, 100])
def test_the_names_of_all_rows_are_those_of_each(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    monkeypatch.setattr(desired, "MANY", many)
    tasks = [declare(f"Task{number}") for number in range(5)]
    planned = json.loads(schedule_tasks("--dry-run", "--json"))
    assert [len(change["fields"]) for change in planned["changes"]] == [15] * 5
    schedule_tasks()
    google.create(
        JobSpec("shop--orphan", "0 4 * * *", "UTC", "https://shop.example.com/tasks/x", headers=MARKED),
        timeout=1,
    )
    tasks[1].run_every = "0 10 * * *"
    google.delete(full_name(row("Task3")), timeout=1)

    assert sorted(schedule_tasks("--yes").lines) == [
        "[+] Job created: shop.tasks.Task3",
        "[-] Job deleted: shop--orphan",
        "[~] Job updated: shop.tasks.Task1 (schedule)",
    ]
    assert schedule_tasks().totals == "5 jobs: 0 created, 0 updated, 0 deleted, 0 failed, 5 unchanged."


def test_a_former_name_that_was_deleted_meanwhile_is_no_change(
    google: MemoryBackend, meanwhile: Callable[..., None]
) -> None:
    task = declare("Digest")
    schedule_tasks()
    task.schedule_name = classmethod(lambda cls: "weekly")
    google.store.faults.refuse("DeleteJob", "INTERNAL", "not now", times=5)
    schedule_tasks()
    google.store.faults._planned.clear()
    assert GoogleName.objects.filter(gone_at=None).count() == 2
    meanwhile(lambda: push_jobs([row("Digest").pk]))

    assert schedule_tasks().lines == []
    assert [job.name for job in google.list(timeout=1)] == ["shop--weekly"]
