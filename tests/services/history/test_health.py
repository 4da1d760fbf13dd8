from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scheduled_jobs.admin.words.badges import HEALTH_BADGES
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.services.history.census import CODE_CHANGED, FOLLOWS, OVERRIDDEN, having, take_census
from scheduled_jobs.services.history.health import ORDER, Health, health, health_of, states, urgency
from tests.support import SLOT, make_job, make_run, make_task

pytestmark = pytest.mark.django_db

NOW = SLOT + timedelta(minutes=30)
EARLIER = {"last_status": "succeeded", "last_run_at": SLOT}


def job(name: str = "shop--report", **values: Any) -> ScheduledJob:
    return make_job(make_task(), name, **values)


def state(row: ScheduledJob) -> str:
    place = ScheduledJob.objects.annotate(place=urgency(NOW)).get(pk=row.pk).place
    found: str = ScheduledJob.objects.annotate(state=health(NOW)).get(pk=row.pk).state
    assert ORDER[place] == found, "what is sorted by is what is shown"
    assert health_of(row, NOW) == found
    return found


def test_every_state_has_its_condition_and_its_badge() -> None:
    assert sorted([Health.HEALTHY, *(state for state, _ in states(NOW))]) == sorted(Health)
    assert list(HEALTH_BADGES) == list(Health)


def test_a_job_that_has_succeeded_last_is_healthy() -> None:
    assert state(job(**EARLIER)) == Health.HEALTHY


def test_a_job_without_a_run_is_new() -> None:
    assert state(job()) == Health.NEW


@pytest.mark.parametrize("status", ["failed", "timed_out"])
def test_a_job_whose_last_run_failed_is_failing(status: str) -> None:
    assert state(job(last_status=status, last_run_at=SLOT, failures_in_a_row=1)) == Health.FAILING


def test_a_job_that_discards_after_failures_is_still_failing() -> None:
    assert state(job(last_status="discarded", last_run_at=SLOT, failures_in_a_row=2)) == Health.FAILING


@pytest.mark.parametrize("status", ["lost", "missed"])
def test_a_run_lost_or_missed_is_remembered_until_it_is_settled(status: str) -> None:
    """By a rerun, by somebody who has dealt with it, or by the time that has passed."""
    row = job(**EARLIER)
    run = make_run(row, status, scheduled_for=SLOT)
    make_run(row, "succeeded", scheduled_for=SLOT + timedelta(minutes=10))
    assert state(row) == Health(status)
    JobRun.objects.filter(pk=run.pk).update(acknowledged_at=NOW)
    assert state(row) == Health.HEALTHY
    JobRun.objects.filter(pk=run.pk).update(acknowledged_at=None)
    make_run(row, "succeeded", scheduled_for=SLOT, attempt=2, trigger="retry")
    assert state(row) == Health.HEALTHY
    at = NOW - timedelta(hours=24)
    for name, slot, found in (
        ("shop--old", at, Health.HEALTHY),
        ("shop--young", at + timedelta(seconds=1), Health(status)),
    ):
        other = job(name, **EARLIER)
        make_run(other, status, scheduled_for=slot)
        assert state(other) == found


def test_a_lost_run_without_a_slot_is_made_good_by_any_success_since() -> None:
    row = job(**EARLIER, last_success_at=SLOT)
    make_run(row, "lost", trigger="manual", started_at=SLOT + timedelta(minutes=1))
    assert state(row) == Health.LOST
    ScheduledJob.objects.filter(pk=row.pk).update(last_success_at=SLOT + timedelta(minutes=2))
    assert state(row) == Health.HEALTHY


def test_losing_one_run_is_a_loss_and_losing_two_is_failing() -> None:
    for n, found in ((1, Health.LOST), (2, Health.FAILING)):
        row = job(f"shop--{n}", last_status="lost", last_run_at=SLOT, failures_in_a_row=n)
        make_run(row, "lost", scheduled_for=SLOT)
        assert state(row) == found


