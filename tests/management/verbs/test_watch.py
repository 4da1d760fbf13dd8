"""``scheduled_jobs watch``: what it prints; what it finds is ``services.monitoring.watch``'s."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError
from django.db import OperationalError

from scheduled_jobs.management.verbs import upkeep as verb
from scheduled_jobs.services import monitoring
from scheduled_jobs.services.monitoring import watch
from scheduled_jobs.testing import running_cloud_scheduler
from tests.management.verbs.calling import call
from tests.support import make_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.testing import CloudScheduler

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

START = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


@pytest.fixture
def google(monkeypatch: pytest.MonkeyPatch) -> Iterator[CloudScheduler]:
    """Two jobs, of which one was paused in the console, when nothing has arrived at nine o'clock."""
    with running_cloud_scheduler(START) as scheduler:
        make_task().schedule()
        other = make_task(name="Other").schedule()
        watch.step(scheduler.now)
        scheduler.backend.pause(scheduler.jobs[other.name].remote_name, timeout=1)
        monkeypatch.setattr(scheduler, "_send", lambda _delivery: 503)
        scheduler.advance(timedelta(minutes=36))
        yield scheduler


def test_it_prints_what_it_has_found_in_plain_words(google: CloudScheduler) -> None:
    assert call("watch").splitlines() == [
        "[missed] shop--shop-reports-Report: Due at 2026-11-23 09:00 UTC, and nothing had arrived by 09:06. Google's "
        "attempt at 2026-11-23 09:00:00 UTC got no usable answer (UNAVAILABLE).",
        "[differs] shop.reports.Other",
        "1 scheduled time looked at: 1 missed, 0 lost.",
    ]


def test_in_json_it_is_an_object(google: CloudScheduler) -> None:
    told = json.loads(call("watch", "--json"))
    [missed] = told.pop("missed")
    assert told == {
        "at": "2026-11-23T09:06:00Z", "google": "", "lost": [], "differing": ["shop.reports.Other"], "judged": 1,
        "doubtful": 0, "google_busy": 0, "settled": 0, "pushed": 0, "left": 0, "failures": [],
    }  # fmt: skip
    assert (missed["job"], missed["scheduled_for"]) == ("shop--shop-reports-Report", "2026-11-23T09:00:00Z")


def test_it_goes_on_until_it_is_stopped_whatever_the_database_says(
    google: CloudScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    steps = iter([None, OperationalError("server closed the connection"), None])
    real = watch.step

    def step(now: datetime) -> Any:
        if (error := next(steps)) is not None:
            raise error
        return real(now)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(verb.watch, "step", step)
    monkeypatch.setattr(verb.time, "sleep", sleep)
    with pytest.raises(SystemExit) as stopped:
        call("watch", "--every", "60")
    assert (stopped.value.code, slept) == (130, [60.0, 60.0, 60.0])
    with pytest.raises(CommandError, match=r"^--every is 0; write a number of seconds from 1 to 86,400$"):
        call("watch", "--every", "0")


def test_a_database_that_does_not_answer_is_told_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("connection to server failed: Connection refused\n\tIs the server running?")

    monkeypatch.setattr(verb.watch, "step", gone)
    monkeypatch.setattr(monitoring, "not_applied", gone)
    with pytest.raises(CommandError) as refused:
        call("watch", "--every", "60")
    assert str(refused.value) == (
        "The database 'default' does not answer: connection to server failed: Connection refused Is the "
        "server running?"
    )


def test_a_step_of_which_a_part_failed_exits_with_one(
    google: CloudScheduler, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_now: datetime) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(watch.execution, "expire", broken)
    with pytest.raises(SystemExit) as ended:
        call("watch")
    assert (ended.value.code, "Stopped watching" in capsys.readouterr().err) == (1, False)
