"""A secret is shown nowhere, whatever its key is called and however deep it lies, and a mask is never saved."""

from __future__ import annotations

import html as html_module
import io
import json
import re
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command

from scheduled_jobs.admin.actions.bulk_actions import BULK_ACTIONS
from scheduled_jobs.admin.page.same_as_shown import token_of
from scheduled_jobs.domain.payloads import MASK
from scheduled_jobs.emulator.store import StoreError
from scheduled_jobs.exceptions import DiscardTask
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.services.execution.runner import execute
from tests.support import ask, full_name, make_run
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import Page
from tests.support.people import LIST, superuser

if TYPE_CHECKING:
    from django.test import Client

    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = [pytest.mark.django_db, pytest.mark.uncounted, pytest.mark.usefixtures("no_tasks")]
RUNS = "/admin/scheduled_jobs/jobrun/"


@dataclass
class Login:
    """A value that a payload may hold, with a secret of its own."""

    user: str = "ana"
    password: str = ""


def run(
    self: PeriodicTask,
    region: str = "emea",
    api_token: str = "",
    apiKey: str = "",  # noqa: N803 – as other people's JSON has it
    login: Login | None = None,
    servers: list[dict[str, Any]] | None = None,
    **more: Any,
) -> None:
    """Parameters of every kind under which a secret may stand."""


SHAPES: dict[str, Any] = {
    "a key": {"password": "{}"},
    "another case": {"PASSWORD": "{}"},
    "camel case": {"apiKey": "{}"},
    "a longer name": {"db_password_2": "{}"},
    "a name with hyphens": {"x-api-key": "{}"},
    "a parameter": {"api_token": "{}"},
    "a dataclass": {"login": {"user": "ana", "password": "{}"}},
    "a list of objects": {"servers": [{"host": "a", "clientSecret": "{}"}, {"host": "b", "Token": "{}-2"}]},
    "deep down": {"a": [{"b": [{"c": {"Authorization": "Bearer {}"}}]}]},
    "a secret that is a list": {"credentials": ["{}", {"user": "{}-2"}]},
    "a secret with quotes": {"secret": "\"{}'</"},
    "a secret in letters that JSON writes otherwise": {"secret": "{}é\u2028"},
}
ALL_SHAPES = {key: value for shape in SHAPES.values() for key, value in shape.items()}


def fill(shape: Any, secret: str) -> Any:
    """The shape with this secret in every place that is marked for one."""
    if isinstance(shape, dict):
        return {key: fill(inner, secret) for key, inner in shape.items()}
    if isinstance(shape, list):
        return [fill(inner, secret) for inner in shape]
    return shape.replace("{}", secret)


PLACES = ("declared", "override", "was", "live", "run", "result", "new", "header", "google")
"""Where a secret of its own stands: each is named by it."""


def secret(place: str) -> str:
    return f"s3cr3t-{place}-value"


def shown_in(text: str) -> list[str]:
    """The places whose secrets are in a text, in whatever way it is written."""
    plain = html_module.unescape(text)
    return [place for place in PLACES if secret(place) in text or secret(place) in plain]


def around(text: str) -> list[str]:
    """Where in a text a secret stands."""
    plain = html_module.unescape(text)
    return [plain[max(m.start() - 90, 0) : m.end() + 20] for m in re.finditer("s3cr3t-[a-z]+-value", plain)]


