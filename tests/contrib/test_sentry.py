"""What Sentry is sent, by its own SDK, with a transport that keeps it."""

from __future__ import annotations

import json
import logging
import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sentry_sdk
from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.transport import Transport

from scheduled_jobs.contrib.sentry import receivers
from scheduled_jobs.contrib.sentry.monitors import monitor_of, slug_of
from scheduled_jobs.exceptions import DiscardTask
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services import execution
from tests.contrib.arriving import deliver, disconnect
from tests.support import SLOT, make_job, make_run, make_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sentry_sdk.envelope import Envelope

    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


class Kept(Transport):
    """Keeps what is sent, as it would go over the wire."""

    def __init__(self) -> None:
        super().__init__()
        self.items: list[tuple[str, dict[str, Any]]] = []
        self.is_broken = False

    def capture_envelope(self, envelope: Envelope) -> None:
        if self.is_broken:
            raise RuntimeError("no way out")
        self.items += [(item.type, json.loads(item.get_bytes())) for item in envelope.items]

    @property
    def check_ins(self) -> list[dict[str, Any]]:
        return [sent for kind, sent in self.items if kind == "check_in"]

    @property
    def events(self) -> list[dict[str, Any]]:
        return [sent for kind, sent in self.items if kind == "event"]


@pytest.fixture
def sentry() -> Iterator[Kept]:
    transport = Kept()
    # Nothing that it would patch for good, but what makes events of log records, as everywhere.
    sentry_sdk.init(
        dsn="https://a@sentry.invalid/1",
        transport=transport,
        environment="production",
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(), DedupeIntegration()],
    )
    config = AppConfig.create("scheduled_jobs.contrib.sentry")
    config.ready()
    yield transport
    disconnect(receivers.UID)
    sentry_sdk.get_global_scope().set_client(None)


def failing(error: BaseException) -> Any:
    def run(self: PeriodicTask, **kwargs: Any) -> None:
        raise error

    return run


# --- Check-ins ----------------------------------------------------------------------------------------


def test_a_run_checks_in_with_what_its_monitor_is_made_of(sentry: Kept) -> None:
    task = make_task(missed_grace=timedelta(seconds=90), failure_tolerance=3, recovery_tolerance=2)
    job = make_job(task, declared_time_zone="Europe/Lisbon", declared_retry_count=1)
    deliver(job, task)

    first, last = sentry.check_ins
    assert (first["status"], last["status"]) == ("in_progress", "ok")
    assert first["check_in_id"] == last["check_in_id"]
    assert (last["monitor_slug"], last["environment"], last["duration"]) == ("shop--report", "production", 0)
    assert last["monitor_config"] == first["monitor_config"] == {
        "schedule": {"type": "crontab", "value": "0 * * * *"},
        "timezone": "Europe/Lisbon",
        "checkin_margin": 2,
        "max_runtime": 7,
        "failure_issue_threshold": 3,
        "recovery_threshold": 2,
    }  # fmt: skip
    assert sentry.events == []


def test_a_failure_that_google_tries_again_is_none_yet(sentry: Kept) -> None:
    errors: Iterator[Exception | None] = iter([ValueError("a"), None])

    def run(self: PeriodicTask) -> None:
        if (error := next(errors)) is not None:
            raise error

    task = make_task(run)
    job = make_job(task, declared_retry_count=2)
    deliver(job, task)
    assert [sent["status"] for sent in sentry.check_ins] == ["in_progress"]
    deliver(job, task, after=timedelta(seconds=8))
    assert [sent["status"] for sent in sentry.check_ins] == ["in_progress", "in_progress", "ok"]
    assert len({sent["check_in_id"] for sent in sentry.check_ins}) == 1
    assert len(sentry.events) == 1


def test_the_last_failure_is_an_error(sentry: Kept) -> None:
    task = make_task(failing(ValueError("a")))
    job = make_job(task)
    deliver(job, task)
    deliver(job, task, slot=SLOT + HOUR)
    assert [sent["status"] for sent in sentry.check_ins] == ["in_progress", "error"] * 2
    assert len({sent["check_in_id"] for sent in sentry.check_ins}) == 2


def test_a_skipped_delivery_is_no_missed_check_in(sentry: Kept) -> None:
    task = make_task()
    job = make_job(task, paused=True, pause_reason="stocktaking")
    assert deliver(job, task).body["status"] == "skipped"
    assert [sent["status"] for sent in sentry.check_ins] == ["ok"]


def test_a_discarded_run_is_well(sentry: Kept) -> None:
    task = make_task(failing(DiscardTask("closed")))
    deliver(make_job(task), task)
    assert [sent["status"] for sent in sentry.check_ins] == ["in_progress", "ok"]
    assert sentry.events == []


def test_a_lost_run_is_an_error(sentry: Kept) -> None:
    make_run(make_job(make_task()), JobRun.Status.RUNNING, scheduled_for=SLOT)
    execution.expire(SLOT + HOUR)
    assert [sent["status"] for sent in sentry.check_ins] == ["error"]
    assert sentry.events == []


