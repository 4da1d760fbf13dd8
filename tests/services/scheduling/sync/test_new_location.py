"""Another location: what the former one still has is counted, and named where it stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import override_settings

from scheduled_jobs import registry
from tests.support import full_name
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


ELSEWHERE = override_settings(DJANGO_CLOUD_TASKS_LOCATION="us-east1")


def scheduled(*names: str) -> None:
    for name in names:
        declare(name)
    schedule_tasks()


def forget(*names: str) -> None:
    for name in names:
        del registry._tasks[f"shop.tasks.{name}"]


def test_a_gone_task_is_one_of_all_of_the_former_location(google: MemoryBackend) -> None:
    scheduled("One", "Two", "Three")
    forget("One")
    with ELSEWHERE:
        dry_run, output = schedule_tasks(dry_run=True), schedule_tasks()
    assert output.lines == [
        "[-] Job deleted: shop.tasks.One",
        "[~] Job updated: shop.tasks.Three (name)",
        "[~] Job updated: shop.tasks.Two (name)",
    ]
    assert [line for line in dry_run.lines if line.startswith("[")] == output.lines


def test_another_project_is_named_before_and_after_the_move(google: MemoryBackend) -> None:
    """With the PROJECT_ID of staging by mistake, all jobs go there: that is not to be overlooked."""
    scheduled("One")
    former = full_name(row("One"))
    with override_settings(DJANGO_CLOUD_TASKS_PROJECT_ID="staging"):
        told = f'      name: "{former}" -> "{former.replace("test-project", "staging")}"'
        for output in (schedule_tasks(check=True), schedule_tasks()):
            assert output.splitlines()[:2] == ["[~] Job updated: shop.tasks.One (name)", told]


def test_most_of_a_former_location_is_not_deleted_unasked(google: MemoryBackend) -> None:
    scheduled("One", "Two", "Three")
    forget("One", "Two")
    with ELSEWHERE:
        lines = schedule_tasks().lines
    assert (
        "[!] Job failed: shop.tasks.One: not deleted: 2 of 3 jobs would go, more than half; --yes deletes them"
    ) in lines
    assert "[~] Job updated: shop.tasks.Three (name)" in lines


def test_a_job_the_former_location_keeps_is_named(
    google: MemoryBackend,
) -> None:
    scheduled("One")
    former = full_name(row("One"))
    google.store.faults.refuse("DeleteJob", "PERMISSION_DENIED", "No permission.", name=former)
    with ELSEWHERE:
        output = schedule_tasks()
        assert output.code == 1
        assert output.lines[0].startswith(
            f"[!] Job failed: shop.tasks.One: the former job {former} is still in Google and fires, since it "
            "could not be deleted: No permission. Delete it there, or run schedule_tasks again once that is "
            "fixed. Grant the account that makes this call roles/cloudscheduler.admin"
        )
        assert google.store.get_job(former)
        assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.One (name)"]
        assert row("One").sync_state == "synced"
