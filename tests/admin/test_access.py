"""Every page and every action of the desk, by GET and by POST, for everybody who is not and who is allowed it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.admin.sites import site
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import Client
from django.utils import timezone

from scheduled_jobs.admin.actions.bulk_actions import BULK_ACTIONS
from scheduled_jobs.admin.page.permissions import VERBS
from scheduled_jobs.admin.page.same_as_shown import token_of
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.admin.pages import CONTROLS, Page
from tests.admin.people import LIST, permissions, signed_in, superuser
from tests.services.scheduling.declaring import declare, row, schedule_tasks
from tests.services.scheduling.test_drift import edit_in_console
from tests.support import ask, make_run

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db
RUNS = "/admin/scheduled_jobs/jobrun/"
NOBODY = "nobody"
READING = {"GetJob", "ListJobs"}


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
GETS = [
    Action("the list of jobs", "{jobs}"),
    Action("the page of a job", "{jobs}{job}/change/"),
    *(Action(f"its tab {tab}", f"{{jobs}}{{job}}/change/?tab={tab}") for tab in ("upcoming", "changes")),
    Action("Django's history of a job", "{jobs}{job}/history/"),
    Action("the list of runs", "{runs}"),
    Action("the page of a run", "{runs}{run}/change/"),
    Action("its parts for the script", "{runs}{queued}/live/"),
    Action("Django's history of a run", "{runs}{run}/history/"),
    Action("the form of a new job", "{jobs}add/", needs=("add",)),
    Action("the question before deleting", "{jobs}{own}/delete/", needs=("delete",)),
    Action("why it cannot be deleted", "{jobs}{job}/delete/", needs=("delete",)),
    Action("the form of run now", "{jobs}{job}/run-now/", needs=("run",)),
    Action("the form of a rerun", "{runs}{run}/rerun/", needs=("run",)),
    Action("the form of a rerun with changes", "{runs}{run}/rerun/?changes=1", needs=("run", "change")),
    Action("the form of a pause", "{jobs}{job}/pause/", needs=("pause",)),
    Action("the question before resuming", "{jobs}{paused}/resume/", needs=("pause",)),
    Action("the plan", "{jobs}plan/", needs=("sync",)),
    Action("the comparison", "{jobs}{job}/drift/", needs=("sync",)),
    Action("a preview by GET", "{jobs}{job}/preview/", needs=(NOBODY,)),
    Action("the schedule of a new job by GET", "{jobs}add/schedule/", needs=(NOBODY,)),
    Action("a run of nobody's", "{runs}add/", needs=(NOBODY,)),
    Action("deleting a run", "{runs}{run}/delete/", needs=(NOBODY,)),
    Action("cancelling by GET", "{runs}{queued}/cancel/", needs=("run",), answer=405),
    Action("asking again by GET", "{runs}{queued}/settle/", needs=("run",), answer=405),
]  # fmt: skip
POSTS = [
    Action("saving an override", "{jobs}{job}/change/", "post", ("change",), 302,
           {"schedule_override": "5 4 * * *", "_save": "1"}, "{jobs}{job}/change/"),
    Action("resetting a field", "{jobs}{job}/change/", "post", ("change",), 302,
           {"_reset": "description_override"}, "{jobs}{job}/change/"),
    Action("taking the other's value", "{jobs}{job}/change/", "post", ("change",), 200,
           {"_take": "schedule"}, "{jobs}{job}/change/", acts=False),
    Action("the Preview button", "{jobs}{job}/change/", "post", ("change",), 200,
           {"_preview": "1"}, "{jobs}{job}/change/", acts=False),
    Action("the preview of the script", "{jobs}{job}/preview/", "post", ("change",), 200,
           {}, "{jobs}{job}/change/", acts=False),
    Action("adding a job", "{jobs}add/", "post", ("add",), 302,
           {"task": "shop.tasks.One", "name": "mine", "schedule_override": "5 4 * * *"}),
    Action("the schedule of a new job", "{jobs}add/schedule/", "post", ("add",), 200, {}, acts=False),
    Action("the parameters of a new job", "{jobs}add/", "post", ("add",), 200, {"_choose": "1"}, acts=False),
    Action("deleting an own job", "{jobs}{own}/delete/", "post", ("delete",), 302, {"reason": "old"}),
    Action("deleting a job of the code", "{jobs}{job}/delete/", "post", (NOBODY,), data={"reason": "old"}),
    Action("run now", "{jobs}{job}/run-now/", "post", ("run",), 302,
           {"reason": "month end"}, "{jobs}{job}/run-now/", PAYLOAD),
    Action("run now with another payload", "{jobs}{job}/run-now/", "post", ("run", "change"), 302,
           {"reason": "month end", "p_region": "apac"}, "{jobs}{job}/run-now/"),
    Action("run now with a raw payload", "{jobs}{job}/run-now/", "post", ("run", "change"), 302,
           {"reason": "month end", "payload_raw": '{{"region": "apac"}}'}, "{jobs}{job}/run-now/"),
    Action("a rerun", "{runs}{run}/rerun/", "post", ("run",), 302, {}, "{runs}{run}/rerun/"),
    Action("a rerun with a payload slipped in", "{runs}{run}/rerun/", "post", (NOBODY,), 302,
           {"p_region": "apac"}, "{runs}{run}/rerun/"),
    Action("a rerun with changes", "{runs}{run}/rerun/?changes=1", "post", ("run", "change"), 302,
           {"reason": "fixed", "p_region": "apac"}, "{runs}{run}/rerun/?changes=1"),
    Action("cancelling a run", "{runs}{queued}/cancel/", "post", ("run",), 302),
    Action("asking Google again", "{runs}{queued}/settle/", "post", ("run",), 302),
    Action("pausing", "{jobs}{job}/pause/", "post", ("pause",), 302,
           {"reason": "quiet"}, "{jobs}{job}/pause/"),
    Action("counting what a pause leaves out", "{jobs}{job}/pause/", "post", ("pause",), 200,
           {"_preview": "1"}, "{jobs}{job}/pause/", acts=False),
    Action("resuming", "{jobs}{paused}/resume/", "post", ("pause",), 302, {"reason": "back"}, "{jobs}{paused}/resume/"),
    Action("looking at Google again", "{jobs}plan/", "post", ("sync",), 200, {"_look": "1"}),
    Action("pushing from the plan", "{jobs}plan/", "post", ("sync",), 302,
           {"d_{id}": "push"}, "{jobs}plan/"),
    Action("adopting from the plan", "{jobs}plan/", "post", ("sync", "change"), 302,
           {"d_{id}": "adopt"}, "{jobs}plan/"),
    Action("looking at one job again", "{jobs}{job}/drift/", "post", ("sync",), 200, {"_look": "1"}),
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
    Action("a run by POST", "{runs}{run}/change/", "post", ("change",), 405, {"status": "succeeded"}, acts=False),
    Action("the list of runs by POST", "{runs}", "post", ("change",), 405, {"action": "delete_selected"}, acts=False),
    Action("the parts for the script by POST", "{runs}{queued}/live/", "post", ("change",), 405, acts=False),
    Action("a new run by POST", "{runs}add/", "post", (NOBODY,), data={"status": "succeeded"}),
    Action("deleting a run by POST", "{runs}{run}/delete/", "post", (NOBODY,), data={"post": "yes"}),
    Action("the history of a job by POST", "{jobs}{job}/history/", "post", ("change",), 405, acts=False),
    Action("the history of a run by POST", "{runs}{run}/history/", "post", ("change",), 405, acts=False),
]  # fmt: skip

PEOPLE: dict[str, tuple[str, ...] | None] = {
    "anonymous": None,
    "staff without permissions": (),
    **{f"who may only {verb}": (verb,) for verb in VERBS},
    **{f"who may view and {verb}": ("view", verb) for verb in VERBS if verb not in ("view", "change")},
    **{f"who may all but {verb}": tuple(v for v in VERBS if v != verb) for verb in VERBS},
    "who may view, run and change": ("view", "run", "change"),
    "who may view, sync and change": ("view", "sync", "change"),
    "who may everything": VERBS,
    "who may everything and is not staff": None,
}


@pytest.fixture
def desk(google: MemoryBackend, no_tasks: None) -> dict[str, str]:
    """Jobs and runs with which every action has something to do; the names that addresses speak of."""
    for name in ("One", "Two", "Three", "Four", "Five"):
        declare(name, run=run, schedule_body_payload={"region": "emea", "api_token": "geheim"})
    schedule_tasks()
    ScheduledJob.objects.filter(task="shop.tasks.One").update(description_override="of ours")
    schedule_tasks()
    job, paused = row("One"), row("Two")
    edit_in_console(google, job, "description", description="by hand")
    ScheduledJob.objects.filter(pk=job.pk).update(sync_state="drifted")
    ScheduledJob.objects.filter(pk=paused.pk).update(
        paused=True, pause_reason="quiet", paused_at=timezone.now()
    )
    own = ScheduledJob(name="own", task="shop.tasks.One", origin="operator", schedule_override="0 1 * * *")
    ScheduledJob.objects.bulk_create([own])
    now = datetime.now(UTC)
    over = make_run(job, "failed", payload={"region": "emea"}, started_at=now, finished_at=now)
    queued = ask(row("Three"), sent_at=now - timedelta(hours=1))
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
        "seen": token_of([(job.pk, job.revision)], 0),
        "seen_paused": token_of([(paused.pk, paused.revision)], 0),
    }


@pytest.fixture
def people(db: None) -> dict[str, Client]:
    found = {}
    for n, (name, verbs) in enumerate(PEOPLE.items()):
        found[name] = Client()
        if name != "anonymous":
            is_staff = verbs is not None
            user = User.objects.create_user(f"user{n}", is_staff=is_staff)
            user.user_permissions.set(permissions(VERBS if verbs is None else verbs))
            found[name] = signed_in(user)
    return found


def allows(name: str, action: Action) -> bool:
    verbs = PEOPLE[name]
    if verbs is None or not {"view", "change"} & set(verbs):
        return False
    return set(action.needs) <= set(verbs)


def state_of_all() -> list[Any]:
    """All that an action could have changed here."""
    models = (ScheduledJob, JobRun, JobChange, LogEntry)
    return [list(model.objects.order_by("pk").values()) for model in models]  # type: ignore[attr-defined]


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


def writes(google: MemoryBackend) -> list[str]:
    return [call.method for call in google.store.faults.calls if call.method not in READING]


@pytest.mark.parametrize("action", [*GETS, *POSTS], ids=str)
def test_an_action_is_refused_to_all_who_may_not_and_changes_nothing(
    action: Action, desk: dict[str, str], people: dict[str, Client], google: MemoryBackend
) -> None:
    data = data_of(action, desk) if action.method == "post" else {}
    before = state_of_all()
    google.store.faults.calls.clear()
    for name, verbs in PEOPLE.items():
        if allows(name, action):
            continue
        answer = send(people[name], action, desk, data)
        if verbs is None:
            assert (name, answer.status_code) == (name, 302)
            assert answer["Location"].startswith("/admin/login/?next="), name
        else:
            assert (name, answer.status_code) == (name, 403)
    assert state_of_all() == before
    assert writes(google) == []
    # Whoever may compare has compared before the decision is refused.
    assert google.store.faults.calls == [] or "sync" in action.needs


@pytest.mark.parametrize("action", [a for a in chain(GETS, POSTS) if NOBODY not in a.needs], ids=str)
def test_an_action_is_done_for_all_who_may(
    action: Action, desk: dict[str, str], people: dict[str, Client], google: MemoryBackend
) -> None:
    data = data_of(action, desk) if action.method == "post" else {}
    before = state_of_all()
    allowed = [name for name in PEOPLE if allows(name, action)]
    assert allowed
    for name in allowed[:: max(len(allowed) - 1, 1)]:
        google.store.faults.calls.clear()
        with undone():
            answer = send(people[name], action, desk, data)
            assert (name, answer.status_code) == (name, action.answer)
            acted = state_of_all() != before or writes(google) != []
            assert acted == (action.method == "post" and action.acts)
        if acted:
            break


class Undone(Exception):
    pass


class undone:  # noqa: N801 – reads as what it does
    """What happens inside the block did not happen in the database."""

    def __enter__(self) -> None:
        self._atomic = transaction.atomic()
        self._atomic.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        self._atomic.__exit__(kind or Undone, error or Undone(), trace)


def test_the_table_names_every_address_that_the_desk_has() -> None:
    """An address that is added tomorrow is missing here until the table says who may use it."""
    named = {a.address.partition("?")[0] for a in chain(GETS, POSTS)}
    has: set[str] = set()
    for model, root in ((ScheduledJob, "{jobs}"), (JobRun, "{runs}")):
        for pattern in site.get_model_admin(model).get_urls():
            if pattern.name:  # the last one only leads to the page of the object
                has.add(root + str(pattern.pattern).replace("<path:object_id>", "*"))
    for key in ("job", "own", "paused", "run", "queued"):
        named = {address.replace(f"{{{key}}}", "*") for address in named}
    assert has == named


@pytest.mark.parametrize("action", POSTS, ids=str)
def test_a_form_of_another_site_does_nothing_for_anybody(
    action: Action, desk: dict[str, str], google: MemoryBackend
) -> None:
    data = data_of(action, desk)
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("maria"))
    before = state_of_all()
    google.store.faults.calls.clear()
    answer = send(client, action, desk, data)
    assert answer.status_code == 403
    assert "CSRF verification failed" in answer.content.decode()
    assert state_of_all() == before
    assert google.store.faults.calls == []


# --- What is seen ----------------------------------------------------------------------------------

SEEN = [a.address for a in GETS if not a.needs]
LOOKING = {"search", "q", "changelist-search"}


def controls_of(page: Page) -> list[str]:
    """What can be pressed or filled in on a page, but for the search of a list and Django's own frame."""
    found = []
    for element in page.of(*CONTROLS):
        around = [element, *element.parents]
        if any(e.attrs.get("id") in LOOKING or e.attrs.get("role") == "search" for e in around):
            continue
        # Django's form around a list, with nothing to press in it, and its token.
        if element.attrs.get("id") == "changelist-form" or element.attrs.get("name") == "csrfmiddlewaretoken":
            continue
        found.append(f"{element.tag} {element.attrs}")
    return found


