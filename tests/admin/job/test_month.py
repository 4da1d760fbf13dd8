"""How the runs of thirty days ended, by day and by hour of the day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from scheduled_jobs.admin.job.month import begin_of_month, draw_month
from scheduled_jobs.services.history import job_story
from scheduled_jobs.services.history.stats.reading import Unfolded
from tests.support import make_run
from tests.support.job_page import address, job, text
from tests.support.people import superuser

if TYPE_CHECKING:
    from scheduled_jobs.models import ScheduledJob

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 8, 31, tzinfo=UTC)


def drawn(row: ScheduledJob) -> Any:
    series = job_story.month_of(row, begin_of_month(row.time_zone, NOW), NOW, Unfolded.read())
    return draw_month(series, row.time_zone, NOW, lambda start, end: f"{start:%d %H:%M} to {end:%d %H:%M}")


@time_machine.travel(NOW, tick=False)
def test_each_run_is_counted_on_the_day_and_hour_of_its_zone() -> None:
    row = job(declared_time_zone="Asia/Tokyo")
    # 23:30 UTC is half past eight of the next morning in Tokyo.
    for status in ("succeeded", "succeeded", "failed", "skipped"):
        make_run(row, status, created_at=NOW.replace(day=20, hour=23, minute=30))
    month = drawn(row)
    [day] = [day for day in month["days"] if not day["is_empty"]]
    assert (day["label"], day["url"]) == (
        "Sat 21 Nov: 2 succeeded, 1 went wrong, 1 skipped or open",
        "21 00:00 to 22 00:00",
    )
    assert (day["ok"], day["bad"]) == ("40.0", "20.0")
    assert month["hours"] == [("08:00", "2 succeeded, 1 went wrong, 1 skipped or open")]
    assert month["summary"] == "The last 30 days: 66.6 % of 3 runs succeeded"
    assert [css for css, _path in month["paths"]] == ["m-ok", "m-bad"]


@time_machine.travel(NOW, tick=False)
def test_what_lies_longer_back_is_left_out_and_one_failure_is_seen() -> None:
    row = job()
    make_run(row, "succeeded", scheduled_for=NOW - timedelta(days=30))
    assert drawn(row) is None
    make_run(row, "missed", scheduled_for=NOW - timedelta(days=29))
    month = drawn(row)
    assert month["days"][0]["label"] == "Sun 25 Oct: 1 went wrong"
    assert month["summary"] == "The last 30 days: 0 % of 1 run succeeded"
    for _n in range(99):
        make_run(row, "succeeded", created_at=NOW - timedelta(days=29))
    day = drawn(row)["days"][0]
    assert (day["told"], day["bad"]) == ("99 succeeded, 1 went wrong", "4.0")


@time_machine.travel(NOW, tick=False)
def test_the_month_stands_folded_below_the_last_runs() -> None:
    row = job()
    make_run(row, "succeeded", scheduled_for=NOW - timedelta(hours=1))
    page = superuser().get(address(row)).content.decode()
    part = page.partition('data-part="month"')[2]
    assert '<details class="sj-fold sj-month">' in part
    assert "<summary>The last 30 days: 100 % of 1 run succeeded</summary>" in part
    assert "<caption>Success per day</caption>" in part
    assert "Mon 23 Nov 1 succeeded" in text(part)
    assert f"job={row.pk}&amp;start=2026-11-23T00%3A00%3A00Z&amp;end=2026-11-24T00%3A00%3A00Z" in part
