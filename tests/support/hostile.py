"""A desk on which somebody has written markup wherever anything can be written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType

from scheduled_jobs.admin.actions.bulk_actions import BULK_ACTIONS
from scheduled_jobs.admin.page.same_as_shown import token_of
from scheduled_jobs.emulator.store import StoreError
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.support import ask, make_job, make_run, make_task
from tests.support.console import edit_in_console
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import Page
from tests.support.people import LIST, signed_in

if TYPE_CHECKING:
    from django.test import Client

    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.tasks import PeriodicTask

RUNS = "/admin/scheduled_jobs/jobrun/"
EVIL = (
    "<script>alert(1)</script>\"><img src=//evil.example/x onerror=alert(2)>'`&lt;b>"
    "</textarea></title></style></svg><svg onload=alert(3)>\u2028\u202e"
)
"""Out of text, of an attribute in either quotes, of an element that holds text alone; a new line to a
script, and the override that turns the direction of what follows."""
HARMLESS = EVIL.translate({ord(letter): "_" for letter in "<>\"'`&"})
"""As long, with nothing in it that a browser could take for markup."""
URL = "javascript:alert(4)"


@dataclass
class Desk:
    """Where everything is. ``client`` is that of a superuser with a name of the same kind."""

    evil: str
    user: User
    client: Client
    job: ScheduledJob
    typed: ScheduledJob
    own: ScheduledJob
    runs: dict[str, JobRun]

    def text(self, mark: str, length: int | None = None) -> str:
        """The text planted for this mark, which a page shows."""
        return written(mark, self.evil, length)


def written(mark: str, evil: str, length: int | None = None) -> str:
    return f"m-{mark} {evil}"[:length]


def plant(evil: str, google: MemoryBackend, now: datetime) -> Desk:
    """Write ``evil`` into everything: what code, people, tasks and Google may say."""

    def say(mark: str, length: int | None = None) -> str:
        return written(mark, evil, length)

    def run(
        self: PeriodicTask,
        mode: Literal["a", "b"] = "a",
        note: str = say("default"),
        api_token: str = "",
        **more: Any,
    ) -> None:
        """What the payload form is made of."""

    run.__annotations__["mode"] = Literal[say("choice"), "plain"]  # type: ignore[valid-type]
    run.__defaults__ = ("plain", say("default"), "")
    declare(
        "Typed", run=run, schedule_description=say("doc"), schedule_body_payload={"note": say("declared")}
    )
    schedule_tasks()
    typed = row("Typed")
    edit_in_console(google, typed, "description", description=say("console", 500))
    declare("Wrong", say("faulty"))
    make_task(name=say("class"), run_every="0 1 * * *")
    ScheduledJob.objects.filter(pk=typed.pk).update(
        payload_override={"note": say("typed"), say("entry"): [say("inner"), URL], "mode": say("gone")},
        sync_state="drifted",
        sync_error=say("sync-error"),
        live={
            "description": say("live"),
            "schedule": say("live-schedule"),
            "payload": {"a": say("live-payload")},
        },
        live_seen_at=now,
    )
    job = make_job(
        make_task(name="Gone"), say("name"), pause_reason=say("reason"), paused=True, paused_at=now,
        paused_by=say("by"), declared_payload={say("entry"): say("value"), "link": URL},
        declared_description=say("description"), description_override=say("own-description"),
        schedule_override=say("schedule"), sync_state="failed", sync_error=say("not-sent"),
    )  # fmt: skip
    ScheduledJob.objects.filter(pk=job.pk).update(task=say("task"))
    job.refresh_from_db()
    own = ScheduledJob(
        name=say("own-name"), task=say("own-task"), origin="operator", schedule_override="0 1 * * *",
        description_override=say("own-doc"),
    )  # fmt: skip
    ScheduledJob.objects.bulk_create([own])
    user = User.objects.create_superuser(say("user", 150), "", "secret", first_name=say("first-name", 150))
    runs = plant_runs(job, say, now)
    ScheduledJob.objects.filter(pk=job.pk).update(
        last_run=runs["failed"], last_run_at=now, last_status="failed"
    )
    plant_audit(job, user, say)
    own = ScheduledJob.objects.get(origin="operator")
    return Desk(evil, user, signed_in(user), job, row("Typed"), own, runs)


def plant_runs(job: ScheduledJob, say: Any, now: datetime) -> dict[str, JobRun]:
    slot = now.replace(minute=0, second=0, microsecond=0)
    common: dict[str, Any] = {
        "payload": {say("run-entry"): say("run-value"), "link": URL},
        "requested_by": say("asker", 254),
        "reason": say("why"),
        "code_version": say("version", 100),
        "context": {"caller": say("caller"), "notes": [say("note"), URL]},
        "log": say("log") + "\n" + URL,
    }
    trace = (
        f'Traceback (most recent call last):\n  File "{say("path")}", line 1, in {say("function")}\n'
        f"    {say('source')}\n{say('raised')}\n"
    )
    failed = make_run(
        job, "failed", trigger="manual", started_at=now, finished_at=now, duration=timedelta(seconds=3),
        error=say("error"), traceback=trace, **common,
    )  # fmt: skip
    retry = make_run(
        job,
        "failed",
        trigger="retry",
        retry_of=failed,
        started_at=now,
        finished_at=now,
        error=say("again"),
        **common,
    )
    done = make_run(
        job, "succeeded", scheduled_for=slot, started_at=now, finished_at=now, duration=timedelta(seconds=3),
        result={say("result-entry"): [say("result"), URL]}, **common,
    )  # fmt: skip
    running = make_run(
        job, "running", scheduled_for=slot + timedelta(hours=1), started_at=now, progress_done=1, progress_total=2,
        progress_message=say("progress", 500), lease_until=now + timedelta(minutes=1), **common,
    )  # fmt: skip
    skipped = make_run(job, "skipped", scheduled_for=slot - timedelta(hours=1), error=say("skip"), **common)
    queued = ask(job, sent_at=now - timedelta(hours=1), requested_by=say("asker", 254), reason=say("why"))
    return {
        "failed": failed, "retry": retry, "succeeded": done, "running": running, "skipped": skipped,
        "queued": queued,
    }  # fmt: skip


def plant_audit(job: ScheduledJob, user: User, say: Any) -> None:
    for name, old, new in (
        ("schedule", say("old-schedule"), say("new-schedule")),
        ("payload", {say("old-entry"): say("old")}, {say("new-entry"): say("new"), "link": URL}),
        ("description", None, say("new-description")),
        ("declared_description", say("was"), say("is")),
        ("paused", False, True),
        (say("field", 64), [say("old-any")], say("new-any")),
    ):
        JobChange.record(job, {name: (old, new)}, by=say("actor", 254), reason=say("change-reason"))
    LogEntry.objects.create(
        user=user, content_type=ContentType.objects.get_for_model(ScheduledJob), object_id=str(job.pk),
        object_repr=say("repr", 200), action_flag=CHANGE, change_message=say("message"),
    )  # fmt: skip


@dataclass(frozen=True)
class Screen:
    """A page, and marks of texts that must be seen on it; ``trouble`` is what Google does meanwhile."""

    name: str
    address: str
    shows: tuple[str, ...] = ()
    data: dict[str, Any] | None = None
    form: bool = False
    trouble: str = ""
    follow: bool = False

    def __str__(self) -> str:
        return self.name


J, T, OWN = "{jobs}{job}/", "{jobs}{typed}/", "{jobs}{own}/"
REASON = {"reason": "{evil}"}
SCREENS = (
    Screen("the start of the admin", "/admin/", ("repr", "first-name")),
    Screen("the landing page", "{jobs}dashboard/", ("task",)),
    Screen("the landing page, of nobody's time", "{jobs}dashboard/?span={evil}"),
    Screen("the list", "{jobs}", ("task", "reason", "own-name", "own-task", "own-doc")),
    Screen("the list, searched", "{jobs}?q={evil}"),
    Screen("the list, filtered by what there is not", "{jobs}?state={evil}&origin={evil}", follow=True),
    Screen("a job", f"{J}change/", (
        "task", "name", "by", "reason", "not-sent", "schedule", "own-description", "error",
    )),
    Screen("the settings of a job", f"{J}settings/", (
        "task", "not-sent", "schedule", "own-description", "description", "entry", "value",
    )),
    Screen("the changes of a job", f"{J}changes/", (
        "old-schedule", "new-schedule", "old-entry", "old", "new-entry", "new", "new-description", "was", "is",
        "field", "old-any", "new-any", "actor", "change-reason",
    )),
    Screen("a job with a chart of nobody's", f"{J}change/?last={{evil}}"),
    Screen("a job with typed parameters", f"{T}settings/", ("typed", "inner", "choice", "gone", "doc", "declared", "live-schedule")),
    Screen("what was typed, with errors", f"{T}settings/", ("typed", "sent"), {
        "schedule_override": "m-sent {evil}", "time_zone_override": "{evil}", "retry_count_override": "{evil}",
        "min_backoff_override": "{evil}", "p_mode": "{evil}", "payload_raw": "[{evil}", "reason": "{evil}",
        "description_override": "{evil}",
    }, form=True),
    Screen("a preview", f"{T}settings/", ("sent",), {
        "_preview": "1", "schedule_override": "m-sent {evil}", "reason": "{evil}"}, form=True),
    Screen("two at once", f"{T}settings/", ("sent",), {
        "seen": '{{"schedule_override": "{evil}"}}', "schedule_override": "m-sent {evil}", "p_note": "m-mine {evil}"}, form=True),
    Screen("a reset of nobody's field", f"{T}settings/", ("sent",), {"_reset": "m-sent {evil}"}, form=True, follow=True),
    Screen("adding", "{jobs}add/", ("class",)),
    Screen("adding, chosen by the address", "{jobs}add/?task={evil}"),
    Screen("adding, with errors", "{jobs}add/", ("sent", "choice"), {
        "task": "shop.tasks.Typed", "name": "m-sent {evil}", "schedule_override": "{evil}", "time_zone_override": "{evil}",
        "description_override": "{evil}", "reason": "{evil}", "p_note": "{evil}", "payload_raw": "{evil}"}),
    Screen("deleting", f"{OWN}delete/", ("own-name",)),
    Screen("no deleting", f"{J}delete/", ("task",)),
    Screen("still deleting", f"{OWN}delete/", ("own-name",), REASON, follow=True),
    Screen("pausing", f"{J}pause/", ("task", "reason", "by")),
    Screen("pausing, with errors", f"{J}pause/", ("sent",), {
        "reason": "m-sent {evil}", "until_mode": "until", "until_0": "{evil}", "until_1": "{evil}", "counted": "{evil}"}, form=True),
    Screen("paused", f"{T}pause/", ("sent",), {"reason": "m-sent {evil}"}, form=True, follow=True),
    Screen("resuming", f"{J}resume/", ("task", "reason", "by")),
    Screen("resumed", f"{J}resume/", ("task",), REASON, follow=True),
    Screen("run now without a class", f"{J}run-now/", ("task",)),
    Screen("run now, typed", f"{T}run-now/", ("typed", "inner", "choice")),
    Screen("run now, with errors", f"{T}run-now/", ("sent",), {
        "reason": "", "p_note": "m-sent {evil}", "p_mode": "{evil}", "payload_raw": "{evil}"}, form=True),
    Screen("run now, changed meanwhile", f"{T}run-now/", ("sent",), {"seen": "{evil}", "reason": "m-sent {evil}"}, form=True),
    Screen("run now, asked", f"{T}run-now/", ("sent",), {"reason": "m-sent {evil}", "p_mode": '"plain"', "p_note": "{evil}"}, form=True, follow=True),
    Screen("the plan", "{jobs}plan/", ("console", "faulty")),
    Screen("the plan without Google", "{jobs}plan/", ("google",), trouble="ListJobs"),
    Screen("the plan, refused", "{jobs}plan/", (), {"d_{id}": "push", "reason": "m-sent {evil}"}, form=True, trouble="UpdateJob", follow=True),
    Screen("the plan, decided by nobody", "{jobs}plan/", ("sent",), {"d_{id}": "{evil}", "s_{id}": "{evil}", "reason": "m-sent {evil}"}),
    Screen("a decision", f"{T}drift/", ("console",)),
    Screen("a decision of nobody's", f"{T}drift/", ("sent",), {"d_{typed}": "{evil}", "s_{typed}": "{evil}", "reason": "m-sent {evil}"}),
    Screen("a decision about something else", f"{T}drift/", ("sent",), {"d_{typed}": "push", "s_{typed}": "{evil}", "reason": "m-sent {evil}"}),
    Screen("a decision without Google", f"{T}drift/", ("google",), trouble="GetJob"),
    Screen("the runs", "{runs}", ("error", "again", "skip", "asker", "task")),
    Screen("the runs, searched", "{runs}?q={evil}"),
    Screen("the runs of a job", "{runs}?job={job}", ("task", "error")),
    Screen("the runs with one error", "{runs}?error={evil}&named={evil}"),
    Screen("reruns of many", "{runs}", ("task", "error"), {
        "action": "rerun_failed", "index": "0", "_selected_action": "{failed}", "reason": "m-sent {evil}"}),
    *(Screen(f"a {status} run", f"{{runs}}{{{status}}}/change/", marks) for status, marks in {
        "failed": ("task", "error", "path", "function", "source", "raised", "log", "run-entry", "run-value",
                   "asker", "why", "version", "caller", "note"),
        "retry": ("again", "asker"),
        "succeeded": ("result-entry", "result", "log", "note", "caller"),
        "running": ("progress", "log", "caller"),
        "skipped": ("skip", "caller"),
        "queued": ("asker", "why"),
    }.items()),
    Screen("a rerun", "{runs}{failed}/rerun/", ("run-entry", "run-value", "task")),
    Screen("a rerun with changes", "{runs}{failed}/rerun/?changes=1", ("run-entry", "run-value", "task")),
    Screen("a rerun with errors", "{runs}{failed}/rerun/?changes=1", ("sent",), {"reason": "m-sent {evil}", "payload_raw": "{evil}"}, form=True),
    Screen("Django's history of a job", f"{J}history/", ("actor", "change-reason"), follow=True),
    Screen("Django's history of a run", "{runs}{failed}/history/"),
    *(Screen(f"the question of {action.name}", "{jobs}", ("task",) if action.name != "run_jobs" else (), {
        "action": action.name, "index": "0", "_selected_action": ["{job}", "{typed}", "{own}"],
    }) for action in BULK_ACTIONS),
    *(Screen(f"{action.name}, with errors", "{jobs}", ("sent",) if action.name != "reset_jobs" else (), {
        "action": action.name, "index": "0", "_selected_action": ["{job}", "{typed}", "{own}"], "confirmed": "yes",
        "seen": "{evil}", "reason": "m-sent {evil}", "until_mode": "until", "until_0": "{evil}", "until_1": "{evil}",
        "select_across": "{evil}",
    }) for action in BULK_ACTIONS),
    Screen("many pushed", "{jobs}", (), {
        "action": "sync_jobs", "index": "0", "_selected_action": ["{typed}"], "confirmed": "yes", "seen": "{seen}", "reason": "{evil}",
    }, follow=True),
    Screen("a job that there is not", "{jobs}{evil}/change/"),
    Screen("a run that there is not", "{runs}{evil}/change/"),
)  # fmt: skip


def names_of(desk: Desk) -> dict[str, str]:
    return {
        "jobs": LIST, "runs": RUNS, "evil": desk.evil, "job": str(desk.job.pk), "typed": str(desk.typed.pk),
        "own": str(desk.own.pk), "id": desk.typed.name, "seen": token_of([(desk.typed.pk, ScheduledJob.objects.get(pk=desk.typed.pk).revision)], 0),
        **{name: str(run.pk) for name, run in desk.runs.items()},
    }  # fmt: skip


def open_screen(screen: Screen, desk: Desk, google: MemoryBackend) -> str:
    """What the screen answers: the HTML of its page."""
    names = names_of(desk)
    path, _, query = screen.address.format(**{**names, "evil": quote(desk.evil)}).partition("?")
    data: dict[str, Any] = {}
    if screen.form:
        data = dict(Page(desk.client.get(path, query_string=query).content.decode()).fields())
    for key, value in (screen.data or {}).items():
        filled = [v.format(**names) for v in value] if isinstance(value, list) else value.format(**names)
        data[key.format(**names)] = filled
    if screen.trouble:

        def answer_badly(method: str, name: str, phase: str) -> None:
            if method == screen.trouble:
                raise StoreError("PERMISSION_DENIED", desk.text("google"))

        google.store.faults.intercept = answer_badly
    send = desk.client.get if screen.data is None else desk.client.post
    try:
        answer = send(f"{path}?{query}" if query else path, data, follow=screen.follow)
    finally:
        google.store.faults.intercept = None
    return answer.content.decode()