DOING = (
    "/run-now/",
    "/pause/",
    "/resume/",
    "/drift/",
    "/delete/",
    "/add/",
    "/plan/",
    "/rerun/",
    "/cancel/",
    "/settle/",
)


@pytest.mark.parametrize("address", SEEN)
def test_a_viewer_sees_no_control(address: str, desk: dict[str, str]) -> None:
    user = User.objects.create_user("vera", is_staff=True)
    user.user_permissions.set(permissions(["view"]))
    html = signed_in(user).get(address.format(**desk)).content.decode()
    page = Page(html)
    assert controls_of(page) == []
    links = [e.attrs["href"] for e in page.elements if e.tag == "a" and "href" in e.attrs]
    assert [link for link in links if any(part in link for part in DOING)] == []


def test_who_may_see_runs_of_django_alone_sees_no_job(desk: dict[str, str]) -> None:
    """One permission opens both: a run shows its job's payload."""
    user = User.objects.create_user("vera", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_jobrun", "change_jobrun"]))
    client = signed_in(user)
    for address in SEEN:
        assert client.get(address.format(**desk)).status_code == 403


@pytest.mark.parametrize("address", ["{jobs}999999/", "{runs}999999/", "{jobs}x/", "{runs}x/"])
@pytest.mark.parametrize("page", ["change", "pause", "run-now", "drift", "rerun", "cancel", "live", "delete"])
def test_whether_there_is_a_job_is_not_told_to_those_who_may_not(
    address: str, page: str, desk: dict[str, str]
) -> None:
    client = signed_in(User.objects.create_user("noel", is_staff=True))
    for method in ("get", "post"):
        assert getattr(client, method)(f"{address.format(**desk)}{page}/").status_code in (403, 404, 302)
    assert client.get(f"{address.format(**desk)}change/").status_code == 403


# --- What is added to a form by hand ---------------------------------------------------------------

SLIPPED: dict[str, str] = {
    "paused": "on",
    "is_paused": "1",
    "paused_until": "2030-01-01",
    "paused_by": "mallory",
    "pushed_revision": "99",
    "pushed": "{}",
    "live": "{}",
    "revision": "99",
    "sync_state": "synced",
    "sync_error": "x",
    "origin": "operator",
    "operator": "mallory",
    "operator_name": "mallory",
    "requested_by": "mallory",
    "actor": "1",
    "by": "mallory",
    "via": "cli",
    "task": "shop.tasks.Five",
    "name": "other",
    "declared_schedule": "9 9 * * *",
    "declared_payload": "{}",
    "retired_at": "2026-01-01",
    "deleting_at": "2026-01-01",
    "remote_name": "projects/p/locations/l/jobs/x",
    "id": "999",
    "pk": "999",
    "job": "999",
    "job_id": "999",
    "object_id": "999",
    "status": "succeeded",
    "trigger": "schedule",
    "scheduled_for": "2026-01-01",
    "result": "{}",
    "next_run_at": "2030-01-01",
}  # fmt: skip
ACTING = [
    a for a in POSTS
    if NOBODY not in a.needs and a.acts and a.answer == 302 and a.name not in ("adding a job",)
]  # fmt: skip
NEW = {"id", "object_id", "change_message"}
"""What differs though the same is done twice: keys of new rows, and texts that name them."""


def without_new_keys(state: list[Any]) -> list[Any]:
    """The state without what tells a row from the same row made once more."""
    jobs, runs, changes, entries = [
        [{k: v for k, v in values.items() if k not in NEW} for values in rows] for rows in state
    ]
    # A run is named in the audit by its key, which a database does not give out twice.
    changes = [{**values, "new": None} if values["field"] == "run" else values for values in changes]
    return [jobs, runs, changes, entries]


@pytest.mark.parametrize("action", ACTING, ids=str)
def test_fields_that_were_slipped_into_a_form_change_nothing(
    action: Action, desk: dict[str, str], people: dict[str, Client], google: MemoryBackend
) -> None:
    data = data_of(action, desk)
    slipped = {name: value for name, value in SLIPPED.items() if name not in data}
    client = people["who may everything"]
    found = []
    with time_machine.travel(datetime.now(UTC), tick=False):
        for sent in (data, {**slipped, **data}):
            with undone():
                assert send(client, action, desk, sent).status_code == 302
                found.append(without_new_keys(state_of_all()))
            edit_in_console(google, row("One"), "description", description="by hand")
    assert found[0] == found[1]


def other_bulk(desk: dict[str, str], **more: str) -> dict[str, str]:
    return {
        "action": "pause_jobs",
        "index": "0",
        "confirmed": "yes",
        "reason": "x",
        "until_mode": "open",
        **more,
    }


def test_keys_of_other_jobs_slipped_into_a_bulk_action_are_asked_about_first(
    desk: dict[str, str], people: dict[str, Client]
) -> None:
    client = people["who may everything"]
    before = state_of_all()
    data = {**other_bulk(desk, seen=desk["seen"]), "_selected_action": [desk["job"], desk["paused"]]}
    answer = client.post(LIST, data)
    assert answer.status_code == 200
    assert "The selected jobs have changed since they were shown. Nothing was done" in answer.content.decode()
    assert state_of_all() == before


def test_a_decision_about_another_job_than_the_page_is_about_is_none(
    desk: dict[str, str], people: dict[str, Client], google: MemoryBackend
) -> None:
    edit_in_console(google, row("Five"), "description", description="by hand")
    client = people["who may everything"]
    five = row("Five").pk
    token = Page(client.get(f"{LIST}{five}/drift/").content.decode()).fields()[f"s_{five}"]
    before = state_of_all()
    google.store.faults.calls.clear()
    client.post(f"{LIST}{desk['job']}/drift/", {f"d_{five}": "adopt", f"s_{five}": token, "reason": "x"})
    assert state_of_all() == before
    # Its own key with the other job's token is not what was shown of it either.
    answer = client.post(
        f"{LIST}{desk['job']}/drift/", {f"d_{desk['job']}": "adopt", f"s_{desk['job']}": token, "reason": "x"}
    )
    assert "It has changed meanwhile." not in answer.content.decode()
    assert "It is not as it was when you decided: it has changed meanwhile." in answer.content.decode()
    assert state_of_all() == before
    assert writes(google) == []


def test_a_reset_names_a_field_of_overrides_and_nothing_else(
    desk: dict[str, str], people: dict[str, Client]
) -> None:
    client = people["who may everything"]
    before = state_of_all()
    for name in ("paused", "pushed", "declared_schedule", "name", "live", "sync_state", "__class__", "pk"):
        for suffix in ("", "_override"):
            client.post(f"{LIST}{desk['job']}/change/", {"_reset": f"{name}{suffix}", "seen": "{}"})
    assert state_of_all() == before


LISTS = ("/admin/scheduled_jobs/scheduledjob/", "/admin/scheduled_jobs/jobrun/")


@pytest.mark.parametrize("address", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "task__regex=(",
        "name__regex=((",
        "started_at__year=99999",
        "duration=x",
        "created_at__year=0&created_at__month=13",
        "created_at__year=9999",
        "created_at__year=x&created_at__day=99999999999999999999",
        "job__id__exact=99999999999999999999",
        "job__id__exact=x",
        "status=nonsense&state=nonsense",
        "o=-1.99.x&p=-7&all=",
        "nothing=1&nothing=2",
        "q=%00",
        "e=1",
    ],
)
def test_whatever_stands_in_the_address_of_a_list_is_answered_with_a_page(
    address: str, query: str, desk: dict[str, str]
) -> None:
    client = superuser("uma")
    response = client.get(f"{address}?{query}", follow=True)
    assert response.status_code == 200
    assert client.get(f"{address}?{query}&p=100000", follow=True).status_code == 200
