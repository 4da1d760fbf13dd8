"""Backfill: the page says which times it runs and with what, and the runs go one after the other."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.services import scheduling
from tests.support import make_run
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import text_of
from tests.support.people import LIST, signed_in, staff, superuser
from tests.support.run_pages import RUNS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]
Status = JobRun.Status
NOW = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
SLOT = datetime(2026, 11, 23, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
RANGE = {"start": "2026-11-23T10:00", "end": "2026-11-23T13:00"}
"""In Rome, an hour ahead: 09:00, 10:00 and 11:00 UTC."""


@pytest.fixture(autouse=True)
def _at_one_time() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    with time_machine.travel(NOW - timedelta(days=3), tick=False):
        declare(
            "One",
            run_every="0 * * * *",
            schedule_time_zone="Europe/Rome",
            schedule_body_payload={"region": "emea", "api_token": "geheim"},
        )
        schedule_tasks()
    google.store.faults.calls.clear()
    return row("One")


def url(job: ScheduledJob) -> str:
    return f"{LIST}{job.pk}/backfill/"


def shown(client: Client, job: ScheduledJob, data: dict[str, str] = RANGE) -> tuple[str, dict[str, str]]:
    """What the page says, and what its form would send."""
    html = client.get(url(job), data).content.decode()
    form = html.rpartition("<form")[2]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    return " ".join(text_of(html).split()), fields


def test_it_offers_the_last_day_as_far_as_there_was_the_job(job: ScheduledJob) -> None:
    client = superuser()
    assert "Run 24 scheduled times" in shown(client, job, {})[0]
    ScheduledJob.objects.update(created_at=NOW - timedelta(hours=2))
    text, fields = shown(client, job, {})
    assert ("Run 2 scheduled times" in text, fields["start"][:16]) == (True, "2026-11-23T10:30")
    ScheduledJob.objects.update(created_at=NOW)
    assert "There is nothing to do." in shown(client, job, {})[0]


def test_the_page_says_which_times_would_run_and_with_what(job: ScheduledJob) -> None:
    missed = make_run(job, Status.MISSED, scheduled_for=SLOT)
    make_run(job, Status.SUCCEEDED, scheduled_for=SLOT + HOUR)

    text, fields = shown(superuser(), job)

    assert "Run 2 scheduled times of shop.tasks.One that are not done yet?" in text
    assert "1 is done already; running or waiting: 0." in text
    assert f"Mon 23 Nov 10:00 #{missed.pk}" in text
    assert "Mon 23 Nov 12:00 none" in text
    assert "What is in force today, whatever was in force then." in text
    assert "emea" in text
    assert "geheim" not in text
    assert "one after the other, the earliest first, each once the one before has ended." in text
    assert "a scheduled run that comes while one of these goes on is skipped" in text
    assert (fields["start"], fields["end"]) == ("2026-11-23T09:00:00Z", "2026-11-23T12:00:00Z")
    assert not JobRun.objects.filter(trigger="backfill").exists()


def test_confirmed_they_are_queued_once_and_go_in_turn(google: MemoryBackend, job: ScheduledJob) -> None:
    missed = make_run(job, Status.MISSED, scheduled_for=SLOT)
    client = superuser()
    _text, fields = shown(client, job)

    answer = client.post(url(job), {**fields, "reason": "the network was down"})

    runs = list(JobRun.objects.filter(trigger="backfill").order_by("pk"))
    assert answer["Location"] == f"{RUNS}?job={job.pk}&how=backfill"
    assert [(run.scheduled_for, run.sent, run.retry_of_id) for run in runs] == [
        (SLOT, 1, missed.pk),
        (SLOT + HOUR, 0, None),
        (SLOT + 2 * HOUR, 0, None),
    ]
    assert {(run.requested_by, run.reason) for run in runs} == {("maria", "the network was down")}
    assert "3 runs are queued; they start one after the other." in text_of(
        client.get(answer["Location"]).content.decode()
    )
    change = JobChange.objects.get(field="backfill")
    assert (change.actor_label, change.via, change.reason) == ("maria", "form", "the network was down")
    log = LogEntry.objects.get()
    assert log.change_message == f"Backfill: #{runs[0].pk} to #{runs[-1].pk}. the network was down"
    changes = text_of(client.get(f"{LIST}{job.pk}/changes/").content.decode())
    assert f"asked for a backfill of 3 runs, from #{runs[0].pk}" in " ".join(changes.split())

    # The same form again, as after a double click: nothing is asked for twice.
    again = client.post(url(job), {**fields, "reason": ""})
    assert again.status_code == 200
    assert "This has changed since it was shown. Nothing was asked for" in " ".join(
        text_of(again.content.decode()).split()
    )
    assert JobRun.objects.filter(trigger="backfill").count() == 3


def test_a_payload_changed_since_is_shown_before_it_is_used(job: ScheduledJob) -> None:
    client = superuser()
    _text, fields = shown(client, job)
    ScheduledJob.objects.update(payload_override={"region": "apac"})
    answer = client.post(url(job), fields)
    text = text_of(answer.content.decode())
    assert "This has changed since it was shown." in " ".join(text.split())
    assert "apac" in text
    assert not JobRun.objects.exists()


def test_more_than_a_hundred_lead_to_the_first_hundred(job: ScheduledJob) -> None:
    client = superuser()
    html = client.get(url(job), {"start": "2026-11-18T00:00", "end": "2026-11-23T13:00"}).content.decode()
    text = " ".join(text_of(html).split())
    assert "<b>shop.<wbr>tasks.<wbr>One</b>" in html
    assert "133 scheduled times of shop.tasks.One are not done yet; at most 100 are run at once." in text
    assert "Reason" not in text
    first = re.search(r'href="(\?start=[^"]*)"', html)
    assert first is not None
    less = client.get(url(job) + first[1].replace("&amp;", "&")).content.decode()
    assert "Run 100 scheduled times" in " ".join(text_of(less).split())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"start": "2026-11-23T10:00", "end": "2026-11-23T10:00"}, "The end is not after the beginning."),
        ({"start": "soon", "end": "2026-11-23T10:00"}, "Enter a valid date/time."),
        ({"start": "2026-11-23T10:30", "end": "2026-11-23T10:40"}, "There is nothing to do."),
        (
            {"start": "2016-11-23T10:30", "end": "2026-11-23T10:40"},
            "More than 10,000 scheduled times, or runs, lie in that time; choose a shorter one.",
        ),
    ],
)
def test_a_range_without_anything_to_run_says_so(job: ScheduledJob, data: dict[str, str], said: str) -> None:
    text, fields = shown(superuser(), job, data)
    assert said in text
    assert "seen" not in fields


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_range_beyond_all_times_is_no_range(job: ScheduledJob, year: str) -> None:
    client = superuser()
    for data in (
        {"start": f"{year}-01-01T00:00:00+14:00", "end": "9999-12-31T23:59:59.999999-12:00"},
        {"start": "2026-11-23T09:00", "end": f"{year}-12-31T23:59"},
    ):
        for answer in (client.get(url(job), data), client.post(url(job), data)):
            assert "No run has its time there: name years from 1971 to 8999." in answer.content.decode()


def test_of_no_range_the_last_day_is_asked_about(job: ScheduledJob) -> None:
    text, _fields = shown(superuser(), job, {})
    assert "Run 24 scheduled times of shop.tasks.One" in text


def test_a_job_that_is_gone_or_held_says_so(job: ScheduledJob) -> None:
    client = superuser()
    job.pause(reason="x")
    assert "The job is paused: they wait until it is resumed." in shown(client, job)[0]
    ScheduledJob.objects.update(retired_at=NOW)
    text, fields = shown(client, job)
    assert "This job is retired: its class is gone from the code" in text
    client.post(url(job), {**RANGE, "seen": "x", **fields})
    assert not JobRun.objects.exists()


def test_only_who_may_run_backfills(job: ScheduledJob) -> None:
    viewer = signed_in(staff("view", "change"))
    page = viewer.get(f"{LIST}{job.pk}/change/").content.decode()
    assert "Backfill…" not in page
    assert viewer.get(url(job)).status_code == 403
    operator = signed_in(staff("view", "run", name="eva"))
    assert "Backfill…" in operator.get(f"{LIST}{job.pk}/change/").content.decode()
    run = make_run(job, Status.QUEUED, trigger="backfill", scheduled_for=SLOT)
    assert viewer.post(f"{RUNS}{run.pk}/cancel-backfill/").status_code == 403


def test_chosen_runs_of_one_job_lead_to_the_times_between(job: ScheduledJob) -> None:
    client = superuser()
    runs = [make_run(job, Status.MISSED, scheduled_for=SLOT + n * HOUR) for n in (0, 2)]
    by_hand = make_run(job, Status.FAILED, trigger="manual")
    data: dict[str, Any] = {"action": "backfill_selected", "index": "0"}

    answer = client.post(RUNS, {**data, "_selected_action": [run.pk for run in runs]})
    assert answer["Location"] == f"{url(job)}?start=2026-11-23T09%3A00%3A00Z&end=2026-11-23T11%3A01%3A00Z"
    assert "Run 3 scheduled times" in " ".join(
        text_of(client.get(answer["Location"]).content.decode()).split()
    )

    none = client.post(RUNS, {**data, "_selected_action": [by_hand.pk]}, follow=True).content.decode()
    assert "None of the chosen runs has a scheduled time: there is nothing to backfill." in none


def test_a_waiting_run_says_what_for_and_all_are_cancelled(job: ScheduledJob) -> None:
    client = superuser()
    _text, fields = shown(client, job)
    client.post(url(job), fields)
    first, second, third = JobRun.objects.filter(trigger="backfill").order_by("pk")

    def said(run: JobRun) -> str:
        return " ".join(text_of(client.get(f"{RUNS}{run.pk}/change/").content.decode()).split())

    assert f"It waits for its turn: run #{first.pk}, which was asked for before it, goes first." in said(
        second
    )
    text = said(third)
    assert f"It waits for its turn: 2 runs that were asked for before it go first, now #{first.pk}." in text
    assert "Cancel all 3 that wait" in text
    listed = " ".join(text_of(client.get(f"{RUNS}?job={job.pk}").content.decode()).split())
    assert listed.count("waits for its turn") == 2

    job.pause(reason="x")
    assert "The job is paused: it waits until the job is resumed." in said(second)
    job.resume()

    JobRun.objects.filter(pk=first.pk).update(status=Status.RUNNING, overlap_lock=1, started_at=NOW)
    answer = client.post(f"{RUNS}{third.pk}/cancel-backfill/", follow=True)
    assert "2 waiting runs are cancelled." in text_of(answer.content.decode())
    statuses = JobRun.objects.filter(trigger="backfill").order_by("pk").values_list("status", flat=True)
    assert list(statuses) == ["running", "discarded", "discarded"]
    answer = client.post(f"{RUNS}{third.pk}/cancel-backfill/", follow=True)
    assert "Nothing was cancelled: none of this backfill waits any more." in text_of(answer.content.decode())


def test_one_whose_turn_nobody_minded_can_be_sent(google: MemoryBackend, job: ScheduledJob) -> None:
    client = superuser()
    run = make_run(job, Status.QUEUED, trigger="backfill", scheduled_for=SLOT)
    JobRun.objects.update(created_at=NOW - timedelta(minutes=2))
    text = " ".join(text_of(client.get(f"{RUNS}{run.pk}/change/").content.decode()).split())
    assert "It is its turn, and nobody has asked Google yet" in text
    assert "Ask Google again" in text
    client.post(f"{RUNS}{run.pk}/settle/")
    run.refresh_from_db()
    assert run.sent == 1
    scheduling.settle()
    assert [call.method for call in google.store.faults.calls].count("RunJob") == 1


def test_the_button_gives_up_the_dead_that_hold_up_the_others(job: ScheduledJob) -> None:
    client = superuser()
    dead = make_run(job, Status.RUNNING, scheduled_for=SLOT - HOUR, started_at=NOW - HOUR)
    run = make_run(
        job, Status.QUEUED, trigger="backfill", scheduled_for=SLOT, created_at=NOW - timedelta(minutes=2)
    )
    text = " ".join(text_of(client.get(f"{RUNS}{run.pk}/change/").content.decode()).split())
    assert "It is its turn, and nobody has asked Google yet" in text
    client.post(f"{RUNS}{run.pk}/settle/")
    assert list(
        JobRun.objects.filter(pk__in=[dead.pk, run.pk]).order_by("pk").values_list("status", "sent")
    ) == [
        ("lost", 0),
        ("queued", 1),
    ]
