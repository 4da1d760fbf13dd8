"""What is done on commit may fail, and whoever has written the row hears nothing of it but the log's line."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling import deleting, run_now
from scheduled_jobs.services.scheduling.push import on_commit
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("One")
    schedule_tasks()
    return row("One")


def breaks(*_: object, **__: object) -> None:
    raise RuntimeError("a fault of our own")


def line(caplog: pytest.LogCaptureFixture) -> str:
    """What Django has logged, with the traceback."""
    (record,) = [record for record in caplog.records if record.name == "django.db.backends.base"]
    assert record.exc_info is not None
    return record.getMessage()


def test_a_save_returns_although_its_push_breaks(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(on_commit, "push_jobs", breaks)
    job.schedule_override = "0 3 * * *"
    job.save()
    assert (row("One").schedule, row("One").sync_state) == ("0 3 * * *", "pending")
    assert line(caplog) == ("Error calling breaks in on_commit() during transaction (a fault of our own).")


def test_a_save_waits_for_google_as_long_as_two_calls_may_take(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushes: list[tuple[float, list[int]]] = []

    def begin(until: float) -> SimpleNamespace:
        return SimpleNamespace(run=lambda pks: pushes.append((until, pks)))

    monkeypatch.setattr(on_commit, "time", SimpleNamespace(monotonic=lambda: 100.0))
    monkeypatch.setattr(on_commit, "Push", begin)
    job.schedule_override = "0 3 * * *"
    job.save()
    assert pushes == [(120.0, [job.pk])]


def test_a_pause_returns_although_its_push_breaks(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(on_commit, "push_jobs", breaks)
    job.pause(reason="legal")
    assert (row("One").paused, row("One").sync_state) == (True, "pending")
    assert "Error calling breaks in on_commit()" in line(caplog)


def test_a_run_is_queued_although_asking_google_breaks(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(run_now, "fire", breaks)
    assert job.run_now().status == "queued"
    assert "Error calling breaks in on_commit()" in line(caplog)


def test_a_row_is_deleted_although_deleting_its_job_breaks(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deleting, "_delete", breaks)
    job.delete()
    assert not ScheduledJob.objects.exists()
    assert "Error calling breaks in on_commit()" in line(caplog)
