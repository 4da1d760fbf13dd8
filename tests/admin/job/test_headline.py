"""The sentence on top of a job's page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from scheduled_jobs.admin.job.headline import job_headline
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.health import Health
from tests.support import make_run
from tests.support.job_page import (
    address,
    job,
    text,
)
from tests.support.people import superuser

NOW = datetime(2026, 11, 23, 8, 31, tzinfo=UTC)
AN_HOUR_AGO = NOW - timedelta(hours=1)
ZONES = {"declared_schedule": "30 14 * * *", "declared_time_zone": "Europe/Berlin"}


def sentence(health: Health = Health.NEW, **values: object) -> str:
    job = ScheduledJob(**{**ZONES, **values})
    headline = job_headline(job, health, job.ahead(NOW), NOW)
    return f"{headline['strong']} {headline['rest']}"


def test_a_new_job_tells_its_first_run_and_another_the_next_one() -> None:
    assert sentence() == ("New. It has not run yet. First run: Mon 23 Nov 14:30, in 4 h 59 min.")
    ran = sentence(Health.HEALTHY, last_run_at=NOW - timedelta(hours=2), last_status="succeeded")
    assert ran == ("Healthy. The last run succeeded 2 h ago. Next run: Mon 23 Nov 14:30, in 4 h 59 min.")


def test_the_first_run_of_a_job_may_have_been_missed() -> None:
    assert sentence(Health.MISSED).startswith("Missed. Next run: Mon 23 Nov 14:30")


@pytest.mark.django_db
def test_a_missed_run_is_named_where_a_later_one_came() -> None:
    now = timezone.now()
    row = job(last_run_at=now, last_status="succeeded", last_success_at=now)
    slot = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    make_run(row, "missed", scheduled_for=slot, error_key="missed")
    make_run(row, "succeeded", scheduled_for=now, started_at=now)
    page = text(superuser().get(address(row)).content.decode())
    said = f"Nothing arrived from Google for the {slot:%H:%M} run. The last run succeeded now."
    assert f"Missed. {said}" in page
    assert "Why did it not arrive?" in page


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"paused_by": "rui", "paused_at": AN_HOUR_AGO}, "by rui since Mon 23 Nov 08:31, until somebody resumes it."),
        ({"paused_by": "rui"}, "by rui, until somebody resumes it."),
        ({}, "until somebody resumes it."),
        (
            {"paused_by": "rui", "paused_at": AN_HOUR_AGO, "paused_until": NOW + timedelta(days=1)},
            "by rui since Mon 23 Nov 08:31, until Tue 24 Nov 09:31.",
        ),
        ({"paused_by": "rui", "paused_until": NOW + timedelta(days=1)}, "by rui, until Tue 24 Nov 09:31."),
        ({"paused_until": NOW + timedelta(days=1)}, "until Tue 24 Nov 09:31."),
    ],
)  # fmt: skip
def test_a_pause_tells_who_since_when_and_until_when(values: dict[str, object], told: str) -> None:
    said = sentence(Health.PAUSED, paused=True, pause_reason="Legal", **values)
    assert said.startswith(f"Paused {told} Why: “Legal”. It has not run yet.")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "The last run failed, then somebody paused it. No end is set."),
        (
            {"paused_by": "rui", "paused_at": AN_HOUR_AGO, "pause_reason": "Printer", "failures_in_a_row": 3},
            "The last 3 runs failed, then rui paused it on Mon 23 Nov 08:31: “Printer”. No end is set.",
        ),
        (
            {"paused_by": "rui", "paused_until": NOW + timedelta(days=1), "failures_in_a_row": 2},
            "The last 2 runs failed, then rui paused it. It goes on at Tue 24 Nov 09:31.",
        ),
    ],
)
def test_a_paused_job_that_fails_says_both(values: dict[str, object], told: str) -> None:
    said = sentence(Health.FAILING, **{"paused": True, "failures_in_a_row": 1, **values})
    assert said == f"Failing, and paused. {told}"


def test_a_pause_after_a_loss_is_told_beside_it() -> None:
    assert sentence(Health.LOST, paused=True).startswith(
        "Lost, and paused. Paused until somebody resumes it."
    )


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"last_status": "succeeded", "last_duration": timedelta(seconds=41)}, "The last run succeeded 1 h ago in 41 s."),
        ({"last_status": "failed", "failures_in_a_row": 1}, "The last run failed 1 h ago."),
        ({"last_status": "failed", "failures_in_a_row": 3}, "The last 3 runs failed, the last of them 1 h ago."),
        ({"last_status": "timed_out", "last_duration": timedelta(seconds=180)}, "The last run timed out 1 h ago in 3 min."),
        ({"last_status": "lost"}, "The last run was lost, 1 h ago."),
        ({"last_status": "running"}, "A run started 1 h ago and has not ended yet."),
        ({"last_status": "queued", "failures_in_a_row": 2}, "A run was asked for 1 h ago and waits for Google."),
    ],
)  # fmt: skip
def test_the_last_run_is_told_in_one_sentence(values: dict[str, object], told: str) -> None:
    said = sentence(Health.HEALTHY, last_run_at=AN_HOUR_AGO, **values)
    assert said == f"Healthy. {told} Next run: Mon 23 Nov 14:30, in 4 h 59 min."


# --- What is said of a job that Google does not have as it is wanted ------------------------------


ABOUT_TWO = datetime(2020, 3, 6, 2, tzinfo=UTC)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "New. It has not run yet."),
        ({"paused": True, "pause_reason": "Legal", "paused_by": "rui"}, "Paused by rui, until somebody resumes it."),
        ({"paused": True, "failures_in_a_row": 1}, "Failing, and paused. The last run failed, then somebody paused it."),
        ({"retired_at": "now"}, "Retired. Its class is gone from the code"),
        ({"failures_in_a_row": 3, "last_status": "failed", "last_run_at": "now"}, "The last 3 runs failed"),
        ({"last_status": "missed", "last_run_at": "now"}, "Healthy. The last run was missed, now."),
        ({"last_status": "running", "last_run_at": "now"}, "A run started now and has not ended yet."),
        ({"sync_state": "failed", "sync_error": "Quota is used up."}, "Not in Google: Quota is used up."),
        (
            {"sync_state": "failed", "sync_error": "Quota is used up.", "synced_at": "now"},
            "The last change is not in Google: Quota is used up.",
        ),
        ({"sync_state": "synced", "sync_error": "the former job is there."}, "Sent, but the former job is there."),
        ({"sync_state": "drifted", "live_seen_at": "now"}, "Google has no such job. Seen now."),
        (
            {"sync_state": "drifted", "live_seen_at": "now", "differs_since": ABOUT_TWO},
            "Google has no such job. First seen Fri 6 Mar 2020 02:00, last now.",
        ),
        (
            {"sync_state": "drifted", "live_seen_at": "now", "live": {"payload": {}, "state": "PAUSED"}},
            "the payload is another one there.",
        ),
    ],
)  # fmt: skip
def test_the_state_is_told_in_sentences(values: dict[str, Any], told: str) -> None:
    now = timezone.now()
    row = job(**{name: now if value == "now" else value for name, value in values.items()})
    assert told in text(superuser().get(address(row)).content.decode())


# --- What failed ------------------------------------------------------------------------------------

TRACEBACK = """Traceback (most recent call last):
  File "/app/shipping/printing.py", line 33, in connect
    socket.connect(self.address)
