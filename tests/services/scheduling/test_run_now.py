"""Run now: executed at most once, and settled within minutes whatever Google does."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import transaction
from django.test import override_settings
from django.utils import timezone

from scheduled_jobs import signals
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.services import scheduling
from tests.support import full_name
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("One", schedule_body_payload={"region": "emea"})
    schedule_tasks()
    google.store.faults.calls.clear()
    return row("One")


def methods(google: MemoryBackend) -> list[str]:
    return [call.method for call in google.store.faults.calls if call.method != "GetJob"]


def age(run: JobRun, minutes: float, **values: object) -> None:
    past = timezone.now() - timedelta(minutes=minutes)
    JobRun.objects.filter(pk=run.pk).update(created_at=past, sent_at=past, **values)


def test_a_run_is_queued_with_the_payload_in_force(google: MemoryBackend, job: ScheduledJob) -> None:
    run = job.run_now(by="maria", reason="acquirer called")
    assert (run.status, run.trigger, run.sent, run.scheduled_for) == ("queued", "manual", 1, None)
    assert (run.payload, run.requested_by, run.reason) == ({"region": "emea"}, "maria", "acquirer called")
    assert methods(google) == ["RunJob"]
    change = JobChange.objects.latest("pk")
    assert (change.field, change.new, change.actor_label, change.reason) == (
        "run", run.pk, "maria", "acquirer called",
    )  # fmt: skip


def test_a_payload_of_its_own_does_not_change_the_job(google: MemoryBackend, job: ScheduledJob) -> None:
    assert job.run_now({"region": "apac"}).payload == {"region": "apac"}
    assert row("One").payload == {"region": "emea"}


def test_nothing_is_asked_before_the_commit(google: MemoryBackend, job: ScheduledJob) -> None:
    with transaction.atomic():
        run = job.run_now()
        assert (run.status, run.sent) == ("queued", 0)
        assert methods(google) == []
    assert methods(google) == ["RunJob"]


def test_a_pending_push_goes_first(google: MemoryBackend, job: ScheduledJob) -> None:
    ScheduledJob.objects.filter(pk=job.pk).mark_pending(description_override="new")
    job.refresh_from_db()
    job.run_now()
    assert methods(google) == ["UpdateJob", "RunJob"]


def test_a_definite_refusal_fails_the_run_with_its_reason(google: MemoryBackend, job: ScheduledJob) -> None:
    failed: list[str] = []

    def hear(run: JobRun, **_: object) -> None:
        failed.append(run.error)

    signals.run_failed.connect(hear)
    google.store.faults.refuse("RunJob", "PERMISSION_DENIED", "The caller does not have permission")
    run = job.run_now()
    signals.run_failed.disconnect(hear)
    assert (run.status, run.sent) == ("failed", 0)
    assert run.error.startswith("The caller does not have permission. Grant the account that makes this call")
    assert failed == [run.error]


def test_an_unknown_outcome_leaves_the_run_queued(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.faults.lose_answer("RunJob")
    run = job.run_now()
    assert (run.status, run.sent) == ("queued", 1)
    assert methods(google) == ["RunJob"]


def test_a_run_right_after_another_change_is_asked_for_again(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    """Google refuses a call while it still works on the job's last change, and has then done nothing."""
    google.store.faults.refuse("RunJob", "ABORTED", "sync mutate calls cannot be queued", times=2)
    run = job.run_now()
    assert (run.status, run.sent) == ("queued", 1)
    assert methods(google) == ["RunJob"] * 3


