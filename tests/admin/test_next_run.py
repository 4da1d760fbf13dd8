"""When a job runs next: the same on every screen and in the terminal."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.core.management import call_command

from scheduled_jobs.backends import get_backend
from scheduled_jobs.models import ScheduledJob
from tests.support import full_name, make_run
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import text_of
from tests.support.people import LIST, superuser

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks", "google")]

NOW = datetime(2026, 10, 22, 13, 8, tzinfo=UTC)


@pytest.fixture(autouse=True)
def at_now() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def job() -> ScheduledJob:
    declare("Settle", "30 1 * * *")
    schedule_tasks()
    return row("Settle")


def read(client: Client, url: str) -> str:
    return text_of(client.get(url).content.decode())


def call(*args: str) -> str:
    stdout = io.StringIO()
    call_command("scheduled_jobs", *args, stdout=stdout)
    return stdout.getvalue()


def page(job: ScheduledJob, name: str = "change") -> str:
    return f"{LIST}{job.pk}/{name}/"


def test_an_interval_is_told_as_google_counts_it_on_every_screen(job: ScheduledJob) -> None:
    job.schedule_override = "every 90 minutes"
    job.save()
    ScheduledJob.objects.update(next_run_at=NOW + timedelta(minutes=17))
    client = superuser()
    assert "in 17 min 13:25" in read(client, LIST)
    said = read(client, page(job))
    assert "First run: Thu 22 Oct 13:25, in 17 min." in said
    assert "Thu 22 Oct 13:25 in 17 min Thu 22 Oct 14:55" in said
    assert "13:25 14:55 16:25" in read(client, page(job, "pause"))
    assert "Next scheduled run: Thu 22 Oct 13:25" in read(client, page(job, "run-now"))
    (told,) = json.loads(call("list", "--json"))
    assert told["next_run_at"] == "2026-10-22T13:25:00Z"
    ahead = [run["at"] for run in json.loads(call("next", "-n", "2", "--json"))]
    assert ahead == ["2026-10-22T13:25:00Z", "2026-10-22T14:55:00Z"]
    declare("Other", "every 90 minutes")
    schedule_tasks()
    ScheduledJob.objects.filter(pk=row("Other").pk).update(next_run_at=NOW + timedelta(minutes=50))
    assert "First run: Thu 22 Oct 13:58," in read(client, page(row("Other")))
    assert "First run: Thu 22 Oct 13:25," in read(client, page(job))


# --- A pause that ends at the time of a run -----------------------------------------------------------

END = datetime(2026, 10, 24, 1, 30, tzinfo=UTC)
"""Two days ahead, when the job is due."""


@pytest.fixture
def paused(job: ScheduledJob) -> ScheduledJob:
    """Paused until the very second at which a run is due: that run takes place."""
    job.pause(reason="inventory", until=END)
    return row("Settle")


def bulk(action: str, job: ScheduledJob) -> str:
    data = {"action": action, "_selected_action": [job.pk]}
    return text_of(superuser("ana").post(LIST, data).content.decode())


def run_page(job: ScheduledJob) -> str:
    run = make_run(job, "succeeded")
    return read(superuser("rui"), f"/admin/scheduled_jobs/jobrun/{run.pk}/change/")


def count_again(job: ScheduledJob) -> str:
    fields = {"reason": "inventory", "until_mode": "until", "until_0": "2026-10-24", "until_1": "01:30:00"}
    return text_of(superuser().post(page(job, "pause"), {**fields, "_preview": "1"}).content.decode())


def plan_of_a_job_to_be_made_again(job: ScheduledJob) -> str:
    backend: MemoryBackend = get_backend()
    backend.store.delete_job(full_name(job))
    return read(superuser(), f"{LIST}plan/")


def method(job: ScheduledJob) -> str:
    return f"{job.upcoming(1)[0]:%a %d %b %H:%M}"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (lambda job: read(superuser(), LIST), "in 36 h Sat 01:30"),
        (lambda job: read(superuser(), page(job)), "First run: Sat 24 Oct 01:30, in 1 day 12 h."),
        (lambda job: read(superuser(), page(job)), "Upcoming Sat 24 Oct 01:30 in 1 day 12 h"),
        (lambda job: read(superuser(), page(job, "run-now")), "Next scheduled run: Sat 24 Oct 01:30 UTC (in"),
        (run_page, "Next run Sat 24 Oct 01:30, in 1 day 12 h"),
        (count_again, "1 run will be skipped UTC Fri 23 Oct 01:30"),
        (count_again, "First run after the pause: Sat 24 Oct 01:30 UTC"),
        (lambda job: bulk("run_jobs", job), "in 1 day 12 h, Sat 24 Oct 01:30 UTC"),
        (lambda job: bulk("pause_jobs", job), "in 1 day 12 h, Sat 24 Oct 01:30 UTC"),
        (plan_of_a_job_to_be_made_again, "Google gets the job; next run Sat 24 Oct 01:30 UTC."),
        (lambda job: call("list"), "2026-10-24 01:30:00Z"),
        (lambda job: call("list", "--json"), '"next_run_at": "2026-10-24T01:30:00Z"'),
        (lambda job: call("show", job.name), "Next run: 2026-10-24 01:30:00Z."),
        (lambda job: call("next", "-n", "1"), "2026-10-24 01:30:00Z"),
        (method, "Sat 24 Oct 01:30"),
    ],
)
def test_the_run_at_the_end_of_a_pause_is_the_next_everywhere(
    paused: ScheduledJob, answer: Callable[[ScheduledJob], str], told: str
) -> None:
    assert told in answer(paused)


# --- Why nothing runs --------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["PAUSED", "DISABLED"])
def test_a_job_that_google_was_seen_to_hold_back_promises_no_run(job: ScheduledJob, state: str) -> None:
    ScheduledJob.objects.filter(pk=job.pk).update(live={**job.live, "state": state}, sync_state="drifted")
    job.refresh_from_db()
    word, client = f"{state.lower()} in Google", superuser()
    sentence = {
        "PAUSED": "No run lies ahead: the job is paused in Google, as last seen there.",
        "DISABLED": "No run lies ahead: Google has disabled the job, as last seen there.",
    }[state]
    assert job.upcoming(3) == []
    assert f"{word}" in read(client, LIST)
    assert f"It has not run yet. {sentence}" in read(client, page(job))
    assert f"Upcoming {sentence}" in read(client, page(job))
    assert f"The schedule stays as it is. {sentence}" in read(client, page(job, "run-now"))
    assert "It would run next" not in read(client, page(job, "pause"))
    assert word in bulk("run_jobs", job)
    assert "Next run" not in run_page(job)
    assert word in call("list")
    assert sentence in call("show", job.name)
    assert json.loads(call("list", "--json"))[0]["why_none"] == f"{state.lower()}_in_google"
    assert json.loads(call("next", "--json")) == []


def test_a_schedule_that_cannot_be_read_gives_googles_own_time(job: ScheduledJob) -> None:
    ScheduledJob.objects.update(schedule_override="every blue moon")
    job.refresh_from_db()
    notice = "The schedule cannot be read here: this is the time that Google told last."
    client = superuser()
    assert job.upcoming(3) == [datetime(2026, 10, 23, 1, 30, tzinfo=UTC)]
    assert "in 12 h Fri 01:30" in read(client, LIST)
    assert f"Upcoming Fri 23 Oct 01:30 in 12 h 22 min {notice}" in read(client, page(job))
    assert "Next scheduled run: Fri 23 Oct 01:30" in read(client, page(job, "run-now"))
    assert f"Next run: 2026-10-23 01:30:00Z. {notice}" in call("show", job.name)
    assert json.loads(call("next", "--json")) == [
        {"at": "2026-10-23T01:30:00Z", "job": job.name, "notice": notice}
    ]


def test_nothing_is_promised_where_google_told_no_time_either(
    job: ScheduledJob, capsys: pytest.CaptureFixture[str]
) -> None:
    ScheduledJob.objects.update(schedule_override="every blue moon", next_run_at=NOW)
    job.refresh_from_db()
    told = "No run is known: the schedule cannot be read here. 'blue' cannot stand, in 'every blue moon'"
    client = superuser()
    assert job.upcoming(3) == []
    assert "the schedule cannot be read" in read(client, LIST)
    assert f"Upcoming {told}" in read(client, page(job))
    assert told in call("show", job.name)
    assert json.loads(call("next", "--json")) == []
    assert f"{job.name}: {told}" in capsys.readouterr().err


def test_an_interval_of_which_no_run_is_known_is_told_as_such(job: ScheduledJob) -> None:
    ScheduledJob.objects.update(schedule_override="every 90 minutes", next_run_at=NOW)
    client = superuser()
    assert "after the last run" in read(client, LIST)
    assert "Google counts the next run from the end of the last one." in read(client, page(job))
    assert "after the last run" in bulk("run_jobs", job)