def test_a_running_job_is_running() -> None:
    row = job(**EARLIER)
    make_run(row, JobRun.Status.RUNNING)
    assert state(row) == Health.RUNNING


def test_a_job_that_fails_stays_failing_while_it_runs_again() -> None:
    row = job(last_status="failed", last_run_at=SLOT, failures_in_a_row=3)
    make_run(row, JobRun.Status.RUNNING)
    assert state(row) == Health.FAILING


# --- What Google's last attempt says ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "found"),
    [("unreachable_since", Health.UNREACHABLE), ("no_run_since", Health.NO_RUN_HERE)],
)
def test_an_attempt_that_never_arrived_outweighs_healthy(column: str, found: Health) -> None:
    tried = SLOT + timedelta(minutes=10)
    before = {"last_delivery_at": tried - timedelta(minutes=1, seconds=1)}
    assert state(job("a", **EARLIER, **before, **{column: tried})) == found
    assert state(job("b", **{column: tried})) == found
    assert state(job("c", **EARLIER, last_delivery_at=tried - timedelta(minutes=1), **{column: tried})) == (
        Health.HEALTHY
    )


def test_an_unreachable_job_outweighs_a_queued_run_and_late() -> None:
    row = job(
        **EARLIER, unreachable_since=SLOT + timedelta(minutes=9), sync_state="synced",
        next_run_at=SLOT + timedelta(minutes=5),
    )  # fmt: skip
    make_run(row, JobRun.Status.QUEUED)
    assert state(row) == Health.UNREACHABLE


@pytest.mark.parametrize("in_google", ["PAUSED", "DISABLED"])
def test_a_job_that_google_does_not_fire_is_stopped(in_google: str) -> None:
    live = {"live": {"state": in_google}}
    assert state(job("a", **EARLIER, **live)) == Health.STOPPED
    assert state(job("b", **EARLIER, unreachable_since=SLOT + timedelta(minutes=9), **live)) == Health.STOPPED
    assert state(job("c", **EARLIER, paused=True, **live)) == Health.PAUSED
    assert state(job("d", last_status="failed", last_run_at=SLOT, failures_in_a_row=1, **live)) == (
        Health.FAILING
    )
    assert state(job("e", **EARLIER, live={"state": "ENABLED"})) == Health.HEALTHY


def test_a_run_that_is_going_on_may_be_what_google_tried() -> None:
    row = job(**EARLIER, unreachable_since=SLOT + timedelta(minutes=9))
    make_run(row, JobRun.Status.RUNNING)
    assert state(row) == Health.RUNNING


def test_a_failure_is_not_hidden_by_an_attempt_that_never_arrived() -> None:
    row = job(
        last_status="failed", last_run_at=SLOT, failures_in_a_row=1,
        unreachable_since=SLOT + timedelta(minutes=9),
    )  # fmt: skip
    assert state(row) == Health.FAILING


def test_a_look_that_renewed_the_next_run_does_not_end_lateness() -> None:
    values = {"sync_state": "synced", "next_run_at": NOW + timedelta(hours=1)}
    due = SLOT + timedelta(minutes=5)
    assert state(job("a", **EARLIER, late_since=due, **values)) == Health.LATE
    assert state(job("b", **EARLIER, late_since=due, last_delivery_at=due, **values)) == Health.HEALTHY


def test_a_delivery_that_was_skipped_is_not_late() -> None:
    due = SLOT + timedelta(minutes=5)
    values = {"sync_state": "synced", "next_run_at": due, "last_delivery_at": due}
    assert state(job(**EARLIER, **values)) == Health.HEALTHY


def test_a_job_with_a_queued_run_is_queued_until_it_runs() -> None:
    row = job(**EARLIER)
    make_run(row, JobRun.Status.QUEUED)
    assert state(row) == Health.QUEUED
    make_run(row, JobRun.Status.RUNNING)
    assert state(row) == Health.RUNNING


