"""The watch against Google's rules, in one process with a clock that is moved."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core import mail
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext

from scheduled_jobs import signals
from scheduled_jobs.models import JobRun, JobVersion, LastWatch, ScheduledJob
from scheduled_jobs.services import execution, scheduling
from scheduled_jobs.services.execution import Delivery, missing
from scheduled_jobs.services.execution.missing import write_missed
from scheduled_jobs.services.history.health import Health, health_of, late
from scheduled_jobs.services.monitoring import judging, watch
from scheduled_jobs.services.scheduling import client
from scheduled_jobs.testing import running_cloud_scheduler
from tests.support import make_job, make_run, make_task, with_several_writers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import SettingsWrapper

    from scheduled_jobs.testing import CloudScheduler

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

Status = JobRun.Status
START = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)
NINE = START.replace(hour=9, minute=0)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def google(no_backoff: None) -> Iterator[CloudScheduler]:
    with running_cloud_scheduler(START) as scheduler:
        yield scheduler


def versions_of(job: ScheduledJob) -> list[tuple[str, str, bool]]:
    """What Google had, in order, and whether it is known for certain."""
    rows = JobVersion.objects.filter(job=job).order_by("pk")
    return [(row.schedule, row.state, row.confirmed_at is not None) for row in rows]


@contextmanager
def server_down(google: CloudScheduler, status: int = 503) -> Iterator[None]:
    """Google's attempts reach nobody."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(google, "_send", lambda delivery: status)
        yield


def look(google: CloudScheduler, at: datetime | None = None) -> watch.WatchStep:
    """Move the clock and make a step."""
    if at is not None:
        google.advance_to(at)
    return watch.step(google.now)


def history(job: ScheduledJob) -> list[tuple[datetime | None, str, str]]:
    runs = JobRun.objects.filter(job=job).order_by("scheduled_for", "pk")
    return list(runs.values_list("scheduled_for", "status", "error_key"))


# --- A run that did not come ------------------------------------------------------------------------------


def test_a_run_that_did_not_come_is_missed_after_the_grace(google: CloudScheduler) -> None:
    told: list[JobRun] = []
    job = make_task().schedule()
    look(google)
    with server_down(google):
        assert look(google, NINE + timedelta(minutes=4, seconds=59)).missed == []
        signals.run_missed.connect(hear := lambda run, **_: told.append(run))
        try:
            [run] = look(google, NINE + 5 * MINUTE).missed
            assert look(google, NINE + 6 * MINUTE).missed == []
        finally:
            signals.run_missed.disconnect(hear)

    assert told == [run]
    assert (run.scheduled_for, run.status, run.trigger, run.attempt) == (NINE, Status.MISSED, "schedule", 1)
    assert run.error_key == "unreachable"
    assert run.context["missed"] == {"reason": "unreachable", "attempt_at": NINE.isoformat(), "code": 14}
    assert run.error == (
        "Due at 2026-11-23 09:00 UTC, and nothing had arrived by 09:05. Google's attempt at "
        "2026-11-23 09:00:00 UTC got no usable answer (UNAVAILABLE)."
    )
    job.refresh_from_db()
    assert (job.last_status, job.last_run, job.last_run_at) == (Status.MISSED, run, NINE)
    assert (job.failures_in_a_row, job.watched_until) == (0, NINE + timedelta(microseconds=1))


def test_what_a_step_has_found_is_told_by_it(google: CloudScheduler, settings: SettingsWrapper) -> None:
    """And that it is over with the first run that succeeds."""
    settings.DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS = ["ops@shop.example"]
    settings.DJANGO_CLOUD_TASKS_APP_NAME = "shop"
    for name in ("One", "Two"):
        make_task(name=name).schedule()
    look(google)
    with server_down(google):
        look(google, NINE + 5 * MINUTE)
        look(google, NINE + 6 * MINUTE)
    assert [message.subject for message in mail.outbox] == ["[shop] MISSED: 2 runs of 2 jobs, since 09:00"]
    look(google, NINE + HOUR)
    look(google, NINE + HOUR + MINUTE)
    assert [message.subject for message in mail.outbox][1:] == ["[shop] OK again: 2 jobs"]