@pytest.fixture
def desk(google: MemoryBackend) -> dict[str, str]:
    """A job with secrets in everything that may hold one; the names that addresses speak of."""
    declare(
        "One", run=run, schedule_body_payload=fill(ALL_SHAPES, secret("declared")),
        schedule_headers={"X-Api-Key": secret("header"), "X-Region": secret("header")},
    )  # fmt: skip
    schedule_tasks()
    job = row("One")
    job.payload_override = fill(ALL_SHAPES, secret("was"))
    job.save()
    job.payload_override = {**fill(ALL_SHAPES, secret("override")), "region": "apac"}
    job.save()
    JobChange.record(job, {"payload": (fill(ALL_SHAPES, secret("was")), None)})
    JobChange.record(job, {"declared_payload": (None, fill(ALL_SHAPES, secret("was")))})
    JobChange.record(job, {"anything": (fill(ALL_SHAPES, secret("was")), [fill(ALL_SHAPES, secret("was"))])})
    message = google.store.get_job(full_name(job))
    message.http_target.body = json.dumps(fill(ALL_SHAPES, secret("live"))).encode()
    message.http_target.headers["X-Api-Key"] = secret("live")
    google.store.update_job(message, ["http_target"])
    now = datetime.now(UTC)
    common = {"payload": fill(ALL_SHAPES, secret("run"))}
    done = make_run(
        job, "succeeded", started_at=now, finished_at=now, result=fill(ALL_SHAPES, secret("result")), **common
    )
    failed = make_run(
        job, "failed", trigger="retry", retry_of=done, started_at=now, finished_at=now, error="ValueError: no",
        traceback="Traceback (most recent call last):\nValueError: no\n", **common,
    )  # fmt: skip
    running = make_run(
        job, "running", started_at=now, lease_until=now + timedelta(minutes=1), progress_done=1, progress_total=2, **common
    )  # fmt: skip
    queued = ask(job, sent_at=now - timedelta(hours=1), **common)
    own = ScheduledJob(
        name="own", task="shop.tasks.One", origin="operator", schedule_override="0 1 * * *",
        payload_override=fill(ALL_SHAPES, secret("override")),
    )  # fmt: skip
    ScheduledJob.objects.bulk_create([own])
    return {
        "jobs": LIST, "runs": RUNS, "job": str(job.pk), "own": str(ScheduledJob.objects.get(name="own").pk),
        "id": job.name, "done": str(done.pk), "failed": str(failed.pk), "running": str(running.pk),
        "queued": str(queued.pk), "seen": token_of([(job.pk, row("One").revision)], 0),
    }  # fmt: skip


NEW = json.dumps({**fill(ALL_SHAPES, secret("new"))})
WRONG = json.dumps({**fill(ALL_SHAPES, secret("new")), "region": ["no"], "login": {"password": [secret("new")]},
                    "api_token": [secret("new")], "servers": [{"Token": secret("new")}, 1]})  # fmt: skip