def test_the_run_of_another_job_changes_nothing() -> None:
    row = job(**EARLIER)
    make_run(job("shop--other"), JobRun.Status.RUNNING)
    assert state(row) == Health.HEALTHY


def test_a_pause_cures_nothing() -> None:
    assert state(job(paused=True, last_status="failed", failures_in_a_row=1)) == Health.FAILING
    row = job("shop--other", paused=True, **EARLIER)
    assert state(row) == Health.PAUSED
    make_run(row, JobRun.Status.MISSED, scheduled_for=SLOT)
    assert state(row) == Health.MISSED


def test_a_pause_whose_end_has_come_is_over() -> None:
    ended = job(paused=True, paused_until=NOW, **EARLIER)
    lasting = job("shop--other", paused=True, paused_until=NOW + timedelta(seconds=1), **EARLIER)
    assert state(ended) == Health.HEALTHY
    assert state(lasting) == Health.PAUSED


def test_a_retired_job_is_retired_whatever_else_it_is() -> None:
    row = job(retired_at=NOW, deleting_at=NOW, paused=True, failures_in_a_row=1)
    assert state(row) == Health.RETIRED


def test_a_job_that_is_being_deleted_says_so() -> None:
    assert state(job(deleting_at=NOW, paused=True)) == Health.DELETING


# --- Late -----------------------------------------------------------------------------------------

DUE = NOW - timedelta(minutes=6)


def late(**values: Any) -> str:
    defaults = {
        "sync_state": "synced",
        "next_run_at": DUE,
        "last_run_at": DUE - timedelta(hours=1),
        "last_status": "succeeded",
    }
    return state(job(**{**defaults, **values}))


def test_a_slot_that_passed_by_more_than_the_grace_is_late() -> None:
    assert late() == Health.LATE


def test_a_job_that_never_ran_is_late_too() -> None:
    assert late(last_run_at=None, last_status="") == Health.LATE


def test_a_slot_within_the_grace_is_not_late() -> None:
    assert late(next_run_at=NOW - timedelta(minutes=5)) == Health.HEALTHY


def test_a_job_that_has_run_since_is_not_late() -> None:
    assert late(last_run_at=DUE) == Health.HEALTHY


def test_clocks_less_than_a_minute_apart_make_nobody_late() -> None:
    assert late(last_run_at=DUE - timedelta(seconds=59)) == Health.HEALTHY
    assert late(name="other", last_run_at=DUE - timedelta(seconds=61)) == Health.LATE


def test_what_is_not_in_google_cannot_be_late() -> None:
    assert late(sync_state="failed") == Health.HEALTHY


@pytest.mark.parametrize("sync_state", ["drifted", "failed"])
def test_what_google_has_otherwise_is_late_where_it_fires(sync_state: str) -> None:
    """A description edited in the console hid for ever that nothing arrived."""
    assert late(sync_state=sync_state, live={"state": "ENABLED"}) == Health.LATE
    assert late(name="other", sync_state=sync_state, live={"state": "PAUSED"}) == Health.STOPPED


def test_a_slot_that_fell_into_a_pause_is_not_late_after_it() -> None:
    assert late(paused=True, paused_until=DUE + timedelta(minutes=1)) == Health.HEALTHY


