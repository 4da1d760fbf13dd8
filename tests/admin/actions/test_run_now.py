"""Run now: what the page says, what it asks for, and who may."""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client, override_settings
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.support import make_run
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import Page, in_one_line, text_of
from tests.support.people import signed_in, staff, superuser

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

PAYLOAD = {"region": "emea", "api_token": "geheim"}
ALL = ("view", "change", "run")


def run(self: Any, region: str = "emea", api_token: str = "", limit: int = 1) -> None:
    """A task that takes a number."""


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("One", schedule_body_payload=PAYLOAD, run=run)
    schedule_tasks()
    google.store.faults.calls.clear()
    return row("One")


def url(job: ScheduledJob) -> str:
    return f"/admin/scheduled_jobs/scheduledjob/{job.pk}/run-now/"


def html_of(client: Client, job: ScheduledJob) -> str:
    return client.get(url(job)).content.decode()


def ask(client: Client, job: ScheduledJob, **data: str) -> Any:
    seen = re.search(r'name="seen" value="([^"]+)"', html_of(client, job))
    return client.post(url(job), {"seen": seen[1] if seen else "", "reason": "acquirer called", **data})


def test_the_run_is_asked_for_and_its_page_follows_it(google: MemoryBackend, job: ScheduledJob) -> None:
    answer = ask(signed_in(staff("view", "run")), job)
    run = JobRun.objects.get()
    assert answer["Location"] == f"/admin/scheduled_jobs/jobrun/{run.pk}/change/"
    assert (run.status, run.trigger, run.sent, run.requested_by) == ("queued", "manual", 1, "rui")
    assert (run.payload, run.reason) == (PAYLOAD, "acquirer called")
    assert [call.method for call in google.store.faults.calls] == ["GetJob", "RunJob"]
    change = JobChange.objects.latest("pk")
    assert (change.field, change.via, change.actor_label, change.reason) == (
        "run",
        "form",
        "rui",
        "acquirer called",
    )
    assert LogEntry.objects.get().change_message == f"Run now: #{run.pk}. acquirer called"


def test_another_payload_keeps_the_masked_secret(job: ScheduledJob) -> None:
    client = signed_in(staff(*ALL))
    html = html_of(client, job)
    assert "geheim" not in html
    assert "••••••••" in html
    ask(client, job, payload_raw='{"region": "apac", "api_token": "••••••••"}')
    assert JobRun.objects.get().payload == {"region": "apac", "api_token": "geheim"}
    assert row("One").payload == PAYLOAD
    assert "geheim" not in LogEntry.objects.get().change_message


def test_each_parameter_has_a_field_with_what_is_in_force(job: ScheduledJob) -> None:
    client = signed_in(staff(*ALL))
    html = in_one_line(html_of(client, job))
    assert '<input type="text" name="p_region" id="id_p_region" value="emea">' in html
    assert '<input type="text" name="p_limit" id="id_p_limit" value="">' in html
    assert 'name="p_api_token" id="id_p_api_token" value="" placeholder="••••••••' in html
    ask(client, job, p_region="apac", p_limit="5", p_api_token="")
    assert JobRun.objects.get().payload == {"region": "apac", "api_token": "geheim", "limit": 5}


def test_beside_each_field_stands_what_the_code_says(job: ScheduledJob) -> None:
    client = superuser()

    def beside(name: str) -> str:
        field = html_of(client, job).split(f'for="id_p_{name}"')[1].split('<div class="eff">')[1]
        return text_of(field.split("</div>")[0]).strip()

    told = {name: beside(name) for name in ("region", "api_token", "limit")}
    assert told == {
        "region": "code default",
        "api_token": "secret, never shown; leave empty to keep it",
        "limit": "empty: run()’s own default, 1",
    }
    job.payload_override = {"region": "apac", "api_token": "geheim", "limit": 3}
    job.save()
    assert beside("region") == 'overridden code default "emea"'
    assert beside("limit") == "empty: run()’s own default, 1"


def test_an_emptied_field_is_left_out_and_a_typed_secret_new(
    job: ScheduledJob,
) -> None:
    ask(signed_in(staff(*ALL)), job, p_region="", p_api_token="neu")
    assert JobRun.objects.get().payload == {"api_token": "neu"}


def test_an_error_stands_beside_its_parameter(job: ScheduledJob) -> None:
    html = in_one_line(ask(signed_in(staff(*ALL)), job, p_limit="many").content.decode())
    found = re.search(r'id="id_p_limit_error"><li>([^<]+)</li>', html)
    assert found is not None
    assert found[1].startswith("limit: ")
    assert 'value="many" aria-invalid="true" aria-describedby="id_p_limit_error"' in html


def test_typed_fields_of_a_forger_are_refused(job: ScheduledJob) -> None:
    assert ask(signed_in(staff("view", "run")), job, p_region="apac").status_code == 403