def test_a_new_job_is_noticed_within_two_of_its_slots(google: CloudScheduler) -> None:
    google.now = NINE - timedelta(seconds=30)
    job = make_task(run_every="*/10 * * * *", missed_grace=timedelta(seconds=30)).schedule()
    with server_down(google):
        look(google, NINE + MINUTE)
        look(google, NINE + 11 * MINUTE)

    # The first lies in the job's first minute, of which nothing can be said.
    assert history(job) == [(NINE + 10 * MINUTE, Status.MISSED, "unreachable")]


def test_a_late_delivery_takes_over_the_missed_row(google: CloudScheduler) -> None:
    recovered: list[JobRun] = []
    job = make_task(
        schedule_retries=classmethod(lambda cls: 5),
        schedule_min_backoff=classmethod(lambda cls: timedelta(minutes=10)),
        schedule_max_doublings=classmethod(lambda cls: 1),
        missed_grace=timedelta(),
    ).schedule()
    [version] = JobVersion.objects.filter(job=job)
    look(google)
    with server_down(google):
        google.advance_to(NINE + 5 * MINUTE)
    make_run(job, Status.MISSED, scheduled_for=NINE, error="Due", error_key="missed", context={"missed": {}})
    ScheduledJob.objects.filter(pk=job.pk).update(last_status=Status.MISSED, last_run_at=NINE)
    signals.job_recovered.connect(hear := lambda run, **_: recovered.append(run))
    try:
        google.advance_to(NINE + 12 * MINUTE)
    finally:
        signals.job_recovered.disconnect(hear)

    [run] = JobRun.objects.filter(job=job)
    assert version.confirmed_at is not None
    assert (run.scheduled_for, run.status, run.attempt, run.deliveries) == (NINE, Status.SUCCEEDED, 1, 1)
    assert (run.error, run.error_key, run.context["was_missed"]) == ("", "", True)
    assert recovered == [run]


def test_what_is_older_than_the_cap_is_one_row(google: CloudScheduler, monkeypatch: Any) -> None:
    monkeypatch.setattr("scheduled_jobs.domain.missed.MOST", 3)
    job = make_task(run_every="*/10 * * * *").schedule()
    with server_down(google):
        look(google, START + HOUR + 6 * MINUTE)

    rows = JobRun.objects.filter(job=job).order_by("scheduled_for")
    assert [row.scheduled_for for row in rows] == [NINE + n * MINUTE for n in (0, 10, 20, 30)]
    assert rows[0].context["missed"] == {
        "reason": "",
        "slots": 3,
        "since": (START + 10 * MINUTE).isoformat(),
    }
    assert rows[0].error == (
        "3 scheduled times from 2026-11-23 08:40 to 2026-11-23 09:00 UTC have passed, "
        "and nothing arrived for them."
    )


def test_an_interval_is_missed_once_per_silence(google: CloudScheduler) -> None:
    job = make_task(run_every="every 7 minutes").schedule()
    google.advance_to(START + 30 * MINUTE)
    arrived = ScheduledJob.objects.get(pk=job.pk).last_delivery_at
    assert arrived is not None
    look(google)
    with server_down(google):
        assert look(google, arrived + 19 * MINUTE).missed == []
        [run] = look(google, arrived + 20 * MINUTE).missed
        assert look(google, arrived + 60 * MINUTE).missed == []
    google.advance(10 * MINUTE)

    assert arrived < run.scheduled_for <= arrived + 15 * MINUTE
    assert ScheduledJob.objects.get(pk=job.pk).last_status == Status.SUCCEEDED


def test_a_silence_that_nobody_watched_is_found_once(google: CloudScheduler) -> None:
    job = make_task(run_every="every 7 minutes").schedule()
    google.advance_to(START + 30 * MINUTE)
    look(google)
    arrived = ScheduledJob.objects.get(pk=job.pk).last_delivery_at
    assert arrived is not None
    with server_down(google):
        google.advance(HOUR)
    google.advance(30 * MINUTE)
    [run] = look(google).missed
    google.advance(30 * MINUTE)

    assert arrived < run.scheduled_for <= arrived + 7 * MINUTE
    assert (run.error_key, look(google).missed) == (Status.MISSED, [])


def test_times_before_an_edit_to_an_interval_are_missed(google: CloudScheduler) -> None:
    job = make_task(run_every="*/20 * * * *").schedule()
    google.advance_to(NINE + 5 * MINUTE)
    look(google)
    with server_down(google):
        google.advance_to(NINE + 45 * MINUTE)
        job.schedule_override = "every 7 minutes"
        job.save()
        found = [run.scheduled_for for run in look(google, NINE + 2 * HOUR).missed]

    assert found == [NINE + n * MINUTE for n in (20, 40, 49)]
    assert look(google).missed == []


