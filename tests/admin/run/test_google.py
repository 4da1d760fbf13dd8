"""What Google says of a run, and why a run may not have arrived."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.models import JobRun, ScheduledJob
from tests.support import make_job, make_run, make_task
from tests.support.pages import text_of
from tests.support.people import signed_in, staff
from tests.support.run_pages import NOW, RUNS, SLOT, failed, page

if TYPE_CHECKING:
    from django.test import Client


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]

Status = JobRun.Status
ADDRESS = "https://shop.example.com/tasks/shop.tasks.Report"


def answers(html: str) -> dict[str, str]:
    """What stands under "Google's own answer", or under "Why did it not arrive?", by its source."""
    [found] = re.findall(r'<dl class="sj-ans">(.*?)</dl>', html, re.DOTALL)
    pairs = re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", found, re.DOTALL)
    return {text_of(source): text_of(text).strip() for source, text in pairs}


def google_tried(job: ScheduledJob, at: datetime, code: int, seen_at: datetime = NOW, **values: Any) -> None:
    live = {"last_attempt_time": at.isoformat(), "status": code, "uri": ADDRESS, "state": "ENABLED"}
    ScheduledJob.objects.filter(pk=job.pk).update(live=live, live_seen_at=seen_at, **values)


def test_googles_last_attempt_is_told_to_be_this_run(client: Client, job: ScheduledJob) -> None:
    run = failed(job, attempt=3)
    google_tried(job, SLOT, 13, next_run_at=None)
    html = page(client, run)
    assert answers(html) == {
        "Last attempt": "14:00:00, was answered 500 (INTERNAL, code 13). That is this run.",
        "Next": "By its schedule 15:00.",
        "Address": ADDRESS,
    }
    assert "Google’s own answer read from Google at 14:10" in text_of(html)
    assert "Scheduled 14:00:00.0, attempt 3" in text_of(html)
    assert "Sent by Google 14:00:00.0" in text_of(html)


def test_the_retry_to_come_stands_beside_googles_answer(client: Client, job: ScheduledJob) -> None:
    run = failed(job)
    google_tried(job, SLOT, 13)
    told = answers(page(client, run, now=SLOT + timedelta(seconds=6)))
    assert told["Next"] == "Attempt 2 of 3 about 14:00. By its schedule 15:00."


def test_an_attempt_that_is_another_runs_is_not_called_this_run(client: Client, job: ScheduledJob) -> None:
    first = failed(job)
    second = failed(job, attempt=2, started_at=SLOT + timedelta(seconds=11))
    google_tried(job, SLOT + timedelta(seconds=10), 0)
    assert answers(page(client, second))["Last attempt"].endswith("That is this run.")
    told = answers(page(client, first))["Last attempt"]
    assert told.endswith("It is not this run: Google keeps only its last attempt.")
    google_tried(job, SLOT - timedelta(hours=1), 0)
    told = answers(page(client, second))["Last attempt"]
    assert told.endswith("It was before this run: Google was not asked since.")


def test_what_google_said_before_a_run_ended_is_not_of_it(client: Client, job: ScheduledJob) -> None:
    run = failed(job)
    for code in (-1, 0):
        google_tried(job, SLOT, code, seen_at=SLOT + timedelta(seconds=2))
        html = page(client, run)
        assert answers(html)["Last attempt"] == (
            "14:00:00. That is this run, which went on when Google was asked."
        )
        assert "Sent by Google 14:00:00.0" in text_of(html)


def test_of_a_running_run_google_has_no_answer_yet(client: Client, job: ScheduledJob) -> None:
    run = make_run(job, Status.RUNNING, started_at=NOW, deadline_at=NOW + timedelta(minutes=20))
    google_tried(job, SLOT, 13)
    assert "None yet: Google waits for this run, until 14:30 at the latest." in page(client, run)
    late = page(client, run, now=NOW + timedelta(minutes=21))
    assert "Google no longer waits for this run: its deadline has passed." in late


def test_a_run_without_google_has_no_answer_of_google(client: Client, job: ScheduledJob) -> None:
    google_tried(job, SLOT, 13)
    run = make_run(job, Status.SUCCEEDED, trigger="eager", started_at=SLOT)
    assert "Google’s own answer" not in text_of(page(client, run))


# --- A run that was missed -------------------------------------------------------------------------


@pytest.fixture
def missed(job: ScheduledJob) -> JobRun:
    return make_run(job, Status.MISSED, scheduled_for=SLOT, finished_at=SLOT + timedelta(minutes=5))


def beside(status: str, minutes: float = 0, **values: Any) -> JobRun:
    other = make_job(
        make_task(name=f"Other{JobRun.objects.count()}"), f"shop--other-{JobRun.objects.count()}"
    )
    at = SLOT + timedelta(minutes=minutes)
    started = {} if status == Status.MISSED else {"started_at": at}
    return make_run(other, status, scheduled_for=at, **started, **values)


def test_what_else_arrived_at_the_time_is_told_and_listed(client: Client, missed: JobRun) -> None:
    others = [beside(Status.SUCCEEDED, -1), beside(Status.FAILED, 1)]
    beside(Status.SUCCEEDED, 1.1)
    html = page(client, missed)
    told = answers(html)
    assert told["This server"] == "Was up: 2 other runs arrived between 13:59 and 14:01."
    assert told["So"] == "Probably Google did not call for this job: others arrived at the same time."
    listed = html[html.index("Other runs at the same time") :]
    assert re.findall(rf"{RUNS}(\d+)/change/", listed) == [str(other.pk) for other in others]
    assert "Started by" not in html
    assert "Missed 1 of 1 in 24 h" in text_of(html)


def test_a_server_to_which_nothing_came_is_suspected(client: Client, missed: JobRun) -> None:
    beside(Status.MISSED)
    told = answers(page(client, missed))
    assert told["This server"] == (
        "No run of another job arrived between 13:59 and 14:01. 1 other was missed as well."
    )
    assert told["So"] == "Probably nothing got to this server then: other jobs are missing too."


@pytest.mark.parametrize(
    ("minutes", "code", "seen", "says", "so"),
    [
        (0, 14, 5, "It tried: 14:00:00, got no usable answer (UNAVAILABLE, code 14).",
         "Google tried, and its call did not get to this app."),
        (0, 0, 5, "It tried: 14:00:00, got a success (2xx) (OK, code 0).",
         "Something else answered at that address: Google reports a success, and nothing ran here."),
        (5, 0, 9, "Its last attempt is a later one: 14:05:00, got a success (2xx) (OK, code 0). "
         "It keeps no older one.", "What kept it is not known."),
        (-60, 0, 5, "It had not tried by 14:05. Its last attempt was earlier: "
         "13:00:00, got a success (2xx) (OK, code 0).", "What kept it is not known."),
        (-60, 0, -30, "It has not been asked since. Its last attempt was earlier: "
         "13:00:00, got a success (2xx) (OK, code 0).", "What kept it is not known."),
    ],
)  # fmt: skip
def test_google_is_quoted_with_what_follows(
    client: Client, missed: JobRun, minutes: int, code: int, seen: int, says: str, so: str
) -> None:
    seen_at = SLOT + timedelta(minutes=seen)
    google_tried(missed.job, SLOT + timedelta(minutes=minutes), code, seen_at)
    told = answers(page(client, missed))
    assert told == {
        "Google says": says,
        "This server": "No run of another job arrived between 13:59 and 14:01.",
        "Address": ADDRESS,
        "Paused?": "Not now, neither here nor in Google.",
        "So": so,
    }


def test_a_pause_explains_a_run_that_was_missed(client: Client, missed: JobRun) -> None:
    job = ScheduledJob.objects.filter(pk=missed.job_id)
    job.update(live={"state": "PAUSED"})
    assert answers(page(client, missed))["Paused?"] == "Not here, but in Google, as last seen."
    job.update(paused=True, paused_at=SLOT - timedelta(minutes=9), pause_reason="x")
    told = answers(page(client, missed))
    assert told["Paused?"] == "Yes, here, since 13:51."
    assert "So" not in told


def test_what_can_be_done_about_a_missed_run_is_for_those_who_may(client: Client, missed: JobRun) -> None:
    told = text_of(page(client, missed))
    assert (
        "What you can do Run it now for 14:00 Runs once, with the scheduled time 14:00, so that the task works "
        "on that window. Run for 14:00… Leave it It is taken off the list of what needs attention"
    ) in told
    assert "If other jobs are missing too" in told
    assert "What you can do" not in text_of(page(signed_in(staff("view", "runs")), missed))
