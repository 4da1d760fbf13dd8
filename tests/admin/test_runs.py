"""The run list and the page of a run: what they say, and what they never do."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.test import Client

from scheduled_jobs.admin.run import traces
from scheduled_jobs.admin.run.sentence import retry_due
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.support import make_job, make_run, make_task
from tests.support.pages import in_one_line, text_of
from tests.support.people import signed_in, staff, superuser

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]

RUNS = "/admin/scheduled_jobs/jobrun/"
NOW = datetime(2026, 10, 22, 13, 10, tzinfo=UTC)
SLOT = datetime(2026, 10, 22, 13, 0, tzinfo=UTC)
Status, Trigger = JobRun.Status, JobRun.Trigger


@pytest.fixture
def client() -> Client:
    return superuser()


@pytest.fixture
def job() -> ScheduledJob:
    return make_job(
        make_task(),
        declared_time_zone="Europe/Lisbon",
        declared_retry_count=2,
        declared_payload={"region": "emea", "api_token": "geheim"},
    )


def page(client: Client, run: JobRun, part: str = "change", now: datetime = NOW) -> str:
    with time_machine.travel(now, tick=False):
        answer = client.get(f"{RUNS}{run.pk}/{part}/")
    assert answer.status_code == 200
    return answer.content.decode()


def lede(client: Client, run: JobRun, now: datetime = NOW) -> str:
    html = page(client, run, now=now)
    found = re.search(r'data-part="lede">(.*?)<div data-part="steps"', html, re.DOTALL)
    assert found is not None
    return text_of(found[1]).strip().replace(" ,", ",").replace(" .", ".").replace(" :", ":")


def failed(job: ScheduledJob, **values: Any) -> JobRun:
    defaults: dict[str, Any] = {
        "scheduled_for": SLOT,
        "started_at": SLOT + timedelta(seconds=1),
        "finished_at": SLOT + timedelta(seconds=5.2),
        "duration": timedelta(seconds=4.2),
        "error": "KeyError: 'PT-LIS-2'\nsecond line",
        "deliveries": 1,
    }
    return make_run(job, Status.FAILED, **{**defaults, **values})


# --- The clocks -------------------------------------------------------------------------------------


def test_every_time_on_the_page_is_in_the_zone_of_the_job_which_is_named(
    client: Client, job: ScheduledJob
) -> None:
    run = make_run(
        job, Status.RUNNING, trigger=Trigger.MANUAL, requested_by="maria", created_at=NOW,
        started_at=NOW, lease_until=NOW + timedelta(minutes=1),
    )  # fmt: skip
    told = text_of(page(client, run, now=NOW + timedelta(seconds=7)))
    assert "times in Europe/Lisbon as of 14:10:07" in told
    assert "Asked for 14:10:00.0" in told
    assert "13:10" not in told
    assert 'data-at="14:10:07"' in page(client, run, "live", NOW + timedelta(seconds=7))
    JobRun.objects.update(status=Status.SUCCEEDED, finished_at=NOW)
    told = text_of(page(client, run))
    assert "times in Europe/Lisbon" in told
    assert "as of" not in told


# --- The sentence -----------------------------------------------------------------------------------


def test_a_failed_attempt_says_which_of_which_slot_and_when_google_tries_again(
    client: Client, job: ScheduledJob
) -> None:
    assert lede(client, failed(job), SLOT + timedelta(seconds=6)) == (
        "Failed after 4.2 s on attempt 1 of 3 of the slot Thu 22 Oct 14:00 Europe/Lisbon: "
        "KeyError: 'PT-LIS-2' Google tries again about 14:00."
    )


def test_a_retry_that_never_came_is_not_announced_for_ever(client: Client, job: ScheduledJob) -> None:
    assert "tries again" not in lede(client, failed(job), SLOT + timedelta(minutes=10))


def test_the_last_attempt_announces_no_retry(client: Client, job: ScheduledJob) -> None:
    run = failed(job, attempt=3)
    assert "tries again" not in lede(client, run, SLOT + timedelta(seconds=6))


def test_a_success_says_how_long_and_what_for(client: Client, job: ScheduledJob) -> None:
    run = make_run(
        job, Status.SUCCEEDED, scheduled_for=SLOT, started_at=SLOT,
        finished_at=SLOT + timedelta(seconds=90), duration=timedelta(seconds=90),
    )  # fmt: skip
    assert lede(client, run) == "Succeeded after 1 min 30 s, slot Thu 22 Oct 14:00 Europe/Lisbon."


def test_a_running_run_says_for_how_long_how_far_and_how_long_still(
    client: Client, job: ScheduledJob
) -> None:
    make_run(job, Status.SUCCEEDED, started_at=SLOT, duration=timedelta(minutes=11))
    run = make_run(
        job, Status.RUNNING, trigger=Trigger.MANUAL, requested_by="maria",
        started_at=NOW - timedelta(minutes=7, seconds=30), lease_until=NOW + timedelta(seconds=50),
        deadline_at=NOW + timedelta(minutes=5), progress_done=48210, progress_total=79000,
        progress_message="batch 96 of 158",
    )  # fmt: skip
    assert lede(client, run) == (
        "Running for 7 min 30 s, asked for by maria. 48,210 of 79,000 done, 61 %: batch 96 of 158 "
        "48,210 of 79,000 done, 61 % A usual run takes 11 min, so about 3 min 30 s are left."
    )


def test_a_run_without_a_sign_of_life_is_probably_lost_and_looking_writes_nothing(
    client: Client, job: ScheduledJob
) -> None:
    run = make_run(
        job, Status.RUNNING, started_at=NOW - timedelta(minutes=5), lease_until=NOW - timedelta(minutes=2)
    )
    assert lede(client, run).startswith("Probably lost")
    assert "No sign of life for 3 min" in lede(client, run)
    run.refresh_from_db()
    assert run.status == Status.RUNNING


def test_a_run_past_its_deadline_goes_on_and_google_no_longer_waits(
    client: Client, job: ScheduledJob
) -> None:
    run = make_run(
        job, Status.RUNNING, started_at=NOW - timedelta(minutes=5), lease_until=NOW + timedelta(seconds=50),
        deadline_at=NOW - timedelta(minutes=2),
    )  # fmt: skip
    assert "Past its deadline: Google no longer waits for the answer, and the run goes on." in lede(
        client, run
    )


@pytest.mark.parametrize(
    ("sent", "minutes", "says"),
    [
        (1, 0.2, "Queued for 12 s, asked for by maria. Google was asked and delivers it within seconds"),
        (0, 2, "Not delivered for 2 min, asked for by maria. Google has not been asked yet"),
        (1, 4, "Not delivered for 4 min, asked for by maria. Google was asked 4 min ago and has not"),
        (2, 4, "Probably lost, asked for by maria. Google was asked twice and did not deliver it for 4 min"),
    ],
)
def test_within_minutes_the_page_says_that_a_run_was_not_delivered(
    client: Client, job: ScheduledJob, sent: int, minutes: float, says: str
) -> None:
    at = NOW - timedelta(minutes=minutes)
    run = make_run(
        job, Status.QUEUED, trigger=Trigger.MANUAL, requested_by="maria", created_at=at, sent=sent,
        sent_at=at if sent else None,
    )  # fmt: skip
    assert lede(client, run).startswith(says)
    run.refresh_from_db()
    assert (run.status, run.sent) == (Status.QUEUED, sent)


def test_a_queued_run_says_what_it_would_overlap_with(client: Client, job: ScheduledJob) -> None:
    other = make_run(job, Status.RUNNING, started_at=NOW, lease_until=NOW + timedelta(minutes=1))
    run = make_run(job, Status.QUEUED, trigger=Trigger.MANUAL, created_at=NOW, sent=1, sent_at=NOW)
    assert f"Run #{other.pk} of this job is going on" in lede(client, run)


def test_a_missed_and_a_skipped_run_say_that_nothing_is_caught_up(client: Client, job: ScheduledJob) -> None:
    missed = make_run(job, Status.MISSED, scheduled_for=SLOT)
    skipped = make_run(
        job, Status.SKIPPED, scheduled_for=SLOT - timedelta(hours=1), error="paused: migration"
    )
    assert lede(client, missed) == (
        "Missed, slot Thu 22 Oct 14:00 Europe/Lisbon. Its time passed and nothing arrived from Google. "
        "Missed runs are not caught up."
    )
    assert "paused: migration Nothing was executed. Skipped runs are not caught up." in lede(client, skipped)


# --- The rest of the page ---------------------------------------------------------------------------


def test_secrets_are_masked_in_payload_and_result(client: Client, job: ScheduledJob) -> None:
    run = make_run(
        job, Status.SUCCEEDED, payload={"api_token": "geheim"}, result={"rows": 3, "password": "swordfish"}
    )
    html = page(client, run)
    assert "geheim" not in html
    assert "swordfish" not in html
    assert html.count("••••••••") == 2
    assert "&quot;rows&quot;: 3" in html


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


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
    for html in (
        page(client, run),
        page(client, running),
        page(client, running, "live"),
        page(client, run, "rerun"),
    ):
        assert "<script>alert" not in html
        assert "<img src=x" not in html
    assert "&lt;script&gt;alert(1)" in page(client, run)
    assert "<script>alert" not in client.get(RUNS).content.decode()


def test_frames_that_are_not_the_users_are_folded_away(client: Client, job: ScheduledJob) -> None:
    run = failed(
        job,
        traceback="Traceback (most recent call last):\n"
        '  File "/app/.venv/lib/python3.11/site-packages/relic/hook.py", line 88, in wrapper\n'
        "    return wrapped()\n"
        '  File "/srv/inventory/tasks.py", line 58, in apply\n'
        "    stock[code] = row\n"
        "    ~~~~~^^^^^^\n"
        "KeyError: 'PT-LIS-2'\n",
    )
    html = page(client, run)
    own = re.findall(r'<pre class="sj-trace"[^>]*>(.*?)</pre>', html, re.DOTALL)
    assert text_of(own[0]).strip() == (
        "/srv/inventory/tasks.py, line 58, in apply stock[code] = row ~~~~~^^^^^^ KeyError: 'PT-LIS-2'"
    )
    assert "Full trace, 2 frames, 1 of them not yours" in text_of(html)
    assert "relic/hook.py" in own[1]


def test_the_attempts_of_a_slot_are_listed_with_the_one_that_is_due(
    client: Client, job: ScheduledJob
) -> None:
    first = failed(job)
    second = failed(
        job, attempt=2, started_at=SLOT + timedelta(seconds=11), finished_at=SLOT + timedelta(seconds=15)
    )
    text = text_of(page(client, second, now=SLOT + timedelta(seconds=16)))
    assert "1 of 3 Failed 14:00:01.0 4.2 s" in text
    assert "2 of 3, this one Failed 14:00:11.0 4.2 s" in text
    assert "3 of 3 Due about 14:00 Google retries by itself" in text
    assert f'href="{RUNS}{first.pk}/change/"' in page(client, second)


def test_lineage_leads_both_ways(client: Client, job: ScheduledJob) -> None:
    first = failed(job)
    again = make_run(job, Status.SUCCEEDED, trigger=Trigger.RETRY, retry_of=first, requested_by="maria")
    text = text_of(page(client, first))
    assert f"Rerun as #{again.pk}," in text
    assert f"Rerun of #{first.pk}," in text_of(page(client, again))
    assert f'href="{RUNS}{again.pk}/change/"' in page(client, first)


def test_previous_and_next_run_of_the_job_and_the_last_success_are_linked(
    client: Client, job: ScheduledJob
) -> None:
    success = make_run(job, Status.SUCCEEDED, scheduled_for=SLOT - timedelta(hours=2))
    before = failed(job, scheduled_for=SLOT - timedelta(hours=1))
    run = failed(job)
    after = failed(job, scheduled_for=SLOT + timedelta(hours=1))
    html = page(client, run)
    for other in (success, before, after):
        assert f'href="{RUNS}{other.pk}/change/"' in html
    assert "Previous run 13:00 Failed Next run 15:00 Failed Last success before 12:00 Succeeded" in text_of(
        html
    )


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


# --- Live -------------------------------------------------------------------------------------------


def test_a_run_that_goes_on_is_followed_and_one_that_is_over_is_not(
    client: Client, job: ScheduledJob
) -> None:
    run = make_run(job, Status.RUNNING, started_at=NOW, lease_until=NOW + timedelta(minutes=1))
    html = page(client, run)
    assert "scheduled_jobs/live.js" in html
    assert f'data-url="{RUNS}{run.pk}/live/" data-every="3"' in html
    assert "Pause refresh" in html
    assert f'<noscript><a href="{RUNS}{run.pk}/change/">Load again</a></noscript>' in html
    assert "live.js" not in page(client, failed(job))


def test_the_live_parts_are_those_of_the_page(client: Client, job: ScheduledJob) -> None:
    run = make_run(job, Status.RUNNING, started_at=NOW, lease_until=NOW + timedelta(minutes=1))
    parts = re.findall(r'data-part="(\w+)"', page(client, run))
    live = page(client, run, "live")
    assert re.findall(r'data-part="(\w+)"', live) == parts
    assert 'data-status="running" data-live="true"' in live
    JobRun.objects.filter(pk=run.pk).update(
        status=Status.SUCCEEDED, finished_at=NOW, duration=timedelta(seconds=2)
    )
    live = page(client, run, "live")
    shown = 'data-status="succeeded" data-live="false" data-at="14:10:00" data-word="Succeeded"'
    assert shown in in_one_line(live)
    assert 'data-say="Succeeded after 2.0 s' in live


def test_no_page_holds_inline_scripts_or_styles(client: Client, job: ScheduledJob) -> None:
    run = make_run(job, Status.RUNNING, started_at=NOW, lease_until=NOW + timedelta(minutes=1))
    for html in (page(client, run), page(client, failed(job)), page(client, failed(job, attempt=2), "rerun")):
        content = html[html.index('id="content-start"') :]
        assert " style=" not in content
        assert not re.search(r"<script(?![^>]*\bsrc=)", content)


# --- Cancel, ask again, rerun -----------------------------------------------------------------------


def queued(job: ScheduledJob, **values: Any) -> JobRun:
    return make_run(job, Status.QUEUED, trigger=Trigger.MANUAL, requested_by="rui", sent=1, **values)


def test_a_queued_run_can_be_cancelled_by_who_may_run(job: ScheduledJob) -> None:
    run = queued(job)
    client = signed_in(staff("view", "run"))
    assert "Cancel this run" in page(client, run)
    answer = client.post(f"{RUNS}{run.pk}/cancel/", follow=True)
    assert f"Run #{run.pk} is cancelled; it will not be executed." in answer.content.decode()
    run.refresh_from_db()
    assert (run.status, run.error) == (Status.DISCARDED, "cancelled by rui")
    change = JobChange.objects.latest("pk")
    assert (change.field, change.new, change.via, change.actor_label) == ("run", "discarded", "form", "rui")
    assert LogEntry.objects.get().change_message == f"Cancelled run #{run.pk}."


def test_a_run_that_has_begun_is_not_cancelled_and_the_page_says_so(
    client: Client, job: ScheduledJob
) -> None:
    run = make_run(job, Status.RUNNING, started_at=NOW, lease_until=NOW + timedelta(days=9999))
    assert "Cancel this run" not in page(client, run)
    answer = client.post(f"{RUNS}{run.pk}/cancel/", follow=True)
    assert f"Run #{run.pk} could not be cancelled: it has begun, or is over." in answer.content.decode()


@pytest.mark.django_db(transaction=True)
def test_google_is_asked_again_by_post_only(google: MemoryBackend, job: ScheduledJob) -> None:
    client = superuser()
    old = datetime.now(UTC) - timedelta(minutes=5)
    run = queued(job, created_at=old, sent_at=old)
    html = client.get(f"{RUNS}{run.pk}/change/").content.decode()
    assert "Ask Google again" in html
    assert client.get(f"{RUNS}{run.pk}/settle/").status_code == 405
    assert google.store.faults.calls == []
    assert client.post(f"{RUNS}{run.pk}/settle/").status_code == 302
    run.refresh_from_db()
    assert run.sent == 2
    JobRun.objects.filter(pk=run.pk).update(sent_at=old)
    assert "Give it up" in client.get(f"{RUNS}{run.pk}/change/").content.decode()
    client.post(f"{RUNS}{run.pk}/settle/")
    run.refresh_from_db()
    assert (run.status, run.error) == (Status.LOST, "Cloud Scheduler did not deliver it")
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        f"Asked Google again for run #{run.pk}.",
        f"Gave up run #{run.pk}.",
    ]
    changes = JobChange.objects.order_by("pk").values_list("field", "old", "new", "via", "actor_label")
    assert list(changes) == [
        ("run", run.pk, "queued", "form", "maria"),
        ("run", run.pk, "lost", "form", "maria"),
    ]


def test_where_google_cannot_be_asked_again_the_page_says_that_the_run_still_waits(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    old = datetime.now(UTC) - timedelta(minutes=5)
    run = queued(job, created_at=old)
    JobRun.objects.filter(pk=run.pk).update(sent=0, sent_at=None)
    google.store.faults.refuse("GetJob", "UNAVAILABLE", "no answer", times=9)
    answer = superuser().post(f"{RUNS}{run.pk}/settle/", follow=True)
    assert [str(message) for message in answer.context["messages"]] == [
        f"Run #{run.pk} still waits: Google could not be asked, or was asked a few minutes ago at most."
    ]
    run.refresh_from_db()
    assert (run.status, run.sent) == (Status.QUEUED, 0)
    assert not JobChange.objects.exists()


def form_of(client: Client, url: str) -> dict[str, str]:
    """The hidden and shown fields of a form, as a browser would send them."""
    html = client.get(url).content.decode()
    seen = re.search(r'name="seen" value="([^"]+)"', html)
    assert seen is not None
    return {"seen": seen[1]}


def test_a_rerun_uses_the_recorded_payload_and_lands_on_its_page(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    run = failed(job, payload={"region": "apac", "api_token": "alt"})
    client = signed_in(staff("view", "run"))
    url = f"{RUNS}{run.pk}/rerun/"
    html = client.get(url).content.decode()
    assert "alt" not in re.findall(r'<pre class="sj-json".*?</pre>', html, re.DOTALL)[0]
    assert "It is the next attempt at the slot Thu 22 Oct 14:00 Europe/Lisbon" in html
    answer = client.post(url, {**form_of(client, url), "reason": "warehouse mapped"})
    again = JobRun.objects.latest("pk")
    assert answer["Location"] == f"{RUNS}{again.pk}/change/"
    assert (again.payload, again.retry_of, again.requested_by, again.reason) == (
        {"region": "apac", "api_token": "alt"}, run, "rui", "warehouse mapped",
    )  # fmt: skip
    assert (again.scheduled_for, again.attempt) == (SLOT, 2)


def test_a_rerun_that_is_sent_twice_is_asked_for_once(google: MemoryBackend, job: ScheduledJob) -> None:
    run = failed(job, payload={"region": "apac"})
    client = signed_in(staff("view", "run"))
    url = f"{RUNS}{run.pk}/rerun/"
    form = {**form_of(client, url), "reason": "mapped"}
    assert client.post(url, form).status_code == 302
    again = run.reruns.get()
    said = f"rui has asked for run #{again.pk} meanwhile; ask once more if you want another one."
    assert said in client.post(url, form).content.decode()
    assert run.reruns.count() == 1


def test_a_rerun_with_changes_needs_change_and_keeps_the_masked_secret(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    run = failed(job, payload={"region": "apac", "api_token": "alt"})
    url = f"{RUNS}{run.pk}/rerun/?changes=1"
    runner = signed_in(staff("view", "run"))
    assert runner.get(url).status_code == 403
    assert runner.post(url, {}).status_code == 403
    plain = f"{RUNS}{run.pk}/rerun/"
    forged = {**form_of(runner, plain), "payload_raw": '{"region": "forged"}', "reason": "x"}
    assert runner.post(plain, forged).status_code == 403
    client = superuser()
    data = {
        **form_of(client, url),
        "payload_raw": '{"region": "emea", "api_token": "••••••••"}',
        "reason": "other",
    }
    assert client.post(url, data).status_code == 302
    assert JobRun.objects.latest("pk").payload == {"region": "emea", "api_token": "alt"}
    assert JobRun.objects.count() == 2


def test_a_run_that_is_not_over_cannot_be_rerun(client: Client, job: ScheduledJob) -> None:
    run = queued(job)
    html = client.get(f"{RUNS}{run.pk}/rerun/").content.decode()
    assert f"Run #{run.pk} is queued; wait until it is over." in html
    assert 'value="Rerun"' not in html
    assert client.post(f"{RUNS}{run.pk}/rerun/", {"seen": "x", "reason": "y"}).status_code == 200
    assert JobRun.objects.count() == 1


ACTIONS = ["cancel", "settle", "rerun"]


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    "verbs", [("view",), ("view", "change"), ("view", "pause"), ("view", "sync"), ("run",)]
)
def test_every_action_on_a_run_needs_run_and_view(
    action: str, verbs: tuple[str, ...], job: ScheduledJob
) -> None:
    run = queued(job)
    client = signed_in(staff(*verbs))
    assert client.post(f"{RUNS}{run.pk}/{action}/", {"reason": "x"}).status_code == 403
    run.refresh_from_db()
    assert (run.status, JobRun.objects.count()) == (Status.QUEUED, 1)


# --- The list ---------------------------------------------------------------------------------------


def rows(client: Client, query: str = "") -> list[str]:
    with time_machine.travel(NOW, tick=False):
        answer = client.get(f"{RUNS}{query}", follow=True)
    assert answer.status_code == 200
    body = re.search(r"<tbody.*?</tbody>", answer.content.decode(), re.DOTALL)
    return (
        [text_of(row).strip() for row in re.findall(r"<tr role.*?</tr>", body[0], re.DOTALL)] if body else []
    )


def test_a_row_says_status_job_trigger_slot_start_duration_attempt_and_error(
    client: Client, job: ScheduledJob
) -> None:
    run = failed(job, started_at=SLOT + timedelta(minutes=7), attempt=2)
    assert rows(client) == [
        f"Failed shop.reports. Report #{run.pk} schedule 14:00 Europe/Lisbon 3 min ago 7 min late 4.2 s 2 of 3 "
        "KeyError: 'PT-LIS-2'"
    ]


def test_only_the_first_line_of_an_error_is_listed(client: Client, job: ScheduledJob) -> None:
    failed(job, error="first\nsecond")
    assert rows(client)[0].endswith("first")


def test_a_manual_run_has_no_slot_and_names_who_asked(client: Client, job: ScheduledJob) -> None:
    queued(job, created_at=NOW - timedelta(minutes=5), sent_at=NOW - timedelta(minutes=5))
    [row] = rows(client)
    assert row.startswith("Queued not delivered shop.reports. Report #")
    assert "run now rui no slot not yet asked for 5 min ago" in row


def test_filters_narrow_by_status_trigger_and_job(client: Client, job: ScheduledJob) -> None:
    other = make_job(make_task(name="Other"), "shop--other")
    failed(job)
    make_run(other, Status.LOST, scheduled_for=SLOT)
    make_run(other, Status.SUCCEEDED, scheduled_for=SLOT + timedelta(hours=1), trigger=Trigger.RETRY)
    queued(job)
    assert len(rows(client)) == 4
    assert len(rows(client, "?status=failed")) == 1
    assert len(rows(client, "?status=failing")) == 2
    assert len(rows(client, "?status=open")) == 1
    assert len(rows(client, "?trigger=retry")) == 1
    assert len(rows(client, f"?job__id__exact={other.pk}")) == 2
    assert len(rows(client, f"?job__id__exact={other.pk}&status=lost")) == 1
    assert len(rows(client, "?status=nonsense")) == 4
    assert rows(client, "?job__id__exact=nonsense") == []


def test_the_search_finds_errors_people_jobs_and_numbers(client: Client, job: ScheduledJob) -> None:
    run = failed(job, error="KeyError: PT-LIS-2")
    queued(job, reason="acquirer called")
    assert len(rows(client, "?q=pt-lis")) == 1
    assert len(rows(client, "?q=acquirer")) == 1
    assert len(rows(client, "?q=reports.Report")) == 2
    assert rows(client, f"?q=%23{run.pk}")[0].startswith("Failed")


def test_the_search_is_no_way_to_guess_a_secret(client: Client, job: ScheduledJob) -> None:
    failed(job, payload={"api_token": "geheim"}, result={"password": "geheim"})
    assert rows(client, "?q=geheim") == []


def test_the_dates_above_the_list_narrow_it(client: Client, job: ScheduledJob) -> None:
    failed(job, created_at=NOW)
    failed(job, scheduled_for=SLOT - timedelta(days=40), created_at=NOW - timedelta(days=40))
    assert len(rows(client, "?created_at__year=2026&created_at__month=9")) == 1


def links(client: Client, query: str = "") -> list[str]:
    with time_machine.travel(NOW, tick=False):
        html = client.get(f"{RUNS}{query}", follow=True).content.decode()
    found = re.search(r'<nav class="sj-dates".*?</nav>', html, re.DOTALL)
    return [text_of(item).strip() for item in re.findall(r"<li>.*?</li>", found[0])] if found else []


def test_the_dates_lead_from_years_to_days_and_back(client: Client, job: ScheduledJob) -> None:
    assert links(client) == []
    early = failed(job, scheduled_for=None, created_at=datetime(2026, 8, 30, tzinfo=UTC))
    failed(job, created_at=datetime(2026, 10, 21, 12, tzinfo=UTC))
    failed(job, scheduled_for=SLOT - timedelta(days=1), created_at=NOW)
    assert links(client) == ["August", "September", "October"]
    JobRun.objects.filter(pk=early.pk).update(created_at=datetime(2024, 5, 5, tzinfo=UTC))
    assert links(client) == ["2024", "2025", "2026"]
    assert links(client, "?created_at__year=2026") == [
        "‹ All dates", "2026", "January", "February", "March", "April", "May", "June", "July", "August",
        "September", "October",
    ]  # fmt: skip
    assert links(client, "?created_at__year=2024&created_at__month=5")[:3] == ["‹ 2024", "May 2024", "5 May"]
    query = "?created_at__year=2024&created_at__month=5&created_at__day=5"
    assert links(client, query) == ["‹ May 2024", "5 May 2024"]
    assert len(rows(client, query)) == 1
    early.delete()
    assert links(client) == ["21 Oct", "22 Oct"]


def test_with_many_jobs_the_filter_names_only_the_chosen_one(client: Client, job: ScheduledJob) -> None:
    failed(job)
    task = make_task(name="Many")
    for n in range(31):
        make_job(task, f"shop--many-{n}")
    assert "By job" not in client.get(RUNS).content.decode()
    html = client.get(f"{RUNS}?job__id__exact={job.pk}").content.decode()
    assert "By job" in html
    assert "shop.reports.Report" in html.replace("<wbr>", "")


def test_an_empty_list_says_what_comes_next(client: Client) -> None:
    html = client.get(RUNS).content.decode()
    assert "A run appears here as soon as Google fires a job, or somebody runs one now." in html
    assert "No run is as the search and the filters ask." in client.get(f"{RUNS}?q=zzz").content.decode()


def test_runs_are_counted_only_so_far(
    client: Client, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduled_jobs.admin.run_list.changelist.MAX_COUNTED_RUNS", 2)
    for hours in range(4):
        failed(job, scheduled_for=SLOT - timedelta(hours=hours))
    html = client.get(RUNS).content.decode()
    assert "Only the newest 10,000 are counted." in html


def test_who_may_not_view_sees_no_runs(job: ScheduledJob) -> None:
    run = failed(job)
    for client in (signed_in(staff("run")), Client()):
        assert client.get(RUNS).status_code in (302, 403)
        assert client.get(f"{RUNS}{run.pk}/change/").status_code in (302, 403)
        assert client.get(f"{RUNS}{run.pk}/live/").status_code in (302, 403)


@pytest.mark.parametrize("n", [1, 60])
def test_the_number_of_queries_does_not_grow(
    n: int, job: ScheduledJob, django_assert_num_queries: Any
) -> None:
    task = make_task(name="Many")
    for number in range(n):
        other = make_job(task, f"shop--many-{number}")
        failed(other)
        run = failed(job, attempt=number + 1)
    client = superuser()
    client.get(RUNS)
    with django_assert_num_queries(9):
        client.get(RUNS)
    with django_assert_num_queries(10):
        client.get(f"{RUNS}{run.pk}/change/")


# --- Words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (
            {"trigger": "manual", "requested_by": "Cloud Scheduler"},
            "forced run in Google’s console, or by gcloud",
        ),
        ({"trigger": "backfill", "requested_by": "ana"}, "backfill by ana"),
        ({"trigger": "retry", "requested_by": "ana"}, "rerun by ana"),
        ({"trigger": "eager"}, "eager run by the command itself, without Google"),
        ({"scheduled_for": SLOT, "attempt": 2}, "schedule Google’s own retry of the slot"),
    ],
)
def test_every_trigger_has_its_word(
    client: Client, job: ScheduledJob, values: dict[str, Any], says: str
) -> None:
    run = make_run(job, Status.SUCCEEDED, **values)
    assert says in text_of(page(client, run))


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"trigger": "manual", "requested_by": "Cloud Scheduler"}, "Failed, forced in Google’s console."),
        ({"trigger": "backfill", "requested_by": "ana"}, "Failed, a backfill asked for by ana."),
        ({"trigger": "eager"}, "Failed, run by the command itself."),
        ({"trigger": "manual"}, "Failed, asked for by somebody."),
    ],
)
def test_the_sentence_says_how_the_run_came_about(
    client: Client, job: ScheduledJob, values: dict[str, Any], says: str
) -> None:
    assert lede(client, make_run(job, Status.FAILED, **values)) == (
        f"{says} Nothing tries it again by itself: rerun it when the cause is fixed."
    )


def test_a_failure_that_a_later_attempt_mended_says_so_and_rows_count_failures(
    client: Client, job: ScheduledJob
) -> None:
    first = failed(job)
    second = make_run(job, Status.SUCCEEDED, scheduled_for=SLOT, attempt=2)
    assert f"Its last attempt, #{second.pk}, succeeded." in lede(client, first)
    ScheduledJob.objects.filter(pk=job.pk).update(last_run=first, failures_in_a_row=4)
    assert "4 failures in a row." in lede(client, first)


def test_retries_grow_by_two_seconds_after_the_doublings_and_stop_at_the_next_slot(job: ScheduledJob) -> None:
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
    assert "A usual run takes 10 s." in lede(client, run)
    assert "past its deadline" not in rows(client)[0]
    JobRun.objects.filter(pk=run.pk).update(deadline_at=NOW - timedelta(seconds=1))
    assert "past its deadline" in rows(client)[0]
    JobRun.objects.filter(pk=run.pk).update(lease_until=NOW - timedelta(seconds=1))
    assert "probably lost" in rows(client)[0]


def test_notes_and_what_became_of_the_result_are_told(client: Client, job: ScheduledJob) -> None:
    run = make_run(job, Status.SUCCEEDED, context={"notes": ["The result was not kept: it is not JSON"]})
    text = text_of(page(client, run))
    assert "Notes The result was not kept: it is not JSON Result None was kept." in text
    assert "None: run() returned nothing." in page(client, make_run(job, Status.SUCCEEDED))


def test_the_log_has_an_anchor_for_each_line(client: Client, job: ScheduledJob) -> None:
    html = page(client, make_run(job, Status.SUCCEEDED, log="first\nsecond"))
    assert (
        '<tr id="L2"><th scope="row" class="n sj-r"><a href="#L2" aria-label="Line 2">2</a>'
        in in_one_line(html)
    )
    assert "Log 2 lines" in text_of(html)


def test_frames_are_shown_from_where_python_imports_them() -> None:
    own = Path(__file__)
    trace = traces.read(
        f'Traceback (most recent call last):\n  File "{own}", line 3, in run\n    x()\nError: x\n\nmore\n'
    )
    assert trace.own[0].text.endswith("tests/admin/test_runs.py, line 3, in run")
    assert not trace.own[0].text.startswith("/")
    assert (trace.frames, trace.foreign) == (1, 0)
    assert traces.read("nothing like a traceback").own == [
        traces.TraceLine("nothing like a traceback", "hot")
    ]


def test_where_no_frame_is_the_users_all_are_shown() -> None:
    trace = traces.read('Traceback (most recent call last):\n  File "<frozen runpy>", line 1, in x\nError: y')
    assert [line.text for line in trace.own] == ["<frozen runpy>, line 1, in x", "Error: y"]
    assert (trace.frames, trace.foreign) == (1, 1)


def test_a_recorded_payload_that_no_longer_fits_is_said(google: MemoryBackend) -> None:
    def run(self: Any, limit: int = 1) -> None:
        """A task that takes a number."""

    job = make_job(make_task(run, name="Strict"), "shop--strict")
    old = failed(job, payload={"gone": 1})
    client = signed_in(staff("view", "run"))
    url = f"{RUNS}{old.pk}/rerun/"
    answer = client.post(url, {**form_of(client, url), "reason": ""})
    assert "gone: " in text_of(answer.content.decode())
    assert JobRun.objects.count() == 1


def test_a_retired_job_is_not_rerun(client: Client, job: ScheduledJob) -> None:
    run = failed(job)
    ScheduledJob.objects.filter(pk=job.pk).update(retired_at=NOW)
    html = client.get(f"{RUNS}{run.pk}/rerun/").content.decode()
    assert "This job is retired: Google has no job to run any more." in html


def test_a_rerun_of_what_went_well_is_a_run_of_its_own(client: Client, job: ScheduledJob) -> None:
    run = make_run(job, Status.SUCCEEDED, payload={})
    html = client.get(f"{RUNS}{run.pk}/rerun/").content.decode()
    assert "It is a run of its own" in html
    assert "The recorded payload is not the one in force now." in html


def test_a_payload_changed_meanwhile_is_shown_again_before_a_rerun(client: Client, job: ScheduledJob) -> None:
    run = failed(job, payload=None)
    answer = client.post(f"{RUNS}{run.pk}/rerun/", {"seen": "old", "reason": ""})
    assert "The payload was changed meanwhile; look at it as it is now." in answer.content.decode()


def test_cancelling_needs_a_post(client: Client, job: ScheduledJob) -> None:
    run = queued(job)
    assert client.get(f"{RUNS}{run.pk}/cancel/").status_code == 405
