"""Every request that a person can make of the admin's pages, and a desk on which each has something to do."""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.admin.actions.bulk_actions import BULK_ACTIONS
from scheduled_jobs.admin.page.same_as_shown import token_of
from scheduled_jobs.backends import use_backend
from scheduled_jobs.backends.memory import MemoryBackend
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling import drift, seed_tasks
from tests.support import ask, make_run
from tests.support.console import edit_in_console
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import Page
from tests.support.people import LIST, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

    from scheduled_jobs.emulator.store import Store
    from scheduled_jobs.tasks import PeriodicTask

RUNS = "/admin/scheduled_jobs/jobrun/"
NOBODY = "nobody"


def run(self: PeriodicTask, region: str = "emea", api_token: str = "") -> None:
    """What the payload forms are made of."""


@dataclass(frozen=True)
class Action:
    """One request. ``needs`` are the permissions besides ``view``; ``form`` is the page whose form is sent."""

    name: str
    address: str
    method: str = "get"
    needs: tuple[str, ...] = ()
    answer: int = 200
    data: dict[str, Any] = field(default_factory=dict)
    form: str = ""
    without: tuple[str, ...] = ()
    acts: bool = True

    def __str__(self) -> str:
        return self.name


PAYLOAD = ("p_region", "p_api_token", "payload_raw")
BULK = {"index": "0", "_selected_action": "{job}"}
RERUNS = {"index": "0", "_selected_action": "{run}", "action": "rerun_failed"}
GETS = [
    Action("the list of jobs", "{jobs}"),
    Action("the landing page", "{jobs}dashboard/"),
    Action("the page of a job", "{jobs}{job}/change/"),
    Action("the settings of a job", "{jobs}{job}/settings/"),
    Action("the changes of a job", "{jobs}{job}/changes/"),
    Action("Django's history of a job", "{jobs}{job}/history/", answer=302),
    Action("the list of runs", "{runs}"),
    Action("the export of runs", "{runs}export/"),
    Action("the page of a run", "{runs}{run}/change/"),
    Action("Django's history of a run", "{runs}{run}/history/"),
    Action("the log of a run", "{runs}{run}/log/"),
    Action("the form of a new job", "{jobs}add/", needs=("add",)),
    Action("the question before deleting", "{jobs}{own}/delete/", needs=("delete",)),
    Action("why it cannot be deleted", "{jobs}{job}/delete/", needs=("delete",)),
    Action("the form of run now", "{jobs}{job}/run-now/", needs=("run",)),
    Action("the question of a backfill", "{jobs}{job}/backfill/", needs=("run",)),
    Action("the form of a rerun", "{runs}{run}/rerun/", needs=("run",)),
    Action("the form of a rerun with changes", "{runs}{run}/rerun/?changes=1", needs=("run", "change")),
    Action("the form of a pause", "{jobs}{job}/pause/", needs=("pause",)),
    Action("the question before resuming", "{jobs}{paused}/resume/", needs=("pause",)),
    Action("the plan", "{jobs}plan/", needs=("sync",)),
    Action("the comparison", "{jobs}{job}/drift/", needs=("sync",)),
    Action("dealing with a matter by GET", "{jobs}dashboard/dealt-with/", needs=("runs", "run"), answer=405),
    Action("why nothing runs by GET", "{jobs}doctor/", needs=("sync",), answer=405),
    Action("a test alert by GET", "{jobs}test-alert/", needs=("sync",), answer=405),
    Action("resuming what paused itself by GET", "{jobs}resume-paused/", needs=("pause",), answer=405),
    Action("asking Google by GET", "{jobs}ask/", needs=("sync",), answer=405),
    Action("asking Google about a job by GET", "{jobs}{job}/ask/", needs=("sync",), answer=405),
    Action("a run of nobody's", "{runs}add/", needs=(NOBODY,)),
    Action("deleting a run", "{runs}{run}/delete/", needs=(NOBODY,)),
    Action("cancelling by GET", "{runs}{queued}/cancel/", needs=("run",), answer=405),
    Action("cancelling a backfill by GET", "{runs}{queued}/cancel-backfill/", needs=("run",), answer=405),
    Action("asking again by GET", "{runs}{queued}/settle/", needs=("run",), answer=405),
]  # fmt: skip
POSTS = [
    Action("saving an override", "{jobs}{job}/settings/", "post", ("change",), 302,
           {"schedule_override": "5 4 * * *", "_save": "1"}, "{jobs}{job}/settings/"),
    Action("saving at Django's address", "{jobs}{job}/change/", "post", ("change",), 302,
           {"schedule_override": "5 4 * * *", "_save": "1"}, "{jobs}{job}/settings/"),
    Action("resetting a field", "{jobs}{job}/settings/", "post", ("change",), 302,
           {"_reset": "description_override"}, "{jobs}{job}/settings/"),
    Action("taking the other's value", "{jobs}{job}/settings/", "post", ("change",), 200,
           {"_take": "schedule"}, "{jobs}{job}/settings/", acts=False),
    Action("the Preview button", "{jobs}{job}/settings/", "post", ("change",), 200,
           {"_preview": "1"}, "{jobs}{job}/settings/", acts=False),
    Action("the changes by POST", "{jobs}{job}/changes/", "post", ("change",), 405, acts=False),
    Action("adding a job", "{jobs}add/", "post", ("add",), 302,
           {"task": "shop.tasks.One", "name": "mine", "schedule_override": "5 4 * * *"}),
    Action("the parameters of a new job", "{jobs}add/", "post", ("add",), 200, {"_choose": "1"}, acts=False),
    Action("deleting an own job", "{jobs}{own}/delete/", "post", ("delete",), 302, {"reason": "old"}),
    Action("deleting a job of the code", "{jobs}{job}/delete/", "post", (NOBODY,), data={"reason": "old"}),
    Action("run now", "{jobs}{job}/run-now/", "post", ("run",), 302,
           {"reason": "month end"}, "{jobs}{job}/run-now/", PAYLOAD),
    Action("run now with another payload", "{jobs}{job}/run-now/", "post", ("run", "change"), 302,
           {"reason": "month end", "p_region": "apac"}, "{jobs}{job}/run-now/"),
    Action("run now with a raw payload", "{jobs}{job}/run-now/", "post", ("run", "change"), 302,
           {"reason": "month end", "payload_raw": '{{"region": "apac"}}'}, "{jobs}{job}/run-now/"),
    Action("a backfill", "{jobs}{job}/backfill/", "post", ("run",), 302, {"reason": "outage"}, "{jobs}{job}/backfill/"),
    Action("a rerun", "{runs}{run}/rerun/", "post", ("run",), 302, {}, "{runs}{run}/rerun/"),
    Action("a rerun with a payload slipped in", "{runs}{run}/rerun/", "post", (NOBODY,), 302,
           {"p_region": "apac"}, "{runs}{run}/rerun/"),
    Action("a rerun with changes", "{runs}{run}/rerun/?changes=1", "post", ("run", "change"), 302,
           {"reason": "fixed", "p_region": "apac"}, "{runs}{run}/rerun/?changes=1"),
    Action("cancelling a run", "{runs}{queued}/cancel/", "post", ("run",), 302),
    Action("cancelling a backfill", "{runs}{waiting}/cancel-backfill/", "post", ("run",), 302),
    Action("asking Google again", "{runs}{queued}/settle/", "post", ("run",), 302),
    Action("pausing", "{jobs}{job}/pause/", "post", ("pause",), 302,
           {"reason": "quiet"}, "{jobs}{job}/pause/"),
    Action("counting what a pause leaves out", "{jobs}{job}/pause/", "post", ("pause",), 200,
           {"_preview": "1"}, "{jobs}{job}/pause/", acts=False),
    Action("resuming", "{jobs}{paused}/resume/", "post", ("pause",), 302, {"reason": "back"}, "{jobs}{paused}/resume/"),
    Action("dealing with a matter", "{jobs}dashboard/dealt-with/", "post", ("runs", "run"), 302, {"key": "KeyError: …"}),
    Action("why nothing runs", "{jobs}doctor/", "post", ("sync",), 200, acts=False),
    Action("a test alert", "{jobs}test-alert/", "post", ("sync",), 302, acts=False),
    Action("resuming what paused itself", "{jobs}resume-paused/", "post", ("pause",), 302, acts=False),
    Action("asking Google", "{jobs}ask/", "post", ("sync",), 302, acts=False),
    Action("asking Google about a job", "{jobs}{job}/ask/", "post", ("sync",), 302, acts=False),
    Action("looking at Google again", "{jobs}plan/", "post", ("sync",), 200, {"_look": "1"}, acts=False),
    Action("pushing from the plan", "{jobs}plan/", "post", ("sync",), 302,
           {"d_{id}": "push"}, "{jobs}plan/"),
    Action("adopting from the plan", "{jobs}plan/", "post", ("sync", "change"), 302,
           {"d_{id}": "adopt"}, "{jobs}plan/"),
    Action("looking at one job again", "{jobs}{job}/drift/", "post", ("sync",), 200, {"_look": "1"}, acts=False),
    Action("pushing one job", "{jobs}{job}/drift/", "post", ("sync",), 302,
           {"d_{job}": "push"}, "{jobs}{job}/drift/"),
    Action("adopting", "{jobs}{job}/drift/", "post", ("sync", "change"), 302,
           {"d_{job}": "adopt"}, "{jobs}{job}/drift/"),
    *(Action(f"the question of {a.name}", "{jobs}", "post", (a.verb,), 200,
             {**BULK, "action": a.name}, acts=False) for a in BULK_ACTIONS),
    *(Action(f"doing {a.name}", "{jobs}", "post", (a.verb,), 302,
             {**BULK, "action": a.name, "confirmed": "yes", "reason": "x", "until_mode": "open",
              "_selected_action": "{paused}" if a.name == "resume_jobs" else "{job}",
              "seen": "{seen_paused}" if a.name == "resume_jobs" else "{seen}"}) for a in BULK_ACTIONS),
    Action("Django's own bulk deletion", "{jobs}", "post", (NOBODY,), data={**BULK, "action": "delete_selected"}),
    Action("the question of many reruns", "{runs}", "post", ("run",), 200, RERUNS, acts=False),
    Action("many reruns", "{runs}", "post", ("run",), 302,
           {**RERUNS, "confirmed": "yes", "reason": "x", "seen": "{seen_run}"}),
    Action("Django's own bulk deletion of runs", "{runs}", "post", (NOBODY,), data={**RERUNS, "action": "delete_selected"}),
    Action("a run by POST", "{runs}{run}/change/", "post", ("change",), 405, {"status": "succeeded"}, acts=False),
    Action("marking a run as dealt with", "{runs}{run}/dealt-with/", "post", ("run",), 302),
    Action("the log of a run by POST", "{runs}{run}/log/", "post", ("change",), 405, acts=False),
    Action("the list of runs by POST", "{runs}", "post", ("change",), 405, {"action": "delete_selected"}, acts=False),
    Action("a new run by POST", "{runs}add/", "post", (NOBODY,), data={"status": "succeeded"}),
    Action("deleting a run by POST", "{runs}{run}/delete/", "post", (NOBODY,), data={"post": "yes"}),
    Action("the history of a job by POST", "{jobs}{job}/history/", "post", ("change",), 405, acts=False),
    Action("the history of a run by POST", "{runs}{run}/history/", "post", ("change",), 405, acts=False),
]  # fmt: skip


