"""What runs, when, for which slot, and what is left of a run whose process died."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.test import override_settings

from scheduled_jobs.models import JobRun
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
    run_page,
    schedule_tasks,
    superuser,
    terminal,
    text_of,
)
from tests.support import full_name, make_run

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask
    from scheduled_jobs.testing import CloudScheduler

NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
TEN = NINE + timedelta(hours=1)


def history() -> list[tuple[str, str, Any]]:
    runs = JobRun.objects.order_by("pk")
    return [(run.trigger, run.status, run.scheduled_for) for run in runs]


# --- Run now ----------------------------------------------------------------------------------------


def test_run_now_offers_the_payload_in_force(google: CloudScheduler) -> None:
    """celery/django-celery-beat #28: "run now" is the first thing everybody asks for."""

    def work(self: PeriodicTask, region: str, limit: int = 1) -> list[Any]:
        return [region, limit]

    declare("Digest", schedule_body_payload={"region": "emea", "limit": 5}, run=work)
    schedule_tasks()
    change(row("Digest"), payload_raw='{"region": "apac", "limit": 5}')
    before = row("Digest").revision, google.jobs
    client = superuser()
    page = page_of(client, job_page(row("Digest"), "run-now"))
    assert re.search(r'<input type="text" name="p_region"[^>]* value="apac"', page)
    assert "The schedule stays as it is. Next scheduled run: Mon 23 Nov 09:00 UTC (in 30 min)." in text_of(
        page
    )
    answer = press(client, job_page(row("Digest"), "run-now"), "_x", reason="Bank asked", p_limit="7")
    run = JobRun.objects.get()
    assert answer.redirect_chain == [(run_page(run), 302)]
    assert (run.payload, run.reason, run.requested_by) == (
        {"region": "apac", "limit": 7},
        "Bank asked",
        "maria",
    )
    google.deliver_forced()
    run.refresh_from_db()
    assert (run.status, run.result) == ("succeeded", ["apac", 7])
    assert row("Digest").payload == {"region": "apac", "limit": 5}
    assert (row("Digest").revision, live(google, "Digest")["schedule"]) == (before[0], "0 9 * * *")
    google.advance_to(TEN)
    assert history() == [("manual", "succeeded", None), ("schedule", "succeeded", NINE)]


def test_a_run_that_was_only_asked_for_is_never_said_to_have_run(google: CloudScheduler) -> None:
    """celery/django-celery-beat #87: "has been run" was said of what was only enqueued."""
    declare("Digest")
    schedule_tasks()
    client = superuser()
    said = text_of(press(client, job_page(row("Digest"), "run-now"), "_x", reason="?").content.decode())
    run = JobRun.objects.get()
    assert "Queued for 0 ms. Asked for by maria." in said
    assert "has been run" not in said
    assert "Not yet: the run has not started." in said
    google.deliver_forced()
    assert "Succeeded after 0 ms. Asked for by maria." in text_of(page_of(client, run_page(run)))
    assert terminal("run", "shop.tasks.Digest") == (
        f"Run {run.pk + 1} of shop--shop-tasks-Digest is queued; Google was asked to fire it.\n"
    )


def test_no_run_button_is_shown_where_the_class_is_gone(google: CloudScheduler) -> None:
    """rails/mission_control-jobs #200: a run button is shown where the class cannot be loaded."""
    declare("Digest")
    declare("Kept")
    schedule_tasks()
    address = job_page(row("Digest"), "run-now")
    client = superuser()
    assert address in page_of(client, LIST)
    assert address in page_of(client, job_page(row("Digest")))
    forget("Digest")
    assert "shop.tasks.Digest is not in the code: nothing can be run until it is back." in text_of(
        page_of(client, address)
    )
    schedule_tasks()
    assert address not in page_of(client, LIST)
    assert address not in page_of(client, job_page(row("Digest")))
    said = text_of(page_of(client, address))
    assert "This job is retired: its class is gone from the code, and there is nothing to run." in said
    client.post(address, {"reason": "x", "seen": ""})
    assert not JobRun.objects.exists()


