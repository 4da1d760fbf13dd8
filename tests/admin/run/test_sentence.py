"""The sentence on top of a run's page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.admin.run.sentence import retry_due
from scheduled_jobs.models import JobRun, ScheduledJob
from tests.support import make_run
from tests.support.run_pages import NOW, SLOT, failed, headline, rows

if TYPE_CHECKING:
    from django.test import Client


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]

Status, Trigger = JobRun.Status, JobRun.Trigger


def test_a_failed_attempt_says_which_and_when_google_retries(client: Client, job: ScheduledJob) -> None:
    assert headline(client, failed(job), SLOT + timedelta(seconds=6)) == (
        "Failed after 4.2 s. Attempt 1 of 3, scheduled for Thu 22 Oct 14:00. "
        "KeyError: 'PT-LIS-2' Google tries again about 14:00."
    )


def test_a_retry_that_never_came_is_not_announced_for_ever(client: Client, job: ScheduledJob) -> None:
    assert "tries again" not in headline(client, failed(job), SLOT + timedelta(minutes=10))


def test_the_last_attempt_announces_no_retry(client: Client, job: ScheduledJob) -> None:
    run = failed(job, attempt=3)
    assert "tries again" not in headline(client, run, SLOT + timedelta(seconds=6))


def test_a_success_says_how_long_and_what_for(client: Client, job: ScheduledJob) -> None:
    run = make_run(
        job, Status.SUCCEEDED, scheduled_for=SLOT, started_at=SLOT,
        finished_at=SLOT + timedelta(seconds=90), duration=timedelta(seconds=90),
    )  # fmt: skip
    assert headline(client, run) == "Succeeded after 1 min 30 s. Scheduled for Thu 22 Oct 14:00."


def test_a_running_run_says_how_long_how_far_and_what_is_left(client: Client, job: ScheduledJob) -> None:
    make_run(job, Status.SUCCEEDED, started_at=SLOT, duration=timedelta(minutes=11))
    run = make_run(
        job, Status.RUNNING, trigger=Trigger.MANUAL, requested_by="maria",
        started_at=NOW - timedelta(minutes=7, seconds=30), lease_until=NOW + timedelta(seconds=10),
        deadline_at=NOW + timedelta(minutes=5), progress_done=48210, progress_total=79000,
        progress_message="batch 96 of 158",
    )  # fmt: skip
    assert headline(client, run) == (
        "Running for 7 min 30 s. Asked for by maria. 48,210 of 79,000 done, 61 %: batch 96 of 158 "
        "48,210 of 79,000 done, 61 % It usually takes 11 min, so about 3 min 30 s are left."
    )


def test_without_a_sign_of_life_a_run_is_probably_lost(client: Client, job: ScheduledJob) -> None:
    run = make_run(
        job,
        Status.RUNNING,
        started_at=NOW - timedelta(minutes=5),
        lease_until=NOW - timedelta(minutes=2, seconds=40),
    )
    assert headline(client, run).startswith("Probably lost")
    assert "No sign of life for 3 min" in headline(client, run)
    run.refresh_from_db()
    assert run.status == Status.RUNNING


def test_past_its_deadline_google_no_longer_waits(client: Client, job: ScheduledJob) -> None:
    run = make_run(
        job, Status.RUNNING, started_at=NOW - timedelta(minutes=5), lease_until=NOW + timedelta(seconds=10),
        deadline_at=NOW - timedelta(minutes=2),
    )  # fmt: skip
    assert "Past its deadline: Google no longer waits for the answer, and the run goes on." in headline(
        client, run
    )


@pytest.mark.parametrize(
    ("sent", "minutes", "says"),
    [
        (1, 0.2, "Queued for 12 s. Asked for by maria. Google was asked and delivers it within seconds"),
        (0, 2, "Queued for 2 min. Asked for by maria. Google has not been asked yet"),
        (1, 4, "Queued for 4 min. Asked for by maria. Google was asked 4 min ago and has not"),
        (2, 4, "Probably lost. Asked for by maria. Google was asked twice and did not deliver it for 4 min"),
    ],
)
def test_a_run_that_is_not_delivered_is_told_within_minutes(
    client: Client, job: ScheduledJob, sent: int, minutes: float, says: str
) -> None:
    at = NOW - timedelta(minutes=minutes)
    run = make_run(
        job, Status.QUEUED, trigger=Trigger.MANUAL, requested_by="maria", created_at=at, sent=sent,
        sent_at=at if sent else None,
    )  # fmt: skip
    assert headline(client, run).startswith(says)
    run.refresh_from_db()
    assert (run.status, run.sent) == (Status.QUEUED, sent)


def test_a_run_that_was_given_up_says_what_to_do(client: Client, job: ScheduledJob) -> None:
    run = make_run(
        job, Status.LOST, trigger=Trigger.MANUAL, requested_by="maria", created_at=NOW, finished_at=NOW, sent=2,
        sent_at=NOW, error="Cloud Scheduler did not deliver it",
    )  # fmt: skip
    assert headline(client, run) == (
        "Lost. Asked for by maria. Cloud Scheduler did not deliver it Nothing tries it again by itself: "
        "rerun it when the cause is fixed."
    )


def test_a_queued_run_says_what_it_would_overlap_with(client: Client, job: ScheduledJob) -> None:
    other = make_run(job, Status.RUNNING, started_at=NOW, lease_until=NOW + timedelta(minutes=1))
    run = make_run(job, Status.QUEUED, trigger=Trigger.MANUAL, created_at=NOW, sent=1, sent_at=NOW)
    assert f"Run #{other.pk} of this job is going on" in headline(client, run)


def test_missed_and_skipped_runs_say_that_none_is_caught_up(client: Client, job: ScheduledJob) -> None:
    skipped = make_run(
        job, Status.SKIPPED, scheduled_for=SLOT - timedelta(hours=1), error="paused: migration"
    )
    missed = make_run(
        job, Status.MISSED, scheduled_for=SLOT, finished_at=SLOT + timedelta(minutes=5), error="no delivery"
    )
    assert headline(client, missed) == (
        "Missed. The run scheduled for 14:00 never arrived; it was given up at 14:05. "
        "Nothing ran, and nothing is caught up by itself."
    )
    assert headline(client, skipped).endswith(
        "Paused: migration Nothing ran, and nothing is caught up by itself."
    )
    make_run(job, Status.SUCCEEDED, scheduled_for=SLOT + timedelta(minutes=5))
    assert "given up at 14:05. The next one, 14:05, arrived and succeeded. Nothing" in headline(
        client, missed
    )


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"trigger": "manual", "requested_by": "Cloud Scheduler"}, "Failed. Forced in Google’s console."),
        ({"trigger": "backfill", "requested_by": "ana"}, "Failed. A backfill, asked for by ana."),
        ({"trigger": "eager"}, "Failed. Run by the command itself."),
        ({"trigger": "manual"}, "Failed. Asked for by somebody."),
    ],
)
def test_the_sentence_says_how_the_run_came_about(
    client: Client, job: ScheduledJob, values: dict[str, Any], says: str
) -> None:
    assert headline(client, make_run(job, Status.FAILED, **values)) == (
        f"{says} Nothing tries it again by itself: rerun it when the cause is fixed."
    )


def test_a_failure_says_that_a_later_attempt_succeeded(client: Client, job: ScheduledJob) -> None:
    first = failed(job)
    second = make_run(job, Status.SUCCEEDED, scheduled_for=SLOT, attempt=2)
    assert f"Its last attempt, #{second.pk}, succeeded." in headline(client, first)


def test_a_failure_says_how_many_runs_before_it_failed_in_the_same_way(
    client: Client, job: ScheduledJob
) -> None:
    def failed_before(hours: int, key: str = "KeyError", attempt: int = 1) -> JobRun:
        slot = SLOT - timedelta(hours=hours)
        return failed(job, scheduled_for=slot, started_at=slot, error_key=key, attempt=attempt)

    failed_before(4, "ValueError")
    failed_before(3)
    failed_before(2)
    failed_before(2, attempt=2)
    run = failed_before(1)
    assert headline(client, run).endswith("The 2 runs before this one failed in the same way.")
    assert "in the same way" not in headline(client, failed_before(0, "OSError"))


def test_retries_follow_googles_rule_up_to_the_next_slot(job: ScheduledJob) -> None:
    job.declared_retry_count, job.declared_max_doublings = 5, 2
    ended = SLOT + timedelta(minutes=1)
    waits = []
    for attempt in range(1, 6):
        due = retry_due(failed(job, attempt=attempt, finished_at=ended), job, ended)
        assert due is not None
        waits.append((due - ended).total_seconds())
    assert waits == [5, 10, 20, 22, 24]
    late = failed(job, attempt=6, finished_at=SLOT + timedelta(minutes=59, seconds=58))
    job.declared_retry_count = 9
    assert retry_due(late, job, SLOT + timedelta(minutes=59, seconds=59)) is None


def test_a_retry_is_due_while_the_window_alone_allows_it(job: ScheduledJob) -> None:
    job.declared_retry_count, job.declared_max_retry_duration = 0, timedelta(minutes=1)
    run = failed(job, finished_at=SLOT + timedelta(seconds=50))
    assert retry_due(run, job, SLOT) == SLOT + timedelta(seconds=55)
    run.finished_at = SLOT + timedelta(seconds=56)
    assert retry_due(run, job, SLOT) is None


def test_a_run_that_takes_longer_than_usual_says_what_is_usual(client: Client, job: ScheduledJob) -> None:
    make_run(job, Status.SUCCEEDED, started_at=SLOT, duration=timedelta(seconds=10))
    run = make_run(
        job, Status.RUNNING, started_at=NOW - timedelta(minutes=1), lease_until=NOW + timedelta(minutes=1)
    )
    assert "It usually takes 10 s." in headline(client, run)
    assert "past its deadline" not in rows(client)[1]
    JobRun.objects.filter(pk=run.pk).update(deadline_at=NOW - timedelta(seconds=1))
    assert "past its deadline" in rows(client)[1]
    JobRun.objects.filter(pk=run.pk).update(lease_until=NOW - timedelta(seconds=1))
    assert "probably lost" in rows(client)[1]
