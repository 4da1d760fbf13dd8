"""How long the last runs took, as a picture."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from scheduled_jobs.models import JobRun
from tests.support import make_run
from tests.support.job_page import (
    address,
    job,
    text,
)
from tests.support.people import superuser

pytestmark = pytest.mark.django_db


def test_fast_runs_on_one_day_have_milliseconds_and_times() -> None:
    row = job()
    for hour in range(1, 13):
        at = datetime(2026, 10, 22, hour, tzinfo=UTC)
        make_run(row, "succeeded", scheduled_for=at, started_at=at, duration=timedelta(milliseconds=30))
    page = text(superuser().get(address(row)).content.decode())
    assert "20 ms" in page
    assert "40 ms" in page
    assert "01:00 04:00 08:00 12:00" in page


def test_times_stand_below_few_bars_only_where_they_have_room() -> None:
    row, client, shown = job(), superuser(), []
    for hour in range(1, 5):
        at = datetime(2026, 10, 22, hour, tzinfo=UTC)
        make_run(row, "succeeded", scheduled_for=at, started_at=at, duration=timedelta(seconds=3))
        page = client.get(address(row)).content.decode()
        chart = page.partition('class="sj-svg sj-durations"')[2].partition("</svg>")[0]
        shown.append(re.findall(r">(\d\d:00)</text>", chart))
    assert shown == [["01:00"], ["02:00"], ["03:00"], ["01:00", "04:00"]]


def test_the_chart_has_a_mark_for_every_outcome() -> None:
    row = job()
    for status in JobRun.Status:
        lasted = timedelta(seconds=40) if status in ("succeeded", "failed", "timed_out") else None
        make_run(row, status, duration=lasted)
    page = superuser().get(address(row) + "?last=200").content.decode()
    chart = page.partition('class="sj-svg sj-durations"')[2].partition("</svg>")[0]
    for mark in ("m-ok", "m-bad", "m-lost", "m-miss", "m-skip", "m-run", "m-foot"):
        assert f'class="{mark}"' in chart, mark
    assert chart.count("<title>") == len(JobRun.Status)
