"""What ``--dry-run``, ``--check`` and ``--json`` say is what an apply does, in whatever situation.

The machine of operators, deploys and consoles brings about the situations, with faulty classes, orphans
and jobs that point elsewhere besides. ``PLAN_EXAMPLES`` makes it longer.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test

from scheduled_jobs import registry
from scheduled_jobs.domain.jobs import JobSpec
from scheduled_jobs.exceptions import BackendError
from scheduled_jobs.models import GoogleName, JobChange, ScheduledJob
from tests.support import full_name
from tests.support.declaring import declare, schedule_tasks
from tests.support.operations import Operations, tasks

WRITES = ("CreateJob", "UpdateJob", "DeleteJob", "PauseJob", "ResumeJob")
MARKED = {"X-Scheduled-Jobs": "1; app=shop"}
ELSEWHERE = "https://former.example.com/tasks/x"
NEVER = "every now and then"


class Planning(Operations):
    @rule(n=st.integers(1, 4))
    def leave_orphans(self, n: int) -> None:
        self.google.store.faults._planned.clear()
        for number in range(n):
            uri = "https://shop.example.com/tasks/x"
            spec = JobSpec(f"shop--orphan-{number}", "0 4 * * *", "UTC", uri, headers=MARKED)
            with suppress(BackendError):  # it is there already
                self.google.create(spec, timeout=1)

    @rule(name=tasks)
    def break_code(self, name: str) -> None:
        declare(name, NEVER)

    @rule(name=tasks)
    def point_elsewhere(self, name: str) -> None:
        for message in self._theirs(name):
            message.http_target.uri = ELSEWHERE
            self.google.store.update_job(message, ["http_target"])

    @rule(name=tasks, other=tasks)
    def take_anothers_name(self, name: str, other: str) -> None:
        if self._row(name):
            declare(name, schedule_name=f"shop-tasks-{other}")

    @rule(yes=st.booleans(), no_delete=st.booleans(), adopt=st.booleans())
    def what_is_planned_is_what_is_applied(self, **options: bool) -> None:
        self.google.store.faults._planned.clear()
        if not registry._tasks:
            return
        # Else an apply would wait, as long as a command may and no longer, and leave the job for the next one.
        self.wait()
        rows, audit, made = self._database(), JobChange.objects.count(), len(self._writes())
        planned = json.loads(schedule_tasks(dry_run=True, json=True, **options))
        dry = schedule_tasks(dry_run=True, **options)
        checked = schedule_tasks(check=True, **options)
        assert checked.lines == dry.lines
        assert checked.code == (2 if planned["changes"] else dry.code)
        assert (self._database(), JobChange.objects.count(), len(self._writes())) == (rows, audit, made)

        before = self._jobs()
        applied = schedule_tasks(**options)
        assert sorted(applied.lines) == sorted(dry.lines)
        assert applied.code == dry.code
        touched = {name for _, name in self._writes()[made:]}
        expected = {
            self.google.remote_name(change["job"]): change
            for change in planned["changes"]
            if change["error"] is None
        }
        for name, change in expected.items():
            # With --no-delete a new name is made, and the former is left for another time.
            former = self.google.remote_name(change["fields"].get("name", {}).get("live", ""))
            assert {name, former} & touched or change["kind"] == "delete", "a change was planned and not made"
        for name in touched - expected.keys():
            # What else is touched is a former name, which the new one replaces.
            assert GoogleName.objects.filter(name=name).exists(), name
        after = self._jobs()
        assert {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)} <= touched
        again = json.loads(schedule_tasks(dry_run=True, json=True, **options))
        assert [change for change in again["changes"] if change["error"] is None] == []

    def undo(self) -> None:
        for task in list(registry.tasks()):
            # Each has a name of its own again.
            name = registry.dotted_path(task).rpartition(".")[2]
            declare(name, "0 9 * * *" if task.run_every == NEVER else task.run_every)
        for message in self.google.store.list_jobs(self.google.parent, 500, "")[0]:
            if message.http_target.uri == ELSEWHERE:
                message.http_target.uri = "https://shop.example.com/tasks/x"
                self.google.store.update_job(message, ["http_target"])

    def _database(self) -> list[dict[str, Any]]:
        return [dict(values) for values in ScheduledJob.objects.order_by("pk").values()]

    def _jobs(self) -> dict[str, Any]:
        return {full_name(job): (job.state, job.values) for job in self.google.list(timeout=1)}

    def _writes(self) -> list[tuple[str, str]]:
        return [(call.method, call.name) for call in self.google.store.faults.calls if call.method in WRITES]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_backoff")
@pytest.mark.uncounted
def test_what_is_planned_is_what_is_applied() -> None:
    run_state_machine_as_test(
        Planning,
        settings=settings(
            # What a server of databases changes shows in fewer.
            max_examples=int(os.environ.get("PLAN_EXAMPLES", "12" if connection.vendor == "sqlite" else "8")),
            stateful_step_count=int(os.environ.get("PLAN_STEPS", "25")),
            suppress_health_check=list(HealthCheck),
        ),
    )