def lay_desk(google: MemoryBackend) -> dict[str, str]:
    """Jobs and runs with which every action has something to do; the names that addresses speak of."""
    for name in ("One", "Two", "Three", "Four", "Five"):
        declare(name, run=run, schedule_body_payload={"region": "emea", "api_token": "geheim"})
    seed_tasks(registry.tasks(), retire=False)
    ScheduledJob.objects.filter(task="shop.tasks.One").update(description_override="of ours")
    schedule_tasks()
    # A backfill offers times since there was the job.
    ScheduledJob.objects.update(created_at=timezone.now() - timedelta(days=2))
    job, paused = row("One"), row("Two")
    edit_in_console(google, job, "description", description="by hand")
    ScheduledJob.objects.filter(pk=job.pk).update(sync_state="drifted")
    ScheduledJob.objects.filter(pk=paused.pk).update(
        paused=True, pause_reason="quiet", paused_at=timezone.now()
    )
    own = ScheduledJob(name="own", task="shop.tasks.One", origin="operator", schedule_override="0 1 * * *")
    ScheduledJob.objects.bulk_create([own])
    now = datetime.now(UTC)
    over = make_run(
        job, "failed", payload={"region": "emea"}, log="x", started_at=now, finished_at=now,
        error_key="KeyError: …",
    )  # fmt: skip
    queued = ask(row("Three"), sent_at=now - timedelta(hours=1))
    waiting = ask(row("Four"), sent_at=now, trigger="backfill", scheduled_for=now - timedelta(hours=1))
    # Opening a page that compares keeps what it has seen: here nothing of that is new.
    drift.look_at_all()
    google.store.faults.calls.clear()
    return {
        "jobs": LIST,
        "runs": RUNS,
        "job": str(job.pk),
        "id": job.name,
        "paused": str(paused.pk),
        "own": str(ScheduledJob.objects.get(name="own").pk),
        "run": str(over.pk),
        "queued": str(queued.pk),
        "waiting": str(waiting.pk),
        "seen_run": token_of([(over.pk, over.status)]),
        "seen": token_of([(job.pk, job.revision)], 0),
        "seen_paused": token_of([(paused.pk, paused.revision)], 0),
    }


