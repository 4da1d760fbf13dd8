"""What all verbs have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from scheduled_jobs.management.verbs import common
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.management.verbs.calling import NAME, call, refusal

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


@pytest.mark.parametrize(("verb", "n"), [("runs", "-5"), ("runs", "0"), ("next", "-1"), ("runs", "9" * 30)])
def test_a_number_of_lines_that_is_none_is_refused(job: ScheduledJob, verb: str, n: str) -> None:
    assert refusal(verb, "-n", n) == f"-n is {n}; write a whole number from 1 to 1,000,000"


def test_a_reason_is_kept_without_what_postgresql_cannot_store(job: ScheduledJob) -> None:
    call("pause", NAME, "--reason", "a\x00b\udcff")
    call("resume", NAME, "--reason", "c\x00d")
    call("run", NAME, "--reason", "e\x00f")
    assert [change.reason for change in JobChange.objects.filter(via="cli").order_by("pk")] == [
        "a\ufffdb\ufffd", "c\ufffdd", "e\ufffdf",
    ]  # fmt: skip
    assert JobRun.objects.get().reason == "e\ufffdf"


def test_a_name_that_no_database_holds_names_no_job(job: ScheduledJob) -> None:
    assert refusal("show", "a\x00\udcff").startswith("There is no job a\ufffd\ufffd; ")


@pytest.mark.parametrize("words", [("pause", "--reason", "x"), ("resume",), ("reset",), ("run",)])
def test_a_job_that_is_being_deleted_is_left_alone(job: ScheduledJob, words: tuple[str, ...]) -> None:
    ScheduledJob.objects.filter(pk=job.pk).update(deleting_at=timezone.now(), paused=True)
    verb, *options = words
    assert refusal(verb, NAME, *options) == (
        f"{NAME} is being deleted: it can no longer be paused, resumed, reset or run"
    )


def test_no_job_and_a_task_of_two_jobs_are_told(google: MemoryBackend, job: ScheduledJob) -> None:
    assert refusal("show", "x") == "There is no job x; manage.py scheduled_jobs list shows those there are."
    ScheduledJob.objects.create(
        name="shop--own", task="shop.tasks.One", origin="operator", schedule_override="0 1 * * *"
    )
    assert refusal("show", "shop.tasks.One") == (
        f"shop.tasks.One has several jobs; name one: shop--own, {NAME}."
        if ScheduledJob.objects.first().name == "shop--own"  # type: ignore[union-attr]
        else f"shop.tasks.One has several jobs; name one: {NAME}, shop--own."
    )


def test_a_user_without_a_name_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise OSError

    monkeypatch.setattr(common.getpass, "getuser", fail)
    assert common.who() == ""
