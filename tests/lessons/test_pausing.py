"""A pause belongs to people: it starts, lasts and ends as they said, and touches nothing else."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError
from django.test import override_settings

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.lessons.doors import (
    LIST,
    change,
    declare,
    deliver,
    forget,
    job_page,
    live,
    page_of,
    press,
    row,
    schedule_tasks,
    superuser,
    terminal,
    text_of,
)
from tests.support import full_name

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask
    from scheduled_jobs.testing import CloudScheduler

FACTS = ("last_run_id", "last_run_at", "last_status", "last_duration", "failures_in_a_row")


def pause(name: str = "Digest", reason: str = "incident", *more: str) -> None:
    terminal("pause", f"shop.tasks.{name}", "--reason", reason, *more)


def facts(name: str = "Digest") -> dict[str, Any]:
    return ScheduledJob.objects.values(*FACTS).get(task=f"shop.tasks.{name}")


def starts(name: str = "Digest") -> list[str]:
    runs = JobRun.objects.filter(job__task=f"shop.tasks.{name}", status="succeeded").order_by("pk")
    return [f"{run.scheduled_for:%a %H:%M}" if run.scheduled_for else run.trigger for run in runs]


def test_a_deploy_never_resumes_a_paused_job(google: CloudScheduler) -> None:
    """PrefectHQ/prefect #11723: a redeploy silently resumes a paused schedule."""
    declare("Digest")
    declare("Other")
    schedule_tasks()
    pause()

    def still_paused() -> bool:
        google.advance(timedelta(days=1))
        job = row("Digest")
        return job.paused and job.pause_reason == "incident" and not starts()

    task = declare("Digest", "0 10 * * *", schedule_paused=False)
    schedule_tasks()
    assert still_paused()
    schedule_tasks(adopt=True, yes=True)
    assert still_paused()
    task.schedule(region="apac")
    assert still_paused()
    change(row("Digest"), schedule_override="0 11 * * *")
    assert still_paused()
    terminal("reset", "shop.tasks.Digest")
    assert still_paused()
    forget("Digest")
    schedule_tasks()
    declare("Digest")
    schedule_tasks()
    assert still_paused()
    declare("Digest", schedule_name="renamed")
    schedule_tasks()
    assert still_paused()
    google.store.delete_job(full_name(row("Digest")))
    schedule_tasks()
    assert still_paused()
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="store"):
        schedule_tasks()
        assert still_paused()
    schedule_tasks()
    assert google.jobs["shop--renamed"].state == "PAUSED"


def test_a_job_resumed_in_the_console_is_paused_again(google: CloudScheduler) -> None:
    """PrefectHQ/prefect #19302: a schedule that was paused runs again after a change elsewhere."""
    declare("Digest")
    schedule_tasks()
    pause()
    google.store.resume_job(full_name(row("Digest")))
    (answer,) = google.advance(timedelta(hours=1))
    assert answer.json()["status"] == "skipped"
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.Digest (state)"]
    assert live(google, "Digest")["state"] == "PAUSED"
    assert starts() == []


def test_resuming_fires_nothing_and_names_the_next_run(google: CloudScheduler) -> None:
    """celery/django-celery-beat #537: an enabled task runs at once, and then again at its time."""
    declare("Digest")
    schedule_tasks()
    google.advance(timedelta(hours=1))
    pause()
    google.advance_to(datetime(2026, 11, 26, 14, tzinfo=UTC))
    client = superuser()
    said = text_of(page_of(client, job_page(row("Digest"), "resume")))
    assert "Its next run is then Fri 27 Nov 09:00" in said
    assert "Resuming starts nothing: the next run is the schedule’s next." in said
    press(client, job_page(row("Digest"), "resume"), "_x")
    assert live(google, "Digest")["state"] == "ENABLED"
    assert google.deliver_forced() == []
    assert google.advance_to(datetime(2026, 11, 27, 8, 59, tzinfo=UTC)) == []
    assert len(google.advance_to(datetime(2026, 11, 27, 23, tzinfo=UTC))) == 1
    assert starts() == ["Mon 09:00", "Fri 09:00"]


def test_resuming_from_a_terminal_names_the_next_run_too(google: CloudScheduler) -> None:
    """apache/airflow #39867: un-pausing runs what lies behind."""
    declare("Digest")
    schedule_tasks()
    pause()
    google.advance(timedelta(days=3))
    assert terminal("resume", "shop.tasks.Digest") == (
        "shop--shop-tasks-Digest: resumed; nothing was fired, the next run is 2026-11-26 09:00:00Z (synced).\n"
    )
    assert google.deliver_forced() == []


def test_pausing_keeps_every_fact_about_past_runs(google: CloudScheduler) -> None:
    """celery/django-celery-beat #607: disabling a task wipes last_run_at."""

    def fail(self: PeriodicTask) -> None:
        raise ValueError("no stock")

    declare("Digest", run=fail)
    schedule_tasks()
    google.advance(timedelta(days=2))
    before = facts()
    assert (before["last_status"], before["failures_in_a_row"]) == ("failed", 2)
    history = list(JobRun.objects.values())
    pause()
    assert facts() == before
    google.advance(timedelta(days=2))
    terminal("resume", "shop.tasks.Digest")
    assert facts() == before
    assert list(JobRun.objects.values()) == history


