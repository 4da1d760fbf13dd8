"""A row: what the code declares, what a person overrides, and what is in force."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from scheduled_jobs.domain.limits import LATEST_PAUSE, LONGER
from scheduled_jobs.exceptions import BeingDeleted, InvalidPayload
from scheduled_jobs.models import GoogleName, JobChange, JobRun, JobVersion, Lease, ScheduledJob, attribution
from scheduled_jobs.models.in_force import seen_differences
from scheduled_jobs.services.scheduling import push_jobs
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]


def takes_a_region(self: object, region: str = "emea", limit: int = 5) -> None:
    """What the task of these tests runs."""


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("One", run=takes_a_region)
    schedule_tasks()
    return row("One")


def errors(job: ScheduledJob) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refused:
        job.full_clean()
    return refused.value.message_dict


# --- What is in force ------------------------------------------------------------------------------


def test_an_override_wins_and_null_follows_the_code(job: ScheduledJob) -> None:
    assert (job.schedule, job.retry_count, job.payload) == ("0 9 * * *", 0, {})
    job.schedule_override, job.retry_count_override, job.payload_override = "0 3 * * *", 0, {"limit": 1}
    assert (job.schedule, job.retry_count, job.payload) == ("0 3 * * *", 0, {"limit": 1})
    job.description_override = ""
    job.declared_description = "From the code."
    assert job.description == ""


def test_what_is_in_force_cannot_be_assigned(job: ScheduledJob) -> None:
    with pytest.raises(AttributeError, match="schedule is what is in force; set schedule_override"):
        job.schedule = "0 3 * * *"


def test_what_was_seen_is_compared_with_what_is_in_force(job: ScheduledJob) -> None:
    assert job.live is not None
    assert seen_differences(job) == {}
    job.live = {**job.live, "retry_count": 5, "state": "PAUSED"}
    assert seen_differences(job) == {"retry_count": (5, 0), "state": ("PAUSED", "ENABLED")}
    job.retry_count_override = 5
    job.paused, job.pause_reason = True, "The warehouse moves"
    assert seen_differences(job) == {}
    job.live = None
    assert seen_differences(job) == {}


def test_the_next_runs_are_told_in_utc(job: ScheduledJob) -> None:
    first, second = job.upcoming(2)
    assert (first.hour, first.minute, first.utcoffset()) == (9, 0, timedelta())
    assert second - first == timedelta(days=1)


def test_no_runs_come_while_paused_without_an_end_or_retired(job: ScheduledJob) -> None:
    end = timezone.now() + timedelta(days=3)
    job.pause(reason="x", until=end)
    assert job.upcoming(1)[0] > end
    job.pause(reason="x")
    assert job.upcoming(1) == []
    job.resume()
    job.retired_at = timezone.now()
    assert job.upcoming(1) == []


# --- Validation ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("schedule", "61 * * * *", "'61' is not a minute (0-59), in the first field of '61 * * * *'"),
        ("retry_count", 6, "6 is not a retry count: write a whole number from 0 to 5"),
        (
            "attempt_deadline",
            timedelta(hours=1),
            f"1:00:00 is out of range: write 15 seconds to 30 minutes; {LONGER}",
        ),
        (
            "max_doublings",
            0,
            "0 is not a number of doublings: write 1 or more (Cloud Scheduler stores 0 as 5)",
        ),
        (
            "min_backoff",
            timedelta(hours=2),
            "the minimum backoff 2:00:00 is longer than the maximum backoff 1:00:00",
        ),
        ("payload", [1], 'the payload is a JSON object, such as {"region": "emea"}'),
        ("payload", {"limit": "5"}, "limit: '5' is not a whole number; write 5"),
    ],
)
def test_a_bad_override_is_an_error_of_its_field(
    job: ScheduledJob, field: str, value: Any, message: str
) -> None:
    setattr(job, f"{field}_override", value)
    assert errors(job) == {f"{field}_override": [message]}


def test_a_bad_time_zone_is_told_at_the_zone(job: ScheduledJob) -> None:
    job.time_zone_override = "Europe/Lissabon"
    assert list(errors(job)) == ["time_zone_override"]


def test_a_schedule_is_stored_as_it_is_sent(job: ScheduledJob) -> None:
    job.schedule_override = "  0   3 * * *  "
    job.full_clean()
    assert job.schedule_override == "0 3 * * *"


def test_a_job_of_an_operator_needs_a_schedule(job: ScheduledJob) -> None:
    own = ScheduledJob(name="shop--own", task="shop.tasks.One", origin="operator")
    assert errors(own) == {"schedule_override": ["A job of your own needs a schedule."]}
    own.schedule_override = "0 3 * * *"
    own.full_clean()


def test_a_good_row_is_silent(job: ScheduledJob) -> None:
    job.full_clean()


# --- Writing ---------------------------------------------------------------------------------------


def test_save_writes_only_what_changed_since_the_row_was_loaded(job: ScheduledJob) -> None:
    """A running job that saves its stale row must not un-pause itself."""
    stale = ScheduledJob.objects.get(pk=job.pk)
    job.pause(reason="x")
    job.retry_count_override = 3
    job.save()
    stale.description_override = "mine"
    stale.save()
    fresh = row("One")
    assert (fresh.paused, fresh.retry_count_override, fresh.description_override) == (True, 3, "mine")


def test_save_marks_the_row_as_pending_in_the_same_statement(job: ScheduledJob) -> None:
    before = row("One").revision
    job.schedule_override = "0 3 * * *"
    job.save()
    assert (row("One").revision, row("One").sync_state) == (before + 1, "pending")
    assert job.revision == before + 1


def test_a_changed_part_of_a_payload_is_noticed(job: ScheduledJob) -> None:
    job.payload_override = {"region": "emea"}
    job.save()
    loaded = row("One")
    assert loaded.payload_override is not None
    loaded.payload_override["region"] = "apac"
    loaded.save()
    assert row("One").payload_override == {"region": "apac"}


def test_a_pause_is_not_changed_by_save(job: ScheduledJob) -> None:
    job.paused = True
    with pytest.raises(ValueError, match=r"paused: a pause is changed with pause\(reason=…\) and resume\(\)"):
        job.save()


def test_saving_a_row_that_was_deleted_says_so(job: ScheduledJob) -> None:
    other = row("One")
    ScheduledJob.objects.filter(pk=job.pk).delete()
    other.schedule_override = "0 3 * * *"
    with pytest.raises(ScheduledJob.DoesNotExist, match="the job shop--shop-tasks-One was deleted meanwhile"):
        other.save()


def test_update_fields_limits_what_is_written(job: ScheduledJob) -> None:
    job.schedule_override, job.description_override = "0 3 * * *", "x"
    job.save(update_fields=["description_override"])
    assert (row("One").schedule_override, row("One").description_override) == (None, "x")


def test_every_change_is_audited_with_its_old_and_new_value(job: ScheduledJob) -> None:
    maria = get_user_model().objects.create(username="maria")
    with attribution(maria, via="form", reason="the batch closes earlier"):
        job.schedule_override = "0 3 * * *"
        job.save()
    change = JobChange.objects.latest("pk")
    assert (change.actor_id, change.actor_label, change.via) == (str(maria.pk), "maria", "form")
    assert (change.field, change.old, change.new) == ("schedule", None, "0 3 * * *")
    assert change.reason == "the batch closes earlier"


def test_the_old_value_is_the_databases_and_not_the_stale_rows(job: ScheduledJob) -> None:
    stale = row("One")
    job.schedule_override = "0 3 * * *"
    job.save()
    stale.schedule_override = "0 4 * * *"
    stale.save()
    change = JobChange.objects.latest("pk")
    assert (change.old, change.new) == ("0 3 * * *", "0 4 * * *")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"n": True}, {"n": 1}),
        ({"n": True}, {"n": 1.0}),
        ({"n": 1}, {"n": 1.0}),
        ({"n": [{"m": 0}]}, {"n": [{"m": False}]}),
    ],
)
def test_a_payload_that_only_python_calls_the_same_is_a_change(
    job: ScheduledJob, old: dict[str, Any], new: dict[str, Any]
) -> None:
    job.payload_override = old
    job.save()
    fresh = row("One")
    fresh.payload_override = new
    assert fresh.tracker.changed() == {"payload_override": old}
    fresh.save()
    assert repr(row("One").payload_override) == repr(new)
    change = JobChange.objects.latest("pk")
    assert (change.field, repr(change.old), repr(change.new)) == ("payload", repr(old), repr(new))
    fresh.payload_override = deepcopy(new)
    assert fresh.tracker.changed() == {}


def test_what_was_not_loaded_is_not_read_to_be_compared(
    job: ScheduledJob, django_assert_num_queries: Any
) -> None:
    part = ScheduledJob.objects.only("name", "description_override").get()
    with django_assert_num_queries(0):
        assert part.tracker.changed() == {}


def test_the_audit_survives_its_user_and_its_job(job: ScheduledJob) -> None:
    maria = get_user_model().objects.create(username="maria")
    job.pause(reason="x", by=maria)
    key = str(maria.pk)
    maria.delete()
    job.delete()
    change = JobChange.objects.get(field="paused")
    assert (change.actor_id, change.actor_label, change.job, change.job_name) == (
        key, "maria", None, "shop--shop-tasks-One",
    )  # fmt: skip


# --- Pause, resume, reset --------------------------------------------------------------------------


def test_a_pause_needs_a_reason_and_a_good_end(job: ScheduledJob) -> None:
    with pytest.raises(ValueError, match="say why the job is paused"):
        job.pause(reason=" ")
    with pytest.raises(ValueError, match="is past; a pause ends in the future, or never"):
        job.pause(reason="x", until=datetime(2020, 1, 1, tzinfo=UTC))
    with pytest.raises(ValueError, match="has no time zone; pass an aware datetime"):
        job.pause(reason="x", until=datetime(2150, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "until",
    [
        LATEST_PAUSE + timedelta(microseconds=1),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=ZoneInfo("America/New_York")),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
)
def test_a_pause_that_ends_too_far_ahead_is_refused(job: ScheduledJob, until: datetime) -> None:
    with pytest.raises(ValueError, match="is too far ahead") as refused:
        job.pause(reason="x", until=until)
    assert str(refused.value) == (
        f"{until} is too far ahead: a pause ends by 2200-01-01; write an earlier time, or no end at all: the "
        "pause then goes on until it is resumed"
    )
    assert row("One").paused is False
    assert not JobChange.objects.filter(field="paused").exists()


def test_a_pause_may_end_at_the_last_moment_that_is_allowed(job: ScheduledJob) -> None:
    job.pause(reason="x", until=LATEST_PAUSE.astimezone(ZoneInfo("Pacific/Kiritimati")))
    assert row("One").paused_until == LATEST_PAUSE


def test_no_job_is_made_with_a_pause_that_ends_too_far_ahead(job: ScheduledJob) -> None:
    far = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    own = ScheduledJob(
        name="shop--own", task="shop.tasks.One", origin="operator", schedule_override="0 3 * * *",
        paused=True, pause_reason="x", paused_until=far,
    )  # fmt: skip
    assert errors(own) == {
        "paused_until": [
            "9999-12-31 23:59:59+00:00 is too far ahead: a pause ends by 2200-01-01; write an earlier time, or "
            "no end at all: the pause then goes on until it is resumed"
        ]
    }
    with pytest.raises(ValueError, match="is too far ahead"):
        own.save()
    assert not ScheduledJob.objects.filter(name="shop--own").exists()


def test_a_row_stored_with_such_a_pause_can_still_be_edited(job: ScheduledJob) -> None:
    ScheduledJob.objects.filter(pk=job.pk).update(
        paused=True, paused_until=LATEST_PAUSE + timedelta(days=365)
    )
    stored = row("One")
    stored.schedule_override = "0 3 * * *"
    stored.full_clean()
    stored.save()
    assert row("One").schedule == "0 3 * * *"


def test_a_pause_ends_to_the_second(job: ScheduledJob) -> None:
    end = timezone.now() + timedelta(hours=1)
    job.pause(reason="x", until=end, by="maria")
    assert (job.paused, job.pause_reason, job.paused_until, job.paused_by) == (True, "x", end, "maria")
    assert job.is_paused(end - timedelta(microseconds=1)) is True
    assert job.is_paused(end) is False


def test_a_new_reason_for_a_pause_is_a_change_of_its_own(job: ScheduledJob) -> None:
    job.pause(reason="legal")
    job.pause(reason="legal, still")
    first, second = JobChange.objects.exclude(field="job").order_by("pk")
    assert (first.field, first.old, first.new, first.reason) == ("paused", False, True, "legal")
    assert (second.field, second.old, second.new) == ("pause_reason", "legal", "legal, still")


Line = tuple[str, Any, Any, str, str, str]


def audit() -> list[Line]:
    """What the audit tells of the pauses, oldest first."""
    rows = JobChange.objects.exclude(field="job").order_by("pk")
    return [(c.field, c.old, c.new, c.via, c.actor_label, c.reason) for c in rows]


@pytest.fixture
def ended(job: ScheduledJob) -> datetime:
    """The end, a minute ago, of a pause of the job since which nothing was delivered."""
    end = timezone.now().replace(microsecond=0) - timedelta(minutes=1)
    ScheduledJob.objects.filter(pk=job.pk).update(
        paused=True, pause_reason="stocktaking", paused_by="ana", paused_at=end, paused_until=end
    )
    return end


def by_itself(end: datetime) -> list[Line]:
    told = f"{end:%Y-%m-%dT%H:%M:%S}Z"
    return [
        ("paused", True, False, "auto", "", "The pause has ended."),
        ("paused_until", told, None, "auto", "", "The pause has ended."),
    ]


@pytest.mark.parametrize("is_stale", [False, True])
def test_a_pause_that_ended_is_recorded_before_the_next_one(
    job: ScheduledJob, ended: datetime, is_stale: bool
) -> None:
    pausing = job if is_stale else row("One")
    with attribution("maria", via="form"):
        pausing.pause(reason="legal")
    assert audit() == [*by_itself(ended), ("paused", False, True, "form", "maria", "legal")]
    assert (pausing.paused, pausing.pause_reason, pausing.paused_until) == (True, "legal", None)


@pytest.mark.parametrize("is_stale", [False, True])
def test_nobody_resumes_a_job_whose_pause_has_ended_by_itself(
    job: ScheduledJob, ended: datetime, is_stale: bool
) -> None:
    resuming = job if is_stale else row("One")
    revision = resuming.revision
    with attribution("maria", via="form"):
        resuming.resume(reason="go on")
    assert audit() == by_itself(ended)
    stored = row("One")
    assert (stored.paused, stored.pause_reason, stored.paused_until, stored.paused_by, stored.paused_at) == (
        False, "", None, "", None,
    )  # fmt: skip
    assert (stored.revision, stored.sync_state, resuming.paused) == (revision, "synced", False)


def test_however_a_pause_ends_it_is_recorded_alike(
    job: ScheduledJob,
) -> None:
    end = timezone.now() + timedelta(hours=1)
    job.pause(reason="x", until=end)
    job.resume(by="maria")
    job.pause(reason="x", until=end)
    assert job.end_pause(end - timedelta(microseconds=1)) is False
    assert job.end_pause(end) is True
    assert job.end_pause(end) is False
    lines = [line[:3] for line in audit()]
    assert lines[2:4] == lines[6:8] == [("paused", True, False), ("paused_until", lines[1][2], None)]
    assert len(lines) == 8


def test_a_pause_made_anew_does_not_end_with_the_old_one(job: ScheduledJob, ended: datetime) -> None:
    stale = row("One")
    job.pause(reason="again")
    assert stale.end_pause(timezone.now()) is False
    assert row("One").paused is True


@pytest.mark.parametrize("sync", [lambda job: push_jobs([job.pk]), lambda _job: schedule_tasks()])
def test_whatever_syncs_records_the_pauses_that_have_ended(
    sync: Callable[[ScheduledJob], Any], job: ScheduledJob, ended: datetime
) -> None:
    sync(job)
    assert audit() == by_itself(ended)
    assert row("One").paused is False


@pytest.mark.parametrize(
    "act",
    [
        lambda job: job.pause(reason="x"),
        lambda job: job.resume(),
        lambda job: job.reset(),
        lambda job: job.run_now(),
    ],
)
def test_a_job_that_is_being_deleted_is_neither_changed_nor_run(
    job: ScheduledJob, act: Callable[[ScheduledJob], None]
) -> None:
    ScheduledJob.objects.filter(pk=job.pk).update(
        deleting_at=timezone.now(), paused=True, retry_count_override=1
    )
    before = (row("One").paused, row("One").revision, JobChange.objects.count())
    with pytest.raises(BeingDeleted) as refused:
        act(job)
    assert str(refused.value) == (
        "shop--shop-tasks-One is being deleted: it can no longer be paused, resumed, reset or run"
    )
    assert (row("One").paused, row("One").revision, JobChange.objects.count()) == before
    assert JobRun.objects.count() == 0


def test_a_run_of_a_job_that_was_deleted_meanwhile_is_refused(job: ScheduledJob) -> None:
    ScheduledJob.objects.filter(pk=job.pk).delete()
    with pytest.raises(ScheduledJob.DoesNotExist, match="the job shop--shop-tasks-One was deleted meanwhile"):
        job.run_now()
    assert JobRun.objects.count() == 0


def test_resuming_clears_the_pause_and_touches_nothing_else(job: ScheduledJob) -> None:
    job.pause(reason="x", by="maria")
    job.resume()
    assert (job.paused, job.pause_reason, job.paused_until, job.paused_by, job.paused_at) == (
        False, "", None, "", None,
    )  # fmt: skip
    revision = job.revision
    job.resume()
    assert job.revision == revision


def test_pausing_touches_no_fact_of_the_last_run(job: ScheduledJob) -> None:
    """django-celery-beat wipes last_run_at when a task is disabled."""
    at = timezone.now()
    ScheduledJob.objects.filter(pk=job.pk).update(last_run_at=at, last_status="failed", failures_in_a_row=4)
    job.pause(reason="x")
    job.resume()
    assert (job.last_run_at, job.last_status, job.failures_in_a_row) == (at, "failed", 4)


def test_reset_removes_the_overrides_that_are_named_or_all(job: ScheduledJob) -> None:
    job.schedule_override, job.retry_count_override = "0 3 * * *", 2
    job.save()
    job.reset("schedule")
    assert (job.schedule_override, job.retry_count_override) == (None, 2)
    job.reset()
    assert job.is_overridden is False
    revision = job.revision
    job.reset()
    assert job.revision == revision


def test_reset_refuses_no_field_and_the_schedule_of_an_own_job(job: ScheduledJob) -> None:
    with pytest.raises(ValueError, match="colour cannot be reset; the fields are schedule, time_zone"):
        job.reset("colour")
    own = ScheduledJob.objects.create(
        name="shop--own",
        task="shop.tasks.One",
        origin="operator",
        schedule_override="0 3 * * *",
        retry_count_override=1,
    )
    with pytest.raises(
        ValueError, match="the schedule of a job of your own has no default in the code to return to"
    ):
        own.reset("schedule")
    own.reset()
    assert (own.schedule_override, own.retry_count_override) == ("0 3 * * *", None)


def test_whoever_takes_a_pause_over_is_told_in_the_audit(job: ScheduledJob) -> None:
    job.pause(reason="legal", by="ana")
    JobChange.objects.all().delete()
    job.pause(reason="legal", by="rui")
    [change] = JobChange.objects.all()
    told = change.field, change.old, change.new, change.actor_label, change.reason
    assert told == ("paused_by", "ana", "rui", "rui", "legal")
    job.pause(reason="still legal", by="ana")
    assert [change.field for change in JobChange.objects.order_by("-pk")[:1]] == ["pause_reason"]


def test_a_reset_of_one_field_puts_nothing_wrong_in_force(job: ScheduledJob) -> None:
    job.min_backoff_override, job.max_backoff_override = timedelta(hours=2), timedelta(hours=3)
    job.save()
    with pytest.raises(ValueError, match="reset min_backoff too, or change it first") as refused:
        job.reset("max_backoff")
    assert str(refused.value).startswith(
        "the minimum backoff 2:00:00 is longer than the maximum backoff 1:00:00; "
    )
    job.refresh_from_db()
    assert job.max_backoff_override == timedelta(hours=3)
    job.reset("max_backoff", "min_backoff")
    assert job.is_overridden is False


def test_a_reset_leaves_an_own_job_what_its_run_needs() -> None:
    def settle(self: Any, batch_size: int, note: str = "") -> None:
        """A task that cannot run without a number."""

    declare("Settle", run=settle)
    own = ScheduledJob.objects.create(
        name="shop--own", task="shop.tasks.Settle", origin="operator", schedule_override="0 3 * * *",
        payload_override={"batch_size": 5}, retry_count_override=1,
    )  # fmt: skip
    assert own.fields_of_its_own == ("schedule", "payload")
    with pytest.raises(ValueError, match="the payload of a job of your own has no default in the code"):
        own.reset("payload")
    own.reset()
    assert (own.payload, own.retry_count_override) == ({"batch_size": 5}, None)


def test_a_run_with_a_payload_that_does_not_fit_is_refused(job: ScheduledJob) -> None:
    with pytest.raises(InvalidPayload) as refused:
        job.run_now({"limit": "5"})
    assert refused.value.errors == {"limit": "'5' is not a whole number; write 5"}
    assert JobRun.objects.count() == 0


# --- Keys and names --------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["active_slot", "settled_slot", "overlap_lock"])
def test_what_only_one_run_may_hold_is_unique_and_null_repeats(job: ScheduledJob, key: str) -> None:
    value = 1 if key == "overlap_lock" else timezone.now()
    for _ in range(2):
        JobRun.objects.create(job=job, status="lost", trigger="schedule")
    JobRun.objects.create(job=job, status="running", trigger="schedule", **{key: value})
    with pytest.raises(IntegrityError), transaction.atomic():
        JobRun.objects.create(job=job, status="running", trigger="schedule", **{key: value})


def test_an_attempt_of_a_slot_is_one_row(job: ScheduledJob) -> None:
    slot = timezone.now()
    JobRun.objects.create(job=job, status="lost", trigger="schedule", scheduled_for=slot)
    JobRun.objects.create(job=job, status="lost", trigger="schedule", scheduled_for=slot, attempt=2)
    with pytest.raises(IntegrityError), transaction.atomic():
        JobRun.objects.create(job=job, status="lost", trigger="schedule", scheduled_for=slot)


def test_rows_have_names_for_people(job: ScheduledJob) -> None:
    run = JobRun.objects.create(job=job, status="lost", trigger="schedule")
    version = JobVersion(job=job, schedule="0 9 * * *", time_zone="UTC", state="ENABLED")
    assert str(job) == "shop--shop-tasks-One"
    assert str(run) == f"#{run.pk} lost"
    assert str(version) == "0 9 * * * (UTC, ENABLED)"
    assert str(JobChange(job_name="x", field="schedule")) == "x: schedule"
    assert str(GoogleName(name="projects/p/locations/l/jobs/a")) == "projects/p/locations/l/jobs/a"
    assert str(Lease(name="schedule_tasks")) == "schedule_tasks"


def test_a_run_knows_how_late_it_was_and_whether_it_is_over(job: ScheduledJob) -> None:
    slot = timezone.now()
    run = JobRun(job=job, status="running", scheduled_for=slot, started_at=slot + timedelta(seconds=3))
    assert (run.late_by(), run.is_over) == (timedelta(seconds=3), False)
    assert JobRun(job=job, status="queued").late_by() is None
    assert JobRun(job=job, status="lost").is_over is True


def test_no_migration_is_missing() -> None:
    from django.core.management import call_command

    call_command("makemigrations", "scheduled_jobs", check=True, dry_run=True, verbosity=0)
