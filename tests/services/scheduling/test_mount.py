"""The address that Google is given depends on settings alone, wherever the project has its URLs."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from django.conf.urls.i18n import i18n_patterns
from django.contrib import admin
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from django.urls import include, path, resolve, set_script_prefix, set_urlconf
from django.urls.exceptions import Resolver404
from django.utils import translation

from scheduled_jobs.services.scheduling import task_url
from scheduled_jobs.services.scheduling.faults import faults
from scheduled_jobs.services.scheduling.mount import site
from tests.support.declaring import declare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

OURS = include("scheduled_jobs.urls")
TASK = "shop.tasks.One"


def page(request: Any, **kwargs: Any) -> HttpResponse:
    """Another view of the site."""
    return HttpResponse("a page")


ADMIN = path("admin/", page, name="admin")


@contextmanager
def urls(*patterns: Any, **settings: Any) -> Iterator[None]:
    """The project's URLs, and its settings."""
    module = ModuleType("urls_of_a_test")
    module.urlpatterns = list(patterns)  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    try:
        with override_settings(ROOT_URLCONF=module.__name__, **settings):
            yield
    finally:
        del sys.modules[module.__name__]


@pytest.fixture(autouse=True)
def one_task(no_tasks: None) -> Any:
    return declare("One")


def messages() -> dict[int, str]:
    return {fault.number: str(fault) for fault in faults() if fault.holds_back}


# --- Who saves -------------------------------------------------------------------------------------


@contextmanager
def in_german() -> Iterator[None]:
    with translation.override("de"):
        yield


@contextmanager
def below_a_path_of_the_web_server() -> Iterator[None]:
    RequestFactory().get("/")
    set_script_prefix("/shop/")
    try:
        yield
    finally:
        set_script_prefix("/")


@contextmanager
def at_a_host_with_urls_of_its_own() -> Iterator[None]:
    """As django-hosts does, with ``request.urlconf``."""
    set_urlconf("django.contrib.auth.urls")
    try:
        yield
    finally:
        set_urlconf(None)


@pytest.mark.parametrize("saved", [in_german, below_a_path_of_the_web_server, at_a_host_with_urls_of_its_own])
def test_the_address_is_one_whoever_saves(saved: Callable[[], Any]) -> None:
    with urls(ADMIN, path("tasks/", OURS)), saved():
        assert task_url(TASK) == "https://shop.example.com/tasks/shop.tasks.One"
        assert site() == "https://shop.example.com"
        assert messages() == {}


# --- Where the site is mounted ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "script_name", "expected"),
    [
        ("https://shop.example.com", None, "https://shop.example.com/tasks/"),
        ("https://shop.example.com\n", None, "https://shop.example.com/tasks/"),
        (" HTTPS://Shop.Example.COM:443/ ", None, "https://shop.example.com/tasks/"),
        ("https://shop.example.com/tasks", None, "https://shop.example.com/tasks/"),
        ("https://shop.example.com/tasks/", None, "https://shop.example.com/tasks/"),
        ("https://shop.example.com/eu", None, "https://shop.example.com/eu/tasks/"),
        ("https://shop.example.com/eu/tasks", None, "https://shop.example.com/eu/tasks/"),
        ("https://shop.example.com", "/eu", "https://shop.example.com/eu/tasks/"),
        ("https://shop.example.com", "/eu/", "https://shop.example.com/eu/tasks/"),
        ("https://tasks", None, "https://tasks/tasks/"),
        ("https://bücher.example", None, "https://xn--bcher-kva.example/tasks/"),
        ("https://shop.example.com:8443", None, "https://shop.example.com:8443/tasks/"),
    ],
)
def test_the_path_of_the_site_stands_once(endpoint: str, script_name: str | None, expected: str) -> None:
    with urls(
        ADMIN,
        path("tasks/", OURS),
        DJANGO_CLOUD_TASKS_ENDPOINT=endpoint,
        FORCE_SCRIPT_NAME=script_name,
    ):
        assert task_url(TASK) == expected + TASK
        assert site() == expected.removesuffix("/tasks/")
        assert messages() == {}