GETS = (
    "{jobs}", "{jobs}{job}/change/", "{jobs}{job}/settings/", "{jobs}{job}/changes/",
    "{jobs}{own}/change/", "{jobs}{own}/settings/", "{jobs}{job}/history/", "{jobs}add/?task=shop.tasks.One", "{jobs}{own}/delete/",
    "{jobs}{job}/pause/", "{jobs}{job}/resume/", "{jobs}{job}/run-now/", "{jobs}plan/", "{jobs}{job}/drift/",
    "{runs}", "{runs}?q=s3cr3t", "{jobs}?q=s3cr3t", "{runs}{done}/change/", "{runs}{failed}/change/",
    "{runs}{running}/change/", "{runs}{queued}/change/", "{runs}{done}/rerun/",
    "{runs}{done}/rerun/?changes=1", "{runs}{failed}/rerun/?changes=1", "/admin/",
)  # fmt: skip
POSTS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("a save", "{jobs}{job}/settings/", {"payload_raw": NEW, "reason": "x", "_save": "1"}),
    ("a save that cannot be", "{jobs}{job}/settings/", {"payload_raw": WRONG, "reason": "x", "_save": "1"}),
    ("a preview", "{jobs}{job}/settings/", {"payload_raw": NEW, "_preview": "1"}),
    ("a typed secret", "{jobs}{job}/settings/", {"p_api_token": secret("new"), "p_apiKey": secret("new"), "_preview": "1"}),
    ("a typed object", "{jobs}{job}/settings/", {"p_login": json.dumps({"password": secret("new")}), "_preview": "1"}),
    ("a typed object that cannot be", "{jobs}{job}/settings/",
     {"p_login": json.dumps({"password": [secret("new")]}), "p_servers": json.dumps([{"Token": secret("new")}, 1])}),
    ("two at once", "{jobs}{job}/settings/", {"seen": "{}", "p_api_token": secret("new"), "payload_raw": NEW}),
    ("two at once, an object", "{jobs}{job}/settings/", {"seen": "{}", "p_login": json.dumps({"password": secret("new")})}),
    ("taking theirs", "{jobs}{job}/settings/", {"_take": "schedule", "payload_raw": NEW, "p_api_token": secret("new")}),
    ("a reset", "{jobs}{job}/settings/", {"_reset": "payload_override"}),
    ("a new job", "{jobs}add/", {"task": "shop.tasks.One", "name": "n", "schedule_override": "0 1 * * *", "payload_raw": NEW}),
    ("a new job that cannot be", "{jobs}add/", {"task": "shop.tasks.One", "name": "n", "payload_raw": WRONG}),
    ("a new job, typed", "{jobs}add/", {"task": "shop.tasks.One", "name": "", "p_api_token": secret("new"),
                                       "p_login": json.dumps({"password": secret("new")})}),
    ("a new job, previewed", "{jobs}add/", {"task": "shop.tasks.One", "_preview": "1", "payload_raw": NEW}),
    ("run now", "{jobs}{job}/run-now/", {"payload_raw": NEW, "reason": "x"}),
    ("run now that cannot be", "{jobs}{job}/run-now/", {"payload_raw": WRONG, "reason": "x"}),
    ("run now without a reason", "{jobs}{job}/run-now/", {"payload_raw": NEW, "reason": ""}),
    ("run now, typed", "{jobs}{job}/run-now/", {"p_api_token": secret("new"), "reason": ""}),
    ("run now, an object", "{jobs}{job}/run-now/", {"p_login": json.dumps({"password": secret("new")}), "reason": ""}),
    ("run now, changed meanwhile", "{jobs}{job}/run-now/", {"seen": "x", "payload_raw": NEW, "reason": "x"}),
    ("a rerun", "{runs}{done}/rerun/?changes=1", {"payload_raw": NEW, "reason": "x"}),
    ("a rerun that cannot be", "{runs}{done}/rerun/?changes=1", {"payload_raw": WRONG, "reason": "x"}),
    ("a rerun without a reason", "{runs}{done}/rerun/?changes=1", {"payload_raw": NEW, "reason": ""}),
    ("a push", "{jobs}plan/", {"d_{id}": "push", "reason": "x"}),
    ("an adoption", "{jobs}{job}/drift/", {"d_{job}": "adopt", "reason": "x"}),
    *((f"the question of {a.name}", "{jobs}", {"action": a.name, "index": "0", "_selected_action": "{job}"}) for a in BULK_ACTIONS),
    *((f"the doing of {a.name}", "{jobs}", {"action": a.name, "index": "0", "_selected_action": "{job}", "confirmed": "1",
       "seen": "{seen}", "reason": "x", "until_mode": "open"}) for a in BULK_ACTIONS),
)  # fmt: skip
WITHOUT_FORM = ("{jobs}", "{jobs}add/")


def named(text: str, desk: dict[str, str]) -> str:
    for name, value in desk.items():
        text = text.replace(f"{{{name}}}", value)
    return text


@pytest.mark.parametrize("address", GETS)
def test_no_page_shows_a_secret(address: str, desk: dict[str, str]) -> None:
    answer = superuser().get(named(address, desk), follow=True)
    assert answer.status_code == 200
    assert shown_in(answer.content.decode()) == []


def send(client: Client, address: str, data: dict[str, str], desk: dict[str, str]) -> Any:
    """Fill the form of the page, press its button, and go where it leads."""
    path, _, query = named(address, desk).partition("?")
    fields: dict[str, str] = {}
    if address not in WITHOUT_FORM:
        fields = Page(client.get(path, query_string=query).content.decode()).fields()
    fields |= {named(key, desk): named(value, desk) for key, value in data.items()}
    return client.post(f"{path}?{query}" if query else path, fields, follow=True)


@pytest.mark.parametrize(("name", "address", "data"), POSTS, ids=[name for name, *_ in POSTS])
def test_what_was_typed_under_a_secret_key_is_not_shown_again(
    name: str, address: str, data: dict[str, str], desk: dict[str, str]
) -> None:
    text = send(superuser(), address, data, desk).content.decode()
    assert shown_in(text) == [], around(text)