def test_a_bulk_pause_keeps_them_too_and_is_told_of_each_job(google: CloudScheduler) -> None:
    """celery/django-celery-beat 2.9.0: a bulk disable nulls last_run_at and leaves no LogEntry."""
    for name in ("One", "Two"):
        declare(name)
    schedule_tasks()
    google.advance(timedelta(hours=1))
    before = {name: facts(name) for name in ("One", "Two")}
    client = superuser()
    rows = ScheduledJob.objects.values_list("pk", flat=True)
    chosen = {"action": "pause_jobs", "_selected_action": [str(pk) for pk in rows], "index": "0"}
    page = client.post(LIST, chosen).content.decode()
    seen = re.findall(r'name="seen" value="([^"]*)"', page)[0]
    asked = {**chosen, "seen": seen, "confirmed": "1", "reason": "warehouse moves", "until_mode": "open"}
    client.post(LIST, {**asked, "select_across": "0"})
    assert {name: facts(name) for name in ("One", "Two")} == before
    for name in ("One", "Two"):
        assert (row(name).paused, live(google, name)["state"]) == (True, "PAUSED")
    told = LogEntry.objects.order_by("object_repr").values_list("object_repr", "user__username")
    assert list(told) == [("shop--shop-tasks-One", "maria"), ("shop--shop-tasks-Two", "maria")]


def test_a_pause_says_who_made_it_why_and_until_when(google: CloudScheduler) -> None:
    """apache/airflow #16349: nobody knows who paused it, why, or until when."""
    declare("Digest")
    schedule_tasks()
    page = {"reason": "The bank moves", "until_mode": "until", "until_0": "2026-11-25", "until_1": "10:00:00"}
    client = superuser()
    pending = text_of(press(client, job_page(row("Digest"), "pause"), "_x", **page).content.decode())
    assert "3 runs will be skipped" in pending
    assert row("Digest").paused is False
    page["counted"] = "2026-11-25T10:00:00+00:00"
    press(client, job_page(row("Digest"), "pause"), "_x", **page)
    rui = superuser("rui")
    assert "Paused until Wed 10:00 Digest shop.tasks · “The bank moves”, maria" in text_of(page_of(rui, LIST))
    said = text_of(page_of(rui, job_page(row("Digest"))))
    assert "Paused by maria since Mon 23 Nov 08:30, until Wed 25 Nov 10:00" in said
    assert "The bank moves" in said
    paused = JobChange.objects.get(field="paused")
    assert (paused.actor_label, paused.reason, paused.via) == ("maria", "The bank moves", "form")


def test_a_pause_with_an_end_ends_by_itself(google: CloudScheduler) -> None:
    """apache/airflow #31871: a pause for a while has to be remembered and undone by hand."""
    declare("Digest")
    schedule_tasks()
    pause("Digest", "The bank moves", "--until", "2026-11-25T10:00Z")
    google.advance(timedelta(days=5))
    assert starts() == ["Thu 09:00", "Fri 09:00"]
    skipped = JobRun.objects.filter(status="skipped").order_by("pk")
    assert [f"{run.scheduled_for:%a}" for run in skipped if run.scheduled_for] == ["Mon", "Tue", "Wed"]
    assert row("Digest").paused is False


def test_nobody_pauses_without_a_reason(google: CloudScheduler) -> None:
    """apache/airflow #16349: a pause without a word leaves everybody guessing."""
    task = declare("Digest")
    job = task.schedule()
    with pytest.raises(ValueError, match=r"^say why the job is paused: pause\(reason=…\)$"):
        job.pause(reason=" ")
    with pytest.raises(CommandError, match="--reason"):
        terminal("pause", "shop.tasks.Digest")
    with pytest.raises(CommandError, match="say why"):
        terminal("pause", "shop.tasks.Digest", "--reason", "")
    answer = press(superuser(), job_page(job, "pause"), "_x", reason="", until_mode="open")
    assert "Say why the job is paused." in text_of(answer.content.decode())
    assert row("Digest").paused is False


def test_a_running_job_saves_no_stale_row_that_resumes_it(google: CloudScheduler) -> None:
    """ghostwright/phantom #148: a running job writes back the row it had loaded, and so un-pauses itself."""

    def work(self: PeriodicTask) -> None:
        mine = row("Digest")
        terminal("pause", "shop.tasks.Digest", "--reason", "stop after this one")
        mine.description_override = "Written by the task itself"
        mine.save()

    declare("Digest", run=work)
    schedule_tasks()
    google.advance(timedelta(hours=1))
    job = row("Digest")
    assert (job.paused, job.pause_reason) == (True, "stop after this one")
    assert job.description == "Written by the task itself"
    assert live(google, "Digest")["state"] == "PAUSED"
    assert job.last_status == "succeeded"
    assert google.advance(timedelta(days=2)) == []


def test_a_paused_job_can_be_saved_and_paused_again(google: CloudScheduler) -> None:
    """django-tasks-google 0.6.0: it asks Google to pause whatever is not DISABLED, and Google refuses."""
    declare("Digest")
    schedule_tasks()
    pause()
    google.faults.calls.clear()
    change(row("Digest"), schedule_override="0 3 * * *")
    pause("Digest", "still the incident")
    assert [call.method for call in google.faults.calls if call.method == "PauseJob"] == []
    job = row("Digest")
    assert (job.sync_state, job.sync_error) == ("synced", "")
    assert (live(google, "Digest")["state"], live(google, "Digest")["schedule"]) == ("PAUSED", "0 3 * * *")


def test_a_pause_counts_while_google_cannot_be_reached(google: CloudScheduler) -> None:
    """sidekiq-scheduler #506: a job that was switched off still runs."""
    declare("Digest")
    schedule_tasks()
    google.faults.refuse("PauseJob", "PERMISSION_DENIED", "not allowed", times=9)
    pause()
    job = row("Digest")
    assert (job.paused, job.sync_state, live(google, "Digest")["state"]) == (True, "failed", "ENABLED")
    answer = deliver(google, job, google.now)
    assert (answer.status_code, answer.json()["status"]) == (200, "skipped")
    assert starts() == []
