"""States that only the service gives, and edits of who calls whom, are found and mended or explained."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud.scheduler_v1.types import Job

from tests.services.scheduling.declaring import declare, row, schedule_tasks

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
    google.store.set_state(row("One").remote_name, STATE.UPDATE_FAILED)
    assert planned() == {"shop.tasks.One": {"state": {"live": "UPDATE_FAILED", "desired": "ENABLED"}}}
    assert schedule_tasks().lines == [
        "[~] Job updated: shop.tasks.One (state)",
    ]
    assert [call.method for call in google.store.faults.calls][-1] == "UpdateJob"
    assert schedule_tasks(check=True).code == 0


def test_a_disabled_job_is_said_with_what_to_do(google: MemoryBackend) -> None:
    google.store.set_state(row("One").remote_name, STATE.DISABLED)
    assert planned() == {"shop.tasks.One": {"state": {"live": "DISABLED", "desired": "ENABLED"}}}
    output = schedule_tasks()
    assert output.code == 1
    assert output.lines == [
        "[!] Job failed: shop.tasks.One: Google has disabled this job; look at its log in the console, delete "
        "it there and sync again"
    ]
    assert row("One").sync_state == "failed"


@pytest.mark.parametrize(
    ("field", "column", "value"),
    [
        ("oidc_audience", "audience", "https://else.example.com"),
        ("oidc_service_account", "service_account_email", "else@test-project.iam.gserviceaccount.com"),
    ],
)
def test_a_changed_caller_is_shown_replaced_and_kept_in_the_audit(
    google: MemoryBackend, field: str, column: str, value: str
) -> None:
    message = google.store.get_job(row("One").remote_name)
    wanted = getattr(message.http_target.oidc_token, column)
    setattr(message.http_target.oidc_token, column, value)
    google.store.update_job(message, ["http_target"])
    assert planned() == {"shop.tasks.One": {field: {"live": value, "desired": wanted}}}
    assert schedule_tasks(check=True).code == 2
    output = schedule_tasks()
    assert output.lines == [f"[~] Job updated: shop.tasks.One ({field})"]
    assert f'{field}: "{value}" -> "{wanted}"' in output
    assert schedule_tasks(check=True).code == 0
