from __future__ import annotations

from dataclasses import asdict

import pytest
from django.contrib.admin.sites import site
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory

from scheduled_jobs.admin.page.permissions import VERBS, allowed, may, require
from scheduled_jobs.models import ScheduledJob
from tests.support import make_job, make_task
from tests.support.people import staff

pytestmark = pytest.mark.django_db


def request_of(user: User | AnonymousUser):
    request = RequestFactory().get("/")
    request.user = user
    return request


@pytest.mark.parametrize("verb", VERBS[3:])
def test_each_permission_allows_itself_and_nothing_else(verb: str) -> None:
    found = asdict(allowed(request_of(staff("view", verb, runs=False))))
    assert [name for name, is_allowed in found.items() if is_allowed] == ["view", verb]


def test_who_may_change_may_view_as_everywhere_in_the_admin() -> None:
    found = asdict(allowed(request_of(staff("change", runs=False))))
    assert [name for name, is_allowed in found.items() if is_allowed] == ["view", "change"]


@pytest.mark.parametrize("verb", ["pause", "run", "sync", "add", "delete"])
def test_what_cannot_be_seen_cannot_be_acted_on(verb: str) -> None:
    user = staff(verb)
    assert not may(user, verb)
    with pytest.raises(PermissionDenied, match=f"You may not {verb} scheduled jobs"):
        require(request_of(user), verb)


def test_another_payload_needs_change_as_well_as_run() -> None:
    assert not allowed(request_of(staff("view", "run"))).run_with_payload
    assert allowed(request_of(staff("change", "run", name="ana"))).run_with_payload


def test_who_may_see_jobs_may_not_see_runs_by_that() -> None:
    assert not allowed(request_of(staff("view", runs=False))).runs
    found = asdict(allowed(request_of(staff("runs", name="ana"))))
    assert [name for name, is_allowed in found.items() if is_allowed] == ["runs"]
    with pytest.raises(PermissionDenied, match="You may not view runs of scheduled jobs"):
        require(request_of(staff("view", name="eva", runs=False)), "runs")


def test_a_viewer_may_do_nothing() -> None:
    assert allowed(request_of(staff("view"))).nothing
    assert not allowed(request_of(staff("view", "sync", name="ana"))).nothing


def test_nobody_may_do_nothing_at_all() -> None:
    assert not any(asdict(allowed(request_of(AnonymousUser()))).values())


def test_a_permission_that_there_is_not_is_a_mistake() -> None:
    with pytest.raises(
        ValueError, match="'fly' is no permission of a job; use one of view, runs, change, pause"
    ):
        may(staff("view"), "fly")


def test_the_codes_jobs_are_not_deleted_in_the_admin() -> None:
    model_admin = site.get_model_admin(ScheduledJob)
    request = request_of(staff("view", "delete"))
    code = make_job(make_task())
    own = make_job(make_task(), "own", origin="operator", schedule_override="0 * * * *")
    assert not model_admin.has_delete_permission(request, code)
    assert model_admin.has_delete_permission(request, own)
    assert model_admin.has_delete_permission(request)
