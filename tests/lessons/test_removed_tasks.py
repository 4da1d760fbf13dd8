"""Tasks that leave the code, come back, are renamed, or are not found at all."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.core import checks
from django.core.management import call_command

from scheduled_jobs.models import JobRun
from tests.lessons.doors import (
    change,
    declare,
    deliver,
    forget,
    job_page,
    live,
    page_of,
    row,
    run_page,
    schedule_tasks,
    superuser,
    terminal,
    text_of,
)

if TYPE_CHECKING:
    import pytest

    from scheduled_jobs.testing import CloudScheduler


def test_a_removed_task_fires_no_more_and_keeps_its_history(
    google: CloudScheduler,
) -> None:
    """celery/django-celery-beat #248: tasks removed from the code keep firing NotRegistered errors."""
    declare("Digest")
    declare("Kept")
    schedule_tasks()
    google.advance(timedelta(hours=1))
    job = change(row("Digest"), schedule_override="0 10 * * *")
    forget("Digest")
    assert schedule_tasks().lines == ["[-] Job deleted: shop.tasks.Digest"]
    assert list(google.jobs) == ["shop--shop-tasks-Kept"]
    answers = google.advance(timedelta(days=2))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert schedule_tasks().lines == []
    job = row("Digest")
    assert (job.schedule_override, job.runs.count(), job.last_status) == ("0 10 * * *", 1, "succeeded")
    page = page_of(superuser(), job_page(job))
    assert "Retired" in text_of(page)
    assert run_page(job.runs.get()) in page


def test_a_late_delivery_of_a_removed_task_runs_nothing(google: CloudScheduler) -> None:
    """celery/django-celery-beat #768: what is gone from the code still arrives at the worker."""
    declare("Digest")
    schedule_tasks()
    job = row("Digest")
    forget("Digest")
    answer = deliver(google, job, google.now)
    assert (answer.status_code, answer.json()) == (404, {"error": "Task shop.tasks.Digest not found"})
    assert not JobRun.objects.exists()


def test_where_no_task_is_found_nothing_is_deleted(
    google: CloudScheduler,
) -> None:
    """flamingo-run/django-cloud-tasks #55: "Successfully scheduled 0 tasks", the module was not imported."""
    declare("Digest")
    declare("Other")
    schedule_tasks()
    forget("Digest", "Other")
    for options in ({}, {"yes": True}, {"adopt": True, "yes": True}):
        output = schedule_tasks(**options)
        assert output.code == 1
        assert output.startswith("CommandError: No task was found, and nothing was deleted. Looked for ")
        assert "classes derived from scheduled_jobs.tasks.PeriodicTask in " in output
        assert "sample_project.shop.tasks" in output
    assert sorted(google.jobs) == ["shop--shop-tasks-Digest", "shop--shop-tasks-Other"]
    assert (row("Digest").retired_at, row("Other").retired_at) == (None, None)


def test_no_task_at_all_is_a_warning_at_the_start(no_tasks: None) -> None:
    """flamingo-run/django-cloud-tasks #55: nothing says that no task was found."""
    (found,) = [message for message in checks.run_checks(tags=["scheduled_jobs"]) if "task" in message.msg]
    assert (found.id, found.msg) == ("scheduled_jobs.W010", "No task was found.")
    assert found.hint == (
        "Derive a class from scheduled_jobs.tasks.PeriodicTask in the module tasks of an installed app, or in any module of its package tasks."
    )