def test_a_path_in_the_endpoint_and_a_script_name_are_a_fault() -> None:
    with urls(
        path("tasks/", OURS),
        DJANGO_CLOUD_TASKS_ENDPOINT="https://shop.example.com/eu",
        FORCE_SCRIPT_NAME="/eu",
    ):
        assert messages() == {
            24: "DJANGO_CLOUD_TASKS_ENDPOINT ends in /eu, and FORCE_SCRIPT_NAME is '/eu': both name the path "
            "under which the site is mounted. Write https://shop.example.com as DJANGO_CLOUD_TASKS_ENDPOINT."
        }


# --- Where the URLs are included -------------------------------------------------------------------


def test_an_include_among_translated_urls_is_a_fault() -> None:
    said = (
        "The address of tasks depends on the language: it is /en/tasks/ in en. Include scheduled_jobs.urls "
        "outside of i18n_patterns, and under a path that is not translated."
    )
    with urls(ADMIN, *i18n_patterns(path("tasks/", OURS)), LANGUAGE_CODE="en"):
        assert messages() == {21: said}
        with translation.override("de"):
            assert messages() == {21: said}
            assert task_url(TASK) == "https://shop.example.com/en/tasks/shop.tasks.One"
    bare = i18n_patterns(path("tasks/", OURS), prefix_default_language=False)
    with urls(*bare, LANGUAGE_CODE="en"):
        assert messages().keys() == {21}
    with urls(*i18n_patterns(ADMIN), path("tasks/", OURS), LANGUAGE_CODE="en"):
        assert messages() == {}


def test_an_include_at_the_root_among_pages_is_a_fault() -> None:
    with urls(path("", OURS), ADMIN):
        assert messages() == {
            22: "scheduled_jobs.urls is included at the root of the site, among other pages. Give it a path "
            'of its own: path("tasks/", include("scheduled_jobs.urls")).'
        }
        # And it takes no page away, whatever its place.
        assert resolve("/admin/").func is page
        for other in ("/robots", "/favicon.ico/", "/static/app.js", "/a b.c", "/1.2", "/x..y"):
            with pytest.raises(Resolver404):
                resolve(other)
    with urls(path("", OURS)):
        assert messages() == {}


def test_our_urls_may_be_all_that_a_service_has() -> None:
    with override_settings(ROOT_URLCONF="scheduled_jobs.urls"):
        assert messages() == {}


@pytest.mark.parametrize("include_at", ["tâches/", "our tasks/"])
def test_a_path_with_letters_that_are_escaped_is_answered_by_our_view(include_at: str) -> None:
    with urls(path(include_at, OURS)):
        assert messages() == {}


def test_a_page_that_answers_first_is_named() -> None:
    with urls(path("<path:slug>", page, name="cms-page"), path("tasks/", OURS)):
        assert messages() == {
            23: "/tasks/ is answered by cms-page, which stands before scheduled_jobs.urls. Move "
            'path("tasks/", include("scheduled_jobs.urls")) up, to the beginning of the URLs.'
        }
    with urls(path("tasks/", OURS), path("<path:slug>", page, name="cms-page")):
        assert messages() == {}


def test_a_view_of_our_name_that_is_another_packages_is_named() -> None:
    with urls(path("jobs/", OURS), path("tasks/<path:task>", page, name="tasks-endpoint")):
        assert messages() == {
            23: f"/tasks/ is answered by {__name__}.page, which stands before scheduled_jobs.urls. Move "
            'path("tasks/", include("scheduled_jobs.urls")) up, to the beginning of the URLs.'
        }
    # A view of the project's own may stand in the place of ours.
    with urls(path("tasks/<path:task>", page, name="tasks-endpoint")):
        assert messages() == {}


def test_an_include_with_a_namespace_is_named() -> None:
    with urls(path("jobs/", include(("scheduled_jobs.urls", "cron")))):
        assert messages() == {
            20: "no URL is named 'tasks-endpoint': Google has no address to call. Set "
            "DJANGO_CLOUD_TASKS_URL_NAME to 'cron:tasks-endpoint', the name under which scheduled_jobs.urls is "
            "included."
        }
        with override_settings(DJANGO_CLOUD_TASKS_URL_NAME="cron:tasks-endpoint"):
            assert messages() == {}
            assert task_url(TASK) == "https://shop.example.com/jobs/shop.tasks.One"


