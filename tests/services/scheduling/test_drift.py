"""What was changed in Google's console: seen, and overwritten, adopted or ignored by a person."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.core.exceptions import ValidationError
from django.test import override_settings
from google.cloud import scheduler_v1

from scheduled_jobs.exceptions import OutcomeUnknown
from scheduled_jobs.models import JobChange, JobVersion, ScheduledJob
from scheduled_jobs.services import scheduling
from scheduled_jobs.services.scheduling import drift
from scheduled_jobs.services.scheduling.push.call import NotOurs
from tests.support import full_name
from tests.support.console import edit_in_console, live_values
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("One", "0 9 * * *", schedule_retries=3, schedule_body_payload={"limit": 500})
    schedule_tasks()
    google.store.faults.calls.clear()
    return row("One")


def writes(google: MemoryBackend) -> list[str]:
    return [call.method for call in google.store.faults.calls if call.method != "GetJob"]


# --- Looking ----------------------------------------------------------------------------------------


def test_a_look_shows_what_was_changed_and_writes_nothing(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    google.store.faults.calls.clear()
    found = drift.look(job.pk)
    assert found.differences == {"retry_count": (5, 3)}
    assert found.drifted == ("retry_count",)
    assert [call.method for call in google.store.faults.calls] == ["GetJob"]
    assert row("One").sync_state == "synced"


def test_a_recorded_look_marks_the_row_as_drifted(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "schedule", "time_zone", schedule="0 3 * * 6")
    found = drift.look(job.pk)
    drift.record(found)
    job = row("One")
    assert (job.sync_state, job.live["schedule"]) == ("drifted", "0 3 * * 6")
    assert job.differs_since == found.at
    drift.record(drift.look(job.pk))
    assert row("One").differs_since == found.at
    assert JobVersion.objects.filter(job=job, until=None).get().schedule == "0 3 * * 6"


def test_a_drift_that_was_taken_back_in_google_is_synced_again(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    edit_in_console(google, job, "description", description="other")
    drift.record(drift.look(job.pk))
    edit_in_console(google, job, "description", description="")
    drift.record(drift.look(job.pk))
    assert row("One").sync_state == "synced"


def test_an_edit_that_was_not_pushed_yet_is_not_called_drift(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    ScheduledJob.objects.filter(pk=job.pk).mark_pending(description_override="mine")
    found = drift.look(job.pk)
    assert found.differences == {"description": ("", "mine")}
    assert (found.drifted, found.is_drift) == ((), False)
    drift.record(found)
    assert row("One").sync_state == "pending"


def test_a_job_deleted_in_google_is_drift(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.delete_job(full_name(job))
    found = drift.look(job.pk)
    assert (found.live, found.is_drift) == (None, True)
    drift.record(found)
    assert (row("One").sync_state, row("One").live) == ("drifted", None)


def test_a_plan_records_all_drift_at_once(google: MemoryBackend, job: ScheduledJob) -> None:
    declare("Two")
    schedule_tasks()
    google.store.pause_job(full_name(row("Two")))
    google.store.delete_job(full_name(job))
    drift.record_all(scheduling.sync_jobs(scheduling.Options(write=False)))
    assert (row("One").sync_state, row("Two").sync_state) == ("drifted", "drifted")
    google.store.resume_job(full_name(row("Two")))
    drift.record_all(scheduling.sync_jobs(scheduling.Options(write=False)))
    assert (row("One").sync_state, row("Two").sync_state) == ("drifted", "synced")


def test_a_look_at_one_job_tells_on_its_row_when(google: MemoryBackend, job: ScheduledJob) -> None:
    found = drift.look(job.pk)
    drift.record(found)
    assert (row("One").live_seen_at, row("One").sync_state) == (found.at, "synced")


def test_a_job_that_google_disabled_is_recorded_as_drifted(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.set_state(full_name(job), scheduler_v1.Job.State.DISABLED)
    drift.record_all(scheduling.sync_jobs(scheduling.Options(write=False)))
    assert (row("One").sync_state, (row("One").live or {})["state"]) == ("drifted", "DISABLED")


def test_a_look_that_google_does_not_answer_raises(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.faults.refuse("GetJob", "UNAVAILABLE", "no route", times=9)
    with pytest.raises(OutcomeUnknown, match="no route"):
        drift.look(job.pk)


# --- Overwriting ------------------------------------------------------------------------------------


def test_a_push_keeps_the_live_value_in_the_audit(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    drift.overwrite(drift.look(job.pk), by="maria", reason="nobody asked for five")
    assert live_values(google, job)["retry_count"] == 3
    assert row("One").sync_state == "synced"
    change = JobChange.objects.latest("pk")
    assert (change.field, change.old, change.new, change.via, change.actor_label, change.reason) == (
        "retry_count", 5, 3, "sync", "maria", "nobody asked for five",
    )  # fmt: skip


# --- Adopting ---------------------------------------------------------------------------------------


def test_adopting_makes_the_live_values_overrides(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(
        google, job, "schedule", "time_zone", "retry_config", "http_target",
        schedule="0 3 * * 6", retry_config__retry_count=5, http_target__body=b'{"limit": 100}',
    )  # fmt: skip
    message = google.store.get_job(full_name(job))
    message.attempt_deadline.FromTimedelta(timedelta(minutes=10))
    google.store.update_job(message, ["attempt_deadline"])
    found = drift.look(job.pk)
    drift.adopt(found, drift.adoptable(found.differences), by="maria", reason="it was right")
    job = row("One")
    assert (job.schedule_override, job.retry_count_override) == ("0 3 * * 6", 5)
    assert (job.payload_override, job.attempt_deadline_override) == ({"limit": 100}, timedelta(minutes=10))
    assert job.sync_state == "synced"
    changes = JobChange.objects.filter(via="adopt").values_list("field", "new", "actor_label", "reason")
    assert ("retry_count", 5, "maria", "it was right") in changes
    assert schedule_tasks().lines == []


def test_an_adopted_pause_is_the_desks_own_with_its_reason(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.pause_job(full_name(job))
    found = drift.look(job.pk)
    drift.adopt(found, ["state"], by="maria", reason="migration")
    job = row("One")
    assert (job.paused, job.pause_reason, job.paused_by, job.sync_state) == (
        True,
        "migration",
        "maria",
        "synced",
    )
    assert {c.via for c in JobChange.objects.filter(field="paused")} == {"adopt"}


def test_a_pause_is_not_adopted_without_a_reason(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.pause_job(full_name(job))
    with pytest.raises(ValidationError) as refused:
        drift.adopt(drift.look(job.pk), ["state"], by="maria", reason=" ")
    assert refused.value.message_dict == {"state": ["A pause needs a reason: say why the job is paused."]}
    assert row("One").paused is False


def test_a_job_resumed_in_google_is_resumed_here_by_adopting(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    job.pause(reason="migration")
    google.store.resume_job(full_name(job))
    drift.adopt(drift.look(job.pk), ["state"], by="maria")
    assert (row("One").paused, google.get(full_name(job), timeout=1).state) == (False, "ENABLED")


def test_a_live_value_that_the_desk_would_refuse_is_not_adopted(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    def run(self: Any, limit: int = 1) -> None:
        """A task that takes a number."""

    declare("One", "0 9 * * *", schedule_retries=3, schedule_body_payload={"limit": 500}, run=run)
    edit_in_console(google, job, "http_target", http_target__body=b'{"limit": "many"}')
    with pytest.raises(ValidationError) as refused:
        drift.adopt(drift.look(job.pk), ["payload"], by="maria")
    assert list(refused.value.message_dict) == ["payload_override"]
    assert row("One").payload_override is None


def test_addresses_headers_and_accounts_are_never_adopted(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "http_target", http_target__uri="https://shop.example.com/tasks/other")
    found = drift.look(job.pk)
    assert drift.adoptable(found.differences) == []
    with pytest.raises(ValueError, match="uri cannot be adopted; only schedule, time_zone, payload, "):
        drift.adopt(found, ["uri"])


# --- Orphans ----------------------------------------------------------------------------------------


def test_only_an_orphan_is_deleted(google: MemoryBackend, job: ScheduledJob) -> None:
    remote_name = full_name(job)
    with pytest.raises(NotOurs, match="a job here has its name by now; look at Google again"):
        scheduling.delete_orphan(remote_name)
    with override_settings(DJANGO_CLOUD_TASKS_PUSH="off"):
        job.delete()
    scheduling.delete_orphan(remote_name, by="maria", reason="left behind")
    scheduling.delete_orphan(remote_name)
    assert google.store.list_jobs(google.parent, 500, "")[0] == []
    change = JobChange.objects.latest("pk")
    assert (change.job_id, change.field, change.old, change.reason) == (
        None, "job", remote_name.rpartition("/")[2], "left behind",
    )  # fmt: skip
    foreign = scheduler_v1.Job.pb(scheduler_v1.Job(
        name=f"{google.parent}/jobs/theirs", schedule="0 0 * * *",
        http_target={"uri": "https://example.org/"},
    ))  # fmt: skip
    google.store.create_job(google.parent, foreign)
    with pytest.raises(NotOurs, match="theirs is not deleted: "):
        scheduling.delete_orphan(f"{google.parent}/jobs/theirs")


def test_a_planned_row_is_brought_up_to_date_before_it_is_pushed(google: MemoryBackend) -> None:
    declare("New")
    [change] = scheduling.sync_jobs(scheduling.Options(write=False)).plan.of_kind("create")
    assert change.pk is None
    pk = drift.bring_up_to_date(change)
    assert pk == row("New").pk


@pytest.mark.parametrize(
    "body", [b'{"limit": NaN}', b'{"limit": "\\u0000"}', b'{"limit": "\\ud800"}', b"\xff"]
)
def test_a_body_that_no_database_can_hold_is_seen_and_mended(google: MemoryBackend, body: bytes) -> None:
    declare("One")
    declare("Two")
    schedule_tasks()
    edit_in_console(google, row("One"), "http_target", http_target__body=body)
    edit_in_console(google, row("Two"), "description", description="nul \x00")
    planned = schedule_tasks(dry_run=True)
    assert f"payload: '{len(body)} bytes that are no payload" in planned.replace('"', "'")
    drift.record(drift.look(row("One").pk))
    drift.record(drift.look(row("Two").pk))
    assert schedule_tasks().lines == [
        "[~] Job updated: shop.tasks.One (payload)",
        "[~] Job updated: shop.tasks.Two (description)",
    ]
    assert schedule_tasks(check=True).code == 0


def test_true_is_pushed_where_google_has_1(google: MemoryBackend) -> None:
    declare("One", schedule_body_payload={"dry": 1})
    schedule_tasks()
    declare("One", schedule_body_payload={"dry": True})
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.One (payload)"]
    assert row("One").declared_payload == {"dry": True}
    edit_in_console(google, row("One"), "http_target", http_target__body=b'{"dry":1}')
    assert schedule_tasks(check=True).code == 2
