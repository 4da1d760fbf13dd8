"""The page of a run that was missed: what was seen of it, and what can be done about it and its like."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services import execution
from tests.support import make_run
from tests.support.pages import text_of
from tests.support.run_pages import NOW, RUNS, SLOT, headline, page

if TYPE_CHECKING:
    from django.test import Client
    from pytest_django.fixtures import SettingsWrapper

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]

Status, Trigger = JobRun.Status, JobRun.Trigger
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def missed(job: ScheduledJob, at: Any = SLOT, **seen: Any) -> JobRun:
    """As watching writes it."""
    return make_run(
        job,
        Status.MISSED,
        scheduled_for=at,
        created_at=at + 5 * MINUTE,
        context={"missed": {"reason": "", **seen}},
    )


def told(client: Client, run: JobRun) -> str:
    return " ".join(text_of(page(client, run)).split())


def test_it_says_when_it_was_noticed_and_what_came_next(client: Client, job: ScheduledJob) -> None:
    run = missed(job)
    after = SLOT + 9 * MINUTE
    make_run(job, Status.SUCCEEDED, scheduled_for=after, started_at=after, duration=timedelta(seconds=12))
    text = told(client, run)
    assert "never arrived; it was given up at 14:05. The next one, 14:09, arrived and succeeded." in text
    assert "Scheduled 14:00:00" in text
    assert "Missed 14:05:00" in text
    assert "Next run 14:09:00, succeeded in 12 s" in text
    assert "Counted 5 min after the scheduled time" in text
    assert "Leave it The run of 14:09, after it, has succeeded." in text


def test_an_older_run_that_came_late_is_not_the_next_one(client: Client, job: ScheduledJob) -> None:
    run = missed(job)
    late = {"started_at": SLOT + 6 * MINUTE, "duration": timedelta(seconds=12)}
    make_run(job, Status.SUCCEEDED, scheduled_for=SLOT - 9 * MINUTE, **late)
    text = told(client, run)
    assert "never arrived; it was given up at 14:05. Nothing ran," in text
    assert "Leave it It is taken off the list of what needs attention, and nothing else is changed." in text


def test_an_attempt_that_watching_has_seen_outlives_later_ones(client: Client, job: ScheduledJob) -> None:
    """Google keeps its last attempt alone, and by now that is another one."""
    run = missed(job, reason="unreachable", attempt_at=SLOT.isoformat(), code=14)
    later = {
        "last_attempt_time": (SLOT + 5 * MINUTE).isoformat(),
        "status": 0,
        "uri": "https://x",
        "state": "ENABLED",
    }
    ScheduledJob.objects.update(live=later, live_seen_at=NOW)
    text = told(client, run)
    assert "Google says It tried: 14:00:00, got no usable answer (UNAVAILABLE, code 14)." in text
    assert "So Google tried, and its call did not get to this app." in text


def test_a_call_that_was_refused_then_is_told(client: Client, job: ScheduledJob) -> None:
    run = missed(job)
    ScheduledJob.objects.update(refused_at=SLOT, refused_caller="other@x.iam.gserviceaccount.com")
    text = told(client, run)
    assert (
        "A call of this job was refused at 14:00: other@x.iam.gserviceaccount.com may not run tasks" in text
    )


def test_googles_own_log_is_one_link_away(
    client: Client, job: ScheduledJob, settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = missed(job)
    assert "in Cloud Logging" not in told(client, run)
    monkeypatch.setattr("scheduled_jobs.admin.run.console._project", lambda: "shop-prod")
    html = page(client, run)
    [address] = re.findall(r'href="(https://console.cloud.google.com/logs[^"]*)"', html)
    assert "14:00 in Cloud Logging" in text_of(html)
    assert "cloud_scheduler_job" in address
    assert "shop--report" in address
    assert address.endswith("?project=shop-prod")


def test_it_is_run_for_its_own_time(client: Client, job: ScheduledJob) -> None:
    run = missed(job)
    text = told(client, run)
    assert text.count("Run for 14:00…") == 2
    assert "Rerun…" not in text
    asked = " ".join(text_of(page(client, run, "rerun")).split())
    assert "Run for 14:00" in asked
    assert "for the time that was missed" in asked
    assert "What is in force today: what never arrived has none of its own." in asked


def test_several_that_were_missed_are_run_by_one_button(client: Client, job: ScheduledJob) -> None:
    first, made_up, waits, last = (missed(job, SLOT - n * HOUR) for n in (3, 2, 1, 0))
    make_run(job, Status.SUCCEEDED, scheduled_for=made_up.scheduled_for, attempt=2)
    html = page(client, last)
    text = " ".join(text_of(html).split())
    assert "Run the 3 missed since 11:00 One after the other." in text
    assert "also 11:00, 13:00" in text
    assert "backfill/?start=2026-10-22T10%3A00%3A00Z&amp;end=2026-10-22T13%3A01%3A00Z" in html

    make_run(job, Status.QUEUED, scheduled_for=waits.scheduled_for, attempt=2, trigger=Trigger.BACKFILL)
    make_run(job, Status.SUCCEEDED, scheduled_for=first.scheduled_for, attempt=2)
    assert "Run all" not in told(client, last)


@pytest.mark.parametrize("trigger", [Trigger.RETRY, Trigger.BACKFILL])
def test_what_was_run_again_is_said_both_ways(client: Client, job: ScheduledJob, trigger: str) -> None:
    run = missed(job)
    again = make_run(
        job, Status.SUCCEEDED, scheduled_for=SLOT, attempt=2, trigger=trigger, retry_of=run, started_at=NOW
    )
    assert headline(client, run).endswith(f"Its last attempt, #{again.pk}, succeeded.")
    text = told(client, run)
    assert f"Run again as #{again.pk}, 14:00" in text
    assert "Run for 14:00…" not in text
    assert f"Rerun of #{run.pk}, 14:00" in told(client, again)


def test_a_backfilled_run_leads_back_to_the_missed_one(client: Client, job: ScheduledJob) -> None:
    run = missed(job)
    [again] = execution.backfill(job, SLOT, SLOT + MINUTE)
    assert (again.retry_of_id, again.attempt) == (run.pk, 2)
    assert f"Its last attempt, #{again.pk}, is queued." in headline(client, run)


def test_very_many_are_one_row(client: Client, job: ScheduledJob) -> None:
    run = missed(job, slots=1_440, since=(SLOT - timedelta(days=1)).isoformat())
    assert "The last of 1,440 scheduled times for which nothing arrived." in headline(client, run)
    assert RUNS in page(client, run)
