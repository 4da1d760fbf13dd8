"""Google is made what the database says: all of it, only where it differs, and never under a lock."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import checks
from django.core.management import CommandError
from django.db import connection

from scheduled_jobs.models import ScheduledJob
from tests.lessons.doors import (
    LIST,
    change,
    console_pause,
    declare,
    forget,
    job_page,
    live,
    page_of,
    press,
    row,
    schedule_tasks,
    superuser,
    terminal,
)

if TYPE_CHECKING:
    from scheduled_jobs.testing import CloudScheduler


def writes(google: CloudScheduler) -> list[str]:
    """The changing calls made since the last look."""
    calls = [call.method for call in google.faults.calls if call.method not in ("ListJobs", "GetJob")]
    google.faults.calls.clear()
    return calls


def test_a_job_that_exists_is_really_updated(google: CloudScheduler) -> None:
    """django-cloud-tasks 2.21.0: "updated" was said, and no call was made."""
    declare("Digest")
    schedule_tasks()
    writes(google)
    declare("Digest", timedelta(hours=6))
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.Digest (schedule)"]
    assert writes(google) == ["UpdateJob"]
    assert live(google, "Digest")["schedule"] == "0 */6 * * *"


@pytest.mark.parametrize("way", ["queryset", "bulk", "sql"])
def test_a_write_that_bypasses_save_is_found_and_applied(google: CloudScheduler, way: str) -> None:
    """celery/django-celery-beat #694: queryset.update() and SQL are not noticed."""
    declare("Digest")
    schedule_tasks()
    job = row("Digest")
    if way == "queryset":
        ScheduledJob.objects.filter(pk=job.pk).update(schedule_override="0 3 * * *")
    elif way == "bulk":
        job.schedule_override = "0 3 * * *"
        ScheduledJob.objects.bulk_update([job], ["schedule_override"])
    else:
        with connection.cursor() as cursor:
            table = ScheduledJob._meta.db_table
            cursor.execute(f"UPDATE {table} SET schedule_override = '0 3 * * *' WHERE id = %s", [job.pk])
    writes(google)
    checked = schedule_tasks("--check")
    assert checked.code == 2
    assert checked.lines == ["[~] Job updated: shop.tasks.Digest (schedule)"]
    assert writes(google) == []
    assert schedule_tasks().code == 0
    assert live(google, "Digest")["schedule"] == "0 3 * * *"
    assert schedule_tasks("--check").code == 0


def test_what_google_rewrites_is_no_difference(
    google: CloudScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """hashicorp/terraform-provider-google #7883: "attemptDeadline: 0s" is a difference in every plan."""
    declare("Plain")
    declare("Full", timedelta(minutes=7), schedule_body_payload={"a": 1}, schedule_headers={"X-A": "b"})
    schedule_tasks()
    listed = google.store.list_jobs

    def rewritten(*args: Any) -> Any:
        jobs, token = listed(*args)
        for job in jobs:
            job.attempt_deadline.Clear()
            job.attempt_deadline.SetInParent()
            job.retry_config.Clear()
            job.http_target.headers["User-Agent"] = "Google-Cloud-Scheduler"
            job.user_update_time.GetCurrentTime()
            job.status.code = 13
        return jobs, token

    monkeypatch.setattr(google.store, "list_jobs", rewritten)
    writes(google)
    checked = schedule_tasks("--check")
    assert (checked.code, checked.lines) == (0, [])
    assert schedule_tasks().totals == "2 jobs: 0 created, 0 updated, 0 deleted, 0 failed, 2 unchanged."
    assert writes(google) == []


def test_the_state_is_a_difference_of_its_own(google: CloudScheduler) -> None:
    """hashicorp/terraform-provider-google #24894: "paused" cannot be told from the rest of the job."""
    declare("Digest", schedule_body_payload={"a": 1})
    schedule_tasks()
    console_pause(google, row("Digest"))
    report = json.loads(schedule_tasks("--check", "--json"))
    (difference,) = report["changes"]
    assert difference["fields"] == {"state": {"live": "PAUSED", "desired": "ENABLED"}}
    writes(google)
    schedule_tasks()
    assert writes(google) == ["ResumeJob"]


def test_no_lock_or_transaction_is_held_while_google_is_called(google: CloudScheduler) -> None:
    """django-tasks-google 0.6.0: a row lock and a transaction stay open over calls to Google."""
    seen: dict[str, bool] = {}

    def look(method: str, name: str, phase: str) -> None:
        seen[method] = seen.get(method, False) or connection.in_atomic_block

    google.faults.intercept = look
    declare("Digest")
    declare("Kept")
    schedule_tasks()
    change(row("Digest"), schedule_override="0 3 * * *")
    client = superuser()
    for page in ("pause", "resume", "run-now"):
        press(client, job_page(row("Digest"), page), "_x", reason="x", until_mode="open", counted="open")
    google.deliver_forced()
    forget("Digest")
    schedule_tasks()
    assert seen == dict.fromkeys(
        ("ListJobs", "CreateJob", "GetJob", "UpdateJob", "PauseJob", "ResumeJob", "RunJob", "DeleteJob"),
        False,
    )


# --- Typing errors ----------------------------------------------------------------------------------


def test_a_typing_error_in_a_class_is_told_at_the_start(google: CloudScheduler) -> None:
    """rails/solid_queue #414: a typing error in a recurring task gives no feedback."""
    declare("Good")
    declare("Digest", "0 9 * *")
    said = (
        "run_every: '0 9 * *' has four fields; a cron schedule has five: minute, hour, day of the month, month, "
        "day of the week: write '0 9 * * *'"
    )
    found = [message for message in checks.run_checks(tags=["scheduled_jobs"]) if "Digest" in message.msg]
    assert [(message.id, message.msg) for message in found] == [
        ("scheduled_jobs.E010", f"shop.tasks.Digest: {said}")
    ]
    output = schedule_tasks()
    assert output.code == 1
    assert f"[!] Job failed: shop.tasks.Digest: {said}" in output.lines
    assert list(google.jobs) == ["shop--shop-tasks-Good"]


def test_a_typing_error_in_a_name_is_answered_with_the_names(google: CloudScheduler) -> None:
    """rails/solid_queue #414: a class that does not exist is noticed when it should have run."""
    declare("Digest")
    schedule_tasks()
    assert schedule_tasks("shop.tasks.Digset") == (
        "CommandError: No task shop.tasks.Digset; there are shop.tasks.Digest."
    )
    with pytest.raises(
        CommandError, match=r"There is no job shop\.tasks\.Digset; manage\.py scheduled_jobs list"
    ):
        terminal("run", "shop.tasks.Digset")


def test_a_job_whose_class_does_not_exist_is_not_made(google: CloudScheduler) -> None:
    """rails/solid_queue #414: a class that does not exist is noticed when it should have run."""
    declare("Digest")
    schedule_tasks()
    own = ScheduledJob.objects.create(
        name="shop--own", task="shop.tasks.Digset", origin="operator", schedule_override="0 9 * * *"
    )
    own.refresh_from_db()
    assert own.sync_error.startswith("shop.tasks.Digset is not in the code of this process")
    assert own.sync_state == "pending"
    assert list(google.jobs) == ["shop--shop-tasks-Digest"]
    assert "Digset" not in page_of(superuser(), f"{LIST}add/")
