"""Names that jobs had before: what is still in Google under them goes, and what another has taken stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings

from scheduled_jobs import registry
from scheduled_jobs.services import scheduling
from scheduled_jobs.services.execution.serving import find_job
from scheduled_jobs.services.scheduling.push import push
from scheduled_jobs.services.scheduling.seed.rows import seed_tasks
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


def test_a_name_that_another_took_is_deleted_for_no_rename_of_who_had_it(google: MemoryBackend) -> None:
    deploy(One="a", Two="b")
    schedule_tasks()
    deploy(One="b", Two="a")
    schedule_tasks()
    # What Google sent under the name that it had then still finds its job.
    assert find_job("shop.tasks.One", "shop--a") == row("One")
    declare("Two", schedule_name="c")
    told = ["[~] Job updated: shop.tasks.Two (name)"]
    assert schedule_tasks(dry_run=True).lines == told
    assert schedule_tasks().lines == told
    assert names(google) == ["shop--b", "shop--c"]


def test_a_name_that_is_refused_to_another_is_still_deleted_for_who_had_it(google: MemoryBackend) -> None:
    deploy(One="one", Two="eu--one")
    schedule_tasks()
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="shop--eu"):
        deploy(One="one", Two="eu--one")
        schedule_tasks()
        job = row("One")
        job.description_override = "of the operator"
        job.save()
        assert "Google has a job of this id, but it belongs to the app 'shop'" in row("One").sync_error
        deploy(One="two", Two="eu--one")
        schedule_tasks()
    assert names(google) == ["shop--eu--eu--one", "shop--eu--two"]


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
def test_the_deletion_of_who_lost_a_name_leaves_the_job_of_who_took_it(
    google: MemoryBackend, *, renamed: bool
) -> None:
    if renamed:
        deploy(One="x", Two="d")
    row("One").delete()
    assert "shop--a" in names(google)
    schedule_tasks()
    assert names(google) == (["shop--d", "shop--x"] if renamed else ["shop--a", "shop--x"])


def test_a_job_that_is_renamed_while_it_is_being_made_leaves_none_behind(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    deploy(One="a")
    schedule_tasks()
    remember_names = push.remember_names

    def rename_first(*args: Any) -> None:
        monkeypatch.undo()
        deploy(One="c")
        remember_names(*args)

    monkeypatch.setattr(push, "remember_names", rename_first)
    declare("One", schedule_name="b")
    schedule_tasks()
    assert names(google) == ["shop--c"]
    assert schedule_tasks().lines == []


def test_an_edit_during_the_push_of_a_sync_is_compared_with_what_that_push_has_made(
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
    assert google.get(job.remote_name, timeout=1).values["schedule"] == "0 9 * * *"
