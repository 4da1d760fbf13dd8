"""States that only the service gives, and edits of who calls whom, are found and mended or explained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud.scheduler_v1.types import Job

from tests.support import full_name
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

STATE: Any = Job.State


@pytest.fixture(autouse=True)
def _scheduled(google: MemoryBackend, no_tasks: None) -> None:
    declare("One")
    schedule_tasks()
    google.store.faults.calls.clear()


def planned(**options: bool) -> dict[str, Any]:
    changes = json.loads(schedule_tasks(dry_run=True, json=True, **options))["changes"]
    return {change["task"]: change["fields"] for change in changes}


def test_a_job_whose_update_failed_is_sent_whole(google: MemoryBackend) -> None:
    google.store.set_state(full_name(row("One")), STATE.UPDATE_FAILED)
    assert planned() == {"shop.tasks.One": {"state": {"live": "UPDATE_FAILED", "desired": "ENABLED"}}}
    assert schedule_tasks().lines == [
        "[~] Job updated: shop.tasks.One (state)",
    ]
    assert [call.method for call in google.store.faults.calls][-1] == "UpdateJob"
    assert schedule_tasks(check=True).code == 0


def test_a_disabled_job_is_said_with_what_to_do(google: MemoryBackend) -> None:
    google.store.set_state(full_name(row("One")), STATE.DISABLED)
    assert planned() == {"shop.tasks.One": {"state": {"live": "DISABLED", "desired": "ENABLED"}}}
    said = [
        "[!] Job failed: shop.tasks.One: Google has disabled this job; look at its log in the console, delete "
        "it there and sync again"
    ]
    dry_run = schedule_tasks(dry_run=True)
    assert (dry_run.lines, dry_run.code) == (said, 1)
    assert row("One").sync_state == "synced"
    google.store.faults.calls.clear()
    output = schedule_tasks()
    assert (output.lines, output.code) == (said, 1)
    assert [call.method for call in google.store.faults.calls] == ["ListJobs"]
    assert (row("One").sync_state, row("One").sync_error) == ("failed", said[0].partition("One: ")[2])


def test_a_disabled_job_that_ought_to_be_paused_is_said_too(google: MemoryBackend) -> None:
    row("One").pause(reason="legal")
    google.store.set_state(full_name(row("One")), STATE.DISABLED)
    assert schedule_tasks(dry_run=True).lines == schedule_tasks().lines
    assert row("One").sync_state == "failed"


def test_a_disabled_job_is_created_anew_once_it_was_deleted(google: MemoryBackend) -> None:
    remote_name = full_name(row("One"))
    google.store.set_state(remote_name, STATE.DISABLED)
    schedule_tasks()
    google.store.delete_job(remote_name)
    assert schedule_tasks().lines == ["[+] Job created: shop.tasks.One"]
    assert (row("One").sync_state, row("One").sync_error) == ("synced", "")


@pytest.mark.parametrize(
    ("field", "column", "value"),
    [
        ("oidc_audience", "audience", "https://else.example.com"),
        ("oidc_service_account", "service_account_email", "else@test-project.iam.gserviceaccount.com"),
    ],
)
def test_a_changed_caller_is_replaced_and_kept_in_the_audit(
    google: MemoryBackend, field: str, column: str, value: str
) -> None:
    message = google.store.get_job(full_name(row("One")))
    wanted = getattr(message.http_target.oidc_token, column)
    setattr(message.http_target.oidc_token, column, value)
    google.store.update_job(message, ["http_target"])
    assert planned() == {"shop.tasks.One": {field: {"live": value, "desired": wanted}}}
    assert schedule_tasks(check=True).code == 2
    output = schedule_tasks()
    assert output.lines == [f"[~] Job updated: shop.tasks.One ({field})"]
    assert f'{field}: "{value}" -> "{wanted}"' in output
    assert schedule_tasks(check=True).code == 0
