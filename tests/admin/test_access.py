"""Every page and every action of the desk, by GET and by POST, for everybody who is not and who is allowed it."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.admin.sites import site
from django.contrib.auth.models import Permission, User
from django.test import Client

from scheduled_jobs.admin.page.permissions import VERBS
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.support.console import edit_in_console
from tests.support.declaring import row
from tests.support.pages import CONTROLS, Page
from tests.support.people import LIST, codename, permissions, signed_in, staff, superuser
from tests.support.requests import GETS, NOBODY, POSTS, RUNS, Action, data_of, send, undone

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db, pytest.mark.uncounted]
READING = {"GetJob", "ListJobs"}
LANDING = "{jobs}dashboard/"
"""Leads whoever may see runs alone to these."""


PEOPLE: dict[str, tuple[str, ...] | None] = {
    "anonymous": None,
    "staff without permissions": (),
    **{f"who may only {verb}": (verb,) for verb in VERBS},
    **{f"who may view and {verb}": ("view", verb) for verb in VERBS if verb not in ("view", "change")},
    **{f"who may view, runs and {verb}": ("view", "runs", verb) for verb in VERBS[2:]},
    **{f"who may all but {verb}": tuple(v for v in VERBS if v != verb) for verb in VERBS},
    "who may view, run and change": ("view", "run", "change"),
    "who may view, sync and change": ("view", "sync", "change"),
    "who may everything": VERBS,
    "who may everything and is not staff": None,
}


class People(dict[str, Client]):
    """All of them, made at once; each signs in when a test first needs them."""

    def __init__(self) -> None:
        super().__init__(anonymous=Client())
        named = [name for name in PEOPLE if name != "anonymous"]
        users = User.objects.bulk_create(
            User(username=name, is_staff=PEOPLE[name] is not None) for name in named
        )
        self.users = dict(zip(named, users, strict=True))
        found = {permission.codename: permission for permission in permissions(VERBS)}
        granted = {verb: found[codename(verb)] for verb in VERBS}
        grant = User.user_permissions.through
        grant.objects.bulk_create(
            grant(user=user, permission=granted[verb])
            for name, user in self.users.items()
            for verb in (VERBS if PEOPLE[name] is None else PEOPLE[name] or ())
        )

    def __missing__(self, name: str) -> Client:
        self[name] = signed_in(self.users[name])
        return self[name]


@pytest.fixture
def people(db: None, settings: Any) -> People:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    return People()


def allows(name: str, action: Action) -> bool:
    verbs = PEOPLE[name]
    if verbs is None:
        return False
    sees_jobs = {"view", "change"} & set(verbs)
    if action.address.startswith("{runs}"):
        return {"runs", *action.needs} <= set(verbs) and bool(sees_jobs or not action.needs)
    return bool(sees_jobs) and set(action.needs) <= set(verbs)


def state_of_all() -> list[Any]:
    """All that an action could have changed here; not when Google was last looked at."""
    models = (ScheduledJob, JobRun, JobChange, LogEntry)
    found = [list(model.objects.order_by("pk").values()) for model in models]  # type: ignore[attr-defined]
    for job in found[0]:
        del job["live_seen_at"]
    return found


def writes(google: MemoryBackend) -> list[str]:
    return [call.method for call in google.store.faults.calls if call.method not in READING]


@pytest.mark.parametrize("action", [*GETS, *POSTS], ids=str)
def test_an_action_is_refused_to_all_who_may_not(
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
        elif action.address == LANDING and "runs" in verbs:
            assert (name, answer.status_code, answer["Location"]) == (name, 302, RUNS)
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


def test_the_table_names_every_address_that_the_desk_has() -> None:
    """An address that is added tomorrow is missing here until the table says who may use it."""
    named = {a.address.partition("?")[0] for a in chain(GETS, POSTS)}
    has: set[str] = set()
    for model, root in ((ScheduledJob, "{jobs}"), (JobRun, "{runs}")):
        for pattern in site.get_model_admin(model).get_urls():
            if pattern.name:  # the last one only leads to the page of the object
                has.add(root + str(pattern.pattern).replace("<path:object_id>", "*"))
    for key in ("job", "own", "paused", "run", "queued", "waiting"):
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
LOOKING = {"search", "q", "changelist-search", "sj-refresh"}


def controls_of(page: Page) -> list[str]:
    """What can be pressed or filled in on a page, but for search and refresh, and Django's own frame."""
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
    "/ask/",
    "/delete/",
    "/add/",
    "/plan/",
    "/rerun/",
    "/backfill/",
    "/cancel/",
    "/cancel-backfill/",
    "/settle/",
    "/dealt-with/",
)


