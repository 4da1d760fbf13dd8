"""What stands under the title of every page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.template.loader import render_to_string

from scheduled_jobs.admin.page.render import environment_banner
from scheduled_jobs.models import LastList
from scheduled_jobs.services.history.looks import last_look
from tests.support import make_job, make_task

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def configured(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_APP_NAME = None
    settings.DJANGO_CLOUD_TASKS_PROJECT_ID = "shop-prod-eu"
    settings.DJANGO_CLOUD_TASKS_LOCATION = "europe-west1"


def test_the_app_gives_the_chip_its_name(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_APP_NAME = "shop"
    found = environment_banner(NOW, NOW - timedelta(minutes=2))
    assert (found["name"], found["place"], found["ago"]) == (
        "shop",
        "shop-prod-eu / europe-west1",
        "2 min ago",
    )


def test_without_an_app_name_it_says_what_the_jobs_are_in(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_BACKEND = "scheduled_jobs.backends.cloud_scheduler.CloudSchedulerBackend"
    assert environment_banner(NOW, None)["name"] == "Google Cloud"
    settings.DJANGO_CLOUD_TASKS_BACKEND = "shop.fakes.FakeBackend"
    assert environment_banner(NOW, None)["name"] == "FakeBackend"
    settings.DJANGO_CLOUD_TASKS_EMULATOR_HOST = "127.0.0.1:8085"
    found = environment_banner(NOW, None)
    assert (found["name"], found["notes"]) == ("local emulator", ["emulator at 127.0.0.1:8085"])


def test_it_says_that_nothing_is_sent_to_google(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_PUSH = "off"
    assert environment_banner(NOW, None)["notes"] == ["pushes are off: nothing is sent to Google"]
    settings.DJANGO_CLOUD_TASKS_EAGER = True
    assert environment_banner(NOW, None)["notes"] == ["tasks run here (EAGER): nothing is sent to Google"]


def test_a_project_that_google_looks_up_is_left_out(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_PROJECT_ID = None
    assert environment_banner(NOW, None)["place"] == "europe-west1"


@pytest.mark.django_db
def test_google_was_last_seen_when_the_oldest_job_was() -> None:
    assert last_look() is None
    make_job(make_task(), "a", live_seen_at=NOW, sync_state="synced")
    make_job(make_task(), "b", live_seen_at=NOW - timedelta(hours=1), sync_state="synced")
    make_job(make_task(), "c")
    make_job(make_task(), "d", live_seen_at=NOW - timedelta(days=9), sync_state="failed")
    make_job(make_task(), "e", live_seen_at=NOW - timedelta(days=9), sync_state="synced", retired_at=NOW)
    assert last_look() == NOW - timedelta(hours=1)


@pytest.mark.django_db
def test_a_list_has_looked_at_all_jobs() -> None:
    LastList.objects.create(parent="projects/p/locations/l", at=NOW)
    assert last_look() is None
    make_job(make_task(), "a", live_seen_at=NOW - timedelta(hours=1), sync_state="synced")
    assert last_look() == NOW


def test_a_page_says_where_it_is() -> None:
    def shown(seen_at: datetime | None) -> str:
        return render_to_string("admin/scheduled_jobs/_env.html", {"env": environment_banner(NOW, seen_at)})

    assert "not yet compared with Google" in shown(None)
    html = shown(NOW - timedelta(minutes=3))
    assert "shop-prod-eu / europe-west1" in html
    assert ">compared with Google 3 min ago</time>" in html
