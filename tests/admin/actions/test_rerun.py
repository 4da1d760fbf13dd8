"""Rerun, cancel, ask again: what can be done with a run."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.admin.models import LogEntry

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.support import make_job, make_run, make_task
from tests.support.pages import text_of
from tests.support.people import signed_in, staff, superuser
from tests.support.run_pages import NOW, RUNS, SLOT, failed, page, queued

if TYPE_CHECKING:
    from django.test import Client

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]

Status, Trigger = JobRun.Status, JobRun.Trigger
ACTIONS = ["cancel", "settle", "rerun"]


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


def test_a_run_that_has_begun_is_not_cancelled(client: Client, job: ScheduledJob) -> None:
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


def test_where_google_cannot_be_asked_the_run_still_waits(google: MemoryBackend, job: ScheduledJob) -> None:
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
    assert "It is the next attempt for Thu 22 Oct 14:00 Europe/Lisbon" in html
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
    again = JobRun.objects.get(retry_of=run)
    said = f"rui has asked for run #{again.pk} meanwhile; ask once more if you want another one."
    assert said in client.post(url, form).content.decode()
    assert JobRun.objects.filter(retry_of=run).count() == 1


def test_a_rerun_with_changes_keeps_the_masked_secret(google: MemoryBackend, job: ScheduledJob) -> None:
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


def test_a_payload_changed_meanwhile_is_shown_again(client: Client, job: ScheduledJob) -> None:
    run = failed(job, payload=None)
    answer = client.post(f"{RUNS}{run.pk}/rerun/", {"seen": "old", "reason": ""})
    assert "The payload was changed meanwhile; look at it as it is now." in answer.content.decode()


def test_cancelling_needs_a_post(client: Client, job: ScheduledJob) -> None:
    run = queued(job)
    assert client.get(f"{RUNS}{run.pk}/cancel/").status_code == 405