@pytest.mark.parametrize("address", SEEN)
def test_a_viewer_sees_no_control(address: str, desk: dict[str, str]) -> None:
    html = signed_in(staff("view")).get(address.format(**desk)).getvalue().decode()
    page = Page(html)
    assert controls_of(page) == []
    links = [e.attrs["href"] for e in page.elements if e.tag == "a" and "href" in e.attrs]
    assert [link for link in links if any(part in link for part in DOING)] == []


def test_who_may_see_runs_alone_sees_no_job(desk: dict[str, str]) -> None:
    user = User.objects.create_user("vera", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=["view_jobrun", "change_jobrun"]))
    client = signed_in(user)
    for address in SEEN:
        expected = 200 if address.startswith("{runs}") else 302 if address == LANDING else 403
        assert client.get(address.format(**desk)).status_code == expected, address


JOBS_ALONE = [address for address in SEEN if address.startswith("{jobs}")]


@pytest.mark.parametrize("address", JOBS_ALONE)
def test_who_may_not_see_runs_sees_no_error_and_no_link_of_one(address: str, desk: dict[str, str]) -> None:
    run = JobRun.objects.get(pk=desk["run"])
    JobRun.objects.filter(pk=run.pk).update(error="KeyError: 'geheim'", traceback="geheim")
    ScheduledJob.objects.filter(pk=run.job_id).update(
        last_failure=run, last_run=run, last_error="KeyError: 'geheim'", failures_in_a_row=2, last_status="failed",
        last_run_at=run.at, failing_since=run.at,
    )  # fmt: skip
    everything_else = [verb for verb in VERBS if verb != "runs"]
    answer = signed_in(staff(*everything_else, runs=False)).get(address.format(**desk), follow=True)
    html = answer.content.decode()
    assert "geheim" not in html
    assert RUNS not in html
    if address in ("{jobs}", LANDING, "{jobs}{job}/change/"):
        html = signed_in(staff("view", name="vera")).get(address.format(**desk)).content.decode()
        assert "geheim" in html
        assert RUNS in html


@pytest.mark.parametrize("address", ["{jobs}999999/", "{runs}999999/", "{jobs}x/", "{runs}x/"])
@pytest.mark.parametrize("page", ["change", "pause", "run-now", "drift", "rerun", "cancel", "delete"])
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
    "actor_id": "1",
    "by": "mallory",
    "via": "cli",
    "task": "shop.tasks.Five",
    "name": "other",
    "declared_schedule": "9 9 * * *",
    "declared_payload": "{}",
    "retired_at": "2026-01-01",
    "deleting_at": "2026-01-01",
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


def test_jobs_slipped_into_a_bulk_action_are_asked_about_first(
    desk: dict[str, str], people: dict[str, Client]
) -> None:
    client = people["who may everything"]
    before = state_of_all()
    data = {**other_bulk(desk, seen=desk["seen"]), "_selected_action": [desk["job"], desk["paused"]]}
    answer = client.post(LIST, data)
    assert answer.status_code == 200
    assert "The selected jobs have changed since they were shown. Nothing was done" in answer.content.decode()
    assert state_of_all() == before


def test_a_decision_about_another_job_than_the_pages_is_none(
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
        "job=99999999999999999999",
        "job=x",
        "status=nonsense&state=nonsense",
        "o=-1.99.x&p=-7&all=",
        "nothing=1&nothing=2",
        "q=%00",
        "e=1",
    ],
)
def test_any_address_of_a_list_is_answered_with_a_page(
    address: str, query: str, desk: dict[str, str]
) -> None:
    client = superuser("uma")
    response = client.get(f"{address}?{query}", follow=True)
    assert response.status_code == 200
    assert client.get(f"{address}?{query}&p=100000", follow=True).status_code == 200