def test_what_has_no_scheduled_time_does_not_check_in(sentry: Kept) -> None:
    task = make_task()
    job = make_job(task)
    execution.run_eagerly(job, task)
    deliver(job, task, after=timedelta(seconds=-60))  # forced in the console: it announces the next slot
    assert [run.scheduled_for for run in JobRun.objects.all()] == [None, None]
    assert sentry.items == []


@pytest.mark.parametrize(
    ("run_every", "schedule"),
    [
        ("0 9 * * MON-FRI", {"type": "crontab", "value": "0 9 * * MON-FRI"}),
        ("@daily", {"type": "crontab", "value": "0 0 * * *"}),
        ("every monday 09:00", {"type": "crontab", "value": "0 9 * * 1"}),
        ("1,15 of jan,jul 17:30", {"type": "crontab", "value": "30 17 1,15 1,7 *"}),
        ("every 90 minutes", {"type": "interval", "value": 90, "unit": "minute"}),
        ("every 2 hours", {"type": "interval", "value": 2, "unit": "hour"}),
        ("1st,third monday of month 17:00", None),
        ("every 5 minutes from 10:00 to 14:00", None),
        ("no schedule at all", None),
    ],
)
def test_a_schedule_is_put_into_sentrys_words(run_every: str, schedule: dict[str, Any] | None) -> None:
    monitor = monitor_of(ScheduledJob(name="a", task="shop.A", declared_schedule=run_every))
    assert (None if monitor is None else monitor["schedule"]) == schedule


def test_a_slug_is_short_small_and_its_own() -> None:
    long = [ScheduledJob(name=f"Shop--{'x' * 60}-{n}") for n in range(2)]
    assert slug_of(ScheduledJob(name="Shop--a_B")) == "shop--a_b"
    assert slug_of(long[0]) != slug_of(long[1])
    assert {len(slug_of(job)) for job in long} == {50}


# --- Exceptions ---------------------------------------------------------------------------------------


def test_an_exception_comes_once_with_the_run_that_it_ended(sentry: Kept, settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_ADMIN_URL = "https://desk.example.com/admin/"
    task = make_task(failing(KeyError("PT-LIS-2")))
    deliver(make_job(task), task)
    [event] = sentry.events
    run = JobRun.objects.get()
    [error] = event["exception"]["values"]
    assert (error["type"], error["value"]) == ("KeyError", "'PT-LIS-2'")
    assert event["tags"]["scheduled_job"] == "shop--report"
    assert event["contexts"]["scheduled job"] == {
        "job": "shop--report",
        "task": "shop.reports.Report",
        "run": run.pk,
        "scheduled for": SLOT.isoformat(),
        "attempt": 1,
        "trigger": "schedule",
        "release": run.code_version,
        "link": f"https://desk.example.com/admin/scheduled_jobs/jobrun/{run.pk}/change/",
    }


def test_no_secret_of_the_payload_goes_out(sentry: Kept) -> None:
    def run(self: PeriodicTask, *, password: str) -> None:
        address = f"postgres://shop:{password}@db.example.com"
        logging.getLogger("shop").error("cannot reach %s", address)
        raise ConnectionError(address)

    task = make_task(run)
    deliver(make_job(task), task, body=b'{"password": "geheim-7"}')
    said, failed = sentry.events
    assert said["logentry"]["formatted"] == "cannot reach postgres://shop:••••••••@db.example.com"
    assert said["contexts"]["scheduled job"]["run"] == JobRun.objects.get().pk
    [error] = failed["exception"]["values"]
    assert (error["type"], error["value"]) == ("ConnectionError", "postgres://shop:••••••••@db.example.com")
    assert any(frame["function"] == "run" for frame in error["stacktrace"]["frames"])
    assert "geheim" not in json.dumps(sentry.items)


def test_what_a_run_says_of_itself_ends_with_it(sentry: Kept) -> None:
    task = make_task()
    deliver(make_job(task), task)
    sentry_sdk.capture_message("elsewhere")
    [event] = sentry.events
    assert "scheduled job" not in event["contexts"]
    assert "scheduled_job" not in event.get("tags", {})


# --- Whatever happens ---------------------------------------------------------------------------------


def test_a_sentry_that_breaks_fails_no_run(sentry: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(receivers, "capture_checkin", broken)
    sentry.is_broken = True
    task = make_task()
    assert deliver(make_job(task), task).status == 200
    assert JobRun.objects.get().status == JobRun.Status.SUCCEEDED


def test_without_a_client_nothing_is_sent() -> None:
    receivers.connect_sentry()
    try:
        task = make_task(failing(ValueError()))
        assert deliver(make_job(task), task).status == 500
    finally:
        disconnect(receivers.UID)


def test_without_the_sdk_the_app_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    with pytest.raises(ImproperlyConfigured) as refused:
        AppConfig.create("scheduled_jobs.contrib.sentry").ready()
    assert str(refused.value) == (
        "scheduled_jobs.contrib.sentry is in INSTALLED_APPS, and sentry-sdk is not installed: "
        "run pip install 'django-scheduled-jobs[sentry]', or take the app out"
    )