def test_of_a_frequent_job_all_attempts_are_known_to_fail(google: CloudScheduler) -> None:
    make_task(run_every="* * * * *").schedule()
    look(google, NINE)
    with server_down(google):
        found = [run for n in range(1, 21) for run in look(google, NINE + n * MINUTE).missed]

    # Its first attempts may be the delivery that came before, as far as anybody knows.
    keys = [run.error_key for run in found]
    known = keys.index("unreachable")
    assert (len(keys), set(keys[:known]), set(keys[known:])) == (15, {Status.MISSED}, {"unreachable"})
    assert known <= 4


def test_an_outage_is_two_mails_however_many_times_it_cost(
    google: CloudScheduler, settings: SettingsWrapper
) -> None:
    settings.DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS = ["ops@shop.example"]
    make_task(run_every="* * * * *").schedule()
    look(google, NINE)
    with server_down(google):
        for n in range(1, 10):
            look(google, NINE + n * MINUTE)
    for n in (10, 11, 12, 13, 14, 15, 16, 6 * 60 + 10, 6 * 60 + 11, 6 * 60 + 20):
        look(google, NINE + n * MINUTE)

    assert [message.subject for message in mail.outbox] == [
        "[shop] MISSED: Report did not run at 09:01",
        "[shop] OK again: Report",
    ]
    assert JobRun.objects.filter(status=Status.MISSED).count() == 9


# --- False alarms ------------------------------------------------------------------------------------------


def test_what_arrived_is_not_missed_and_nothing_is_written(google: CloudScheduler) -> None:
    job = make_task(run_every="*/5 * * * *").schedule()
    look(google, NINE + 2 * MINUTE)
    look(google, NINE + 3 * MINUTE)
    with CaptureQueriesContext(connection) as queries:
        found = look(google)

    writes = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
    about_jobs = [sql for sql in writes if "scheduledjob" in sql or "jobrun" in sql]
    assert (found.missed, about_jobs) == ([], [])
    assert {status for _slot, status, _key in history(job)} == {Status.SUCCEEDED}


def test_a_pause_owes_nothing_before_google_knows(google: CloudScheduler) -> None:
    job = make_task().schedule()
    look(google)
    google.faults.refuse("PauseJob", "INTERNAL", times=9)
    job.pause(reason="holiday")
    with server_down(google):
        look(google, NINE + 10 * MINUTE)
    assert [v.state for v in JobVersion.objects.filter(job=job).order_by("pk")][:2] == ["ENABLED", "HELD"]
    job.resume()
    with server_down(google):
        look(google, NINE + HOUR + 10 * MINUTE)

    assert history(job) == [(NINE + HOUR, Status.MISSED, "unreachable")]


def test_a_pause_with_an_end_owes_again_from_its_end_on(google: CloudScheduler) -> None:
    job = make_task().schedule()
    look(google)
    job.pause(reason="move", until=NINE + 30 * MINUTE)
    with server_down(google):
        look(google, NINE + 10 * MINUTE)
        look(google, NINE + 2 * HOUR + 10 * MINUTE)

    assert [slot for slot, *_ in history(job)] == [NINE + HOUR, NINE + 2 * HOUR]


def test_a_pause_in_the_console_is_not_missed(google: CloudScheduler) -> None:
    job = make_task().schedule()
    look(google)
    google.advance_to(NINE - 10 * MINUTE)
    google.backend.pause(google.jobs[job.name].remote_name, timeout=1)
    found = look(google, NINE + 10 * MINUTE)

    assert (found.missed, found.differing, history(job)) == ([], ["shop.reports.Report"], [])
    versions = JobVersion.objects.filter(job=job).order_by("pk").values_list("state", "since", "confirmed_at")
    # Since when it has been so nobody knows: since the last look.
    assert list(versions)[-1] == ("PAUSED", START, NINE + 10 * MINUTE)


def in_console(google: CloudScheduler, job: ScheduledJob, what: str) -> None:
    """What somebody changes there, and no look sees."""
    name = google.jobs[job.name].remote_name
    if what == "edit":
        message = google.store.get_job(name)
        message.schedule = "30 23 * * *"
        google.store.update_job(message, ["schedule", "time_zone"])
    else:
        getattr(google.backend, what)(name, timeout=1)