def test_the_admin_does_all_that_one_does_with_jobs(google: CloudScheduler) -> None:
    """flamingo-run/django-cloud-tasks #30: an admin that lists, runs, pauses, reschedules and remembers."""
    declare("Digest")
    schedule_tasks()
    client = superuser()
    assert job_page(row("Digest")) in page_of(client, LIST)
    press(client, job_page(row("Digest"), "run-now"), "_x", reason="Bank asked")
    google.deliver_forced()
    change(row("Digest"), schedule_override="0 10 * * *")
    assert google.advance_to(NINE + timedelta(minutes=1)) == []
    assert len(google.advance_to(TEN)) == 1
    press(
        client, job_page(row("Digest"), "pause"), "_x", reason="holidays", until_mode="open", counted="open"
    )
    assert google.advance(timedelta(days=7)) == []
    for run in JobRun.objects.all():
        assert run_page(run) in page_of(client, job_page(row("Digest")))
    told = text_of(page_of(client, job_page(row("Digest"), "changes")))
    for part in ("0 10 * * *", "holidays", "maria"):
        assert part in told


# --- Slots ------------------------------------------------------------------------------------------


def test_after_an_outage_nothing_is_caught_up(google: CloudScheduler) -> None:
    """Koed00/django-q #110: catch-up after downtime sends every e-mail again."""
    sent: list[datetime] = []
    declare("Digest", run=lambda self: sent.append(self.metadata.scheduled_for))
    schedule_tasks()
    with override_settings(ROOT_URLCONF=()):  # the app is down: none of its addresses answers
        assert {answer.status_code for answer in google.advance(timedelta(days=5))} == {404}
    assert google.deliver_forced() == []
    google.advance(timedelta(days=1))
    assert sent == [datetime(2026, 11, 28, 9, tzinfo=UTC)]


def test_a_run_is_told_the_slot_it_is_for(google: CloudScheduler) -> None:
    """Koed00/django-q #682: a late run has no way to know which time it stands for."""
    declare("Digest", run=lambda self: self.metadata.scheduled_for.isoformat())
    schedule_tasks()
    google.now = NINE + timedelta(minutes=47)
    assert deliver(google, row("Digest"), NINE).json()["result"] == "2026-11-23T09:00:00+00:00"
    assert "47 min" in text_of(page_of(superuser(), run_page(JobRun.objects.get())))


def test_a_slot_is_known_by_its_time_and_never_by_its_arrival(google: CloudScheduler) -> None:
    """getsentry/sentry #80898: check-ins are matched to the wrong slot."""
    declare("Digest", "0 * * * *")
    schedule_tasks()
    job = row("Digest")
    google.now = TEN + timedelta(minutes=1)
    assert deliver(google, job, TEN).json()["status"] == "executed"
    assert deliver(google, job, NINE).json()["status"] == "executed"
    assert deliver(google, job, TEN).json()["status"] == "duplicate"
    google.now += timedelta(hours=5)
    assert deliver(google, job, NINE).json()["status"] == "duplicate"
    assert history() == [("schedule", "succeeded", TEN), ("schedule", "succeeded", NINE)]


def test_a_run_forced_early_is_not_the_slot_it_announces(google: CloudScheduler) -> None:
    """getsentry/sentry #84358: an early check-in is taken for a slot that is then reported missed."""
    declare("Digest")
    schedule_tasks()
    google.store.run_job(full_name(row("Digest")))
    (answer,) = google.deliver_forced()
    assert answer.json()["status"] == "executed"
    google.advance_to(TEN)
    assert history() == [("manual", "succeeded", None), ("schedule", "succeeded", NINE)]