def test_the_grace_is_a_setting(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_MISSED_GRACE = timedelta(minutes=7)
    assert late() == Health.HEALTHY


# --- How a job stands to its code -----------------------------------------------------------------


def follows(row: ScheduledJob) -> str:
    """The narrowest that the job is filtered by."""
    jobs = ScheduledJob.objects.filter(pk=row.pk)
    found = [value for value in (CODE_CHANGED, OVERRIDDEN, FOLLOWS)
             if having(jobs, {"overridden": value}, NOW).exists()]  # fmt: skip
    census = take_census(jobs, NOW)
    assert found == [v for v in (CODE_CHANGED, OVERRIDDEN, FOLLOWS) if census.count({"overridden": v})]
    assert (row.pk in census.changed) == (found[0] == CODE_CHANGED)
    return found[0]


def change(row: ScheduledJob, field: str) -> None:
    JobChange.record(row, {field: (1, 2)})


def test_a_job_without_overrides_follows_the_code() -> None:
    row = job()
    change(row, "declared_schedule")
    assert follows(row) == FOLLOWS


def test_any_override_counts_also_an_empty_one() -> None:
    assert follows(job(retry_count_override=0)) == OVERRIDDEN
    assert follows(job("shop--other", payload_override={})) == OVERRIDDEN


def test_the_schedule_of_an_operators_own_job_overrides_nothing() -> None:
    row = job(origin="operator", schedule_override="0 * * * *")
    other = job("own-2", origin="operator", schedule_override="0 * * * *", retry_count_override=1)
    assert follows(row) == FOLLOWS
    assert follows(other) == OVERRIDDEN


def test_the_code_changed_since_where_the_default_did() -> None:
    row = job(schedule_override="5 * * * *")
    change(row, "schedule")
    change(row, "declared_schedule")
    assert follows(row) == CODE_CHANGED


def test_an_override_set_after_the_change_knows_it() -> None:
    row = job(schedule_override="5 * * * *")
    change(row, "declared_schedule")
    change(row, "schedule")
    assert follows(row) == OVERRIDDEN


def test_the_default_of_another_field_or_job_is_no_change() -> None:
    row = job(schedule_override="5 * * * *")
    change(row, "schedule")
    change(row, "declared_payload")
    change(job("shop--other"), "declared_schedule")
    assert follows(row) == OVERRIDDEN


def test_the_census_counts_all_facets_in_two_queries(django_assert_num_queries: Any) -> None:
    job("a", **EARLIER)
    job("b", **EARLIER, sync_state="drifted")
    job("c", paused=True, origin="operator", schedule_override="0 * * * *")
    with django_assert_num_queries(2):
        census = take_census(ScheduledJob.objects.all(), NOW)
    assert census.total == 3
    assert census.count({"state": "healthy"}) == 2
    assert census.count({"state": "healthy", "google": "drifted"}) == 1
    assert census.count({"origin": "operator", "outcome": "none"}) == 1
    assert census.count({"state": "healthy", "origin": "operator"}) == 0


def test_the_census_counts_what_the_filters_show() -> None:
    job("a", **EARLIER)
    job("b", paused=True, failures_in_a_row=2, last_status="failed", last_run_at=NOW)
    job("c", retired_at=NOW, paused=True)
    since = {"unreachable_since": NOW - timedelta(minutes=1), "live": {"state": "ENABLED"}}
    job("d", **{**EARLIER, **since}, retry_count_override=0)
    jobs = ScheduledJob.objects.all()
    census = take_census(jobs, NOW)
    kinds = {kind for kinds in census.groups for kind in kinds}
    assert {("state", "paused"), ("state", "failing"), ("google", "attempt")} < kinds
    for facet, value in kinds:
        assert census.count({facet: value}) == having(jobs, {facet: value}, NOW).count(), (facet, value)
        assert set(census.having({facet: value})) == set(
            having(jobs, {facet: value}, NOW).values_list("pk", flat=True)
        )
    assert census.count({"state": "paused"}) == 1, "what is retired is not waited for"


def test_the_census_tells_overridden_from_changed_since() -> None:
    for name in ("a", "b", "c"):
        row = job(name, schedule_override="5 * * * *", **EARLIER)
        change(row, "schedule")
        if name != "c":
            change(row, "declared_schedule")
    job("d", **EARLIER)
    census = take_census(ScheduledJob.objects.all(), NOW)
    assert census.total == 4
    assert census.count({"overridden": CODE_CHANGED}) == 2
    assert census.count({"overridden": OVERRIDDEN}) == 3, "those too whose code changed since"
    assert census.count({"overridden": FOLLOWS, "state": "healthy"}) == 1


def test_a_census_of_nothing_is_empty() -> None:
    census = take_census(ScheduledJob.objects.all(), NOW)
    assert census.total == 0
