"""What a look at Google keeps of a job's last attempt, and when it keeps anything."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings

from scheduled_jobs.models import LastList, ScheduledJob
from scheduled_jobs.services import scheduling
from scheduled_jobs.services.scheduling import drift
from scheduled_jobs.services.scheduling.seen import record_look
from tests.support import full_name
from tests.support.console import edit_in_console, tried
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

MADE = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
UNAVAILABLE = 14


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    with time_machine.travel(MADE, tick=False):
        declare("One", "0 * * * *")
        schedule_tasks()
    return row("One")


def looked(job: ScheduledJob, at: datetime) -> ScheduledJob:
    """The row after one look."""
    with time_machine.travel(at, tick=False):
        drift.record(drift.look(job.pk))
    return row("One")


def listed(at: datetime, **options: Any) -> ScheduledJob:
    """The row after a list."""
    with time_machine.travel(at, tick=False):
        drift.look_at_all() if not options else scheduling.sync_jobs(scheduling.Options(**options))
    return row("One")


def last_attempt(job: ScheduledJob) -> tuple[Any, Any]:
    live = job.live or {}
    return live.get("last_attempt_time"), live["status"]


# --- What is kept -----------------------------------------------------------------------------------------


def test_the_answer_to_a_push_says_that_nothing_was_tried(job: ScheduledJob) -> None:
    assert last_attempt(job) == (None, -1)
    assert ((job.live or {})["address_since"], (job.live or {})["is_first_address"]) == (
        MADE.isoformat(),
        True,
    )


@pytest.mark.parametrize("options", [{}, {"write": True}])
def test_every_list_keeps_the_last_attempt(
    google: MemoryBackend, job: ScheduledJob, options: dict[str, Any]
) -> None:
    tried(google, job, NINE, UNAVAILABLE)
    found = listed(NINE + 5 * MINUTE, **options)
    assert last_attempt(found) == (NINE.isoformat(), UNAVAILABLE)
    assert (found.unreachable_since, found.no_run_since) == (NINE, None)


def test_every_look_keeps_the_last_attempt(google: MemoryBackend, job: ScheduledJob) -> None:
    tried(google, job, NINE, 0)
    found = looked(job, NINE + 5 * MINUTE)
    assert last_attempt(found) == (NINE.isoformat(), 0)
    assert (found.unreachable_since, found.no_run_since) == (None, NINE)


def test_the_answer_to_a_save_keeps_the_last_attempt(google: MemoryBackend, job: ScheduledJob) -> None:
    tried(google, job, NINE, UNAVAILABLE)
    with time_machine.travel(NINE + 5 * MINUTE, tick=False):
        job.description_override = "other"
        job.save()
    found = row("One")
    assert (last_attempt(found), found.unreachable_since) == ((NINE.isoformat(), UNAVAILABLE), NINE)


@pytest.mark.parametrize("how", [["--check"], ["--dry-run"]])
def test_a_command_that_only_asks_keeps_nothing(
    google: MemoryBackend, job: ScheduledJob, how: list[str]
) -> None:
    before = LastList.objects.get().at
    tried(google, job, NINE, UNAVAILABLE)
    schedule_tasks(*how)
    assert last_attempt(row("One")) == (None, -1)
    assert LastList.objects.get().at == before


def test_what_was_met_at_another_address_is_not_held_against_this_one(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    tried(google, job, NINE, UNAVAILABLE)
    with (
        time_machine.travel(NINE + 5 * MINUTE, tick=False),
        override_settings(DJANGO_CLOUD_TASKS_ENDPOINT="https://other.example.com"),
    ):
        schedule_tasks("--adopt")
        assert (row("One").live or {})["uri"].startswith("https://other.example.com")
        assert row("One").unreachable_since is None
        assert listed(NINE + 30 * MINUTE).unreachable_since is None
        tried(google, job, NINE + 60 * MINUTE, UNAVAILABLE)
        assert listed(NINE + 65 * MINUTE).unreachable_since == NINE + 60 * MINUTE


def test_an_attempt_at_a_job_that_is_not_ours_is_not_judged(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "http_target", http_target__uri="https://elsewhere.example.com/")
    for minutes in (0, 60):
        tried(google, job, NINE + minutes * MINUTE, UNAVAILABLE)
        with time_machine.travel(NINE + (minutes + 10) * MINUTE, tick=False):
            ScheduledJob.objects.all().mark_pending()
            scheduling.push_jobs([job.pk])
            found = row("One")
        assert (found.sync_state, found.unreachable_since) == ("failed", None)


@pytest.mark.parametrize("how", ["resumed", "scheduled"])
def test_what_is_under_way_is_not_taken_for_an_older_one(
    google: MemoryBackend, job: ScheduledJob, how: str
) -> None:
    """A job that has just begun to fire: what it tried before is told, and nothing came since."""
    tried(google, job, NINE, 0)
    ScheduledJob.objects.update(last_delivery_at=NINE + SECOND)
    with time_machine.travel(NINE + MINUTE, tick=False):
        job = row("One")
        job.schedule_override = "* * * * *"
        job.pause(reason="x") if how == "resumed" else None
        job.save()
    with time_machine.travel(NINE + 600 * MINUTE, tick=False):
        row("One").resume() if how == "resumed" else None
    began = NINE + (601 if how == "resumed" else 2) * MINUTE
    google.store.attempt_started(google.store._entry(full_name(job)), began)
    found = listed(began + 20 * SECOND)
    assert (found.unreachable_since, found.no_run_since) == (None, MADE)


@pytest.mark.parametrize(
    "live",
    [
        {"address_since": None}, {"address_since": "x"}, {"address_since": "2026-11-23T07:30:00"},
        {"is_first_address": 7}, {"fires_since": 7}, {"state": None}, {"schedule": 5},
    ],
)  # fmt: skip
def test_what_an_older_release_kept_is_written_anew(
    google: MemoryBackend, job: ScheduledJob, live: dict[str, Any]
) -> None:
    tried(google, job, NINE, UNAVAILABLE)
    good = dict(job.live or {})
    ScheduledJob.objects.update(live={**good, **live})
    assert listed(NINE + 5 * MINUTE).unreachable_since in (None, NINE)
    for name in live:
        ScheduledJob.objects.update(live={key: value for key, value in good.items() if key != name})
        found = listed(NINE + 6 * MINUTE).live or {}
        assert found.keys() == {*good, "last_attempt_time"}


# --- When it is kept --------------------------------------------------------------------------------------


def test_a_list_that_shows_nothing_new_writes_no_job(google: MemoryBackend, job: ScheduledJob) -> None:
    tried(google, job, NINE, UNAVAILABLE)
    first = listed(NINE + 5 * MINUTE)
    assert first.live_seen_at == NINE + 5 * MINUTE
    with CaptureQueriesContext(
        connection,
    ) as queries:
        again = listed(NINE + 6 * MINUTE)
    assert again.live_seen_at == NINE + 5 * MINUTE
    assert not [q["sql"] for q in queries if q["sql"].startswith("UPDATE") and '"live"' in q["sql"]]
    assert LastList.objects.get().at == NINE + 6 * MINUTE


def test_the_time_of_the_last_list_never_goes_back(google: MemoryBackend, job: ScheduledJob) -> None:
    listed(NINE)
    listed(NINE - MINUTE)
    assert LastList.objects.get().at == NINE


def test_a_list_begun_before_a_push_writes_nothing_over_it(google: MemoryBackend, job: ScheduledJob) -> None:
    older = google.get(full_name(job), timeout=1)
    tried(google, job, NINE, UNAVAILABLE)
    looked(job, NINE + 5 * MINUTE)
    record_look({job.pk: older}, NINE + 5 * MINUTE)
    assert row("One").unreachable_since == NINE
    record_look({job.pk: older}, NINE + 5 * MINUTE + SECOND)
    assert row("One").unreachable_since is None


def test_a_row_that_is_being_pushed_is_left_to_its_answer(google: MemoryBackend, job: ScheduledJob) -> None:
    tried(google, job, NINE, UNAVAILABLE)
    ScheduledJob.objects.update(push_token="t", push_until=datetime(2999, 1, 1, tzinfo=UTC))
    assert last_attempt(looked(job, NINE + 5 * MINUTE)) == (None, -1)


def test_what_was_too_early_to_say_is_said_by_a_later_list(google: MemoryBackend, job: ScheduledJob) -> None:
    tried(google, job, NINE, UNAVAILABLE)
    early = listed(NINE + SECOND)
    assert early.unreachable_since == NINE - 63 * MINUTE
    assert listed(NINE + 4 * MINUTE).unreachable_since == NINE


# --- Late -------------------------------------------------------------------------------------------------


def test_a_look_does_not_hide_that_a_run_is_late(google: MemoryBackend, job: ScheduledJob) -> None:
    assert job.next_run_at == NINE - 60 * MINUTE
    entry = google.store._entry(full_name(job))
    entry.job.schedule_time.FromDatetime(NINE + 60 * MINUTE)
    found = listed(NINE + 10 * MINUTE)
    assert (found.next_run_at, found.late_since) == (NINE + 60 * MINUTE, NINE - 60 * MINUTE)
    assert listed(NINE + 20 * MINUTE).late_since == NINE - 60 * MINUTE


def test_what_arrived_is_not_late(google: MemoryBackend, job: ScheduledJob) -> None:
    entry = google.store._entry(full_name(job))
    entry.job.schedule_time.FromDatetime(NINE)
    listed(NINE - 20 * MINUTE)
    ScheduledJob.objects.update(last_delivery_at=NINE + SECOND)
    entry.job.schedule_time.FromDatetime(NINE + 60 * MINUTE)
    assert listed(NINE + MINUTE).late_since is None


def test_a_job_paused_in_google_is_not_late(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.pause_job(full_name(job))
    assert listed(NINE + 10 * MINUTE).late_since is None