def here(job: ScheduledJob, what: str) -> None:
    if what == "pause":
        job.pause(reason="holiday")
    elif what == "run":
        job.run_now()
    else:
        job.schedule_override = "45 * * * *"
        job.save()


@pytest.mark.parametrize(
    ("there", "then"),
    [("pause", "pause"), ("pause", "edit"), ("edit", "edit"), ("delete", "pause"), ("edit", "run")],
)
def test_what_the_console_changed_unseen_is_owed_nothing(
    google: CloudScheduler, there: str, then: str
) -> None:
    """Neither where the app's own call finds it, nor where that call is never made or never answered."""
    jobs = [make_task(name=name).schedule() for name in ("Called", "Refused", "Unmade")]
    look(google)
    with server_down(google):
        google.advance_to(NINE + 20 * MINUTE)
        for job in jobs:
            in_console(google, job, there)
    google.advance_to(NINE + HOUR + 20 * MINUTE)
    here(jobs[0], then)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "_push_left_behind", lambda *_: 0)
        google.faults.refuse("GetJob", "UNAVAILABLE", times=9)
        here(jobs[1], then)
        patch.setattr(scheduling, "push_on_commit", lambda *_: None)
        here(jobs[2], then)
        look(google, NINE + HOUR + 30 * MINUTE)
    look(google, NINE + HOUR + 40 * MINUTE)

    # That it fired at nine its last attempt proves, where Google still tells it and the schedule is the same.
    seen = [(NINE, Status.MISSED, "unreachable")] if there == "pause" else []
    assert [[row for row in history(job) if row[1] == Status.MISSED] for job in jobs] == [seen] * 3


def test_an_edit_that_google_never_heard_of_changes_nothing_it_had(google: CloudScheduler) -> None:
    """Not even a refusal: whoever may not read a job has learned nothing about it."""
    job = make_task().schedule()
    look(google)
    for error, times in (("UNAVAILABLE", client.TRIES), ("PERMISSION_DENIED", 1)):
        google.faults.refuse("GetJob", error, times=times)
        job.schedule_override = f"{times} * * * *"
        job.save()
        assert versions_of(job) == [("0 * * * *", "ENABLED", True)]
    google.faults.refuse("ListJobs", "PERMISSION_DENIED", times=9)
    with server_down(google):
        look(google, NINE + 10 * MINUTE)
    assert history(job) == [(NINE, Status.MISSED, "missed")]


def test_an_edit_is_judged_by_what_google_had(google: CloudScheduler) -> None:
    job = make_task().schedule()
    look(google)
    google.advance_to(START + 20 * MINUTE)
    job.schedule_override = "30 * * * *"
    job.save()
    with server_down(google):
        look(google, NINE + 40 * MINUTE)

    assert [slot for slot, *_ in history(job)] == [NINE + 30 * MINUTE]


def test_a_time_inside_a_run_is_google_s_own_skip(google: CloudScheduler) -> None:
    job = make_task(run_every="*/10 * * * *").schedule()
    look(google)
    started = NINE + timedelta(seconds=1)
    make_run(job, Status.SUCCEEDED, scheduled_for=NINE, started_at=started, finished_at=started + 15 * MINUTE)
    make_run(job, Status.SUCCEEDED, scheduled_for=START + 10 * MINUTE)
    make_run(job, Status.SUCCEEDED, scheduled_for=START + 20 * MINUTE)
    with server_down(google):
        found = look(google, NINE + 18 * MINUTE)

    assert (found.missed, found.judgement.busy) == ([], 1)
    assert history(job)[-1] == (NINE + 10 * MINUTE, Status.SKIPPED, "google-busy")


def test_the_hour_that_the_clocks_repeat_is_doubtful(google: CloudScheduler) -> None:
    google.now = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    job = make_task(
        run_every="30 1 * * *", schedule_time_zone=classmethod(lambda cls: "Europe/Lisbon")
    ).schedule()
    with server_down(google):
        found = look(google, google.now + 4 * HOUR)

    assert (history(job), found.judgement.doubtful) == ([], {"clocks": 1})


# --- Without Google, without a database, two at once ------------------------------------------------------