class Laid(NamedTuple):
    """A desk that was laid once for the tests of a module: each finds it so, whatever the others have done."""

    addresses: dict[str, str]
    tasks: dict[str, type[PeriodicTask]]
    store: Store

    def again(self, google: MemoryBackend) -> dict[str, str]:
        """Put the task classes and Google's jobs back; the rows are put back by the end of the test before."""
        registry._tasks.clear()
        registry._tasks.update(self.tasks)
        google.store._locations = deepcopy(self.store._locations)
        google.store._last_number = self.store._last_number
        return self.addresses


@contextmanager
def laid_desk() -> Iterator[Laid]:
    """In a transaction around those of the tests, with nothing left of it at the end."""
    before, google = dict(registry._tasks), MemoryBackend()
    registry._tasks.clear()
    with transaction.atomic(), use_backend(google):
        addresses = lay_desk(google)
        laid = Laid(addresses, dict(registry._tasks), google.store)
        registry._tasks.clear()
        registry._tasks.update(before)
        yield laid
        transaction.set_rollback(True)


def data_of(action: Action, desk: dict[str, str]) -> dict[str, str]:
    """The form as a browser would send it, filled by one who may."""
    data: dict[str, str] = {}
    if action.form:
        root = User.objects.filter(is_superuser=True).first() or User.objects.create_superuser("root")
        data = Page(signed_in(root).get(action.form.format(**desk)).content.decode()).fields()
    data |= {key.format(**desk): str(value).format(**desk) for key, value in action.data.items()}
    return {key: value for key, value in data.items() if key not in action.without}


def send(client: Client, action: Action, desk: dict[str, str], data: dict[str, str]) -> Any:
    return getattr(client, action.method)(action.address.format(**desk), data)


class Undone(Exception):
    pass


class undone:  # noqa: N801 – reads as what it does
    """What happens inside the block did not happen in the database."""

    def __enter__(self) -> None:
        self._atomic = transaction.atomic()
        self._atomic.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._atomic.__exit__(kind or Undone, error or Undone(), trace)
