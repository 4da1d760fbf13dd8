"""Pausing and resuming one job: what is counted, what is done, and who may."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.test import Client, override_settings
from django.utils import timezone

from scheduled_jobs.admin.actions.pause import missed_runs
from scheduled_jobs.models import JobChange, ScheduledJob
from tests.support import full_name, make_run
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import Page, text_of
from tests.support.people import LIST, signed_in, staff, superuser

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

NOW = datetime(2026, 10, 22, 13, 8, tzinfo=UTC)


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("Settle", "30 1 * * *", schedule_time_zone="Europe/Lisbon")
    schedule_tasks()
    return row("Settle")


@pytest.fixture(autouse=True)
def at_now() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def url(job: ScheduledJob, page: str = "pause") -> str:
    return f"/admin/scheduled_jobs/scheduledjob/{job.pk}/{page}/"


def read(client: Client, job: ScheduledJob, page: str = "pause") -> str:
    return text_of(client.get(url(job, page)).content.decode())


def counted(html: str) -> str:
    found = re.search(r'name="counted" value="([^"]*)"', html)
    assert found is not None
    return found[1]


def send(client: Client, job: ScheduledJob, page: str = "pause", **data: str) -> Any:
    """Open the page, fill its form, and press its button."""
    fields = Page(client.get(url(job, page)).content.decode()).fields()
    return client.post(url(job, page), {**fields, **data})


UNTIL = {"until_mode": "until", "until_0": "2026-10-26", "until_1": "08:00:00"}


def test_the_page_says_the_next_run_and_what_is_missed_first(job: ScheduledJob) -> None:
    text = read(superuser(), job)
    assert "Pause shop.tasks.Settle ? Its next run would be Fri 23 Oct 01:30 (in 11 h 22 min)." in text
    assert "All runs will be left out, these first Europe/Lisbon Fri 23 Oct 01:30 Sat 24 Oct 01:30" in text
    assert "The pause counts from the moment you press the button" in text


def test_an_open_pause_is_held_by_the_database_and_pushed(google: MemoryBackend, job: ScheduledJob) -> None:
    client = signed_in(staff("view", "pause"))
    data = {"reason": "API migrates", "until_mode": "open"}
    answer = send(client, job, **data)
    assert answer["Location"] == f"/admin/scheduled_jobs/scheduledjob/{job.pk}/change/"
    job = row("Settle")
    assert (job.paused, job.pause_reason, job.paused_until, job.paused_by) == (
        True,
        "API migrates",
        None,
        "rui",
    )
    assert (job.sync_state, google.get(full_name(job), timeout=1).state) == ("synced", "PAUSED")
    change = JobChange.objects.get(field="paused")
    assert (change.old, change.new, change.via, change.actor_label, change.reason) == (
        False, True, "form", "rui", "API migrates",
    )  # fmt: skip
    assert LogEntry.objects.get().change_message == "Paused: API migrates"


def test_the_pause_counts_while_google_cannot_be_reached(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.faults.refuse("PauseJob", "PERMISSION_DENIED", "not allowed", times=9)
    client = superuser()
    data = {"reason": "API migrates", "until_mode": "open"}
    assert send(client, job, **data).status_code == 302
    job = row("Settle")
    assert (job.paused, job.sync_state) == (True, "failed")
    assert job.sync_error == "not allowed"


def test_an_end_is_counted_before_anything_is_done(google: MemoryBackend, job: ScheduledJob) -> None:
    client = superuser()
    first = send(client, job, reason="weekend", **UNTIL).content.decode()
    assert row("Settle").paused is False
    text = text_of(first)
    assert "The job is not paused yet: these are the runs that this end leaves out." in text
    assert "4 runs will be skipped Europe/Lisbon Fri 23 Oct 01:30 Sat 24 Oct 01:30 Sun 25 Oct 01:30" in text
    assert "First run after the pause: Tue 27 Oct 01:30 Europe/Lisbon ." in text
    assert "Mon 26 Oct 08:00 UTC" in text
    send(client, job, reason="weekend", counted=counted(first), **UNTIL)
    job = row("Settle")
    assert job.paused_until == datetime(2026, 10, 26, 8, tzinfo=UTC)
    assert google.get(full_name(job), timeout=1).state == "ENABLED"


def test_a_preview_counts_and_pauses_nothing(job: ScheduledJob) -> None:
    until = "2026-10-26T08:00:00+00:00"
    data = {"reason": "weekend", "counted": until, "_preview": "Preview", **UNTIL}
    text = text_of(superuser().post(url(job), data).content.decode())
    assert "4 runs will be skipped" in text
    assert "is not paused yet" not in text
    assert row("Settle").paused is False


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"reason": " "}, "Say why the job is paused."),
        ({"reason": "x", **UNTIL, "until_0": ""}, "Say until when, date and time, or choose an open end."),
        ({"reason": "x", **UNTIL, "until_0": "2026-10-01"}, "This time is past; a pause ends in the future."),
        (
            {"reason": "x", **UNTIL, "until_0": "9999-12-31"},
            "No pause ends then: write a time before 2200-01-01, or choose an open end.",
        ),
        (
            {"reason": "x", **UNTIL, "until_0": "0001-01-01"},
            "This time is past; a pause ends in the future.",
        ),
        (
            {"reason": "x", **UNTIL, "until_mode": "open"},
            "An end is filled in, and no end is chosen: choose “Until a time”, or clear the date.",
        ),
        ({"reason": "x", **UNTIL, "until_0": "nonsense"}, "Enter a valid date."),
        (
            {"reason": "x", **UNTIL, "until_0": "2027-03-28", "until_1": "01:30:00"},
            "2027-03-28 01:30 does not exist in Europe/Lisbon: the clocks go forward then",
        ),
    ],
)
def test_what_is_missing_is_said_in_place(job: ScheduledJob, data: dict[str, str], says: str) -> None:
    answer = superuser().post(url(job), {"until_mode": "open", "counted": "open", **data})
    assert says in text_of(answer.content.decode())
    assert row("Settle").paused is False


@override_settings(TIME_ZONE="America/New_York")
def test_the_end_is_named_in_utc_and_for_the_viewer(job: ScheduledJob) -> None:
    data = {"reason": "x", "_preview": "1", **UNTIL, "until_0": "2026-10-24"}
    text = text_of(superuser().post(url(job), data).content.decode())
    assert "Europe/Lisbon. Sat 24 Oct 07:00 UTC, Sat 24 Oct 03:00 America/New_York" in text


def test_a_pause_can_be_changed_and_says_whose_it_replaces(job: ScheduledJob) -> None:
    job.pause(reason="weekend", by="ana")
    client = superuser()
    text = read(client, job)
    assert "shop.tasks.Settle is paused by ana: weekend What you write here replaces it." in text
    send(client, job, reason="longer", until_mode="open")
    assert (row("Settle").pause_reason, row("Settle").paused_by) == ("longer", "maria")


def test_a_minutely_job_is_counted_only_so_far(job: ScheduledJob) -> None:
    job.schedule_override = "* * * * *"
    found = missed_runs(job, NOW, NOW + timedelta(days=30))
    assert (found["count"], found["is_capped"], len(found["shown"]), found["more"]) == (1000, True, 12, 988)
    assert found["first_after"] == NOW + timedelta(days=30)
    job.save()
    html = send(superuser(), job, reason="x", **UNTIL).content.decode()
    assert "More than 1,000 runs will be skipped" in text_of(html)


def test_a_run_at_the_very_end_of_a_pause_is_not_skipped(job: ScheduledJob) -> None:
    end = datetime(2026, 10, 23, 0, 30, tzinfo=UTC)
    found = missed_runs(job, NOW, end)
    assert (found["count"], found["first_after"]) == (0, end)


def test_of_an_unreadable_schedule_only_googles_time_is_known(job: ScheduledJob) -> None:
    job.schedule_override = "nonsense"
    assert missed_runs(job, NOW, None)["shown"] == [job.next_run_at]
    assert missed_runs(job, NOW, NOW + timedelta(days=3))["shown"] == []
    ScheduledJob.objects.filter(pk=job.pk).update(schedule_override="*/60 * * * *", next_run_at=None)
    for data in ({"until_mode": "open"}, UNTIL):
        sent = {"reason": "x", "_preview": "1", **data}
        text = text_of(superuser(f"m{len(data)}").post(url(job), sent).content.decode())
        assert "Which runs will be left out is not known: the schedule cannot be read here" in text


@override_settings(TIME_ZONE="Europe/Lisbon")
@pytest.mark.parametrize(
    ("date", "time", "answer"),
    [
        ("2026-10-25", "01:30:00", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        ("2027-03-28", "01:30:00", "2027-03-28 01:30 does not exist in Europe/Lisbon: the clocks go forward"),
        ("2026-10-22", "14:07:59", "This time is past; a pause ends in the future."),
        ("2200-01-02", "00:00:00", "No pause ends then: write a time before 2200-01-01"),
        ("2026-10-25", "", "Say until when, date and time, or choose an open end."),
    ],
)
def test_an_end_is_answered_alike_for_one_job_and_for_many(
    job: ScheduledJob, date: str, time: str, answer: Any
) -> None:
    client = superuser()
    end = {"reason": "x", "until_mode": "until", "until_0": date, "until_1": time}
    selected = {"action": "pause_jobs", "_selected_action": str(job.pk), "index": "0"}
    question = Page(client.post(LIST, selected).content.decode()).fields()
    many = client.post(LIST, {**question, **end, "confirmed": "yes"})
    of_many = row("Settle").paused_until
    row("Settle").resume()
    one = send(client, job, **end)
    if isinstance(answer, str):
        assert answer in text_of(many.content.decode())
        assert answer in text_of(one.content.decode())
        assert of_many is None
        return
    assert many.status_code == 302
    assert send(client, job, counted=counted(one.content.decode()), **end).status_code == 302
    assert of_many == row("Settle").paused_until == answer


# --- Resume -----------------------------------------------------------------------------------------


def test_resuming_says_the_next_run_and_fires_nothing(google: MemoryBackend, job: ScheduledJob) -> None:
    job.pause(reason="weekend", by="ana")
    make_run(job, "skipped", scheduled_for=NOW + timedelta(seconds=1), created_at=timezone.now())
    client = signed_in(staff("view", "pause"))
    text = read(client, job, "resume")
    assert (
        "Resume shop.tasks.Settle ? Its next run is then Fri 23 Oct 01:30 Europe/Lisbon (in 11 h 22 min)."
        in text
    )
    assert "Paused by ana since Thu 22 Oct 14:08 Europe/Lisbon, until somebody resumes it. weekend" in text
    assert "Resuming starts nothing: the next run is the schedule’s next." in text
    assert "1 run has been skipped since, and is not made up for." in text
    google.store.faults.calls.clear()
    send(client, job, "resume", reason="API is back")
    assert row("Settle").paused is False
    assert "RunJob" not in [call.method for call in google.store.faults.calls]
    change = JobChange.objects.filter(field="paused").latest("pk")
    assert (change.new, change.via, change.actor_label, change.reason) == (
        False,
        "form",
        "rui",
        "API is back",
    )
    assert LogEntry.objects.get().change_message == "Resumed. API is back"


def test_a_job_that_is_not_paused_says_so(job: ScheduledJob) -> None:
    client = superuser()
    assert "shop.tasks.Settle is not paused." in read(client, job, "resume")
    assert send(client, job, "resume").status_code == 302
    assert LogEntry.objects.count() == 0


@pytest.mark.parametrize("page", ["pause", "resume"])
@pytest.mark.parametrize(
    "verbs", [("view",), ("view", "change"), ("view", "run"), ("view", "sync"), ("pause",)]
)
def test_only_who_may_pause_pauses(job: ScheduledJob, page: str, verbs: tuple[str, ...]) -> None:
    if page == "resume":
        job.pause(reason="weekend")
    client = signed_in(staff(*verbs))
    assert client.get(url(job, page)).status_code == 403
    assert (
        client.post(url(job, page), {"reason": "x", "until_mode": "open", "counted": "open"}).status_code
        == 403
    )
    assert row("Settle").paused is (page == "resume")


def test_a_get_changes_nothing(job: ScheduledJob) -> None:
    client = superuser()
    client.get(f"{url(job)}?reason=x&until_mode=open&counted=open")
    assert row("Settle").paused is False


def test_posts_need_the_csrf_token(job: ScheduledJob) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff("view", "pause"))
    assert client.post(url(job), {"reason": "x", "until_mode": "open", "counted": "open"}).status_code == 403
    assert row("Settle").paused is False


# --- Two at once ------------------------------------------------------------------------------------


def test_the_second_of_two_who_pause_is_told_and_decides(google: MemoryBackend, job: ScheduledJob) -> None:
    rui = signed_in(staff("view", "pause"))
    mine = Page(rui.get(url(job)).content.decode()).fields()
    job.pause(reason="the database is being restored", by="ana")
    answer = rui.post(url(job), {**mine, "reason": "five minutes"})
    text = text_of(answer.content.decode())
    assert "The job was changed meanwhile and is paused, as you see below." in text
    assert "is paused by ana: the database is being restored" in text
    assert row("Settle").pause_reason == "the database is being restored"
    again = Page(answer.content.decode()).fields()
    assert rui.post(url(job), {**again, "reason": "five minutes"}).status_code == 302
    assert row("Settle").pause_reason == "five minutes"


def test_an_old_form_does_not_pause_what_somebody_has_resumed(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    rui = signed_in(staff("view", "pause"))
    mine = {**Page(rui.get(url(job)).content.decode()).fields(), "reason": "API migrates"}
    assert rui.post(url(job), mine).status_code == 302
    row("Settle").resume(by="ana")
    answer = rui.post(url(job), mine)
    assert "The job was changed meanwhile and is not paused." in text_of(answer.content.decode())
    assert row("Settle").paused is False


def test_a_pause_that_was_not_seen_is_not_ended(google: MemoryBackend, job: ScheduledJob) -> None:
    job.pause(reason="weekend", by="ana")
    rui = signed_in(staff("view", "pause"))
    mine = Page(rui.get(url(job, "resume")).content.decode()).fields()
    row("Settle").resume(by="ana")
    row("Settle").pause(reason="do not touch", by="ana")
    text = text_of(rui.post(url(job, "resume"), mine).content.decode())
    assert "The job was changed meanwhile; its pause is the one that you see below." in text
    assert "do not touch" in text
    assert row("Settle").paused is True


@pytest.mark.parametrize("page", ["pause", "resume"])
def test_a_job_being_deleted_is_neither_paused_nor_resumed(page: str, job: ScheduledJob) -> None:
    ScheduledJob.objects.filter(pk=job.pk).update(deleting_at=NOW)
    answer = superuser().post(url(job, page), {"reason": "x", "until_mode": "open"}, follow=True)
    assert "This job is being deleted; nothing was changed." in answer.content.decode()
    assert not JobChange.objects.filter(field="paused").exists()


def test_of_a_time_that_occurs_twice_the_first_is_meant(job: ScheduledJob) -> None:
    twice = {**UNTIL, "until_0": "2027-10-31", "until_1": "01:30:00"}
    text = text_of(send(superuser(), job, reason="x", **twice).content.decode())
    assert "01:30 occurs twice on that day: the first is meant, Sun 31 Oct 00:30 UTC" in text