def test_without_google_it_judges_by_the_runs_alone(
    google: CloudScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    job = make_task().schedule()
    look(google)
    with server_down(google):
        google.advance_to(NINE + 6 * MINUTE)
    google.faults.refuse("ListJobs", "INTERNAL", times=99)
    with caplog.at_level("WARNING", "scheduled_jobs"):
        found = look(google)

    assert next(watch.step_lines(found)) == (
        "Google was not asked, or did not answer (OutcomeUnknown): judged by the runs alone."
    )
    assert "judges by the runs alone" not in caplog.text
    assert [run.scheduled_for for run in found.missed] == [NINE]
    assert history(job)[0][1] == Status.MISSED


def test_two_steps_write_one_row(google: CloudScheduler) -> None:
    job = make_task().schedule()
    look(google)
    with server_down(google):
        google.advance_to(NINE + 6 * MINUTE)
    [judged] = [one for _some, found in judging.in_parts(google.now) for one in found if one.missed]

    assert len(write_missed([judged], google.now)) == 1
    # What the second has found out is of the mark that the first has moved.
    assert write_missed([judged], google.now) == []
    assert JobRun.objects.filter(job=job).count() == 1


def test_a_step_says_when_it_was_made(google: CloudScheduler) -> None:
    assert not watch.is_watched(google.now)
    look(google)
    assert LastWatch.objects.get().at == google.now
    assert watch.is_watched(google.now + timedelta(days=1))
    assert not watch.is_watched(google.now + timedelta(days=1, seconds=1))


def test_a_step_that_is_killed_leaves_neither_row_nor_mark(
    google: CloudScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_task().schedule()
    look(google)

    def killed(run: JobRun) -> None:
        raise KeyboardInterrupt

    with server_down(google), monkeypatch.context() as patch:
        google.advance_to(NINE + 6 * MINUTE)
        patch.setattr(missing, "note_not_come", killed)
        with pytest.raises(KeyboardInterrupt):
            watch.step(google.now)
    job.refresh_from_db()
    assert (history(job), job.watched_until) == ([], None)
    assert [run.scheduled_for for run in look(google).missed] == [NINE]


def test_a_database_that_is_gone_ends_the_step_and_not_the_next(
    google: CloudScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_task().schedule()
    look(google)

    def gone(*_: Any, **__: Any) -> None:
        raise OperationalError("gone")

    with server_down(google), monkeypatch.context() as patch:
        google.advance_to(NINE + 6 * MINUTE)
        patch.setattr(watch, "judge", gone)
        with pytest.raises(OperationalError):
            watch.step(google.now)
    look(google)
    assert history(job) == [(NINE, Status.MISSED, "unreachable")]


def test_what_one_part_meets_another_is_not_kept_from(
    google: CloudScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_task().schedule()
    look(google)

    def broken(*_: Any, **__: Any) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(watch.execution, "expire", broken)
    with server_down(google):
        found = look(google, NINE + 6 * MINUTE)
    assert found.failures == ["lost runs: ValueError: broken"]
    assert [run.job_id for run in found.missed] == [job.pk]


def test_a_setting_that_cannot_be_read_is_told_in_a_line(
    google: CloudScheduler, settings: SettingsWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DJANGO_CLOUD_TASKS_MISSED_GRACE = "soon"
    [failure] = watch.step(google.now).failures
    assert failure.startswith("missed runs: DJANGO_CLOUD_TASKS_MISSED_GRACE is 'soon'")
    [told] = [record for record in caplog.records if record.message.startswith("The watch could not")]
    assert (told.message, told.exc_info) == (f"The watch could not look after {failure}", None)


def test_a_step_ends_what_was_left_behind(google: CloudScheduler) -> None:
    job = make_task().schedule()
    old = google.now - 10 * MINUTE
    lost = make_run(job, Status.RUNNING, scheduled_for=START, started_at=old, lease_until=old)
    queued = make_run(job, Status.QUEUED, trigger="manual", created_at=old, sent=2, sent_at=old)
    ScheduledJob.objects.filter(pk=job.pk).update(
        sync_state="pending", edited_at=old, schedule_override="30 * * * *", revision=9
    )
    found = look(google)

    assert ([run.pk for run in found.lost], found.settled, found.pushed) == ([lost.pk], 1, 1)
    assert JobRun.objects.get(pk=queued.pk).status == Status.LOST
    assert google.jobs[job.name].values["schedule"] == "30 * * * *"


def test_a_push_that_failed_is_tried_again_less_and_less(google: CloudScheduler) -> None:
    job = make_task().schedule()
    look(google)
    google.faults.refuse("UpdateJob", "PERMISSION_DENIED", "not allowed", times=100)
    job.schedule_override = "30 * * * *"
    job.save()
    google.faults.calls.clear()
    tried = []
    for minute in (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 59, 60, 61, 119, 120, 121):
        look(google, START + minute * MINUTE)
        if any(call.method == "UpdateJob" for call in google.faults.calls):
            tried.append(minute)
        google.faults.calls.clear()
    assert tried == [2, 4, 8, 16, 32, 60, 120]

    google.faults._planned.clear()
    look(google, START + 240 * MINUTE)
    assert google.jobs[job.name].values["schedule"] == "30 * * * *"
    assert ScheduledJob.objects.get(pk=job.pk).sync_state == ScheduledJob.SyncState.SYNCED


def test_deliveries_watch_a_few_jobs_where_nobody_else_does(google: CloudScheduler) -> None:
    times = [0.0]
    deliveries = watch._Deliveries(lambda: times[0])
    job = make_task().schedule()
    with server_down(google):
        google.advance_to(NINE + 6 * MINUTE)
    with CaptureQueriesContext(connection) as queries:
        assert watch.watch_after_delivery(google.now, deliveries) == []
    assert len(queries) == 0  # a minute after the process began, at the earliest
    times[0] = 60.0
    [run] = watch.watch_after_delivery(google.now, deliveries)
    assert (run.job_id, run.scheduled_for, run.error_key) == (job.pk, NINE, "unreachable")
    assert watch.watch_after_delivery(google.now, deliveries) == []
    assert not watch.is_watched(google.now)
    look(google)
    times[0] = 120.0
    with CaptureQueriesContext(connection) as queries:
        assert watch.watch_after_delivery(google.now + MINUTE, deliveries) == []
    assert len(queries) == 1  # somebody watches
    for minutes, is_watched in ((15, True), (16, False)):
        times[0] += 60
        with CaptureQueriesContext(connection) as queries:
            watch.watch_after_delivery(google.now + minutes * MINUTE, deliveries)
        assert (len(queries) == 1) is is_watched


def test_deliveries_watch_twenty_jobs_in_turn() -> None:
    task = make_task()
    pks = [make_job(task, name=f"shop--report-{n}").pk for n in range(21)]
    deliveries = watch._Deliveries()
    assert [deliveries.some() for _ in range(3)] == [pks[:20], pks[20:], pks[:20]]


def test_late_and_missed_honour_the_grace_of_a_task(google: CloudScheduler) -> None:
    job = make_task(missed_grace=timedelta(minutes=20)).schedule()
    look(google)
    with server_down(google):
        for minutes, expected in ((19, Health.UNREACHABLE), (20, Health.MISSED)):
            look(google, NINE + minutes * MINUTE)
            assert health_of(ScheduledJob.objects.get(pk=job.pk), google.now) == expected
    with CaptureQueriesContext(connection):
        late_ones = ScheduledJob.objects.filter(late(NINE + 20 * MINUTE))
        assert not late_ones.exists()


@with_several_writers
def test_two_watchers_and_a_late_delivery_at_once_leave_one_row(google: CloudScheduler) -> None:
    task = make_task()
    jobs = [make_job(task, name=f"shop--report-{n}") for n in range(8)]
    for job in jobs:
        JobVersion.objects.create(
            job=job, since=START, confirmed_at=START, schedule="0 * * * *", time_zone="UTC", state="ENABLED"
        )
    google.now = NINE + 6 * MINUTE
    start = threading.Barrier(4)

    def at_once(act: Any) -> Any:
        start.wait()
        try:
            return act()
        finally:
            connections.close_all()

    def deliver_all() -> list[str]:
        deliveries = [
            Delivery(job=job, task=task, schedule_time=NINE.isoformat(), body=b"{}") for job in jobs
        ]
        return [
            execution.deliver(each, clock=lambda: google.now, sleep=lambda _: None).body["status"]
            for each in deliveries
        ]

    acts = [lambda: judging.judge(google.now)] * 2 + [deliver_all] * 2
    with ThreadPoolExecutor(4) as pool:
        ended = list(pool.map(at_once, acts))

    assert sum(answer == "executed" for answers in ended[2:] for answer in answers) == len(jobs)
    for job in jobs:
        settled = JobRun.objects.filter(job=job, settled_slot=NINE)
        assert [run.status for run in settled] == [Status.SUCCEEDED]
        assert not JobRun.objects.filter(job=job, status=Status.MISSED).exists()
