"""The page of a run: what stands on it, and that looking writes nothing."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.models import JobRun, ScheduledJob
from tests.support import make_job, make_run, make_task
from tests.support.pages import in_one_line, text_of
from tests.support.people import signed_in, staff, superuser
from tests.support.run_pages import NOW, RUNS, SLOT, failed, page, queued

if TYPE_CHECKING:
    from django.test import Client


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]

Status, Trigger = JobRun.Status, JobRun.Trigger
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def test_every_time_on_the_page_is_in_the_zone_of_the_job(client: Client, job: ScheduledJob) -> None:
    run = make_run(
        job, Status.RUNNING, trigger=Trigger.MANUAL, requested_by="maria", created_at=NOW,
        started_at=NOW, lease_until=NOW + timedelta(minutes=1),
    )  # fmt: skip
    told = text_of(page(client, run, now=NOW + timedelta(seconds=7)))
    assert "as of 14:10:07" in told
    assert "times in Europe/Lisbon" in told
    assert "Asked for 14:10:00.0" in told
    assert "13:10" not in told
    assert 'data-at="14:10:07"' in page(client, run, now=NOW + timedelta(seconds=7))
    JobRun.objects.update(status=Status.SUCCEEDED, finished_at=NOW)
    told = text_of(page(client, run))
    assert "times in Europe/Lisbon" in told
    assert "as of" not in told


def test_secrets_are_masked_in_payload_and_result(client: Client, job: ScheduledJob) -> None:
    run = make_run(
        job, Status.SUCCEEDED, payload={"api_token": "geheim"}, result={"rows": 3, "password": "swordfish"}
    )
    html = page(client, run)
    assert "geheim" not in html
    assert "swordfish" not in html
    assert html.count("••••••••") == 2
    assert "&quot;rows&quot;: 3" in html


def test_markup_in_everything_a_task_writes_is_shown_as_text(client: Client) -> None:
    job = make_job(make_task(), "shop--hostile", pause_reason=HOSTILE)
    run = make_run(
        job, Status.FAILED, scheduled_for=SLOT, started_at=SLOT, finished_at=SLOT, payload={HOSTILE: HOSTILE},
        result={"a": HOSTILE}, error=HOSTILE, log=HOSTILE, requested_by=HOSTILE, reason=HOSTILE,
        code_version=HOSTILE[:90], context={"caller": HOSTILE, "notes": [HOSTILE]},
        traceback=f'Traceback (most recent call last):\n  File "{HOSTILE}", line 1, in {HOSTILE}\n    {HOSTILE}\nError: {HOSTILE}',
    )  # fmt: skip
    running = make_run(
        job, Status.RUNNING, scheduled_for=SLOT + timedelta(hours=1), started_at=NOW, progress_done=1,
        progress_total=2, progress_message=HOSTILE, lease_until=NOW + timedelta(minutes=1),
    )  # fmt: skip
    for html in (page(client, run), page(client, running), page(client, run, "rerun")):
        assert "<script>alert" not in html
        assert "<img src=x" not in html
    assert "&lt;script&gt;alert(1)" in page(client, run)
    assert "<script>alert" not in client.get(RUNS).content.decode()


def test_the_attempts_are_listed_with_the_one_that_is_due(client: Client, job: ScheduledJob) -> None:
    first = failed(job)
    second = failed(
        job, attempt=2, started_at=SLOT + timedelta(seconds=11), finished_at=SLOT + timedelta(seconds=15)
    )
    text = text_of(page(client, second, now=SLOT + timedelta(seconds=16)))
    assert "1 of 3 Failed 14:00:01.0 4.2 s" in text
    assert "2 of 3 , this one Failed 14:00:11.0 4.2 s" in text
    assert "3 of 3 To come about 14:00 Google tries again by itself" in text
    assert f'href="{RUNS}{first.pk}/change/"' in page(client, second)


def test_lineage_leads_both_ways(client: Client, job: ScheduledJob) -> None:
    first = failed(job)
    again = make_run(job, Status.SUCCEEDED, trigger=Trigger.RETRY, retry_of=first, requested_by="maria")
    text = text_of(page(client, first))
    assert f"Run again as #{again.pk}," in text
    assert f"Rerun of #{first.pk}," in text_of(page(client, again))
    assert f'href="{RUNS}{again.pk}/change/"' in page(client, first)


def test_the_runs_before_and_after_are_linked(client: Client, job: ScheduledJob) -> None:
    success = make_run(job, Status.SUCCEEDED, scheduled_for=SLOT - timedelta(hours=2))
    before = failed(job, scheduled_for=SLOT - timedelta(hours=1))
    run = failed(job)
    after = failed(job, scheduled_for=SLOT + timedelta(hours=1))
    html = page(client, run)
    for other in (success, before, after):
        assert f'href="{RUNS}{other.pk}/change/"' in html
    assert "Previous run 13:00 Failed Next run 15:00 Failed Last success 12:00 Succeeded" in text_of(html)


def test_the_page_is_read_only(job: ScheduledJob) -> None:
    run = failed(job)
    viewer = signed_in(staff("view"))
    html = page(viewer, run)
    content = html[html.index('id="content-main"') :]
    assert "<form" not in content
    assert "Rerun…" not in html
    assert viewer.post(f"{RUNS}{run.pk}/change/", {"status": "succeeded"}).status_code == 403
    client = superuser()
    assert client.post(f"{RUNS}{run.pk}/change/", {"status": "succeeded"}).status_code == 405
    for path in ("add/", f"{run.pk}/delete/"):
        assert client.get(RUNS + path).status_code == 403


def test_a_run_that_is_gone_is_not_found(client: Client) -> None:
    for key in ("999", "x", "99999999999999999999999"):
        assert client.get(f"{RUNS}{key}/change/").status_code == 404


def test_only_a_run_that_goes_on_is_followed(client: Client, job: ScheduledJob) -> None:
    run = make_run(job, Status.RUNNING, started_at=NOW, lease_until=NOW + timedelta(minutes=1))
    html = page(client, run)
    assert "scheduled_jobs/live.js" in html
    assert 'data-every="3"' in html
    assert "Pause refresh" in html
    assert f'<noscript><a href="{RUNS}{run.pk}/change/">Load again</a></noscript>' in html
    assert "live.js" not in page(client, failed(job))


def test_a_run_has_the_same_parts_while_it_runs_and_once_it_is_over(
    client: Client, job: ScheduledJob
) -> None:
    run = make_run(job, Status.RUNNING, started_at=NOW, lease_until=NOW + timedelta(minutes=1))
    html = page(client, run)
    parts = re.findall(r'data-part="(\w+)"', html)
    assert len(set(parts)) == len(parts) == 8
    assert "<title>Running: Run " in in_one_line(html)
    assert '<svg class="sj-i lg sj-run sj-spin"' in html
    assert 'data-status="running" data-at="14:10:00" data-say="Running for 0 ms.' in in_one_line(html)
    JobRun.objects.filter(pk=run.pk).update(
        status=Status.SUCCEEDED, finished_at=NOW, duration=timedelta(seconds=2)
    )
    html = page(client, run)
    assert re.findall(r'data-part="(\w+)"', html) == parts
    assert "<title>Succeeded: Run " in in_one_line(html)
    assert "sj-spin" not in html
    assert 'data-status="succeeded" data-at="14:10:00" data-say="Succeeded after 2.0 s' in in_one_line(html)


def test_no_page_holds_inline_scripts_or_styles(client: Client, job: ScheduledJob) -> None:
    run = make_run(job, Status.RUNNING, started_at=NOW, lease_until=NOW + timedelta(minutes=1))
    for html in (page(client, run), page(client, failed(job)), page(client, failed(job, attempt=2), "rerun")):
        content = html[html.index('id="content-start"') :]
        assert " style=" not in content
        assert not re.search(r"<script(?![^>]*\bsrc=)", content)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"trigger": "manual", "requested_by": "Cloud Scheduler"},
            "Started by somebody in Google’s console, or by gcloud",
        ),
        ({"trigger": "backfill", "requested_by": "ana"}, "Started by ana, with a backfill"),
        ({"trigger": "retry", "requested_by": "ana"}, "Started by ana, with Rerun"),
        ({"trigger": "eager"}, "Started by the command itself without Google"),
        ({"scheduled_for": SLOT, "attempt": 2}, "Started by the schedule Google’s own retry"),
    ],
)
def test_every_trigger_has_its_word(
    client: Client, job: ScheduledJob, values: dict[str, Any], says: str
) -> None:
    run = make_run(job, Status.SUCCEEDED, **values)
    assert says in text_of(page(client, run))


def test_notes_and_what_became_of_the_result_are_told(client: Client, job: ScheduledJob) -> None:
    run = make_run(job, Status.SUCCEEDED, context={"notes": ["The result was not kept: it is not JSON"]})
    text = text_of(page(client, run))
    assert "Notes The result was not kept: it is not JSON Result None was kept." in text
    assert "None: run() returned nothing." in page(client, make_run(job, Status.SUCCEEDED))


def test_what_differs_from_the_payload_in_force_is_told_masked(client: Client, job: ScheduledJob) -> None:
    run = make_run(
        job, Status.SUCCEEDED, payload={"region": "apac", "api_token": "another", "more": 1}, started_at=SLOT
    )
    html = page(client, run)
    # PostgreSQL keeps the keys in an order of its own.
    told = text_of(html)
    assert "Payload not the one in force {" in told
    for part in ('"region": "apac"', '"api_token": " •••••••• "', '"more": 1'):
        assert part in told
    for part in ("In force now", 'region "emea"', 'api_token "••••••••"', "more left out"):
        assert part in told
    assert "another" not in html
    JobRun.objects.update(payload=job.payload)
    assert "In force now" not in page(client, run)


def test_a_run_that_is_gone_is_marked_as_dealt_with_once(client: Client, job: ScheduledJob) -> None:
    lost, missed = make_run(job, Status.LOST), make_run(job, Status.MISSED, scheduled_for=SLOT)
    for run in (lost, missed):
        assert f'action="{RUNS}{run.pk}/dealt-with/"' in page(client, run)
    assert "dealt-with" not in page(client, failed(job, attempt=2))
    viewer = signed_in(staff("view", "runs"))
    assert "dealt-with" not in page(viewer, missed)
    url = f"{RUNS}{missed.pk}/dealt-with/"
    assert viewer.post(url).status_code == 403
    answer = client.post(url, follow=True).content.decode()
    assert f"Run #{missed.pk} is marked as dealt with." in answer
    missed.refresh_from_db()
    at = missed.acknowledged_at
    assert (at is not None, missed.status, missed.acknowledged_by) == (True, Status.MISSED, "maria")
    assert (
        "Nothing was marked: somebody has dealt with it already."
        in client.post(url, follow=True).content.decode()
    )
    missed.refresh_from_db()
    lost.refresh_from_db()
    assert (missed.acknowledged_at, lost.acknowledged_at) == (at, None)
    assert "Mark as dealt with" not in page(client, missed)


def test_that_a_run_is_dealt_with_is_undone_on_its_page(client: Client, job: ScheduledJob) -> None:
    run = failed(job, acknowledged_at=NOW, acknowledged_by="rui")
    assert "Mark as not dealt with" in page(client, run)
    assert "dealt-with" not in page(signed_in(staff("view", "runs")), run)
    url = f"{RUNS}{run.pk}/dealt-with/"
    answer = client.post(url, {"undo": ""}, follow=True).content.decode()
    assert f"Run #{run.pk} needs attention again." in answer
    assert "Mark as not dealt with" not in answer
    run.refresh_from_db()
    assert (run.acknowledged_at, run.acknowledged_by) == (None, "")
    assert "There was nothing to undo." in client.post(url, {"undo": ""}, follow=True).content.decode()


def test_who_dealt_with_a_run_is_told(client: Client, job: ScheduledJob) -> None:
    run = failed(job, acknowledged_at=NOW, acknowledged_by="maria")
    assert "Dealt with 14:10 maria" in text_of(page(client, run))


def test_a_queued_run_that_waits_too_long_can_be_asked_for_again_in_its_head(job: ScheduledJob) -> None:
    run = queued(job, created_at=NOW - timedelta(minutes=4), sent_at=NOW - timedelta(minutes=4))
    html = page(superuser(), run)
    head = html[html.index('data-part="tools"') : html.index('data-part="lede"')]
    assert f'action="{RUNS}{run.pk}/settle/"' in head
    assert f'action="{RUNS}{run.pk}/cancel/"' in head
    assert "Ask Google again" in head
    viewer = page(signed_in(staff("view", "runs")), run)
    assert "Ask Google again" not in viewer