def test_a_task_that_comes_back_is_as_the_operator_left_it(google: CloudScheduler) -> None:
    """solid_queue #420: a job that was removed and added again runs with a state nobody chose."""
    declare("Digest")
    declare("Kept")
    schedule_tasks()
    google.advance(timedelta(hours=1))
    change(row("Digest"), schedule_override="0 10 * * *")
    terminal("pause", "shop.tasks.Digest", "--reason", "until the new supplier")
    before = row("Digest")
    forget("Digest")
    schedule_tasks()
    declare("Digest", "0 12 * * *")
    output = schedule_tasks()
    assert output.lines == ["[+] Job created: shop.tasks.Digest"]
    back = row("Digest")
    assert (back.pk, back.paused, back.pause_reason) == (before.pk, True, "until the new supplier")
    assert (back.declared_schedule, back.schedule, back.last_run_id) == (
        "0 12 * * *",
        "0 10 * * *",
        before.last_run_id,
    )
    assert (live(google, "Digest")["schedule"], live(google, "Digest")["state"]) == ("0 10 * * *", "PAUSED")
    assert len(google.advance(timedelta(days=1))) == 1  # the other job


def test_an_edit_reaches_google_with_the_save(google: CloudScheduler) -> None:
    """solid_queue #186: rows that were edited at runtime are not picked up."""
    declare("Digest")
    schedule_tasks()
    job = change(row("Digest"), schedule_override="45 8 * * *")
    assert live(google, "Digest")["schedule"] == "45 8 * * *"
    assert "sent now, read now" in text_of(page_of(superuser("rui"), job_page(job)))
    (answer,) = google.advance(timedelta(minutes=20))
    assert answer.json()["status"] == "executed"
    google.faults.refuse("UpdateJob", "PERMISSION_DENIED", "not allowed", times=9)
    job = change(job, schedule_override="50 8 * * *")
    assert job.schedule == "50 8 * * *"
    assert "Not sent" in text_of(page_of(superuser("ana"), job_page(job)))
    assert job.sync_error.startswith("not allowed")


def test_a_renamed_task_leaves_no_job_behind_that_keeps_firing(google: CloudScheduler) -> None:
    """django-tasks-google 0.6.0: a rename makes a second job, and the old one keeps firing."""
    declare("Digest")
    schedule_tasks()
    google.advance(timedelta(hours=1))
    before = change(row("Digest"), description_override="Mine")
    declare("Digest", schedule_name="daily-digest")
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.Digest (name)"]
    assert list(google.jobs) == ["shop--daily-digest"]
    after = row("Digest")
    assert (after.pk, after.name, after.description) == (before.pk, "shop--daily-digest", "Mine")
    assert len(google.advance(timedelta(days=1))) == 1
    assert after.runs.filter(status="succeeded").count() == 2


def test_a_rename_never_loses_or_doubles_the_slot_in_between(google: CloudScheduler) -> None:
    """django-tasks-google 0.6.0: while two jobs of one task exist, both run it."""
    declare("Digest")
    schedule_tasks()
    old = row("Digest")
    google.faults.refuse("DeleteJob", "PERMISSION_DENIED", "not allowed", times=9)
    declare("Digest", schedule_name="daily-digest")
    assert schedule_tasks().code == 1
    assert sorted(google.jobs) == ["shop--daily-digest", f"{old.name}"]
    answers = google.advance(timedelta(hours=1))
    assert [answer.json()["status"] for answer in answers] == ["executed", "duplicate"]
    assert JobRun.objects.count() == 1


def test_the_command_says_what_it_did_to_which_job(
    google: CloudScheduler, capsys: pytest.CaptureFixture[str]
) -> None:
    """flamingo-run/django-cloud-tasks #55: a count alone tells nobody what happened."""
    declare("New")
    declare("Changed")
    declare("Gone")
    schedule_tasks("shop.tasks.Changed", "shop.tasks.Gone")
    declare("Changed", "0 10 * * *")
    forget("Gone")
    call_command("schedule_tasks")
    *lines, totals = capsys.readouterr().out.splitlines()
    assert sorted(lines) == [
        "[+] Job created: shop.tasks.New",
        "[-] Job deleted: shop.tasks.Gone",
        "[~] Job updated: shop.tasks.Changed (schedule)",
    ]
    assert (totals) == ("3 jobs: 1 created, 1 updated, 1 deleted, 0 failed, 0 unchanged.")