def test_a_payload_left_as_it_is_stays_the_one_in_force(job: ScheduledJob) -> None:
    ask(signed_in(staff(*ALL)), job, payload_raw='{"api_token": "••••••••", "region": "emea"}')
    assert JobRun.objects.get().payload == PAYLOAD
    assert "another payload" not in LogEntry.objects.get().change_message


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        ('{"limit": "many"}', "limit: "),
        ("[1]", "is a list, not a JSON object"),
        ("{", "is not JSON"),
        (" ", "Write the payload as a JSON object; {} is the empty one."),
        ('{"region": "••••••••"}', "there is no earlier value here that •••••••• could stand for"),
        ('{"nonsense": 1}', "nonsense: "),
    ],
)
def test_a_payload_that_does_not_fit_is_said_and_nothing_is_run(
    job: ScheduledJob, payload: str, says: str
) -> None:
    answer = ask(signed_in(staff(*ALL)), job, payload_raw=payload)
    assert answer.status_code == 200
    assert says in answer.content.decode()
    assert JobRun.objects.count() == 0


def test_a_reason_is_asked_for_and_may_stay_empty(job: ScheduledJob) -> None:
    client = superuser()
    assert "Why now: Kept in the audit." in text_of(html_of(client, job))
    assert ask(client, job, reason="  ").status_code == 302
    assert JobRun.objects.get().reason == ""


def test_without_change_a_forged_payload_is_refused(job: ScheduledJob) -> None:
    client = signed_in(staff("view", "run"))
    html = html_of(client, job)
    assert "Another payload needs the permission to change scheduled jobs." in html
    assert 'name="payload_raw"' not in html
    assert ask(client, job, payload_raw='{"region": "forged"}').status_code == 403
    assert JobRun.objects.count() == 0


@pytest.mark.parametrize(
    "verbs", [("view",), ("view", "change"), ("view", "pause"), ("view", "sync"), ("run",)]
)
def test_only_who_may_run_runs(job: ScheduledJob, verbs: tuple[str, ...]) -> None:
    client = signed_in(staff(*verbs))
    assert client.get(url(job)).status_code == 403
    assert client.post(url(job), {"reason": "x", "seen": "x"}).status_code == 403
    assert JobRun.objects.count() == 0


def test_a_payload_changed_meanwhile_is_shown_again(job: ScheduledJob) -> None:
    client = superuser()
    seen = re.search(r'name="seen" value="([^"]+)"', html_of(client, job))[1]  # type: ignore[index]
    job.payload_override = {"region": "apac"}
    job.save()
    answer = client.post(
        url(job),
        {"seen": seen, "reason": "why", "payload_raw": '{"region": "emea", "api_token": "••••••••"}'},
    )
    html = answer.content.decode()
    assert "The payload was changed meanwhile; look at it as it is now." in html
    assert "&quot;apac&quot;" in html
    assert ">\nwhy</textarea>" in html
    assert JobRun.objects.count() == 0
    ask(client, job)
    assert JobRun.objects.get().payload == {"region": "apac"}


def test_a_paused_job_is_run_and_stays_paused(google: MemoryBackend, job: ScheduledJob) -> None:
    job.pause(reason="migration")
    client = superuser()
    assert "The job is paused. This run is executed all the same; the pause stays." in html_of(client, job)
    ask(client, job)
    assert (JobRun.objects.get().status, JobRun.objects.get().sent) == ("queued", 1)
    assert row("One").paused is True


def test_a_pause_with_an_end_is_named(job: ScheduledJob) -> None:
    job.pause(reason="migration", until=datetime(2099, 1, 1, 8, tzinfo=UTC))
    assert "The job is paused until Thu 1 Jan 08:00 UTC." in html_of(superuser(), job)


@override_settings(DJANGO_CLOUD_TASKS_PUSH="off")
def test_pushes_that_are_off_are_said_and_nothing_is_queued(job: ScheduledJob) -> None:
    client = superuser()
    html = html_of(client, job)
    assert "Pushes are off (DJANGO_CLOUD_TASKS_PUSH = &quot;off&quot;): nothing is sent to Google." in html
    assert 'value="Run now"' not in html
    assert client.post(url(job), {"seen": "x", "reason": "x"}).status_code == 200
    assert JobRun.objects.count() == 0


def test_a_retired_or_deleting_job_has_nothing_to_run(job: ScheduledJob) -> None:
    client = superuser()
    ScheduledJob.objects.filter(pk=job.pk).update(retired_at=timezone.now())
    assert "This job is retired: its class is gone from the code" in html_of(client, job)
    ScheduledJob.objects.filter(pk=job.pk).update(deleting_at=timezone.now())
    assert "This job is being deleted" in html_of(client, job)


