"""``scheduled_jobs pause`` and ``resume``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from django.utils import timezone

from scheduled_jobs.management.verbs import common
from scheduled_jobs.models import JobChange, ScheduledJob
from tests.management.verbs.calling import NAME, call, refusal

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


def test_pause_and_resume_are_attributed_to_the_terminal(google: MemoryBackend, job: ScheduledJob) -> None:
    assert call("pause", NAME, "--reason", "legal") == f"{NAME}: paused (synced).\n"
    job.refresh_from_db()
    assert (job.paused, job.pause_reason, job.paused_by) == (True, "legal", common.who())
    assert call("resume", NAME).startswith(f"{NAME}: resumed; nothing was fired, the next run is ")
    assert refusal("resume", NAME) == f"{NAME} is not paused."
    assert set(JobChange.objects.filter(field="paused").values_list("via", "reason")) == {
        ("cli", "legal"),
        ("cli", ""),
    }


def test_a_pause_without_a_reason_is_refused(job: ScheduledJob) -> None:
    assert refusal("pause", NAME, "--reason", " ") == "--reason is empty; say why the job is paused"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("02:00:00", 7200), ("P1D", 86400), ("2199-01-01T00:00Z", None), ("2199-01-01 00:00", None)],
)
def test_a_pause_may_have_an_end(job: ScheduledJob, text: str, seconds: int | None) -> None:
    call("pause", NAME, "--reason", "x", "--until", text)
    job.refresh_from_db()
    assert job.paused_until is not None
    if seconds is None:
        assert job.paused_until == datetime(2199, 1, 1, tzinfo=UTC)
    else:
        assert abs((job.paused_until - timezone.now()).total_seconds() - seconds) < 60


@pytest.mark.parametrize("text", ["tomorrow", "2026-13-01T00:00Z"])
def test_an_end_that_is_no_time_is_refused(job: ScheduledJob, text: str) -> None:
    assert refusal("pause", NAME, "--reason", "x", "--until", text).startswith(
        f"--until is {text!r}; write a time"
    )


def test_an_end_that_is_past_is_refused(job: ScheduledJob) -> None:
    assert "is past" in refusal("pause", NAME, "--reason", "x", "--until", "2020-01-01T00:00Z")


def test_an_end_that_is_too_far_ahead_is_refused(job: ScheduledJob) -> None:
    assert refusal("pause", NAME, "--reason", "x", "--until", "9999-12-31T23:59:59-05:00") == (
        "9999-12-31 23:59:59-05:00 is too far ahead: a pause ends by 2200-01-01; write an earlier time, or no "
        "end at all: the pause then goes on until it is resumed"
    )


@pytest.mark.parametrize("text", ["999999999 00:00:00", "99999999999999 00:00:00", "P4000000D"])
def test_a_duration_that_no_calendar_holds_is_refused(job: ScheduledJob, text: str) -> None:
    assert refusal("pause", NAME, "--reason", "x", "--until", text) == (
        f"--until is {text!r}, which is too far ahead: a pause ends by 2200-01-01; write an earlier time, or "
        "leave --until out: the pause then goes on until it is resumed"
    )


def test_the_first_moment_of_all_is_past(job: ScheduledJob) -> None:
    said = refusal("pause", NAME, "--reason", "x", "--until", "0001-01-01T00:00+09:00")
    assert said == "0001-01-01 00:00:00+09:00 cannot be told in UTC; write a time in the future"


def test_a_pause_that_ended_by_itself_is_resumed_by_nobody(job: ScheduledJob) -> None:
    end = datetime(2026, 11, 22, 9, tzinfo=UTC)
    ScheduledJob.objects.filter(pk=job.pk).update(paused=True, pause_reason="x", paused_until=end)
    assert refusal("resume", NAME) == f"{NAME} is not paused: its pause ended at 2026-11-22 09:00:00Z."
    assert [(c.field, c.via, c.actor_label) for c in JobChange.objects.filter(reason__gt="")] == [
        ("paused_until", "auto", ""), ("paused", "auto", ""),
    ]  # fmt: skip
