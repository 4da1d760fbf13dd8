"""The small parts of the pages, which templates ask for by tags and filters."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import django
import pytest
import time_machine
from django.template import Context, Template
from django.utils import timezone

from scheduled_jobs.models import ScheduledJob

NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def render(source: str, **context: Any) -> str:
    html = Template("{% load scheduled_jobs %}" + source).render(Context(context))
    return re.sub(r"\s*\n\s*", " ", html).strip()


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


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("UTC", "UTC"),
        ("Europe/Lisbon", "Europe/Lisbon (UTC+00:00)"),
        ("Asia/Kathmandu", "Asia/Kathmandu (UTC+05:45)"),
        ("America/New_York", "America/New_York (UTC-05:00)"),
    ],
)
def test_a_zone_says_how_far_it_is_from_utc_now(zone: str, told: str) -> None:
    with time_machine.travel(NOW, tick=False):
        assert render("{{ zone|sj_zone }}", zone=zone) == told


def test_no_time_is_no_text() -> None:
    assert render("{{ at|sj_ago }}", at=None) == ""


def test_a_number_has_separators_whatever_the_project_has_installed() -> None:
    assert render("{{ n|sj_number }}", n=1439) == "1,439"


def test_breadcrumbs_are_written_as_this_django_writes_them(monkeypatch: pytest.MonkeyPatch) -> None:
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
    shown = render("{% sj_crumbs opts here %}", opts=ScheduledJob._meta, here="shop.tasks.SettleAll")
    assert re.search(r"shop\.<wbr>tasks\.<wbr>Settle<wbr>All ?<", shown)
