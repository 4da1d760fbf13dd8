"""``schedule_tasks`` where Google is not asked: each option means what it means elsewhere."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings
from django.utils import timezone

from scheduled_jobs.models import JobRun, ScheduledJob
from tests.support.declaring import declare, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


OFF = override_settings(DJANGO_CLOUD_TASKS_PUSH="off")
EAGER = override_settings(DJANGO_CLOUD_TASKS_EAGER=True)


def change(kind: str, name: str, error: str | None = None) -> dict[str, Any]:
    return {
        "kind": kind,
        "task": f"shop.tasks.{name}",
        "job": f"shop--shop-tasks-{name}",
        "fields": {},
        "drifted": [],
        "error": error,
    }


@OFF
def test_with_pushes_off_a_dry_run_says_what_would_be_seeded(google: MemoryBackend) -> None:
    declare("One")
    declare("Two")
    schedule_tasks()
    declare("One", "0 10 * * *")
    declare("Three")
    assert schedule_tasks(dry_run=True) == (
        "3 jobs would be seeded, 1 of them new and 1 changed. Pushes are off (DJANGO_CLOUD_TASKS_PUSH): Google "
        "was not asked. Nothing was written.\n"
    )
    assert ScheduledJob.objects.count() == 2
    assert google.store.faults.calls == []


@OFF
def test_with_pushes_off_json_is_one_object(google: MemoryBackend) -> None:
    declare("One")
    declare("Bad", "not a schedule")
    planned, done = schedule_tasks(dry_run=True, json=True), schedule_tasks(json=True)
    found = json.loads(done)
    assert (found["applied"], found["mode"], found["unchanged"]) == (True, "push-off", 0)
    assert found["changes"] == [change("create", "One")]
    assert [faulty["task"] for faulty in found["faulty"]] == ["shop.tasks.Bad"]
    assert json.loads(planned) == {**found, "applied": False}
    assert (planned.code, done.code) == (1, 1)
    assert json.loads(schedule_tasks(json=True))["unchanged"] == 1


@EAGER
def test_in_eager_mode_a_dry_run_runs_nothing(google: MemoryBackend) -> None:
    declare("One")
    declare("Paused", schedule_paused=True)
    assert schedule_tasks(dry_run=True) == (
        "[+] Job created: shop.tasks.One\n"
        "2 jobs: 1 created, 0 updated, 0 failed. They would be run here (DJANGO_CLOUD_TASKS_EAGER): Google was "
        "not asked. Nothing was written.\n"
    )
    assert (ScheduledJob.objects.count(), JobRun.objects.count()) == (0, 0)
    assert schedule_tasks().lines == ["[+] Job created: shop.tasks.One"]
    declare("One", "0 10 * * *")
    assert schedule_tasks(dry_run=True).lines == ["[~] Job updated: shop.tasks.One"]
    assert JobRun.objects.count() == 1


@EAGER
def test_in_eager_mode_a_pause_that_is_over_holds_nothing_back(google: MemoryBackend) -> None:
    declare("One", schedule_paused=True)
    schedule_tasks()
    for hours, lines in ((1, []), (-1, ["[~] Job updated: shop.tasks.One"])):
        ScheduledJob.objects.update(paused_until=timezone.now() + timedelta(hours=hours))
        declare("One", f"0 {10 + hours} * * *")
        assert schedule_tasks().lines == lines
    assert JobRun.objects.count() == 1


@EAGER
def test_in_eager_mode_json_tells_of_a_task_that_raises(google: MemoryBackend) -> None:
    def fail(self: object) -> None:
        raise LookupError("no stock")

    declare("Bad", run=fail)
    declare("Good")
    output = schedule_tasks(json=True)
    assert output.code == 1
    assert json.loads(output) == {
        "applied": True,
        "changes": [change("create", "Bad", "LookupError: no stock"), change("create", "Good")],
        "faulty": [],
        "mode": "eager",
        "unchanged": 0,
    }
