"""Which row has which name in Google: what is left there goes, and what another has taken stays."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.backends import get_backend
from scheduled_jobs.domain.jobs import JobSpec
from scheduled_jobs.exceptions import StoreError
from scheduled_jobs.models import GoogleName, ScheduledJob
from scheduled_jobs.services import scheduling
from scheduled_jobs.services.execution import job_of_task
from scheduled_jobs.services.scheduling import google_names
from scheduled_jobs.services.scheduling.push import push
from scheduled_jobs.services.scheduling.seed.rows import seed_tasks
from tests.support import full_name, with_several_writers
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

PUSH_OFF = {"DJANGO_CLOUD_TASKS_PUSH": "off"}


def names(google: MemoryBackend) -> list[str]:
    return sorted(job.name for job in google.list(timeout=1))


def deploy(**tasks: str) -> None:
    """The code has these tasks, by their names in Google, and nothing is pushed yet."""
    registry._tasks.clear()
    declared = [declare(task, schedule_name=name) for task, name in tasks.items()]
    with override_settings(**PUSH_OFF):
        seed_tasks(declared, retire=True)


@pytest.fixture
def taken_over(google: MemoryBackend, no_tasks: None) -> None:
    """Two has taken over the name and the job of One, whose own new one is not pushed yet."""
    deploy(One="a", Two="b")
    schedule_tasks()
    deploy(One="x", Two="a")
    scheduling.push_jobs([row("Two").pk])


def test_no_rename_deletes_a_name_that_another_took(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    deploy(One="b", Two="a")
    schedule_tasks()
    # What Google sent under the name that it had then still finds its job.
    assert job_of_task("shop.tasks.One", "shop--a")[0] == row("One")
    declare("Two", schedule_name="c")
    told = ["[~] Job updated: shop.tasks.Two (name)"]
    assert schedule_tasks(dry_run=True).lines == told
    assert schedule_tasks().lines == told
    assert names(google) == ["shop--b", "shop--c"]


@pytest.mark.usefixtures("taken_over")
def test_who_lost_a_name_does_not_delete_the_job_of_who_took_it(google: MemoryBackend) -> None:
    deploy(One="x", Two="d")
    google.store.faults.refuse("CreateJob", "INVALID_ARGUMENT", "no", name=google.remote_name("shop--d"))
    schedule_tasks()
    assert names(google) == ["shop--a", "shop--x"], "the job of Two stays until there is its new one"
    schedule_tasks()
    assert names(google) == ["shop--d", "shop--x"]


@pytest.mark.usefixtures("taken_over")
@pytest.mark.parametrize("renamed", [False, True])
def test_who_lost_a_name_leaves_the_job_of_who_took_it(google: MemoryBackend, *, renamed: bool) -> None:
    if renamed:
        deploy(One="x", Two="d")
    row("One").delete()
    assert "shop--a" in names(google)
    schedule_tasks()
    assert names(google) == (["shop--d", "shop--x"] if renamed else ["shop--a", "shop--x"])


def test_a_job_renamed_while_it_is_made_leaves_none_behind(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(One="a")
    schedule_tasks()
    claim = google_names.claim

    def rename_first(*args: Any, **options: Any) -> Any:
        monkeypatch.undo()
        deploy(One="c")
        return claim(*args, **options)

    monkeypatch.setattr(google_names, "claim", rename_first)
    declare("One", schedule_name="b")
    schedule_tasks()
    assert names(google) == ["shop--c"]
    assert schedule_tasks().lines == []


def test_an_edit_during_a_push_is_compared_with_what_it_made(
    google: MemoryBackend,
) -> None:
    declare("One", "0 9 * * *")
    schedule_tasks()

    def edit_meanwhile(method: str, _name: str, phase: str) -> None:
        if (method, phase) == ("UpdateJob", "after"):
            google.store.faults.intercept = None
            job = row("One")
            job.schedule_override = "0 9 * * *"
            with override_settings(**PUSH_OFF):
                job.save()

    google.store.faults.intercept = edit_meanwhile
    declare("One", "0 10 * * *")
    schedule_tasks()
    job = row("One")
    assert (job.sync_state, job.schedule) == ("synced", "0 9 * * *")
    assert google.get(full_name(job), timeout=1).values["schedule"] == "0 9 * * *"


# --- The ledger: claims, marks, debts ---------------------------------------------------------------


def claim(*jobs: ScheduledJob, at: datetime | None = None) -> set[int]:
    wanted = {job.pk: full_name(job) for job in jobs}
    return google_names.claim(wanted, now=at or timezone.now())


def entry(identifier: str) -> GoogleName:
    return GoogleName.objects.get(identifier=f"shop--{identifier}")


def mark(identifier: str, job: ScheduledJob | None, *, seconds: float = 60) -> google_names.Marks:
    name = get_backend().remote_name(f"shop--{identifier}")
    until = timezone.now() + timedelta(seconds=seconds)
    return google_names.release({name: job.pk if job else None}, until=until)


def test_a_name_is_claimed_before_a_create_and_then_confirmed(google: MemoryBackend) -> None:
    deploy(One="a")
    seen: list[tuple[int | None, datetime | None]] = []
    google.store.faults.intercept = lambda method, _name, phase: (
        seen.append((entry("a").job_id, entry("a").confirmed_at))
        if (method, phase) == ("CreateJob", "before")
        else None
    )
    scheduling.push_jobs([row("One").pk])
    assert seen == [(row("One").pk, None)]
    claimed = entry("a")
    assert (claimed.name, claimed.endpoint) == (full_name(row("One")), "https://shop.example.com")
    assert claimed.confirmed_at is not None
    assert (claimed.former_job, claimed.busy_until, claimed.gone_at) == (None, None, None)


def test_a_name_is_taken_over_only_from_a_row_that_gave_it_up(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    one, two = row("One"), row("Two")
    wanted = {two.pk: full_name(one)}
    assert google_names.claim(wanted, now=timezone.now()) == set()
    deploy(One="x", Two="a")
    assert google_names.claim(wanted, now=timezone.now()) == {two.pk}
    taken = entry("a")
    assert (taken.job_id, taken.former_job_id, taken.confirmed_at) == (two.pk, one.pk, None)


@pytest.mark.parametrize("state", ["retired_at", "deleting_at"])
def test_a_row_that_wants_no_job_has_given_its_name_up(google: MemoryBackend, state: str) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    ScheduledJob.objects.filter(pk=row("One").pk).update(**{state: timezone.now()})
    wanted = {row("Two").pk: full_name(row("One"))}
    assert google_names.claim(wanted, now=timezone.now()) == {row("Two").pk}


def test_nobody_takes_a_name_while_a_deletion_may_be_on_its_way(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    one, two = row("One"), row("Two")
    marks = mark("a", one)
    deploy(One="x", Two="a")
    assert claim(row("Two")) == set(), "not another"
    deploy(One="a", Two="b")
    assert claim(row("One")) == set(), "nor the row itself, which would lose what it makes"
    assert claim(row("One"), at=marks.until + timedelta(seconds=1)) == {one.pk}
    assert claim(row("Two")) == {two.pk}


def test_a_name_that_is_not_the_rows_any_more_is_not_released(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    deploy(One="x", Two="a")
    claim(row("Two"))
    assert mark("a", row("One")).names == frozenset()
    assert entry("a").busy_until is None


def test_an_unanswered_deletion_holds_its_name(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    now = timezone.now()
    for gone, unknown, busy in (
        (set(), set(), None),
        (set(), {full_name(row("One"))}, now + timedelta(seconds=15)),
        ({full_name(row("One"))}, set(), None),
    ):
        google_names.settle_marks(mark("a", row("One")), gone=gone, unknown=unknown, now=now)
        assert (entry("a").busy_until, entry("a").gone_at) == (busy, now if gone else None)


def test_a_late_settlement_does_not_touch_a_later_mark(google: MemoryBackend) -> None:
    deploy(One="a")
    schedule_tasks()
    name, now = full_name(row("One")), timezone.now()
    early, late = mark("a", row("One")), mark("a", row("One"), seconds=90)
    google_names.settle_marks(early, gone={name}, unknown=set(), now=now)
    assert (entry("a").busy_until, entry("a").gone_at) == (late.until, None)


def test_a_claim_that_finds_a_strangers_job_is_taken_back(google: MemoryBackend) -> None:
    google.create(JobSpec("shop--a", "0 1 * * *", "UTC", "https://else.example.com/x"), timeout=1)
    deploy(One="a")
    scheduling.push_jobs([row("One").pk])
    assert "it was not made by scheduled_jobs; --adopt takes it over" in row("One").sync_error
    assert not GoogleName.objects.exists()


def test_a_claim_that_finds_the_job_of_another_app_is_given_back(google: MemoryBackend) -> None:
    deploy(One="one", Two="eu--one")
    schedule_tasks()
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="shop--eu"):
        deploy(One="one", Two="eu--one")
        scheduling.push_jobs([row("One").pk])
        assert "Google has a job of this id, but it belongs to the app 'shop'" in row("One").sync_error
        assert entry("eu--one").job == row("Two")
        schedule_tasks()
        assert schedule_tasks().code == 0
    assert names(google) == ["shop--eu--eu--one", "shop--eu--one"]


def test_a_row_that_was_never_in_google_owes_no_deletion(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    google.store.faults.refuse("CreateJob", "PERMISSION_DENIED", "no", name=google.remote_name("shop--a"))
    schedule_tasks()
    assert not GoogleName.objects.filter(job=row("One")).exists()
    google.store.faults.calls.clear()
    row("One").delete()
    assert google.store.faults.calls == []


def test_a_create_without_an_answer_is_owed(google: MemoryBackend) -> None:
    deploy(One="a")
    statuses = {"after": "UNAVAILABLE"}

    def applied_and_then_refused(method: str, name: str, phase: str) -> None:
        if method == "CreateJob" and phase in statuses:
            status = statuses.pop(phase)
            statuses["before"] = "PERMISSION_DENIED"
            raise StoreError(status, "no", resource=name)

    google.store.faults.intercept = applied_and_then_refused
    scheduling.push_jobs([row("One").pk])
    assert row("One").sync_state == "failed"
    assert entry("a").job == row("One")
    row("One").delete()
    assert names(google) == []


# --- Rows that are gone -----------------------------------------------------------------------------


def test_a_deletion_that_google_refuses_is_owed_until_it_is_done(google: MemoryBackend) -> None:
    deploy(One="a", Two="b", Three="c")
    schedule_tasks()
    google.store.faults.refuse("DeleteJob", "PERMISSION_DENIED", "No permission.", times=3)
    row("One").delete()
    assert (entry("a").job, entry("a").gone_at) == (None, None)
    registry._tasks.pop("shop.tasks.One")
    assert schedule_tasks(dry_run=True).lines == ["[-] Job deleted: shop--a"]
    refused = schedule_tasks()
    assert (refused.code, len(refused.lines)) == (1, 1)
    assert refused.lines[0].startswith("[!] Job failed: shop--a: No permission.")
    assert schedule_tasks(no_delete=True).lines == []
    google.store.faults._planned.clear()
    assert schedule_tasks().lines == ["[-] Job deleted: shop--a"]
    assert names(google) == ["shop--b", "shop--c"]
    assert entry("a").gone_at is not None
    assert schedule_tasks().lines == []


def test_what_another_hand_deleted_is_owed_no_more(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    google.store.faults.refuse("DeleteJob", "PERMISSION_DENIED", "no", times=1)
    row("One").delete()
    registry._tasks.pop("shop.tasks.One")
    google.delete(google.remote_name("shop--a"), timeout=1)
    assert schedule_tasks().lines == []
    assert entry("a").gone_at is not None


def test_a_name_that_is_owed_can_be_taken_over(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    google.store.faults.refuse("DeleteJob", "PERMISSION_DENIED", "no", times=1)
    row("One").delete()
    deploy(Two="a")
    assert schedule_tasks().code == 0
    assert names(google) == ["shop--a"]
    assert entry("a").job == row("Two")


def test_what_is_owed_and_wanted_again_is_not_planned_away(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    google.store.faults.refuse("DeleteJob", "PERMISSION_DENIED", "no", times=1)
    row("One").delete()
    declare("One", "0 2 * * *", schedule_name="a")
    told = ["[~] Job updated: shop.tasks.One (schedule)"]
    assert schedule_tasks(dry_run=True).lines == told
    assert schedule_tasks().lines == told
    assert (names(google), entry("a").job) == (["shop--a", "shop--b"], row("One"))


@pytest.mark.parametrize("had_a_row", [False, True])
def test_an_orphan_that_comes_back_is_deleted_again(google: MemoryBackend, *, had_a_row: bool) -> None:
    deploy(One="one", Two="orphan" if had_a_row else "two")
    schedule_tasks()
    deploy(One="one", Two="two")
    schedule_tasks()
    headers = {"X-Scheduled-Jobs": "1; app=shop"}
    for _ in range(2):
        spec = JobSpec("shop--orphan", "0 4 * * *", "UTC", "https://shop.example.com/x", headers=headers)
        google.create(spec, timeout=1)
        assert schedule_tasks(yes=True).lines == ["[-] Job deleted: shop--orphan"]
        assert names(google) == ["shop--one", "shop--two"]


def test_a_name_that_cannot_be_deleted_is_a_note_on_its_row(google: MemoryBackend) -> None:
    deploy(One="a")
    schedule_tasks()
    google.store.faults.refuse("DeleteJob", "PERMISSION_DENIED", "No permission.", times=1)
    deploy(One="x")
    scheduling.push_jobs([row("One").pk])
    job = row("One")
    assert (job.sync_state, job.pushed_revision) == ("synced", job.revision)
    assert job.sync_error.startswith(
        f"the former job {google.remote_name('shop--a')} is still in Google and fires, since it could not be "
        "deleted: No permission. "
    )
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.One (name)"]
    assert (row("One").sync_error, names(google)) == ("", ["shop--x"])


def test_a_note_goes_with_the_job_that_it_is_about(google: MemoryBackend) -> None:
    deploy(One="a")
    schedule_tasks()
    google.store.faults.refuse("DeleteJob", "PERMISSION_DENIED", "no", times=1)
    deploy(One="x")
    scheduling.push_jobs([row("One").pk])
    google.delete(google.remote_name("shop--a"), timeout=1)
    assert schedule_tasks().lines == []
    assert (row("One").sync_error, entry("a").gone_at is not None) == ("", True)


def test_a_copy_of_the_database_owes_nothing_of_the_originals(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    google.store.faults.calls.clear()
    with override_settings(DJANGO_CLOUD_TASKS_ENDPOINT="https://staging.example.com"):
        row("One").delete()
        deploy(Two="y")
        schedule_tasks("shop.tasks.Two")
    assert {call.method for call in google.store.faults.calls} == {"ListJobs", "CreateJob"}
    assert names(google) == ["shop--a", "shop--b", "shop--y"]


def test_two_tasks_that_swap_their_names_lose_no_slot(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    deploy(One="b", Two="a")
    assert job_of_task("shop.tasks.One", "shop--a")[0] == row("One"), "before the push"
    schedule_tasks()
    for task, name in (("One", "a"), ("One", "b"), ("Two", "a"), ("Two", "b")):
        assert job_of_task(f"shop.tasks.{task}", f"shop--{name}")[0] == row(task)
    assert job_of_task("shop.tasks.Three", "shop--a")[0] is None


def test_names_that_differ_in_their_case_are_two(google: MemoryBackend) -> None:
    deploy(One="a")
    schedule_tasks()
    assert job_of_task("shop.tasks.One", "shop--A")[0] is None
    name = google.remote_name("shop--A")
    assert google_names.claim({row("One").pk: name}, now=timezone.now()) == {row("One").pk}
    assert GoogleName.objects.count() == 2


# --- Races ------------------------------------------------------------------------------------------


def test_a_save_waits_where_its_name_is_being_deleted(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    marks = mark("a", row("One"))
    deploy(One="x", Two="a")
    google.store.faults.calls.clear()
    scheduling.push_jobs([row("Two").pk])
    assert google.store.faults.calls == []
    assert (row("Two").sync_state, row("Two").push_token) == ("pending", None)
    assert row("Two").sync_error == push.NAME_IS_BUSY
    GoogleName.objects.filter(busy_until=marks.until).update(busy_until=timezone.now())
    assert schedule_tasks().code == 0
    assert names(google) == ["shop--a", "shop--x"]
    assert (row("Two").sync_state, row("Two").sync_error) == ("synced", "")


def test_a_sync_waits_for_a_name_that_is_being_deleted(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    mark("a", row("One"), seconds=0.4)
    deploy(One="x", Two="a")
    assert schedule_tasks().code == 0
    assert (row("Two").sync_state, names(google)) == ("synced", ["shop--a", "shop--x"])


@with_several_writers
def test_a_name_that_is_being_deleted_is_not_taken_over(google: MemoryBackend) -> None:
    """Else Google applies the late DeleteJob to the job that the new owner has just made, and says synced."""
    deploy(One="a", Two="b")
    schedule_tasks()
    deleting, taken = threading.Event(), threading.Event()

    def hold(method: str, name: str, phase: str) -> None:
        if (method, phase, name) == ("DeleteJob", "before", google.remote_name("shop--a")):
            deleting.set()
            taken.wait(5)

    def push_one() -> None:
        scheduling.push_jobs([one])
        connection.close()

    google.store.faults.intercept = hold
    one = row("One").pk
    deploy(One="x", Two="b")
    pushing = threading.Thread(target=push_one)
    pushing.start()
    assert deleting.wait(10), "One has its new job, and is about to delete the old one"
    deploy(One="x", Two="a")
    scheduling.push_jobs([row("Two").pk])
    assert row("Two").sync_state == "pending"
    taken.set()
    pushing.join(10)
    assert schedule_tasks().code == 0
    for task in ("One", "Two"):
        job = row(task)
        assert job.sync_state == "synced"
        assert google.get(full_name(job), timeout=1).uri.endswith(f"shop.tasks.{task}")


@with_several_writers
def test_of_two_who_claim_one_name_at_once_one_has_it(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    with override_settings(**PUSH_OFF):
        ScheduledJob.objects.filter(pk=row("Two").pk).update(retired_at=timezone.now())
    name, found = google.remote_name("shop--a"), []
    barrier = threading.Barrier(2)

    def take(pk: int) -> None:
        barrier.wait()
        found.extend(google_names.claim({pk: name}, now=timezone.now()))
        connection.close()

    for _ in range(20):
        GoogleName.objects.all().delete()
        found.clear()
        threads = [threading.Thread(target=take, args=[row(task).pk]) for task in ("One", "Two")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # Two has given the name up, so that One has it in the end, whoever came first.
        assert row("One").pk in found
        assert entry("a").job == row("One")


@with_several_writers
def test_a_late_call_under_anothers_name_is_made_good(google: MemoryBackend) -> None:
    """The holder of a lease was slow: what it sent has landed on the job of whoever took the name over."""
    deploy(One="a", Two="b")
    schedule_tasks()
    updating, taken = threading.Event(), threading.Event()

    def hold(method: str, name: str, phase: str) -> None:
        if (method, phase, name) == ("UpdateJob", "before", google.remote_name("shop--a")):
            google.store.faults.intercept = None
            updating.set()
            taken.wait(10)

    def edit_one() -> None:
        job = row("One")
        job.description_override = "of One"
        job.save()
        connection.close()

    google.store.faults.intercept = hold
    editing = threading.Thread(target=edit_one)
    editing.start()
    assert updating.wait(10)
    deploy(One="x", Two="a")
    scheduling.push_jobs([row("Two").pk])
    assert (row("Two").sync_state, entry("a").job) == ("synced", row("Two"))
    taken.set()
    editing.join(20)
    for task in ("One", "Two"):
        job = row(task)
        assert (job.sync_state, job.pushed_revision) == ("synced", job.revision)
        live = google.get(full_name(job), timeout=1)
        assert (live.uri.rpartition("/")[2], live.values["description"]) == (
            f"shop.tasks.{task}",
            job.description,
        )
