from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.template import Context, Template
from django.utils import timezone

from scheduled_jobs.admin.page.environment import environment_banner, last_look
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
    assert (found.name, found.place, found.ago) == ("shop", "shop-prod-eu / europe-west1", "2 min ago")


def test_without_an_app_name_it_says_what_the_jobs_are_in(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_BACKEND = "scheduled_jobs.backends.cloud_scheduler.CloudSchedulerBackend"
    assert environment_banner(NOW, None).name == "Google Cloud"
    settings.DJANGO_CLOUD_TASKS_BACKEND = "shop.fakes.FakeBackend"
    assert environment_banner(NOW, None).name == "FakeBackend"
    settings.DJANGO_CLOUD_TASKS_EMULATOR_HOST = "127.0.0.1:8085"
    found = environment_banner(NOW, None)
    assert (found.name, found.notes) == ("local emulator", ("emulator at 127.0.0.1:8085",))


def test_it_says_that_nothing_is_sent_to_google(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_PUSH = "off"
    assert environment_banner(NOW, None).notes == ("pushes are off: nothing is sent to Google",)
    settings.DJANGO_CLOUD_TASKS_EAGER = True
    assert environment_banner(NOW, None).notes == ("tasks run here (EAGER): nothing is sent to Google",)


def test_a_project_that_google_looks_up_is_left_out(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_PROJECT_ID = None
    assert environment_banner(NOW, None).place == "europe-west1"


@pytest.mark.django_db
def test_google_was_looked_at_when_the_job_was_that_was_seen_longest_ago() -> None:
    assert last_look() is None
    make_job(make_task(), "a", live_seen_at=NOW, sync_state="synced")
    make_job(make_task(), "b", live_seen_at=NOW - timedelta(hours=1), sync_state="synced")
    make_job(make_task(), "c")
    make_job(make_task(), "d", live_seen_at=NOW - timedelta(days=9), sync_state="failed")
    make_job(make_task(), "e", live_seen_at=NOW - timedelta(days=9), sync_state="synced", retired_at=NOW)
    assert last_look() == NOW - timedelta(hours=1)


def render(source: str, **context: Any) -> str:
    html = Template("{% load scheduled_jobs %}" + source).render(Context(context))
    return re.sub(r"\s*\n\s*", " ", html).strip()


def test_a_page_says_where_it_is() -> None:
    source = "{% include 'admin/scheduled_jobs/_env.html' %}"
    assert "not yet compared with Google" in render(source, env=environment_banner(NOW, None))
    html = render(source, env=environment_banner(NOW, NOW - timedelta(minutes=3)))
    assert "shop-prod-eu / europe-west1" in html
    assert ">checked with Google 3 min ago</time>" in html


def test_every_mark_has_its_icon_in_the_page() -> None:
    from scheduled_jobs.admin.words.badges import HEALTH_BADGES, RUN_BADGES, SYNC_BADGES
    from scheduled_jobs.models import JobRun, ScheduledJob
    from scheduled_jobs.services.history.health import Health

    icons = render("{% include 'admin/scheduled_jobs/_icons.html' %}")
    for badges, values in (
        (RUN_BADGES, JobRun.Status),
        (HEALTH_BADGES, Health),
        (SYNC_BADGES, ScheduledJob.SyncState),
    ):
        assert set(badges) == set(values)
        for badge in badges.values():
            assert f'id="sj-{badge.icon}"' in icons


def test_an_icon_is_decoration_beside_its_word() -> None:
    assert render("{% sj_icon 'ok' 'ok' large=True %}") == (
        '<svg class="sj-i lg sj-ok" aria-hidden="true"><use href="#sj-ok"/></svg>'
    )


def test_times_are_words_with_the_exact_time_beside() -> None:
    assert render("{{ at|sj_ago }}", at=timezone.now() - timedelta(hours=3)) == "3 h ago"
    lisbon = 'datetime="2026-11-23T09:30:00Z" title="2026-11-23 09:30:00 Europe/Lisbon"'
    shown = render("{% sj_time at 'Europe/Lisbon' text %}", at=NOW, text="<now>")
    assert shown == f"<time {lisbon}>&lt;now&gt;</time>"
    now = timezone.now()
    assert f">{now:%H:%M}</time>" in render("{% sj_time at 'UTC' %}", at=now)


def test_no_time_is_no_text() -> None:
    assert render("{{ at|sj_ago }}", at=None) == ""


def test_breadcrumbs_are_written_as_this_django_writes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    import django

    from scheduled_jobs.models import ScheduledJob

    source = "{% sj_crumbs opts here crumbs %}"
    context = {"opts": ScheduledJob._meta, "here": "Pause <3> jobs", "crumbs": [("Jobs", "/jobs/")]}
    monkeypatch.setattr(django, "VERSION", (6, 0, 1, "final", 0))
    assert render(source, **context) == (
        '<div class="breadcrumbs"> <a href="/admin/">Home</a> &rsaquo; <a href="/admin/scheduled_jobs/">'
        'Scheduled jobs</a> &rsaquo; <a href="/jobs/">Jobs</a> &rsaquo; Pause &lt;3&gt; jobs </div>'
    )
    monkeypatch.setattr(django, "VERSION", (6, 1, 0, "final", 0))
    assert '<li aria-current="page">Pause &lt;3&gt; jobs</li> </ol>' in render(source, **context)


def test_the_path_of_a_task_in_breadcrumbs_breaks_after_its_dots() -> None:
    from scheduled_jobs.models import ScheduledJob

    shown = render("{% sj_crumbs opts here %}", opts=ScheduledJob._meta, here="shop.tasks.SettleAll")
    assert "shop.<wbr>tasks.<wbr>Settle<wbr>All <" in shown
