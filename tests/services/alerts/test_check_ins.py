"""Check-ins: what a service such as Healthchecks is told of a run, and that the run never waits for it."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.exceptions import DiscardTask
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services import execution
from scheduled_jobs.services.alerts import check_ins
from tests.support import SLOT, make_job, make_run, make_task
from tests.support.alerts import AFTER, Failing, deliver_slot, hook, wait_for

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask
    from tests.support.alerts import Hook

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
PATH = "/services/T0S3CR3T"


def checked_in(
    service: Hook, run: Any, address: str | None = None
) -> tuple[ScheduledJob, type[PeriodicTask]]:
    """A job whose task checks in there."""
    address = address or service.address
    task = make_task(run, name="Checked", schedule_ping_url=classmethod(lambda cls: address))
    return make_job(task, "shop--checked"), task


def ends(service: Hook, n: int) -> list[tuple[str, bytes]]:
    """What was told at the address, once there are so many."""
    wait_for(lambda: len(service.got) >= n)
    return [(path.removeprefix(PATH), body) for path, body in service.got]


def test_a_run_checks_in_when_it_begins_and_when_it_ends() -> None:
    with hook() as service:
        job, task = checked_in(service, lambda self: None)
        deliver_slot(job, task)
        assert ends(service, 2) == [("/start", b""), ("", b"")]


def test_a_failure_is_told_with_its_error() -> None:
    with hook() as service:
        job, task = checked_in(service, Failing().run)
        deliver_slot(job, task)
        assert ends(service, 2) == [("/start", b""), ("/fail", b"KeyError: 'PT-LIS-2'")]


def test_a_failure_that_google_tries_again_is_not_told() -> None:
    with hook() as service:
        job, task = checked_in(service, Failing().run)
        ScheduledJob.objects.update(declared_retry_count=1)
        deliver_slot(job, task)
        deliver_slot(job, task)
        assert [end for end, _body in ends(service, 3)] == ["/start", "/start", "/fail"]


def test_a_run_that_was_lost_is_a_failure() -> None:
    with hook() as service:
        job, _task = checked_in(service, lambda self: None)
        make_run(job, "running", scheduled_for=SLOT, started_at=SLOT, lease_until=SLOT)
        execution.expire(AFTER)
        check_ins.finish_check_ins()
        lost = JobRun.objects.get()
        assert ends(service, 1) == [("/fail", lost.error.encode())]

        # Google tries this one again, and that attempt tells how it ends.
        ScheduledJob.objects.update(declared_retry_count=1)
        make_run(job, "running", scheduled_for=SLOT + HOUR, started_at=SLOT + HOUR, lease_until=SLOT + HOUR)
        assert len(execution.expire(AFTER + HOUR)) == 1
        check_ins.finish_check_ins()
        assert len(service.got) == 1


def test_a_discarded_run_is_no_failure() -> None:
    def run(self: Any) -> None:
        raise DiscardTask("nothing to do")

    with hook() as service:
        job, task = checked_in(service, run)
        deliver_slot(job, task)
        assert ends(service, 2) == [("/start", b""), ("", b"")]


def test_the_query_of_an_address_stays_at_its_end() -> None:
    with hook() as service:
        job, task = checked_in(service, lambda self: None, f"{service.address}?create=1")
        deliver_slot(job, task)
        assert [end for end, _body in ends(service, 2)] == ["/start?create=1", "?create=1"]


@pytest.mark.parametrize("answer", ["hang", "drip", 500, "redirect"])
def test_no_run_waits_for_a_check_in(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    with hook(answer) as service:
        job, task = checked_in(service, lambda self: None)
        begin = time.monotonic()
        deliver_slot(job, task)
        # Of a busy machine too: a service that hangs would hold it for thirty.
        assert time.monotonic() - begin < 20
        assert JobRun.objects.get().status == JobRun.Status.SUCCEEDED
        if answer == 500:
            line = "The check-in of shop.reports.Checked at 127.0.0.1 was not taken: it answered 500"
            wait_for(lambda: caplog.messages.count(line) == 2)
    assert "T0S3CR3T" not in caplog.text


def test_a_service_that_hangs_holds_few_threads(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(check_ins, "_room", check_ins.threading.BoundedSemaphore(1))
    with hook("hang") as service:
        job, task = checked_in(service, lambda self: None)
        deliver_slot(job, task)
        said = "The check-in of shop.reports.Checked at 127.0.0.1 was not taken: too many are under way"
        assert said in caplog.messages


def test_an_address_that_is_none_changes_no_run(caplog: pytest.LogCaptureFixture) -> None:
    task = make_task(name="Checked", schedule_ping_url=classmethod(lambda cls: 1 / 0))
    deliver_slot(make_job(task, "shop--checked"), task, now=AFTER)
    assert JobRun.objects.get().status == JobRun.Status.SUCCEEDED
    assert "shop.reports.Checked: schedule_ping_url() gives no address: ZeroDivisionError" in caplog.messages
