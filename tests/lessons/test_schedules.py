"""When jobs run: on each clock, in each zone, and each by its own schedule."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.testing import running_cloud_scheduler
from tests.lessons.doors import (
    LIST,
    change,
    declare,
    job_page,
    live,
    page_of,
    press,
    row,
    schedule_tasks,
    superuser,
    terminal,
    text_of,
)

if TYPE_CHECKING:
    from scheduled_jobs.testing import CloudScheduler

AUTUMN = datetime(2026, 10, 24, 12, tzinfo=UTC)  # the Saturday before clocks go back in Lisbon
SPRING = datetime(2027, 3, 27, 12, tzinfo=UTC)  # the Saturday before they go forward


def slots() -> list[str]:
    runs = JobRun.objects.filter(status="succeeded").order_by("pk")
    return [f"{run.scheduled_for:%a %H:%M}" for run in runs if run.scheduled_for]


@pytest.mark.parametrize(
    ("schedule", "zone", "expected"),
    [
        ("0 9 * * MON-FRI", "America/New_York", ["Mon 14:00", "Tue 14:00", "Wed 14:00"]),
        ("30 0 * * *", "Asia/Kolkata", ["Mon 19:00", "Tue 19:00", "Wed 19:00"]),
        ("every monday 12:00", "Pacific/Auckland", []),
    ],
)
def test_a_schedule_with_a_time_zone_really_runs(
    google: CloudScheduler, schedule: str, zone: str, expected: list[str]
) -> None:
    """celery/django-celery-beat #875: since 2.8 crontabs with a time zone silently never run."""
    declare("Digest", schedule, schedule_time_zone=zone)
    schedule_tasks()
    foretold = [f"{at:%a %H:%M}" for at in row("Digest").upcoming(3)]
    google.advance(timedelta(days=3))
    assert slots() == expected
    google.advance(timedelta(days=20))
    assert slots()[:3] == foretold


def test_no_day_runs_an_hour_off_when_the_clocks_change(no_tasks: None, transactional_db: None) -> None:
    """celery/django-celery-beat #194: on the days of the change tasks run an hour off."""
    for start, expected in ((AUTUMN, ["Sun 09:00", "Mon 09:00"]), (SPRING, ["Sun 08:00", "Mon 08:00"])):
        with running_cloud_scheduler(start) as google:
            JobRun.objects.all().delete()
            declare("Digest", "0 9 * * *", schedule_time_zone="Europe/Lisbon")
            schedule_tasks()
            google.advance(timedelta(days=2))
            assert slots() == expected
            ScheduledJob.objects.all().delete()


def test_the_preview_marks_a_time_that_does_not_exist(no_tasks: None, transactional_db: None) -> None:
    """celery/django-celery-beat #285: a time in the spring gap crashes or runs when nobody expects it."""
    with running_cloud_scheduler(SPRING):
        declare("Digest", "30 1 * * *", schedule_time_zone="Europe/Lisbon")
        schedule_tasks()
        notice = "01:30 does not exist on 28 March 2027: skipped"
        first = terminal("next", "shop.tasks.Digest").splitlines()[1]
        assert first == f"2027-03-29 00:30:00Z  shop--shop-tasks-Digest  {notice}"
        assert notice in text_of(page_of(superuser(), job_page(row("Digest"))))


def test_the_preview_marks_a_time_that_occurs_twice(no_tasks: None, transactional_db: None) -> None:
    """celery/django-celery-beat #134: nobody is told what happens in the hour that comes twice."""
    with running_cloud_scheduler(AUTUMN):
        declare("Digest", "0 9 * * *", schedule_time_zone="Europe/Lisbon")
        schedule_tasks()
        typed = {"schedule_override": "30 1 * * *"}
        answer = press(superuser(), job_page(row("Digest"), "settings"), "_preview", **typed)
        said = text_of(answer.content.decode())
        assert "Preview, not saved yet" in said
        assert "01:30 occurs twice on 25 October 2026" in said
        assert row("Digest").schedule == "0 9 * * *"