def test_the_retry_of_an_unfinished_slot_is_its_next_attempt(google: CloudScheduler) -> None:
    """django-tasks-google 0.6.0: the retry of a slot that was never worked off is answered "duplicate"."""
    outcomes = iter([ValueError("no stock"), None])

    def work(self: PeriodicTask) -> str:
        if (error := next(outcomes)) is not None:
            raise error
        return "done"

    declare("Digest", run=work, schedule_retries=3)
    schedule_tasks()
    answers = google.advance_to(NINE + timedelta(minutes=5))
    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [
        (500, "failed"),
        (200, "executed"),
    ]
    assert list(JobRun.objects.order_by("pk").values_list("scheduled_for", "attempt", "status")) == [
        (NINE, 1, "failed"),
        (NINE, 2, "succeeded"),
    ]
    assert deliver(google, row("Digest"), NINE).json()["status"] == "duplicate"


# --- Runs that overlap, and runs whose process died -------------------------------------------------


def test_overlapping_runs_write_to_their_own_rows_only(google: CloudScheduler) -> None:
    """jcass77/django-apscheduler #75: overlapping executions update each other's rows."""

    second_slot = NINE + timedelta(minutes=1)
    begun, ended = NINE + timedelta(seconds=30), NINE + timedelta(seconds=70)

    def work(self: PeriodicTask) -> str:
        slot = self.metadata.scheduled_for
        self.report_progress(1, 2, f"{slot:%M} begins")
        if slot == NINE:
            google.now = second_slot
            assert deliver(google, row("Digest"), second_slot).json()["result"] == "01 is done"
            google.now = ended
        return f"{slot:%M} is done"

    declare("Digest", "* * * * *", run=work, overlap="allow")
    schedule_tasks()
    google.now = begun
    deliver(google, row("Digest"), NINE)
    first, second = JobRun.objects.order_by("pk")
    assert (first.scheduled_for, first.result, first.progress_message) == (NINE, "00 is done", "00 begins")
    assert (second.scheduled_for, second.result) == (second_slot, "01 is done")
    assert second.progress_message == "01 begins"
    assert (first.started_at, first.finished_at) == (begun, ended)
    assert (second.started_at, second.finished_at) == (second_slot, second_slot)
    assert (first.deliveries, second.deliveries) == (1, 1)


def test_a_slot_that_is_running_is_not_started_again(google: CloudScheduler) -> None:
    """jcass77/django-apscheduler #156: one execution has two rows."""
    answers: list[Any] = []

    def work(self: PeriodicTask) -> None:
        answers.append(deliver(google, row("Digest"), NINE))

    declare("Digest", run=work)
    schedule_tasks()
    google.now = NINE
    deliver(google, row("Digest"), NINE)
    (inner,) = answers
    assert (inner.status_code, inner.json()["status"]) == (409, "running")
    assert JobRun.objects.count() == 1


def test_a_run_whose_process_was_killed_is_not_running_for_ever(google: CloudScheduler) -> None:
    """RealOrangeOne/django-tasks #46: a killed process leaves its task RUNNING for ever."""
    declare("Digest", "0 * * * *")
    schedule_tasks()
    eight = NINE - timedelta(hours=1)
    killed = make_run(row("Digest"), "running", scheduled_for=eight, started_at=google.now)
    client = superuser()
    assert "Probably lost" not in text_of(page_of(client, run_page(killed)))
    google.now += timedelta(minutes=4)
    said = text_of(page_of(client, run_page(killed)))
    assert "Probably lost" in said  # as soon as it is looked at, with no daemon
    assert "its process has died, or cannot reach the database" in said
    google.advance_to(NINE)
    assert history() == [("schedule", "lost", eight), ("schedule", "succeeded", NINE)]


def test_the_retry_of_a_killed_run_does_its_work(google: CloudScheduler) -> None:
    """nautobot #633: what the killed process was at is never done."""
    declare("Digest")
    schedule_tasks()
    make_run(row("Digest"), "running", scheduled_for=NINE, started_at=NINE)
    google.now = NINE + timedelta(seconds=30)  # the lease is out: whoever held it is dead
    assert deliver(google, row("Digest"), NINE).json()["status"] == "executed"
    assert list(JobRun.objects.order_by("pk").values_list("attempt", "status")) == [
        (1, "lost"),
        (2, "succeeded"),
    ]
