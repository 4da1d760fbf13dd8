"""``manage.py scheduled_jobs``: the admin's verbs for a terminal."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.management.commands import scheduled_jobs as command
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.services.history.retention import prune
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]
NAME = "shop--shop-tasks-One"


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("One", schedule_body_payload={"region": "emea", "api_token": "hunter2"})
    schedule_tasks()
    return row("One")


def call(*args: str) -> str:
    stdout = io.StringIO()
    call_command("scheduled_jobs", *args, stdout=stdout)
    return stdout.getvalue()


def refusal(*args: str) -> str:
    with pytest.raises(CommandError) as refused:
        call(*args)
    return str(refused.value)


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
        ({"last_status": "lost"}, "enabled", "lost"),
        ({"paused": True, "failures_in_a_row": 2}, "paused", "paused"),
        ({"retired_at": timezone.now()}, "retired", "retired"),
        ({"deleting_at": timezone.now()}, "deleting", "deleting"),
    ],
)
def test_the_terminal_says_how_a_job_is(
    job: ScheduledJob, values: dict[str, Any], state: str, health: str
) -> None:
    ScheduledJob.objects.update(**values)
    assert call("list").splitlines()[1].split()[7] == health
    assert call("show", NAME).startswith(f"{NAME}: {health}\nshop.tasks.One, code\n")
    for told in (*json.loads(call("list", "--json")), json.loads(call("show", NAME, "--json"))):
        assert (told["state"], told["health"]) == (state, health)


def test_show_puts_the_three_truths_side_by_side_and_masks_secrets(job: ScheduledJob) -> None:
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


def test_next_tells_the_runs_to_come_with_their_notices(job: ScheduledJob) -> None:
    lines = call("next", NAME, "-n", "3").splitlines()
    assert len(lines) == 4
    assert all(line.split()[1] == "09:00:00Z" for line in lines[1:])
    assert len(json.loads(call("next", "--json"))) == 10
    job.pause(reason="x")
    assert json.loads(call("next", "--json")) == []


def test_a_schedule_that_was_never_validated_hides_no_other_job(
    job: ScheduledJob,
) -> None:
    declare("Two")
    schedule_tasks()
    ScheduledJob.objects.filter(pk=job.pk).update(schedule_override="every now and then")
    said = call("list").splitlines()
    assert [line.split()[0] for line in said] == ["job", NAME, "shop--shop-tasks-Two"]
    assert "The schedule cannot be run: 'now' cannot stand, in 'every now and then'" in call("show", NAME)
    assert len(json.loads(call("next", "--json", "-n", "3"))) == 3


def test_runs_tells_the_history(job: ScheduledJob) -> None:
    JobRun.objects.create(
        job=job,
        status="failed",
        trigger="schedule",
        scheduled_for=datetime(2026, 11, 23, 9, tzinfo=UTC),
        started_at=datetime(2026, 11, 23, 9, 0, 1, tzinfo=UTC),
        duration=timedelta(seconds=4.2),
        error="ValueError: no\nmore",
        payload={"password": "hunter2"},
    )
    (line,) = call("runs", NAME, "--status", "failed").splitlines()[1:]
    assert line.split()[2:] == [
        "failed", "schedule", "2026-11-23", "09:00:00Z", "2026-11-23", "09:00:01Z", "4.2", "s", "1", "ValueError:", "no",
    ]  # fmt: skip
    assert "hunter2" not in call("runs", "--json")
    assert call("runs", "--status", "lost").splitlines()[1:] == []


def test_run_asks_google_and_says_so(google: MemoryBackend, job: ScheduledJob) -> None:
    said = call("run", NAME, "--payload", '{"region": "apac"}', "--reason", "again")
    run = JobRun.objects.get()
    assert said == f"Run {run.pk} of {NAME} is queued; Google was asked to fire it.\n"
    assert (run.payload, run.reason, run.requested_by) == ({"region": "apac"}, "again", command.who())
    assert JobChange.objects.latest("pk").via == "cli"


def test_run_refuses_a_payload_that_is_none(job: ScheduledJob) -> None:
    assert refusal("run", NAME, "--payload", "[1]").startswith("--payload is not a JSON object; write one")
    assert refusal("run", NAME, "--payload", "{").startswith("--payload is not JSON: ")


def test_run_refuses_a_payload_that_does_not_fit(job: ScheduledJob) -> None:
    def run(self: object, region: str) -> None:
        """Takes one parameter."""

    declare("One", run=run)
    assert "The payload does not fit shop.tasks.One: " in refusal("run", NAME, "--payload", '{"regoin": "x"}')


def test_run_that_google_refuses_is_an_error(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.faults.refuse("RunJob", "PERMISSION_DENIED", "no")
    assert "was not started: no. Grant" in refusal("run", NAME)


def test_waiting_tells_how_the_run_ended(
    google: MemoryBackend, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = iter(["succeeded", "failed"])

    def end(_: float) -> None:
        JobRun.objects.filter(status="queued").update(status=next(ends), error="why")

    monkeypatch.setattr(command.time, "sleep", end)
    assert call("run", NAME, "--wait").splitlines()[1].endswith("succeeded: why")
    assert refusal("run", NAME, "--wait").endswith("failed: why")


def test_pause_and_resume_are_attributed_to_the_terminal(google: MemoryBackend, job: ScheduledJob) -> None:
    assert call("pause", NAME, "--reason", "legal") == f"{NAME}: paused (synced).\n"
    job.refresh_from_db()
    assert (job.paused, job.pause_reason, job.paused_by) == (True, "legal", command.who())
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


@pytest.mark.parametrize(("verb", "n"), [("runs", "-5"), ("runs", "0"), ("next", "-1"), ("runs", "9" * 30)])
def test_a_number_of_lines_that_is_none_is_refused(job: ScheduledJob, verb: str, n: str) -> None:
    assert refusal(verb, "-n", n) == f"-n is {n}; write a whole number from 1 to 1,000,000"


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (
            "[" * 100_000,
            "--payload is nested too deeply: at most 50 objects and lists lie within one another",
        ),
        (
            '{"region": "a\\u0000"}',
            "--payload cannot be stored: region: the text holds the character U+0000, which PostgreSQL cannot store",
        ),
        ('{"region": NaN}', "--payload cannot be stored: it holds NaN or Infinity, which is not JSON"),
    ],
)
def test_run_refuses_a_payload_that_no_database_holds(job: ScheduledJob, payload: str, message: str) -> None:
    # Nobody knows what the task takes where its class is not in the code.
    registry._tasks.clear()
    assert refusal("run", NAME, "--payload", payload) == message
    assert JobRun.objects.count() == 0


def test_a_reason_is_kept_without_what_postgresql_cannot_store(job: ScheduledJob) -> None:
    call("pause", NAME, "--reason", "a\x00b\udcff")
    call("resume", NAME, "--reason", "c\x00d")
    call("run", NAME, "--reason", "e\x00f")
    assert [change.reason for change in JobChange.objects.filter(via="cli").order_by("pk")] == [
        "a\ufffdb\ufffd", "c\ufffdd", "e\ufffdf",
    ]  # fmt: skip
    assert JobRun.objects.get().reason == "e\ufffdf"


def test_a_name_that_no_database_holds_names_no_job(job: ScheduledJob) -> None:
    assert refusal("show", "a\x00\udcff").startswith("There is no job a\ufffd\ufffd; ")


def test_a_pause_that_has_ended_by_itself_is_not_resumed_by_anybody(job: ScheduledJob) -> None:
    end = datetime(2026, 11, 22, 9, tzinfo=UTC)
    ScheduledJob.objects.filter(pk=job.pk).update(paused=True, pause_reason="x", paused_until=end)
    assert refusal("resume", NAME) == f"{NAME} is not paused: its pause ended at 2026-11-22 09:00:00Z."
    assert [(c.field, c.via, c.actor_label) for c in JobChange.objects.filter(reason__gt="")] == [
        ("paused_until", "auto", ""), ("paused", "auto", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("words", [("pause", "--reason", "x"), ("resume",), ("reset",), ("run",)])
def test_a_job_that_is_being_deleted_is_left_alone(job: ScheduledJob, words: tuple[str, ...]) -> None:
    ScheduledJob.objects.filter(pk=job.pk).update(deleting_at=timezone.now(), paused=True)
    verb, *options = words
    assert refusal(verb, NAME, *options) == (
        f"{NAME} is being deleted: it can no longer be paused, resumed, reset or run"
    )


def test_a_job_that_is_deleted_while_its_run_is_asked_for_or_waited_for_is_an_error(
    job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command.time, "sleep", lambda _: job.delete())
    assert refusal("run", NAME, "--wait").endswith(" was deleted meanwhile, with its job.")
    job.pk = 99
    monkeypatch.setattr(command, "find", lambda _: job)
    assert refusal("run", NAME) == f"the job {NAME} was deleted meanwhile"


def test_reset_returns_to_the_code(google: MemoryBackend, job: ScheduledJob) -> None:
    job.schedule_override, job.retry_count_override = "0 3 * * *", 2
    job.save()
    assert call("reset", NAME, "schedule") == f"{NAME}: follows the code in schedule (synced).\n"
    job.refresh_from_db()
    assert (job.schedule_override, job.retry_count_override) == (None, 2)
    call("reset", NAME)
    job.refresh_from_db()
    assert job.retry_count_override is None
    assert refusal("reset", NAME, "colour").startswith(
        "colour cannot be reset; the fields are schedule, time_zone"
    )


def test_a_job_that_does_not_exist_and_a_task_of_two_jobs_are_told(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    assert refusal("show", "x") == "There is no job x; manage.py scheduled_jobs list shows those there are."
    ScheduledJob.objects.create(
        name="shop--own", task="shop.tasks.One", origin="operator", schedule_override="0 1 * * *"
    )
    assert refusal("show", "shop.tasks.One") == (
        f"shop.tasks.One has several jobs; name one: shop--own, {NAME}."
        if ScheduledJob.objects.first().name == "shop--own"  # type: ignore[union-attr]
        else f"shop.tasks.One has several jobs; name one: {NAME}, shop--own."
    )


# --- Retention -------------------------------------------------------------------------------------

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def run(job: ScheduledJob, status: str, days: float) -> JobRun:
    return JobRun.objects.create(
        job=job, status=status, trigger="schedule", created_at=NOW - timedelta(days=days)
    )


def kept() -> list[int]:
    return list(JobRun.objects.order_by("pk").values_list("pk", flat=True))


@override_settings(DJANGO_CLOUD_TASKS_HISTORY_MAX_AGE=30, DJANGO_CLOUD_TASKS_HISTORY_MIN_RUNS=2)
def test_old_runs_go_and_the_last_good_and_bad_one_stay(job: ScheduledJob) -> None:
    """Guards against one history limit for all jobs, which lets minutely jobs evict monthly ones."""
    old_good, last_good = run(job, "succeeded", 90), run(job, "succeeded", 80)
    last_bad, waiting = run(job, "failed", 70), run(job, "queued", 60)
    skipped, newest = run(job, "skipped", 50), [run(job, "skipped", 49), run(job, "skipped", 1)]
    assert prune(NOW, write=False) == 2
    assert old_good.pk in kept()
    assert prune(NOW) == 2
    assert kept() == [last_good.pk, last_bad.pk, waiting.pk, *(r.pk for r in newest)]
    assert skipped.pk not in kept()
    assert call("prune", "--dry-run") == "0 runs would be deleted.\n"


@override_settings(DJANGO_CLOUD_TASKS_HISTORY_MAX_AGE=None)
def test_without_an_age_everything_is_kept(job: ScheduledJob) -> None:
    run(job, "succeeded", 9000)
    assert call("prune") == "0 runs deleted.\n"


def test_retention_is_per_job(google: MemoryBackend) -> None:
    declare("Often")
    declare("Rarely")
    schedule_tasks()
    rare = run(row("Rarely"), "skipped", 900)
    for _ in range(5):
        run(row("Often"), "skipped", 900)
    with override_settings(DJANGO_CLOUD_TASKS_HISTORY_MIN_RUNS=1):
        assert prune(NOW) == 4
    assert rare.pk in kept()


def test_times_and_durations_fit_a_cell() -> None:
    values: list[Any] = [None, timedelta(minutes=3), timedelta(seconds=1.25), {"a": "ü"}]
    assert [command.cell(value) for value in values] == ["-", "0:03:00", "1.2 s", '{"a": "ü"}']


def test_a_user_without_a_name_is_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise OSError

    monkeypatch.setattr(command.getpass, "getuser", fail)
    assert command.who() == ""