@pytest.mark.parametrize(("name", "address", "data"), POSTS, ids=[name for name, *_ in POSTS])
def test_no_answer_to_a_form_shows_a_secret(
    name: str, address: str, data: dict[str, str], desk: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    answer = send(superuser(), address, data, desk)
    assert answer.status_code == 200
    text = answer.content.decode()
    assert [place for place in shown_in(text) if place != "new"] == [], around(text)
    assert shown_in("\n".join(LogEntry.objects.values_list("change_message", flat=True))) == []
    assert shown_in(caplog.text) == []


# --- A mask that comes back ------------------------------------------------------------------------


def first_mask(value: Any) -> bool:
    return MASK in json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("page", ["settings", "run-now", "rerun"])
def test_a_form_sent_back_as_it_was_shown_keeps_every_secret(
    page: str, shape: dict[str, Any], google: MemoryBackend
) -> None:
    payload = {**fill(shape, "geheim"), "region": "emea"}
    before = deepcopy(payload)
    declare("One", run=run, schedule_body_payload={"region": "emea"})
    schedule_tasks()
    job = row("One")
    job.payload_override = payload
    job.save()
    now = datetime.now(UTC)
    over = make_run(job, "failed", payload=payload, started_at=now, finished_at=now)
    address = f"{RUNS}{over.pk}/rerun/?changes=1" if page == "rerun" else f"{LIST}{job.pk}/{page}/"
    client = superuser()
    html = client.get(address).content.decode()
    assert "geheim" not in html
    fields = Page(html).fields()
    raw = json.loads(fields["payload_raw"])
    assert first_mask(raw), "it is shown masked"
    # Another key is changed, so that the payload is written anew from what the form sends.
    raw["region"] = "apac"
    answer = client.post(address, {**fields, "payload_raw": json.dumps(raw), "reason": "x", "_save": "1"})
    assert answer.status_code == 302
    saved = row("One").payload_override if page == "settings" else JobRun.objects.latest("pk").payload
    assert saved == {**before, "region": "apac"}


@pytest.mark.parametrize("parameter", ["login", "servers"])
def test_an_object_sent_back_as_it_was_shown_keeps_its_secret(parameter: str, google: MemoryBackend) -> None:
    payload = {
        "region": "emea",
        "login": {"user": "ana", "password": "geheim"},
        "servers": [{"host": "a", "token": "geheim"}, {"host": "b", "token": "geheim2"}],
    }
    declare("One", run=run, schedule_body_payload={"region": "emea"})
    schedule_tasks()
    job = row("One")
    job.payload_override = payload
    job.save()
    client = superuser()
    for page in ("settings", "run-now"):
        address = f"{LIST}{job.pk}/{page}/"
        fields = Page(client.get(address).content.decode()).fields()
        shown = fields[f"p_{parameter}"]
        assert MASK in shown
        assert "geheim" not in shown
        changed = shown.replace('"a"', '"z"').replace('"ana"', '"zoe"')
        answer = client.post(address, {**fields, f"p_{parameter}": changed, "reason": "x", "_save": "1"})
        assert answer.status_code == 302
    expected = json.loads(json.dumps(payload[parameter]).replace('"a"', '"z"').replace('"ana"', '"zoe"'))
    assert row("One").payload_override[parameter] == expected
    assert JobRun.objects.latest("pk").payload[parameter] == expected


@pytest.mark.parametrize("page", ["settings", "run-now", "add"])
@pytest.mark.parametrize("typed", [{"password": MASK}, {"note": MASK}, {"a": [{"token": f"x{MASK}"}]}])
def test_a_mask_that_stands_for_nothing_is_refused_and_not_saved(
    page: str, typed: dict[str, Any], google: MemoryBackend
) -> None:
    declare("One", run=run)
    schedule_tasks()
    client = superuser()
    address = f"{LIST}add/" if page == "add" else f"{LIST}{row('One').pk}/{page}/"
    fields = Page(client.get(address).content.decode()).fields()
    more = (
        {"task": "shop.tasks.One", "name": "own", "schedule_override": "0 1 * * *"} if page == "add" else {}
    )
    raw = json.dumps(typed, ensure_ascii=False)
    answer = client.post(address, {**fields, **more, "payload_raw": raw, "reason": "x"})
    assert answer.status_code == 200
    told = html_module.unescape(answer.content.decode())
    assert f"there is no earlier value here that {MASK} could stand for; write the value itself" in told
    assert ScheduledJob.objects.count() == 1
    assert row("One").payload_override is None
    assert not JobRun.objects.exists()


# --- Outside the browser ---------------------------------------------------------------------------

COMMANDS = (
    ("scheduled_jobs", "list"), ("scheduled_jobs", "list", "--json"), ("scheduled_jobs", "show", "{id}"),
    ("scheduled_jobs", "show", "{id}", "--json"), ("scheduled_jobs", "next", "{id}"),
    ("scheduled_jobs", "next", "{id}", "--json"), ("scheduled_jobs", "runs"), ("scheduled_jobs", "runs", "--json"),
    ("scheduled_jobs", "runs", "{id}", "--json"), ("schedule_tasks", "--dry-run"),
    ("schedule_tasks", "--dry-run", "--json"), ("schedule_tasks", "--check"), ("schedule_tasks", "--check", "--json"),
    ("schedule_tasks",), ("schedule_tasks", "--json"), ("scheduled_jobs", "reset", "{id}"),
    ("scheduled_jobs", "run", "{id}", "--payload", WRONG), ("check",),
)  # fmt: skip


def output_of(*arguments: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except (SystemExit, Exception) as stop:  # noqa: BLE001 – what it says counts, however it ends
        err.write(str(stop))
    return out.getvalue() + err.getvalue()


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda a: " ".join(a)[:40])
def test_no_command_prints_a_secret(
    arguments: tuple[str, ...], desk: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    printed = output_of(*(named(argument, desk) for argument in arguments))
    assert printed
    assert "Traceback" not in printed
    assert shown_in(printed) == []
    assert shown_in(caplog.text) == []


def test_googles_answer_does_not_bring_a_secret_back(
    desk: dict[str, str], google: MemoryBackend, caplog: pytest.LogCaptureFixture
) -> None:
    """The service echoes what it refuses."""

    def refuse(method: str, name: str, phase: str) -> None:
        if method == "UpdateJob":
            echo = json.dumps(fill(ALL_SHAPES, secret("override")))
            raise StoreError("INVALID_ARGUMENT", f"bad: {echo}, X-Region: {secret('header')}")

    google.store.faults.intercept = refuse
    printed = output_of("schedule_tasks")
    google.store.faults.intercept = None
    assert "[!] Job failed" in printed
    job = row("One")
    assert "bad: " in job.sync_error
    assert MASK in job.sync_error
    assert shown_in(printed + job.sync_error + caplog.text) == []
    client = superuser()
    for address in (
        "{jobs}",
        "{jobs}{job}/change/",
        "{jobs}{job}/settings/",
        "{jobs}plan/",
        "{jobs}{job}/drift/",
    ):
        assert shown_in(client.get(named(address, desk)).content.decode()) == []


# --- What a task says itself -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ValueError, DiscardTask])
def test_a_task_that_quotes_its_secret_does_not_show_it(
    kind: type[Exception], google: MemoryBackend, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(self: PeriodicTask, api_token: str = "", login: Login | None = None) -> None:
        raise kind(f"cannot log in with {api_token} nor with {login}")

    payload = {"api_token": secret("run"), "login": {"user": "ana", "password": secret("run")}}
    task = declare("One", run=failing, schedule_body_payload=payload)
    schedule_tasks()
    row_of_run = make_run(row("One"), "running", payload=payload, started_at=datetime.now(UTC))
    outcome = execute(row_of_run, task, None, clock=lambda: datetime.now(UTC), report=lambda *_: None)
    assert "cannot log in with" in outcome.error
    assert MASK in outcome.error
    assert shown_in(outcome.error + outcome.traceback + caplog.text) == []