ConnectionRefusedError: [Errno 111] printer-opo:9100
"""


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"paused": True},
            "What next Fix the cause, run it once to see, then resume. Resuming alone starts nothing: "
            "the next run would be Mon 23 Nov 09:00. See the error Run now… Resume…",
        ),
        (
            {},
            "What next Fix the cause and run it once to see, or wait for the next run: Mon 23 Nov 09:00. "
            "See the error Run now…",
        ),
    ],
)
@time_machine.travel(NOW, tick=False)
def test_a_failure_is_told_with_its_place_and_the_next_step(values: dict[str, Any], told: str) -> None:
    row = job(failures_in_a_row=3, last_status="failed", last_run_at=NOW, **values)
    error = "ConnectionRefusedError: [Errno 111] printer-opo:9100\nmore"
    run = make_run(row, "failed", error=error, traceback=TRACEBACK)
    facts = {"last_failure": run, "failing_since": AN_HOUR_AGO, "last_success_at": NOW - timedelta(days=1)}
    ScheduledJob.objects.filter(pk=row.pk).update(**facts)
    page = superuser().get(address(row)).content.decode()
    banner = page.partition('aria-label="Error"')[2].partition("</section>")[0]
    assert f'href="/admin/scheduled_jobs/jobrun/{run.pk}/change/"' in banner
    assert text(banner[1:]) == (
        "ConnectionRefusedError: [Errno 111] printer-opo:9100 "
        "Where /app/shipping/printing.py, line 33, in connect "
        f"Since Mon 23 Nov 07:31; last success Sun 22 Nov 08:31 {told}"
    )


@pytest.mark.django_db
def test_a_failure_that_is_not_kept_any_more_has_no_banner() -> None:
    row = job(failures_in_a_row=1, last_status="failed", last_run_at=NOW)
    assert 'aria-label="Error"' not in superuser().get(address(row)).content.decode()
