"""Many causes at once: one message that has a line of each, and what follows from each by itself."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail

from scheduled_jobs.models import Alert, AlertRun, JobRun, ScheduledJob
from scheduled_jobs.services import alerts
from tests.support import SLOT, make_job, make_run, make_task
from tests.support.alerts import AFTER, hook

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
Status = JobRun.Status
ADMIN = "https://shop.example.com/admin/scheduled_jobs"
FAILED = {"failures_in_a_row": 1, "last_status": Status.FAILED, "failing_since": SLOT}


def fail(names: str, *, hours: int = 0, error: str = "{name}Error: gone") -> list[JobRun]:
    """A run of each of these jobs that failed, by an error of its own; the jobs are made where there is none."""
    runs = []
    for name in names:
        job = ScheduledJob.objects.filter(name=name).first() or make_job(make_task(name=name), name)
        ScheduledJob.objects.filter(pk=job.pk).update(last_error_key=error.format(name=name), **FAILED)
        slot, key = SLOT + hours * HOUR, error.format(name=name)
        values = {"started_at": slot, "finished_at": slot, "error": key, "error_key": key}
        runs.append(make_run(job, Status.FAILED, scheduled_for=slot, **values))
        runs[-1].job.refresh_from_db()
        alerts.owe_end(runs[-1], is_recovery=False)
    return runs


def recover(name: str, *, hours: int) -> None:
    slot = SLOT + hours * HOUR
    ScheduledJob.objects.filter(name=name).update(
        failures_in_a_row=0, failing_since=None, last_status=Status.SUCCEEDED, last_success_at=slot
    )
    job = ScheduledJob.objects.get(name=name)
    run = make_run(job, Status.SUCCEEDED, scheduled_for=slot, started_at=slot, finished_at=slot)
    alerts.owe_end(run, is_recovery=True)


def subjects() -> list[str]:
    return [message.subject.removeprefix("[shop production] ") for message in mail.outbox]


def test_more_than_ten_causes_are_one_message_with_a_line_of_each(settings: SettingsWrapper) -> None:
    first = fail("ABCDEFGHI")
    many = fail("UVWXYZ", error="OSError: no route")
    missed = make_run(make_job(make_task(name="M"), "M"), Status.MISSED, scheduled_for=SLOT)
    alerts.owe_missed([missed])
    with hook() as chat:
        settings.DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS = [chat.address]
        alerts.send_owed(AFTER)
    head, lines = mail.outbox[0].body.split("\n\n")[:2]
    assert (subjects(), head) == (
        ["11 causes at once: 10 FAILING, 1 MISSED"],
        "This is one mail for all of them, what concerns most jobs first; none of these\n"
        f"causes is told again for 6 h.\nSee them: {ADMIN}/scheduledjob/dashboard/",
    )
    assert lines.splitlines()[:4] == [
        "  1. FAILING: U, V, W, X, Y and 1 more: OSError: no route",
        f"     {ADMIN}/jobrun/?error=OSError%3A+no+route",
        "  2. FAILING: A: AError: gone",
        f"     {ADMIN}/jobrun/{first[0].pk}/",
    ]
    assert lines.splitlines()[-2:] == ["  11. MISSED: M", f"     {ADMIN}/jobrun/{missed.pk}/"]
    (body,) = chat.bodies
    assert body["text"] == "\n".join([mail.outbox[0].subject, head, lines])
    assert (body["event"], body["url"]) == ("digest", f"{ADMIN}/scheduledjob/dashboard/")
    assert [run["run"] for run in body["runs"]] == [many[-1].pk, *(run.pk for run in first), missed.pk]
    # What was told to whom stands on each run.
    assert set(AlertRun.objects.values_list("alert", flat=True)) == {Alert.objects.get().pk}


def test_each_cause_of_many_has_its_own_silence_and_its_own_end() -> None:
    fail("ABCDEFGHIJK")
    alerts.send_owed(AFTER)
    assert subjects() == ["11 causes at once: 11 FAILING"]
    fail("AB", hours=1)
    fail("N", hours=1)
    alerts.send_owed(AFTER + HOUR)
    assert subjects()[1:] == ["FAILING: N"]
    recover("A", hours=2)
    alerts.send_owed(AFTER + 2 * HOUR)
    assert subjects()[2:] == ["OK again: A"]
    fail("BC", hours=7)
    alerts.send_owed(AFTER + 7 * HOUR)
    assert sorted(subjects()[3:]) == ["FAILING: B", "FAILING: C"]
    for name in "BCDEFGHIJKN":
        recover(name, hours=8)
    alerts.send_owed(AFTER + 8 * HOUR)
    assert subjects()[5:] == ["11 causes at once: 11 OK again"]


def test_what_comes_within_a_minute_of_ten_messages_is_told_after_it() -> None:
    """Each delivery tells of its own: of five hundred that fail together a person has ten, and one more."""
    names = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for name in names:
        fail(name)
        alerts.send_owed(AFTER)
    assert subjects() == [f"FAILING: {name}" for name in names[:10]]
    alerts.send_owed(AFTER + MINUTE - timedelta(seconds=1))
    assert len(mail.outbox) == 10
    alerts.send_owed(AFTER + MINUTE)
    assert subjects()[10:] == ["16 causes at once: 16 FAILING"]


def test_a_chat_has_as_much_as_it_takes_of_a_long_one(
    settings: SettingsWrapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduled_jobs.services.alerts.wording.IN_CHAT", 400)
    fail("ABCDEFGHIJK")
    with hook() as chat:
        settings.DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS = [chat.address]
        alerts.send_owed(AFTER)
    lines: list[Any] = chat.bodies[0]["text"].splitlines()
    assert (lines[4], lines[-1]) == ("  1. FAILING: A: AError: gone", "…")
    assert len("\n".join(lines)) <= 402
    assert "  11. FAILING: K: KError: gone\n" in mail.outbox[0].body