def test_editing_one_job_changes_no_other_of_its_schedule(google: CloudScheduler) -> None:
    """celery/django-celery-beat #322: a schedule is a shared row, and editing it changes other tasks."""
    for name in ("One", "Two"):
        declare(name)
    schedule_tasks()
    before = ScheduledJob.objects.values().get(task="shop.tasks.Two")
    change(row("One"), schedule_override="0 3 * * *", time_zone_override="Asia/Tokyo")
    assert ScheduledJob.objects.values().get(task="shop.tasks.Two") == before
    assert (live(google, "One")["schedule"], live(google, "Two")["schedule"]) == ("0 3 * * *", "0 9 * * *")


def test_two_jobs_of_one_task_and_schedule_are_each_their_own(google: CloudScheduler) -> None:
    """celery/django-celery-beat #742: deleting duplicate schedules deleted users' tasks with them."""
    declare("Digest", run=lambda self, region="emea": region)
    schedule_tasks()
    second = ScheduledJob(
        name="shop--second",
        task="shop.tasks.Digest",
        origin="operator",
        schedule_override="0 9 * * *",
        payload_override={"region": "apac"},
    )
    second.full_clean()
    second.save()
    google.advance(timedelta(hours=1))
    results = JobRun.objects.order_by("job__name").values_list("job__name", "result")
    assert list(results) == [("shop--second", "apac"), ("shop--shop-tasks-Digest", "emea")]
    second.delete()
    assert list(google.jobs) == ["shop--shop-tasks-Digest"]
    assert len(google.advance(timedelta(days=1))) == 1


@pytest.mark.parametrize(
    "hostile",
    [
        "0 0 1--100000000 * *",
        "0-99999999999999999999 * * * *",
        "*/99999999999 * * * *",
        ",".join(["0-59"] * 2000) + " * * * *",
        "0 0 30 2 *",
        "every 99999999999999 minutes",
        "0 0 * * * *",
        "\u0660 \u0660 * * *",
    ],
)
def test_a_hostile_schedule_is_refused_at_once(google: CloudScheduler, hostile: str) -> None:
    """oban_web 2.12.5: describing "0 0 1--100000000 * *" exhausted the memory."""
    declare("Digest")
    schedule_tasks()
    client = superuser()
    started = time.perf_counter()
    for button in ("_preview", "_save"):
        answer = press(client, job_page(row("Digest"), "settings"), button, schedule_override=hostile)
        assert answer.status_code == 200
    assert time.perf_counter() - started < 60
    assert "Nothing was saved" in text_of(answer.content.decode())
    assert row("Digest").schedule_override is None
    declare("Digest", hostile)
    output = schedule_tasks()
    assert output.code == 1
    assert output.lines[0].startswith("[!] Job failed: shop.tasks.Digest: run_every: ")
    assert live(google, "Digest")["schedule"] == "0 9 * * *"


def test_the_list_shows_what_matters(google: CloudScheduler) -> None:
    """celery/django-celery-beat #620: the list shows neither the last run nor the next."""

    def fail(self: object) -> None:
        raise ValueError("no stock")

    declare("Digest", "0 9 * * MON-FRI", schedule_time_zone="Europe/Lisbon", run=fail)
    schedule_tasks()
    google.advance(timedelta(hours=1))
    page = page_of(superuser(), LIST)
    said = text_of(page.partition("<tbody")[2].partition("</tbody>")[0])
    for part in (
        "Failing",
        "At 09:00, Monday to Friday",
        "0 9 * * MON-FRI",
        "30 min ago",
        "Tue 09:00",
        "ValueError: no stock",
    ):
        assert part in said, said
    assert 'aria-label="Last run: failed"' in page or 'aria-label="Last 1 run' in page
    (line,) = terminal("list").splitlines()[1:]
    assert line.split("  ")[0] == "shop--shop-tasks-Digest"
    for part in ("0 9 * * MON-FRI (Europe/Lisbon)", "failing", "failed", "2026-11-24 09:00:00Z", "synced"):
        assert part in line, line
