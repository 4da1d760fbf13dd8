"""A machine of operators, deploys, consoles and failures, and what is true whatever they do."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from scheduled_jobs import registry
from scheduled_jobs.backends import use_backend
from scheduled_jobs.backends.memory import MemoryBackend
from scheduled_jobs.domain.jobs import JobSpec
from scheduled_jobs.exceptions import StoreError
from scheduled_jobs.models import GoogleName, JobChange, JobRun, JobVersion, ScheduledJob
from tests.support import full_name
from tests.support.declaring import declare, schedule_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

TASKS = ("A", "B", "C")
SCHEDULES = ("0 1 * * *", "0 2 * * *", "*/5 * * * *", "0 9 * * 1-5")
STATUSES = (
    "ABORTED",
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "PERMISSION_DENIED",
    "INVALID_ARGUMENT",
    "INTERNAL",
    "CANCELLED",
    "NOT_FOUND",
    "FAILED_PRECONDITION",
    "ALREADY_EXISTS",
)
METHODS = ("CreateJob", "UpdateJob", "DeleteJob", "PauseJob", "ResumeJob", "GetJob")

tasks = st.sampled_from(TASKS)
schedules = st.sampled_from(SCHEDULES)


class Operations(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        registry._tasks.clear()
        for model in (JobRun, JobVersion, JobChange, GoogleName, ScheduledJob):
            model.objects.all()._raw_delete("default")
        self.google = MemoryBackend()
        self.place = use_backend(self.google)
        self.place.__enter__()
        self.overrides: dict[str, dict[str, Any]] = {}
        self.paused: dict[str, bool] = {}
        uri = "https://shop.example.com/tasks/x"
        for name, app in (("shop-admin--x", "shop-admin"), ("shopping--y", "shopping"), ("by-hand", None)):
            headers = {"X-Scheduled-Jobs": f"1; app={app}"} if app else {}
            self.google.create(JobSpec(name, "0 4 * * *", "UTC", uri, headers=headers), timeout=1)
        self.others = self._others()
        for name in TASKS:
            declare(name)
        schedule_tasks(yes=True)

    def teardown(self) -> None:
        if hasattr(self, "place"):
            self.place.__exit__(None, None, None)

    def _others(self) -> dict[str, Any]:
        return {
            job.name: (job.state, job.values)
            for job in self.google.list(timeout=1)
            if not job.name.startswith("shop--")
        }

    def _row(self, name: str) -> ScheduledJob | None:
        return ScheduledJob.objects.filter(task=f"shop.tasks.{name}").first()

    # --- Operators ----------------------------------------------------------------------------

    @rule(name=tasks, schedule=st.none() | schedules, description=st.none() | st.sampled_from("xyz"))
    def edit(self, name: str, schedule: str | None, description: str | None) -> None:
        if (job := self._row(name)) is not None:
            job.schedule_override, job.description_override = schedule, description
            job.save()
            self.overrides[name] = {"schedule_override": schedule, "description_override": description}

    @rule(name=tasks)
    def pause(self, name: str) -> None:
        if (job := self._row(name)) is not None:
            job.pause(reason="x")
            self.paused[name] = True

    @rule(name=tasks)
    def resume(self, name: str) -> None:
        if (job := self._row(name)) is not None:
            job.resume()
            self.paused[name] = False

    @rule(name=tasks)
    def reset(self, name: str) -> None:
        if (job := self._row(name)) is not None:
            job.reset()
            self.overrides[name] = {"schedule_override": None, "description_override": None}

    @rule(name=tasks)
    def delete_row(self, name: str) -> None:
        # A class without a row takes over that of its name, if that row's own class is gone: not here.
        task = registry.get(f"shop.tasks.{name}")
        names = [] if (job := self._row(name)) is None else [job.name]
        names += [] if task is None else [task.schedule_name()]
        if job is not None and all(own.replace(".", "-").endswith(f"-{name}") for own in names):
            job.delete()
            self.overrides.pop(name, None)
            self.paused.pop(name, None)

    # --- Deploys ------------------------------------------------------------------------------

    @rule(name=tasks, schedule=schedules, paused=st.booleans())
    def change_code(self, name: str, schedule: str, paused: bool) -> None:
        if self._is_free(f"shop.tasks.{name}", name):
            declare(name, schedule, schedule_paused=paused)

    @rule(name=tasks, new=st.sampled_from(["one", "two", "three"]))
    def rename(self, name: str, new: str) -> None:
        if self._is_free(f"{new}-{name}", name):
            declare(name, schedule_name=f"{new}-{name}")

    @rule(name=tasks, other=tasks)
    def swap_names(self, name: str, other: str) -> None:
        one, two = (registry._tasks.get(f"shop.tasks.{task}") for task in (name, other))
        if one is not None and two is not None and self._row(name) and self._row(other):
            declare(name, one.run_every, schedule_name=two.schedule_name())
            declare(other, two.run_every, schedule_name=one.schedule_name())

    def _is_free(self, schedule_name: str, name: str) -> bool:
        others = (task for path, task in registry._tasks.items() if path != f"shop.tasks.{name}")
        return schedule_name.replace(".", "-") not in {t.schedule_name().replace(".", "-") for t in others}

    @rule(name=tasks)
    def remove_code(self, name: str) -> None:
        # Also those that a later declaration has replaced: the last one would come back by its name.
        for key, task in list(registry._tasks.items()):
            if registry.dotted_path(task) == f"shop.tasks.{name}":
                del registry._tasks[key]

    @rule(yes=st.booleans())
    def deploy(self, yes: bool) -> None:
        self.wait()
        schedule_tasks(yes=yes)

    # --- The console --------------------------------------------------------------------------

    @rule(name=tasks, schedule=schedules)
    def console_edit(self, name: str, schedule: str) -> None:
        for message in self._theirs(name):
            message.schedule = schedule
            self.google.store.update_job(message, ["schedule", "time_zone"])

    @rule(name=tasks, action=st.sampled_from(["pause_job", "resume_job", "delete_job"]))
    def console_action(self, name: str, action: str) -> None:
        for message in self._theirs(name):
            with suppress(StoreError):  # it is so already
                getattr(self.google.store, action)(message.name)

    def _theirs(self, name: str) -> Iterator[Any]:
        """The job's message in Google, with the faults out of the way: the console is another client."""
        job = self._row(name)
        planned, self.google.store.faults._planned = self.google.store.faults._planned, []
        try:
            if job is not None and full_name(job):
                try:
                    yield self.google.store.get_job(full_name(job))
                except StoreError:  # it is not there
                    return
        finally:
            self.google.store.faults._planned = planned

    # --- Failures -----------------------------------------------------------------------------

    @rule(method=st.sampled_from(METHODS), status=st.sampled_from(STATUSES), times=st.integers(1, 6))
    def refuse(self, method: str, status: str, times: int) -> None:
        self.google.store.faults.refuse(method, status, "made to fail", times=times)

    @rule(method=st.sampled_from(METHODS), times=st.integers(1, 6))
    def lose_answers(self, method: str, times: int) -> None:
        self.google.store.faults.lose_answer(method, times=times)

    @rule(name=tasks)
    def die_holding_the_lease(self, name: str) -> None:
        ScheduledJob.objects.filter(task=f"shop.tasks.{name}").update(
            push_token="dead", push_until="2020-01-01T00:00:00Z"
        )

    def wait(self) -> None:
        """Let the time pass in which a call that was not answered can still come; an apply would wait for it."""
        GoogleName.objects.update(busy_until=None)

    def undo(self) -> None:
        """What a machine with more to disturb takes back before it heals."""

    # --- What is always true ------------------------------------------------------------------

    @rule()
    def heal(self) -> None:
        """All is well again, and one sync later Google equals the database."""
        self.google.store.faults._planned.clear()
        self.undo()
        self.wait()
        schedule_tasks(yes=True)
        if not registry._tasks:
            return
        there = {job.name: job for job in self.google.list(timeout=1) if job.name.startswith("shop--")}
        for job in ScheduledJob.objects.all():
            live = there.pop(job.name, None)
            assert (job.sync_state, job.sync_error) == ("synced", "")
            assert job.pushed_revision == job.revision
            if job.desired_state is None:
                assert live is None
                continue
            assert live is not None
            wanted = {
                "state": job.desired_state, "schedule": job.schedule, "description": job.description,
            }  # fmt: skip
            assert {**live.values, "state": live.state}.items() >= wanted.items()
            version = JobVersion.objects.get(job=job, until=None)
            assert (version.schedule, version.state) == (live.values["schedule"], live.state)
            assert version.confirmed_at is not None
        assert there == {}
        assert schedule_tasks().lines == []

    @invariant()
    def no_override_is_lost(self) -> None:
        for name, values in getattr(self, "overrides", {}).items():
            job = self._row(name)
            assert job is not None
            assert {key: getattr(job, key) for key in values} == values
        for name, paused in getattr(self, "paused", {}).items():
            job = self._row(name)
            assert job is not None
            assert job.paused is paused

    @invariant()
    def nobody_elses_job_changed(self) -> None:
        if hasattr(self, "others"):
            planned, self.google.store.faults._planned = self.google.store.faults._planned, []
            assert self._others() == self.others
            self.google.store.faults._planned = planned
