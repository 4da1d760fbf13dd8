"""The plan is what an apply does: a pure function of the rows and of Google's list."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from scheduled_jobs.domain.jobs import ENABLED, PAUSED, JobSpec, LiveJob, values_of
from scheduled_jobs.domain.plan import ELSEWHERE, Desired, Listing, Ownership, Plan, change_for, make_plan

PARENT = "projects/p/locations/l"
OWNERSHIP = Ownership("shop", "--", "https://shop.example.com")
NOW = datetime(2026, 11, 23, tzinfo=UTC)


def spec(name: str = "shop--a", **changes: Any) -> JobSpec:
    uri = "https://shop.example.com/tasks/shop.tasks.A"
    return replace(JobSpec(name=name, schedule="0 9 * * *", time_zone="UTC", uri=uri), **changes)


def desired(name: str = "shop--a", **changes: Any) -> Desired:
    job = Desired(
        pk=1,
        revision=1,
        task="shop.tasks.A",
        name=name,
        remote_name=f"{PARENT}/jobs/{name}",
        state=ENABLED,
        spec=spec(name),
    )
    return replace(job, **changes)


def live(name: str = "shop--a", state: str = ENABLED, mark: str | None = "shop", **changes: Any) -> LiveJob:
    values = values_of(spec(name, **changes))
    return LiveJob(name, f"{PARENT}/jobs/{name}", state, values, mark)


def listing(*jobs: LiveJob) -> Listing:
    return Listing(PARENT, {job.remote_name: job for job in jobs}, NOW)


def plan(wanted: list[Desired], *jobs: LiveJob, **options: Any) -> Plan:
    return make_plan(wanted, listing(*jobs), OWNERSHIP, **options)


def kinds(made: Plan) -> list[tuple[str, str]]:
    return [(change.kind, change.name) for change in made.changes]


def test_a_job_that_google_lacks_is_created() -> None:
    assert kinds(plan([desired()])) == [("create", "shop--a")]


def test_a_job_that_is_as_wanted_needs_nothing() -> None:
    made = plan([desired()], live())
    assert made.changes == ()
    assert [job.name for job in made.unchanged] == ["shop--a"]


def test_only_the_fields_that_differ_are_updated() -> None:
    (change,) = plan([desired()], live(schedule="0 8 * * *", description="old")).changes
    assert change.kind == "update"
    assert change.fields == {"schedule": ("0 8 * * *", "0 9 * * *"), "description": ("old", "")}


def test_a_pause_in_google_is_a_difference_of_state() -> None:
    (change,) = plan([desired()], live(state=PAUSED)).changes
    assert change.fields == {"state": (PAUSED, ENABLED)}


def test_a_retired_job_is_deleted_and_a_gone_one_needs_nothing() -> None:
    assert kinds(plan([desired(state=None, spec=None)], live())) == [("delete", "shop--a")]
    assert kinds(plan([desired(state=None, spec=None)])) == []


def test_deletions_are_left_out_when_they_are_not_wanted() -> None:
    assert kinds(plan([desired(state=None, spec=None)], live(), delete=False)) == []


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (live(mark=None), "it was not made by scheduled_jobs; --adopt takes it over"),
        (live(mark="shop-eu"), "it belongs to the app 'shop-eu'; --adopt takes it over"),
        (
            live(uri="https://old.example.com/tasks/shop.tasks.A"),
            f"it points at https://old.example.com/tasks/shop.tasks.A, {ELSEWHERE}",
        ),
    ],
)
def test_a_job_of_our_id_that_is_not_ours_is_refused(other: LiveJob, why: str) -> None:
    (change,) = plan([desired()], other).changes
    assert (change.kind, change.why) == ("refuse", f"Google has a job of this id, but {why}")
    (change,) = plan([desired()], other, adopt=True).changes
    assert change.kind == "update"


def test_jobs_of_other_apps_are_never_touched() -> None:
    """Guards against the prefix match of django-cloud-tasks, which deleted other applications' jobs."""
    others = (
        live("shop-admin--x", mark="shop-admin"),
        live("shopping--y", mark="shopping"),
        live("z", mark=None),
    )
    assert kinds(plan([desired()], live(), *others)) == []


def test_a_job_that_is_ours_and_has_no_row_is_an_orphan() -> None:
    made = plan([desired()], live(), live("shop--gone"))
    assert kinds(made) == [("orphan", "shop--gone")]
    assert kinds(plan([desired()], live(), live("shop--gone"), find_orphans=False)) == []


def test_a_copy_sees_no_orphans_in_the_originals_jobs() -> None:
    assert kinds(plan([], live("shop--x", uri="https://production.example.com/tasks/t"))) == []


def test_a_renamed_job_is_one_update_named_name() -> None:
    renamed = desired("shop--b", former=(f"{PARENT}/jobs/shop--a",))
    (change,) = plan([renamed], live("shop--a")).changes
    assert (change.kind, change.fields) == ("update", {"name": ("shop--a", "shop--b")})


def test_a_renamed_job_still_has_its_old_one_to_delete() -> None:
    renamed = desired("shop--b", former=(f"{PARENT}/jobs/shop--a",))
    (change,) = plan([renamed], live("shop--a"), live("shop--b")).changes
    assert change.fields == {"name": ("shop--a", "shop--b")}
    assert plan([renamed], live("shop--b")).changes == ()


def test_what_the_service_made_of_the_value_we_sent_is_no_drift() -> None:
    pushed = {
        "sent": {"uri": values_of(spec())["uri"]},
        "answer": {"uri": "https://shop.example.com/tasks/enc%6Fded"},
    }
    rewritten = live(uri="https://shop.example.com/tasks/enc%6Fded")
    assert plan([desired(pushed=pushed)], rewritten).changes == ()
    assert plan([desired()], rewritten).changes != ()


def test_a_value_changed_in_google_is_named_as_drifted() -> None:
    sent = values_of(spec())
    (change,) = plan([desired(pushed={"sent": sent, "answer": {}})], live(description="console")).changes
    assert change.drifted == ("description",)
    code_changed = desired(pushed={"sent": {**sent, "schedule": "0 8 * * *"}, "answer": {}})
    (change,) = plan([code_changed], live(schedule="0 8 * * *")).changes
    assert change.drifted == ()


def test_a_row_without_a_class_is_refused_where_it_differs() -> None:
    absent = desired(
        spec=None, fault="shop.tasks.A is not in the code of this process", is_class_missing=True
    )
    assert plan([absent], live()).changes == ()
    (change,) = plan([absent]).changes
    assert (change.kind, change.why) == ("refuse", "shop.tasks.A is not in the code of this process")


def test_deleting_more_than_half_of_ours_is_noticed() -> None:
    gone = [desired(f"shop--{n}", state=None, spec=None) for n in "ab"]
    lives = [live(f"shop--{n}") for n in "abcd"]
    kept = [desired(f"shop--{n}") for n in "cd"]
    assert plan([*gone, *kept], *lives).deletes_most is False
    kept_one = [desired("shop--c"), desired("shop--d", state=None, spec=None)]
    assert plan([*gone, *kept_one], *lives).deletes_most is True


def test_one_row_by_itself_gets_the_same_answer_as_in_the_plan() -> None:
    job = desired()
    assert (
        change_for(job, listing(live(description="x")), OWNERSHIP)
        == plan([job], live(description="x")).changes[0]
    )