def test_an_include_under_a_path_with_parameters_is_named() -> None:
    with urls(path("<slug:tenant>/tasks/", OURS)):
        assert messages() == {
            20: "no URL is named 'tasks-endpoint': Google has no address to call. Include scheduled_jobs.urls "
            "under a path without parameters: there is nothing to fill in."
        }


def test_a_site_that_is_the_admin_alone_answers_first() -> None:
    with urls(path("", admin.site.urls), path("tasks/", OURS)):
        assert messages()[23].startswith("/tasks/ is answered by admin:")


def test_urls_that_cannot_be_loaded_are_a_fault() -> None:
    with override_settings(ROOT_URLCONF="no.such.module"):
        assert messages() == {
            20: "the URLs of the project cannot be loaded: No module named 'no': Google has no address to "
            "call. Mend that first: until then no page of the project is answered."
        }


@pytest.mark.parametrize("path_of_task", ["shop.tasks.One", "büro.tasks.Prüfung", "a.B"])
def test_every_name_of_a_class_has_an_address_that_leads_to_it(path_of_task: str) -> None:
    with urls(ADMIN, path("tasks/", OURS)):
        match = resolve("/tasks/" + path_of_task)
        assert (match.url_name, match.kwargs) == ("tasks-endpoint", {"task": path_of_task})


# --- What stands before the view -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"SECURE_SSL_REDIRECT": True, "DJANGO_CLOUD_TASKS_ENDPOINT": "http://shop.example.com"},
            "SECURE_SSL_REDIRECT is on, and DJANGO_CLOUD_TASKS_ENDPOINT is http://shop.example.com: each call "
            "would be redirected, and no task run. Write an https:// address as DJANGO_CLOUD_TASKS_ENDPOINT.",
        ),
        (
            {
                "SECURE_SSL_REDIRECT": True,
                "DJANGO_CLOUD_TASKS_ENDPOINT": "http://127.0.0.1:8000",
                "DJANGO_CLOUD_TASKS_EMULATOR_HOST": "127.0.0.1:8085",
            },
            "SECURE_SSL_REDIRECT is on, and DJANGO_CLOUD_TASKS_ENDPOINT is http://127.0.0.1:8000: each call "
            "would be redirected, and no task run. Set SECURE_SSL_REDIRECT to False on a developer's machine.",
        ),
        (
            {"PREPEND_WWW": True},
            "PREPEND_WWW is on, and DJANGO_CLOUD_TASKS_ENDPOINT is https://shop.example.com: each call would "
            "be redirected, and no task run. Write https://www.shop.example.com as "
            "DJANGO_CLOUD_TASKS_ENDPOINT.",
        ),
        (
            {"DISALLOWED_USER_AGENTS": ["^Google"]},
            "DISALLOWED_USER_AGENTS has '^Google' in it, by which Cloud Scheduler is answered 403. Leave "
            "'Google-Cloud-Scheduler' out of it.",
        ),
        ({"SECURE_SSL_REDIRECT": True}, None),
        (
            {
                "SECURE_SSL_REDIRECT": True,
                "SECURE_REDIRECT_EXEMPT": ["^tasks/"],
                "DJANGO_CLOUD_TASKS_ENDPOINT": "http://shop.example.com",
            },
            None,
        ),
        ({"PREPEND_WWW": True, "DJANGO_CLOUD_TASKS_ENDPOINT": "https://www.shop.example.com"}, None),
        ({"PREPEND_WWW": True, "MIDDLEWARE": []}, None),
    ],
)
def test_a_middleware_that_answers_first_is_named(settings: dict[str, Any], said: str | None) -> None:
    middleware = [
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
    ]
    with urls(path("tasks/", OURS), **{"MIDDLEWARE": middleware, **settings}):
        assert messages() == ({} if said is None else {27: said})