def test_a_job_that_google_stays_busy_with_keeps_its_run_queued(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    google.store.faults.refuse("RunJob", "ABORTED", "sync mutate calls cannot be queued", times=5)
    run = job.run_now()
    assert (run.status, run.sent) == ("queued", 0)
    JobRun.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    scheduling.settle(job.pk)
    run.refresh_from_db()
    assert (run.status, run.sent) == ("queued", 1)


def test_a_refused_second_call_leaves_the_run_lost(google: MemoryBackend, job: ScheduledJob) -> None:
    run = job.run_now()
    age(run, 3.1)
    google.store.faults.refuse("RunJob", "PERMISSION_DENIED", "no")
    scheduling.settle(job.pk)
    run.refresh_from_db()
    assert (run.status, run.sent) == ("lost", 1)
    assert run.error == "Cloud Scheduler did not deliver it, and now refuses: no"


def test_a_job_that_google_lost_is_created_and_then_run(google: MemoryBackend, job: ScheduledJob) -> None:
    google.delete(full_name(job), timeout=1)
    google.store.faults.calls.clear()
    assert job.run_now().status == "queued"
    assert methods(google) == ["RunJob", "CreateJob", "RunJob"]


def test_a_paused_job_can_be_run_now(google: MemoryBackend, job: ScheduledJob) -> None:
    job.pause(reason="x")
    google.store.faults.refuse("RunJob", "FAILED_PRECONDITION", "Job is paused")
    google.store.faults.calls.clear()
    assert job.run_now().status == "queued"
    assert methods(google) == ["RunJob", "ResumeJob", "RunJob", "PauseJob"]
    assert google.get(full_name(job), timeout=1).state == "PAUSED"


def test_a_pause_that_google_refuses_after_the_run_is_pending(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    job.pause(reason="x")
    google.store.faults.refuse("RunJob", "FAILED_PRECONDITION", "Job is paused")
    google.store.faults.refuse("PauseJob", "PERMISSION_DENIED", "no")
    run = job.run_now()
    assert (run.status, run.sent, run.error) == ("queued", 1, "")
    stored = row("One")
    assert (stored.sync_state, stored.push_token) == ("pending", None)
    assert stored.sync_error == "Run now has resumed the job in Google and could not pause it again"
    schedule_tasks()
    assert google.get(full_name(job), timeout=1).state == "PAUSED"
    assert row("One").sync_state == "synced"


def test_a_paused_job_that_is_being_pushed_waits_with_its_run(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    job.pause(reason="x")
    ScheduledJob.objects.update(push_token="another", push_until=timezone.now() + timedelta(minutes=1))
    google.store.faults.refuse("RunJob", "FAILED_PRECONDITION", "Job is paused")
    google.store.faults.calls.clear()
    run = job.run_now()
    assert (run.status, run.sent, methods(google)) == ("queued", 0, ["RunJob"])


def test_a_wrong_state_of_a_job_that_is_not_paused_is_a_refusal(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    google.store.faults.refuse("RunJob", "FAILED_PRECONDITION", "Job is disabled")
    run = job.run_now()
    assert (run.status, run.error) == ("failed", "Job is disabled")


@override_settings(DJANGO_CLOUD_TASKS_PUSH="off")
def test_with_pushes_off_it_fails_saying_so(google: MemoryBackend, job: ScheduledJob) -> None:
    run = job.run_now()
    assert run.status == "failed"
    assert (
        run.error
        == 'pushes are off (DJANGO_CLOUD_TASKS_PUSH = "off"), so that Google cannot be asked to run it'
    )


@override_settings(DJANGO_CLOUD_TASKS_EAGER=True)
def test_in_eager_mode_google_is_not_asked(google: MemoryBackend, job: ScheduledJob) -> None:
    run = job.run_now()
    assert run.status == "failed"
    assert run.error.startswith(
        "tasks are run eagerly (DJANGO_CLOUD_TASKS_EAGER), so that Google is not asked"
    )
    assert google.store.faults.calls == []


def test_who_died_before_the_call_is_made_up_for_after_a_minute(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    run = JobRun.objects.create(job=job, status="queued", trigger="manual", payload={})
    age(run, 0.5)
    scheduling.settle(job.pk)
    assert methods(google) == []
    age(run, 1.1)
    scheduling.settle(job.pk)
    assert methods(google) == ["RunJob"]


def test_a_call_that_was_not_delivered_is_made_once_more(google: MemoryBackend, job: ScheduledJob) -> None:
    run = job.run_now()
    for minutes, sent in ((2.5, 1), (3.1, 2), (2.5, 2)):
        age(run, minutes)
        scheduling.settle(job.pk)
        run.refresh_from_db()
        assert (run.status, run.sent) == ("queued", sent)
    age(run, 3.1)
    scheduling.settle()
    run.refresh_from_db()
    assert (run.status, run.error) == ("lost", "Cloud Scheduler did not deliver it")
    assert run.finished_at is not None
    assert methods(google) == ["RunJob", "RunJob"]


def test_a_run_is_told_to_be_given_up_once_that_is_committed(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    told: list[tuple[str, object]] = []

    def hear(run: JobRun, **more: object) -> None:
        told.append((run.status, more.get("exception", "none is told")))

    run = job.run_now()
    age(run, 4, sent=2)
    both = (signals.run_finished, signals.run_failed)
    for signal in both:
        signal.connect(hear)
    try:
        with transaction.atomic():
            scheduling.settle(job.pk)
            assert told == []
    finally:
        for signal in both:
            signal.disconnect(hear)
    assert told == [("lost", "none is told"), ("lost", None)]


def test_a_claimed_run_is_left_alone(google: MemoryBackend, job: ScheduledJob) -> None:
    run = job.run_now()
    age(run, 5, status="running")
    scheduling.settle()
    scheduling.fire([run.pk])
    run.refresh_from_db()
    assert (run.status, run.sent) == ("running", 1)


def test_a_delivery_makes_at_most_one_call(google: MemoryBackend, job: ScheduledJob) -> None:
    for _ in range(3):
        age(JobRun.objects.create(job=job, status="queued", trigger="manual", payload={}), 2)
    JobRun.objects.update(sent=0)
    scheduling.after_delivery(job.pk)
    assert methods(google) == ["RunJob"]


def attempt(google: MemoryBackend, job: ScheduledJob, code: int, minutes: float) -> None:
    """Google has tried, so many minutes ago, and this is what it met."""
    entry = google.store._entry(full_name(job))
    google.store.attempt_started(entry, timezone.now() - timedelta(minutes=minutes))
    google.store.attempt_finished(entry, code, None)


def test_where_nothing_fires_schedule_tasks_asks_again_and_gives_up(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    run = job.run_now()
    age(run, 3.1)
    schedule_tasks(dry_run=True)
    run.refresh_from_db()
    assert (run.status, run.sent) == ("queued", 1)

    schedule_tasks()
    run.refresh_from_db()
    assert (run.status, run.sent) == ("queued", 2)

    age(run, 4)
    attempt(google, job, 14, 3.5)
    output = schedule_tasks()
    run.refresh_from_db()
    assert (output.code, output.lines, run.status) == (0, [], "lost")
    assert run.error.startswith("Cloud Scheduler did not deliver it: its attempt at 20")
    assert run.error.endswith(" UTC got no usable answer (UNAVAILABLE)")


@pytest.mark.parametrize(
    ("code", "minutes"),
    [
        (14, 9),  # before it was asked for
        (14, 1),  # may be under way, and the code another's
    ],
)
def test_what_another_attempt_met_is_not_said_of_this_run(
    google: MemoryBackend, job: ScheduledJob, code: int, minutes: float
) -> None:
    run = job.run_now()
    age(run, 5, sent=2)
    attempt(google, job, code, minutes)
    scheduling.settle()
    run.refresh_from_db()
    assert (run.status, run.error) == ("lost", "Cloud Scheduler did not deliver it")


def test_what_settling_sees_of_the_job_its_row_knows(google: MemoryBackend, job: ScheduledJob) -> None:
    run = job.run_now()
    age(run, 5)
    attempt(google, job, 14, 4.5)
    scheduling.settle(job.pk)
    job.refresh_from_db()
    assert job.live["status"] == 14
    google.store.faults.refuse("GetJob", "PERMISSION_DENIED", "no")
    age(run, 5, sent=2)
    scheduling.settle(job.pk)
    run.refresh_from_db()
    assert (run.status, run.error) == ("lost", "Cloud Scheduler did not deliver it")
