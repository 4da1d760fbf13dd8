"""What needs attention: what is one matter, in which order, and how it leaves the list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.matters import Kind, Matter, deal_with, jobs_now, matters, take_back
from tests.support import SLOT, make_job, make_run, make_task
from tests.support.plans import plans_about

pytestmark = pytest.mark.django_db

NOW = SLOT + timedelta(minutes=30)


def job(name: str, **values: Any) -> ScheduledJob:
    return make_job(make_task(), name, **{"last_run_at": SLOT, "last_status": "succeeded", **values})


def failing(name: str, key: str, times: int = 1, **values: Any) -> ScheduledJob:
    row = job(name, last_status="failed", failures_in_a_row=times, failing_since=SLOT, **values)
    run = make_run(row, "failed", started_at=SLOT, finished_at=SLOT, error_key=key, error=f"{key} {name}")
    ScheduledJob.objects.filter(pk=row.pk).update(last_failure=run, last_failure_at=SLOT)
    row.refresh_from_db()
    return row


def found() -> list[Matter]:
    return matters(jobs_now(ScheduledJob.objects.all(), NOW), NOW)


def told() -> list[tuple[str, list[str]]]:
    return [(matter.kind.value, [row.name for row in matter.jobs]) for matter in found()]


def test_where_all_is_well_nothing_is_the_matter(django_assert_num_queries: Any) -> None:
    job("a")
    job("b", last_run_at=None, last_status="")
    job("c", paused=True)
    jobs = jobs_now(ScheduledJob.objects.all(), NOW)
    with django_assert_num_queries(0):
        assert matters(jobs, NOW) == []


def test_the_worst_comes_first_and_a_paused_failure_last() -> None:
    failing("paused", "E", paused=True, pause_reason="later", paused_by="rui")
    job("drifted", sync_state="drifted")
    job("unsent", sync_state="failed", sync_error="no right")
    job(
        "late",
        sync_state="synced",
        next_run_at=NOW - timedelta(minutes=9),
        last_run_at=SLOT - timedelta(hours=1),
    )
    job("stopped", live={"state": "DISABLED"})
    job("unreachable", unreachable_since=SLOT)
    make_run(job("missed"), "missed", scheduled_for=SLOT)
    make_run(job("lost"), "lost", started_at=SLOT)
    failing("failing", "E", 2)
    assert told() == [
        ("failing", ["failing"]),
        ("lost", ["lost"]),
        ("missed", ["missed"]),
        ("unreachable", ["unreachable"]),
        ("stopped", ["stopped"]),
        ("late", ["late"]),
        ("not_sent", ["unsent"]),
        ("differs", ["drifted"]),
        ("failing_paused", ["paused"]),
    ]
    last = found()[-1]
    assert last.details[last.jobs[0].pk]["pause_reason"] == "later"
    assert last.failure is not None
    assert last.failure.error == "E paused"


def test_jobs_with_the_same_error_are_one_matter_the_largest_first() -> None:
    failing("a", "Timeout: …")
    for name in ("b", "c"):
        failing(name, "Refused: …", times=2)
    assert told() == [("failing", ["b", "c"]), ("failing", ["a"])]
    assert [matter.key for matter in found()] == ["Refused: …", "Timeout: …"]
    assert [matter.is_joined for matter in found()] == [True, False]


def test_more_than_three_errors_of_their_own_are_one_line() -> None:
    for name in "abc":
        failing(name, f"{name}: …")
    assert len(found()) == 3
    failing("d", "d: …", times=5)
    [matter] = found()
    assert [row.name for row in matter.jobs] == ["d", "a", "b", "c"]
    assert (matter.is_mixed, matter.key) == (True, "")


def test_failures_without_a_key_are_not_taken_for_the_same() -> None:
    failing("a", "")
    failing("b", "")
    assert [(names, matter.key) for matter, (_kind, names) in zip(found(), told(), strict=True)] == [
        (["a"], ""),
        (["b"], ""),
    ]


def test_a_matter_dealt_with_returns_with_a_newer_run_of_its_key() -> None:
    row = failing("a", "Timeout: …")
    other = failing("b", "Timeout: …")
    failing("c", "Refused: …")
    assert deal_with("Timeout: …", NOW, "rui", at=NOW) == 2
    assert told() == [("failing", ["c"])]
    run = JobRun.objects.get(job=row)
    assert (run.acknowledged_by, run.status, run.error_key) == ("rui", "failed", "Timeout: …")
    row.refresh_from_db()
    assert (row.failures_in_a_row, row.last_status) == (1, "failed")
    newer = make_run(row, "failed", started_at=NOW, finished_at=NOW, error_key="Timeout: …")
    ScheduledJob.objects.filter(pk=row.pk).update(last_failure=newer, failures_in_a_row=2)
    assert told() == [("failing", ["a"]), ("failing", ["c"])]
    assert other.pk


def test_what_had_not_ended_when_it_was_seen_is_not_dealt_with() -> None:
    seen_at = SLOT + timedelta(minutes=1)
    row = failing("a", "E")
    after = timedelta(minutes=2)
    make_run(row, "failed", started_at=SLOT, finished_at=SLOT + after, error_key="E")
    make_run(row, "failed", started_at=SLOT + after, finished_at=SLOT + after, error_key="E")
    assert deal_with("E", seen_at, "rui", at=NOW) == 1
    assert deal_with("E", seen_at, "rui", at=NOW) == 0
    assert deal_with("E", NOW, "ana", at=NOW) == 2


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's plans")
def test_many_runs_of_a_cause_are_marked_by_their_keys() -> None:
    row = failing("a", "E")
    for _ in range(10):
        make_run(row, "failed", started_at=SLOT, finished_at=SLOT, error_key="E")
    with plans_about("jobrun") as plans:
        assert deal_with("E", NOW, "ana", at=NOW) == 11
    assert [plan for sql, plan in plans.items() if sql.startswith("UPDATE")] == [
        ["SEARCH scheduled_jobs_jobrun USING INTEGER PRIMARY KEY (rowid=?)"]
    ]


def test_undoing_brings_back_what_was_marked_at_that_moment_alone() -> None:
    row, later = failing("a", "E"), NOW + timedelta(seconds=1)
    assert deal_with("E", NOW, "rui", at=NOW) == 1
    newer = make_run(row, "failed", started_at=SLOT, finished_at=SLOT, error_key="E")
    ScheduledJob.objects.filter(pk=row.pk).update(last_failure=newer)
    assert deal_with("E", NOW, "ana", at=later) == 1
    assert told() == []
    assert take_back("E", NOW + timedelta(microseconds=1)) == 0
    assert take_back("other", later) == 0
    assert take_back("E", later) == 1
    assert told() == [("failing", ["a"])]
    newer.refresh_from_db()
    assert (newer.acknowledged_at, newer.acknowledged_by) == (None, "")
    assert JobRun.objects.get(acknowledged_at=NOW).acknowledged_by == "rui"


@pytest.mark.parametrize("status", ["lost", "missed"])
def test_lost_and_missed_runs_leave_the_list_once_they_are_settled(status: str) -> None:
    row = job("a")
    run = make_run(row, status, scheduled_for=SLOT)
    other = make_run(job("b"), status, scheduled_for=SLOT + timedelta(minutes=5), error_key=status)
    make_run(job("old"), status, scheduled_for=NOW - timedelta(hours=25), error_key=status)
    [matter] = found()
    assert (matter.kind, matter.key) == (Kind(status), status)
    assert [one.pk for one in matter.runs] == [other.pk, run.pk]
    make_run(row, "succeeded", scheduled_for=SLOT, attempt=2)
    assert told() == [(status, ["b"])]
    assert deal_with(status, NOW, "rui", at=NOW) == 3
    assert told() == []
    assert take_back(status, NOW) == 3
    assert told() == [(status, ["b"])]


def test_a_job_that_fails_by_losing_its_runs_is_told_once() -> None:
    row = job("a", last_status="lost", failures_in_a_row=2)
    run = make_run(row, "lost", started_at=SLOT, error_key="lost")
    ScheduledJob.objects.filter(pk=row.pk).update(last_failure=run)
    assert told() == [("failing", ["a"])]


def test_two_who_differ_are_compared_and_of_more_it_is_said_how_many() -> None:
    for name in "abc":
        job(name, sync_state="drifted", live={"payload": {"x": 1}, "state": "ENABLED"}, synced_at=SLOT)
    [matter] = found()
    assert [row.name for row in matter.jobs] == ["a", "b", "c"]
    assert [("payload" in names) for names in matter.details.values()] == [True, True]


def test_jobs_that_met_the_same_at_google_are_one_matter() -> None:
    live = {"last_attempt_time": SLOT.isoformat(), "uri": "https://shop.example/x", "state": "ENABLED"}
    for name, status in (("a", 14), ("b", 14), ("c", 7)):
        job(name, unreachable_since=SLOT, live={**live, "status": status})
    first, second = found()
    assert [len(first.jobs), len(second.jobs)] == [2, 1]
    assert [first.details[first.jobs[0].pk].code, second.details[second.jobs[0].pk].code] == [14, 7]


def test_the_queries_do_not_grow_with_the_jobs_that_are_in_trouble(django_assert_num_queries: Any) -> None:
    for n in range(12):
        failing(f"f{n}", f"E{n % 2}")
        make_run(job(f"l{n}"), "lost", started_at=SLOT)
        job(f"d{n}", sync_state="drifted")
        job(f"s{n}", sync_state="failed")
    jobs = jobs_now(ScheduledJob.objects.all(), NOW)
    with django_assert_num_queries(5):
        assert len(matters(jobs, NOW)) == 5
