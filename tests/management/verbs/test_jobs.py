"""``scheduled_jobs list`` and ``show``: how the jobs are."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.utils import timezone

from scheduled_jobs.models import ScheduledJob
from tests.management.verbs.calling import NAME, call

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


def test_list_shows_each_job_in_a_line(job: ScheduledJob) -> None:
    head, line = call("list").splitlines()
    assert head.split("  ")[0] == "job"
    assert line.startswith(f"{NAME}  0 9 * * * (UTC)  new    -         -        ")
    assert line.endswith("synced")


def test_an_empty_list_says_the_next_step(db: None) -> None:
    assert call("list") == "No jobs yet. manage.py schedule_tasks makes them from the code.\n"
    assert json.loads(call("list", "--json")) == []


def test_list_for_machines(job: ScheduledJob) -> None:
    (told,) = json.loads(call("list", "--json"))
    assert told["job"] == NAME
    assert (told["state"], told["health"], told["sync_state"]) == ("enabled", "new", "synced")
    assert told["overridden"] == []


@pytest.mark.parametrize(
    ("values", "state", "health"),
    [
        ({"failures_in_a_row": 2}, "enabled", "failing"),
        ({"paused": True}, "paused", "paused"),
        ({"paused": True, "failures_in_a_row": 2}, "paused", "failing"),
        ({"retired_at": timezone.now()}, "retired", "retired"),
        ({"deleting_at": timezone.now()}, "deleting", "deleting"),
    ],
)
def test_the_terminal_says_how_a_job_is(
    job: ScheduledJob, values: dict[str, Any], state: str, health: str
) -> None:
    ScheduledJob.objects.update(**values)
    both = f"{health}, paused" if (state, health) == ("paused", "failing") else health
    assert f" {both}  " in call("list").splitlines()[1]
    assert call("show", NAME).startswith(f"{NAME}: {both}\nshop.tasks.One, code\n")
    for told in (*json.loads(call("list", "--json")), json.loads(call("show", NAME, "--json"))):
        assert (told["state"], told["health"]) == (state, health)


def test_show_puts_the_three_values_side_by_side(job: ScheduledJob) -> None:
    job.retry_count_override = 3
    job.save()
    shown = call("show", NAME)
    lines = {line.split("  ")[0]: line.split() for line in shown.splitlines() if "  " in line}
    assert lines["retry_count"] == ["retry_count", "0", "3", "3"]
    assert "hunter2" not in shown
    assert "••••••••" in shown
    fields = json.loads(call("show", "shop.tasks.One", "--json"))["fields"]
    assert fields["retry_count"] == {"default": 0, "override": 3, "live": 3}
    assert fields["attempt_deadline"] == {"default": 180.0, "override": None, "live": 180}


def test_show_tells_of_a_pause(job: ScheduledJob) -> None:
    job.pause(reason="legal", by="maria")
    assert "Paused by maria: legal" in call("show", NAME)


TRIED = datetime(2026, 11, 23, 9, tzinfo=UTC)
SAID = (
    "Google's last attempt, 2026-11-23 09:00:00Z, got no usable answer (UNAVAILABLE, code 14) at "
    "https://shop.example.com/tasks/shop.tasks.One, and nothing arrived here."
)


@pytest.fixture
def unreachable(job: ScheduledJob) -> ScheduledJob:
    live = {**(job.live or {}), "last_attempt_time": TRIED.isoformat(), "status": 14}
    live["uri"] = "https://shop.example.com/tasks/shop.tasks.One"
    ScheduledJob.objects.update(live=live, unreachable_since=TRIED)
    return job


def test_the_terminal_says_why_nothing_arrives(unreachable: ScheduledJob) -> None:
    advice = "manage.py scheduled_jobs doctor says what answers there."
    *_, line, remedy = call("list").splitlines()
    assert line == f"{NAME}: {SAID}"
    assert (remedy.split(",")[0], remedy.endswith(advice)) == ("Nothing answered at that address", True)
    shown = call("show", NAME)
    assert shown.startswith(f"{NAME}: unreachable\n")
    assert f"{SAID} {remedy}" in shown
    (told,) = json.loads(call("list", "--json"))
    assert told["last_attempt"] == {
        "at": "2026-11-23T09:00:00Z",
        "code": 14,
        "told": "got no usable answer",
        "address": "https://shop.example.com/tasks/shop.tasks.One",
        "arrived": False,
    }


def test_an_attempt_that_arrived_is_told_without_a_remedy(unreachable: ScheduledJob) -> None:
    ScheduledJob.objects.update(last_delivery_at=TRIED)
    assert len(call("list").splitlines()) == 2
    shown = call("show", NAME)
    assert (
        "Google's last attempt, 2026-11-23 09:00:00Z, got no usable answer (UNAVAILABLE, code 14)." in shown
    )
    assert "doctor" not in shown
    (told,) = json.loads(call("list", "--json"))
    assert told["last_attempt"]["arrived"] is True


def test_a_job_never_tried_has_no_last_attempt(job: ScheduledJob) -> None:
    (told,) = json.loads(call("list", "--json"))
    assert told["last_attempt"] is None
    assert "last attempt" not in call("show", NAME)