def test_the_page_says_what_else_is_going_on(job: ScheduledJob) -> None:
    client = superuser()
    assert "Nothing else of this job is running." in html_of(client, job)
    now = timezone.now()
    going = make_run(job, "running", started_at=now, lease_until=now + timedelta(minutes=1))
    make_run(job, "queued", trigger="manual")
    html = html_of(client, job)
    assert f"Run #{going.pk} of this job is going on" in html
    assert "Runs of this job that wait already: 1. They go first." in html
    declare("One", run=run, overlap="allow")
    assert "It may run beside other runs of this job (overlap: allow)." in html_of(client, job)


def test_an_open_form_does_not_run_a_job_whose_class_is_gone(job: ScheduledJob) -> None:
    client = superuser()
    form = Page(html_of(client, job)).fields()
    registry._tasks.clear()
    answer = client.post(url(job), {**form, "reason": "now"})
    said = "shop.tasks.One is not in the code: nothing can be run until it is back."
    assert said in answer.content.decode()
    assert not JobRun.objects.exists()


def test_a_job_that_there_is_not_is_not_found(job: ScheduledJob) -> None:
    client = superuser()
    assert client.get("/admin/scheduled_jobs/scheduledjob/999/run-now/").status_code == 404
    assert client.get("/admin/scheduled_jobs/scheduledjob/x/run-now/").status_code == 404


def test_without_google_the_queued_run_says_so(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.faults.refuse("RunJob", "UNAVAILABLE", "no route", times=1)
    answer = ask(superuser(), job)
    assert answer.status_code == 302
    assert JobRun.objects.get().status == "queued"
    google.store.faults.refuse("RunJob", "PERMISSION_DENIED", "not allowed", times=1)
    ask(signed_in(staff("view", "run")), job)
    refused = JobRun.objects.latest("pk")
    assert refused.status == "failed"
    assert refused.error == "not allowed"


def test_markup_in_names_and_payloads_is_shown_as_text(google: MemoryBackend) -> None:
    hostile = "<script>alert(1)</script>"
    declare("Two", schedule_body_payload={"a": hostile}, schedule_description=hostile)
    schedule_tasks()
    ScheduledJob.objects.filter(pk=row("Two").pk).update(pause_reason=hostile, paused=True, paused_by=hostile)
    client = superuser()
    base = f"/admin/scheduled_jobs/scheduledjob/{row('Two').pk}"
    for page in ("run-now", "pause", "resume", "drift"):
        html = client.get(f"{base}/{page}/").content.decode()
        assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in client.get(f"{base}/run-now/").content.decode()


# --- What is run is what was asked for, once --------------------------------------------------------


@pytest.mark.parametrize("typed", ["true", "1.0"])
def test_another_json_value_is_another_payload(typed: str, google: MemoryBackend) -> None:
    def anything(self: Any, limit: Any = 0) -> None:
        """A task that takes anything."""

    declare("Loose", schedule_body_payload={"limit": 1}, run=anything)
    schedule_tasks()
    ask(superuser(), row("Loose"), payload_raw=f'{{"limit": {typed}}}')
    found = JobRun.objects.get().payload
    assert found is not None
    assert json.dumps(found) == f'{{"limit": {typed}}}'
    assert LogEntry.objects.get().change_message.startswith("Run now, with another payload: #")


def test_a_form_that_is_sent_twice_asks_for_one_run(google: MemoryBackend, job: ScheduledJob) -> None:
    client = signed_in(staff("view", "run"))
    form = Page(client.get(url(job)).content.decode()).fields()
    first = client.post(url(job), {**form, "reason": "acquirer called"})
    assert first.status_code == 302
    second = client.post(url(job), {**form, "reason": "acquirer called"})
    run = JobRun.objects.get()
    said = f"rui has asked for run #{run.pk} meanwhile; ask once more if you want another one."
    assert said in html.unescape(second.content.decode())
    again = Page(second.content.decode()).fields()
    assert client.post(url(job), {**again, "reason": "once more"}).status_code == 302
    assert JobRun.objects.count() == 2


@override_settings(DJANGO_CLOUD_TASKS_REDACTED_KEYS=["pin"])
def test_a_secret_that_does_not_fit_is_not_shown(google: MemoryBackend) -> None:
    def unlock(self: Any, pin: int = 0) -> None:
        """A task with a secret number."""

    declare("Unlock", schedule_body_payload={"pin": 1}, run=unlock)
    schedule_tasks()
    ScheduledJob.objects.update(payload_override={"pin": "geheim-4711"})
    answer = ask(signed_in(staff("view", "run")), row("Unlock"))
    text = html.unescape(answer.content.decode())
    assert "geheim-4711" not in text
    assert "pin: the value is not a whole number" in text
    assert JobRun.objects.count() == 0
