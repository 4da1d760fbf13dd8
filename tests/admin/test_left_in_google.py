"""What was changed in Google and ignored: no screen tells of runs that Google will not make."""

from __future__ import annotations

import io
import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.core.management import call_command
from django.test import override_settings

from scheduled_jobs import registry
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling import drift
from tests.admin.people import LIST, superuser
from tests.admin.test_runs import text_of
from tests.services.scheduling.declaring import declare, row, schedule_tasks
from tests.services.scheduling.test_drift import edit_in_console
from tests.support import make_run

if TYPE_CHECKING:
    from django.test import Client

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

NOW = datetime(2026, 10, 22, 13, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_now() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("Settle", "30 1 * * *")
    schedule_tasks()
    return row("Settle")


@pytest.fixture
def paused_there(google: MemoryBackend, job: ScheduledJob) -> ScheduledJob:
    google.store.pause_job(job.remote_name)
    drift.ignore(drift.look(job.pk), ["state"], by="maria")
    return row("Settle")


@pytest.fixture
def another_schedule_there(google: MemoryBackend, job: ScheduledJob) -> ScheduledJob:
    edit_in_console(google, job, "schedule", "time_zone", schedule="45 17 * * *")
    drift.ignore(drift.look(job.pk), ["schedule"], by="maria")
    return row("Settle")


def read(client: Client, url: str) -> str:
    return text_of(client.get(url).content.decode())


def call(*args: str) -> str:
    stdout = io.StringIO()
    call_command("scheduled_jobs", *args, stdout=stdout)
    return stdout.getvalue()


def page(job: ScheduledJob, name: str = "change") -> str:
    return f"{LIST}{job.pk}/{name}/"


def test_the_list_says_that_the_job_is_paused_in_google(paused_there: ScheduledJob) -> None:
    assert "At 01:30, every day 30 1 * * * UTC no run yet — paused in Google Ignored" in read(
        superuser(), LIST
    )
    make_run(paused_there, status="succeeded")
    ScheduledJob.objects.update(last_run_at=NOW, last_status="succeeded")
    assert "Healthy paused in Google shop.tasks. Settle" in read(superuser("ana"), LIST)


def test_no_page_of_a_job_left_paused_in_google_promises_a_run(paused_there: ScheduledJob) -> None:
    client = superuser()
    said = read(client, page(paused_there))
    assert "New. It has not run yet. It is paused in Google and was left so: nothing fires." in said
    assert (
        "Google differs, and was left so: it is paused there and enabled here. "
        "The first change of either side is told again. Compare and decide…"
    ) in said
    assert "Next run none: the job is paused in Google Missed after" in said
    assert "In Google Ignored shop--shop-tasks-Settle" in said
    assert "was left so: none of these runs until that is ended. Next ten runs" in said
    said = read(client, f"{page(paused_there)}?tab=upcoming")
    assert "No run lies ahead: the job is paused in Google, and was left so." in said
    assert "No run is known that would be missed" in read(client, page(paused_there, "pause"))
    assert "Next scheduled run" not in read(client, page(paused_there, "run-now"))


def test_nothing_is_left_of_a_job_whose_class_is_gone(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    edit_in_console(google, paused_there, "retry_config", retry_config__retry_count=5)
    drift.ignore(drift.look(paused_there.pk), ["retry_count"])
    declare("Other")
    del registry._tasks["shop.tasks.Settle"]
    schedule_tasks(yes=True)
    job = row("Settle")
    assert (job.ignored_drift, job.left_in_google) == ({"retry_count": 5}, {})
    client = superuser()
    assert "not in the code Deleted" in read(client, LIST)
    said = read(client, page(job))
    assert "Google differs" not in said
    assert "In Google Synced" in said
    declare("Settle", "30 1 * * *")
    schedule_tasks()
    assert row("Settle").ignored_drift == {}


def test_a_job_left_paused_in_google_is_not_called_late(paused_there: ScheduledJob) -> None:
    with time_machine.travel(NOW + timedelta(days=3), tick=False):
        assert "New shop.tasks. Settle" in read(superuser(), LIST)


def test_a_job_is_not_called_late_where_the_choice_reached_google_by_a_deploy(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    google.store.pause_job(job.remote_name)
    with override_settings(DJANGO_CLOUD_TASKS_PUSH="off"):
        drift.ignore(drift.look(job.pk), ["state"])
    assert schedule_tasks().lines == []
    assert (row("Settle").sync_state, row("Settle").next_run_at) == ("synced", None)


def test_the_list_and_the_page_tell_the_runs_of_the_schedule_that_google_has(
    another_schedule_there: ScheduledJob,
) -> None:
    client = superuser()
    assert "30 1 * * * UTC no run yet in 4 h 37 min 17:45 Ignored" in read(client, LIST)
    said = read(client, page(another_schedule_there))
    assert "The first run is due Thu 22 Oct 17:45 UTC, in 4 h 37 min." in said
    assert "and was left so: schedule is 45 17 * * * there and 30 1 * * * here. The first change" in said
    assert "Next run Thu 22 Oct 17:45 in 4 h 37 min" in said
    assert "Google fires by what was left there: 45 17 * * * (UTC). A new schedule here ends that." in said
    said = read(client, f"{page(another_schedule_there)}?tab=upcoming")
    assert "Thu 22 Oct 17:45 22 Oct 17:45 22 Oct 17:45 in 4 h 37 min Fri 23 Oct 17:45" in said
    assert "These are the runs of the schedule that was left in Google; Google decides" in said
    said = read(client, page(another_schedule_there, "pause"))
    assert "All runs will be missed, these first UTC 17:45 Fri 23 Oct 17:45" in said
    said = read(client, page(another_schedule_there, "run-now"))
    assert "Next scheduled run: Thu 22 Oct 17:45" in said


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("paused_there", "paused in Google, and left so"),
        ("another_schedule_there", "in 4 h 37 min, 17:45 UTC"),
    ],
)
def test_the_confirmation_for_many_jobs_says_it_too(
    request: pytest.FixtureRequest, kind: str, told: str
) -> None:
    job: ScheduledJob = request.getfixturevalue(kind)
    answer = superuser().post(LIST, {"action": "pause_jobs", "_selected_action": [job.pk]})
    assert told in text_of(answer.content.decode())


def test_other_fields_that_were_left_are_named_and_secrets_masked(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    edit_in_console(
        google, job, "http_target", "retry_config",
        http_target__body=b'{"api_token": "geheim"}', retry_config__retry_count=5,
    )  # fmt: skip
    drift.ignore(drift.look(job.pk), ["payload", "retry_count"])
    said = read(superuser(), page(job))
    assert (
        "Google differs, and was left so: the payload is another one there; retry count is 5 there and 0 here."
    ) in said
    assert "geheim" not in said
    told = call("list", "--json")
    assert json.loads(told)[0]["left_in_google"] == {"payload": {"api_token": "••••••••"}, "retry_count": 5}
    assert "geheim" not in told


def test_the_terminal_tells_what_was_left_in_google(paused_there: ScheduledJob) -> None:
    assert (
        call("list").splitlines()[1].endswith("enabled  -         -        -         synced, ignoring state")
    )
    assert "synced, ignoring state\n" in call("show", paused_there.name)
    assert "Settle" not in call("next")


def test_the_terminal_tells_the_runs_of_the_schedule_that_google_has(
    another_schedule_there: ScheduledJob,
) -> None:
    (told,) = json.loads(call("list", "--json"))
    assert (told["schedule"], told["next_run_at"]) == ("30 1 * * *", "2026-10-22T17:45:00Z")
    assert json.loads(call("next", "-n", "1", "--json"))[0]["at"] == "2026-10-22T17:45:00Z"


def test_an_interval_is_told_as_google_counts_it_on_every_screen(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    job.schedule_override = "every 90 minutes"
    job.save()
    ScheduledJob.objects.update(next_run_at=NOW + timedelta(minutes=17))
    client = superuser()
    assert "in 17 min 13:25" in read(client, LIST)
    said = read(client, page(job))
    assert "The first run is due Thu 22 Oct 13:25 UTC, in 17 min." in said
    assert "Next run Thu 22 Oct 13:25 in 17 min" in said
    said = read(client, f"{page(job)}?tab=upcoming")
    assert "13:25" in said
    assert "14:55" in said
    assert "13:25 14:55 16:25" in read(client, page(job, "pause"))
    assert "Next scheduled run: Thu 22 Oct 13:25" in read(client, page(job, "run-now"))
    (told,) = json.loads(call("list", "--json"))
    assert told["next_run_at"] == "2026-10-22T13:25:00Z"
    ahead = [run["at"] for run in json.loads(call("next", "-n", "2", "--json"))]
    assert ahead == ["2026-10-22T13:25:00Z", "2026-10-22T14:55:00Z"]
    declare("Other", "every 90 minutes")
    schedule_tasks()
    ScheduledJob.objects.filter(pk=row("Other").pk).update(next_run_at=NOW + timedelta(minutes=50))
    assert "The first run is due Thu 22 Oct 13:58 UTC" in read(client, page(row("Other")))
    assert "The first run is due Thu 22 Oct 13:25 UTC" in read(client, page(job))


@pytest.mark.parametrize(
    ("left", "why"),
    [
        ({"schedule": "every blue moon"}, "&#x27;blue&#x27; cannot stand, in &#x27;every blue moon&#x27;"),
        ({"time_zone": "Mars/Olympus"}, "&#x27;Mars/Olympus&#x27; is not a time zone of the tz database"),
        ({"schedule": "", "time_zone": ""}, "&#x27;&#x27; is not a time zone of the tz database"),
    ],
)
def test_what_was_left_and_cannot_be_read_here_is_told_on_every_page(
    job: ScheduledJob, left: dict[str, str], why: str
) -> None:
    ScheduledJob.objects.update(ignored_drift=left, live={**job.live, **left})
    client = superuser()
    assert why in client.get(f"{page(job)}?tab=upcoming").content.decode()
    assert "no run yet — no run ahead Ignored" in read(client, LIST)
    assert "New. It has not run yet. No run lies ahead." in read(client, page(job))
    assert "No run is known that would be missed" in read(client, page(job, "pause"))
    assert client.get(page(job, "run-now")).status_code == 200
    answer = client.post(LIST, {"action": "pause_jobs", "_selected_action": [job.pk]})
    assert "shop.tasks.Settle no run ahead" in text_of(answer.content.decode())
    assert "synced, ignoring" in call("list")
    assert "Settle" not in call("next")


def test_no_run_is_promised_while_something_else_has_drifted(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    edit_in_console(google, paused_there, "description", description="of the console")
    drift.record(drift.look(paused_there.pk))
    client = superuser()
    assert "no run yet — paused in Google Drifted" in read(client, LIST)
    said = read(client, page(paused_there))
    assert "It is paused in Google and was left so: nothing fires." in said
    assert "is due" not in said
    assert "Settle" not in call("next")


def test_a_push_of_the_plan_leaves_what_the_plan_does_not_show(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    edit_in_console(google, paused_there, "description", description="of the console")
    client = superuser()
    (section,) = client.get(f"{LIST}plan/").context["sections"]
    (block,) = section["blocks"]
    assert block.choices[0].effect == ("Google becomes what the desk says, but for what was ignored: state.")
    client.post(f"{LIST}plan/", {f"d_{block.key}": "push", f"s_{block.key}": block.stamp})
    live = google.get(paused_there.remote_name, timeout=1)
    assert (live.values["description"], live.state) == ("", "PAUSED")
    assert row("Settle").ignored_drift == {"state": "PAUSED"}


def test_a_push_of_the_plan_tells_the_next_run_by_what_stays_in_google(
    google: MemoryBackend, another_schedule_there: ScheduledJob
) -> None:
    google.store.pause_job(another_schedule_there.remote_name)
    (section,) = superuser().get(f"{LIST}plan/").context["sections"]
    assert section["blocks"][0].choices[0].effect == (
        "Google becomes what the desk says, but for what was ignored: schedule. "
        "Next run Thu 22 Oct 17:45 UTC."
    )


def test_the_comparison_says_of_what_is_ignored_that_it_stays(paused_there: ScheduledJob) -> None:
    said = read(superuser(), page(paused_there, "drift"))
    assert "Google becomes what the desk says, what is ignored included." in said
    assert "Leave for now It stays as it was left." in said
    assert "Decide later" not in said


def test_a_push_that_would_end_what_was_left_is_not_suggested(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    edit_in_console(google, paused_there, "description", description="of the console")
    found = superuser().get(page(paused_there, "drift"))
    assert "what is ignored included. Next run Fri 23 Oct 01:30 UTC." in text_of(found.content.decode())
    assert re.findall(r'value="(\w+)"[^>]*checked', found.content.decode()) == ["leave"]


def test_a_value_is_called_ignored_no_longer_than_it_is(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    drift.ignore(drift.look(job.pk), ["retry_count"])
    client = superuser()
    assert "5 ignored; here it is 0" in read(client, page(job))
    job = row("Settle")
    job.retry_count_override = 1
    with override_settings(DJANGO_CLOUD_TASKS_PUSH="off"):
        job.save()
    said = read(client, page(job))
    assert "5 1 is not pushed yet" in said
    assert "ignored" not in said


@pytest.mark.parametrize(
    ("here", "there", "told"),
    [
        (3, 0, "Failed , slot Thu 22 Oct 13:00 UTC: ValueError: no Steps"),
        (0, 5, "on attempt 1 of 6 of the slot Thu 22 Oct 13:00 UTC: ValueError: no Google tries again about"),
    ],
)
def test_a_run_is_retried_as_google_retries(
    google: MemoryBackend, job: ScheduledJob, here: int, there: int, told: str
) -> None:
    if here:
        job.retry_count_override = here
        job.save()
    edit_in_console(google, job, "retry_config", retry_config__retry_count=there)
    drift.ignore(drift.look(job.pk), ["retry_count"])
    ended = {"started_at": NOW - timedelta(seconds=4), "finished_at": NOW - timedelta(seconds=2)}
    slot = NOW.replace(minute=0)
    run = make_run(row("Settle"), "failed", error="ValueError: no", scheduled_for=slot, attempt=1, **ended)
    said = read(superuser(), f"/admin/scheduled_jobs/jobrun/{run.pk}/change/")
    assert told in said
    assert ("Google tries again" in said) == bool(there)


def test_the_pages_of_a_pause_say_what_it_is_to_google(paused_there: ScheduledJob) -> None:
    client = superuser()
    takes_over = "A pause until somebody resumes it takes that over: whoever resumes it then lets Google fire"
    assert takes_over in read(client, page(paused_there, "pause"))
    paused_there.pause(reason="two days", until=NOW + timedelta(days=2))
    said = read(client, page(paused_there, "resume"))
    assert "It stays paused in Google, as was chosen there: nothing fires until Google and the desk" in said
    assert "Resuming fires nothing" not in said
    assert call("resume", paused_there.name).endswith(
        ": resumed; it stays paused in Google, as was chosen there (synced).\n"
    )
    row("Settle").pause(reason="until told")
    said = read(client, page(paused_there, "resume"))
    assert "Resuming fires nothing: the next run is the schedule’s next." in said


@pytest.mark.parametrize("decision", ["ignore", "adopt"])
def test_a_state_is_decided_on_the_plan_beside_a_new_default_that_an_override_hides(
    google: MemoryBackend, job: ScheduledJob, decision: str
) -> None:
    job.schedule_override = "0 10 * * *"
    job.save()
    google.store.pause_job(job.remote_name)
    declare("Settle", "0 11 * * *")
    client = superuser()
    (section,) = client.get(f"{LIST}plan/").context["sections"]
    (block,) = section["blocks"]
    typed = {f"d_{block.key}": decision, f"s_{block.key}": block.stamp, "reason": "the bank migrates"}
    assert client.post(f"{LIST}plan/", typed).status_code == 302
    job = row("Settle")
    assert (job.declared_schedule, job.schedule) == ("0 11 * * *", "0 10 * * *")
    assert (job.paused, job.ignored_drift) == (
        (True, {}) if decision == "adopt" else (False, {"state": "PAUSED"})
    )
    assert google.get(job.remote_name, timeout=1).state == "PAUSED"


def test_what_was_changed_on_both_sides_is_not_offered_to_be_ignored(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    declare("Settle", "30 1 * * *", schedule_retries=2)
    (section,) = superuser().get(f"{LIST}plan/").context["sections"]
    choices = section["blocks"][0].choices
    assert [choice.value for choice in choices] == ["push", "adopt", "leave"]
    assert choices[-1].effect.endswith("It cannot be ignored: retry count was changed here.")


def test_what_google_has_taken_back_in_the_meantime_is_told_beside_its_choices(
    google: MemoryBackend, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    google.store.pause_job(job.remote_name)
    client = superuser()
    (section,) = client.get(f"{LIST}plan/").context["sections"]
    (block,) = section["blocks"]
    look = drift.look

    def taken_back_first(pk: int) -> drift.Look:
        google.store.resume_job(job.remote_name)
        return look(pk)

    monkeypatch.setattr(drift, "look", taken_back_first)
    typed = {f"d_{block.key}": "ignore", f"s_{block.key}": block.stamp}
    answer = client.post(f"{LIST}plan/", typed)
    assert answer.status_code == 200
    assert row("Settle").ignored_drift == {}
