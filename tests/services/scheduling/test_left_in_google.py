"""How long what was chosen to be left in Google is left there, and what ends it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings

from scheduled_jobs import registry
from scheduled_jobs.models import JobChange, JobVersion, ScheduledJob
from scheduled_jobs.services import scheduling
from scheduled_jobs.services.scheduling import comparing, drift
from scheduled_jobs.services.scheduling.calls import Calls
from tests.services.scheduling.declaring import declare, row, schedule_tasks
from tests.services.scheduling.test_drift import edit_in_console

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

PUSH_OFF = {"DJANGO_CLOUD_TASKS_PUSH": "off"}


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("One", "0 9 * * *", schedule_retries=3, schedule_body_payload={"limit": 500})
    schedule_tasks()
    return row("One")


@pytest.fixture
def paused_there(google: MemoryBackend, job: ScheduledJob) -> ScheduledJob:
    google.store.pause_job(job.remote_name)
    drift.ignore(drift.look(job.pk), ["state"], by="maria")
    return row("One")


@pytest.fixture
def five_retries_there(google: MemoryBackend, job: ScheduledJob) -> ScheduledJob:
    retry(google, job, 5)
    drift.ignore(drift.look(job.pk), ["retry_count"], by="maria")
    return row("One")


def retry(google: MemoryBackend, job: ScheduledJob, count: int) -> None:
    """Set the retries in the console."""
    edit_in_console(google, job, "retry_config", retry_config__retry_count=count)


def state(google: MemoryBackend) -> str:
    return google.get(row("One").remote_name, timeout=1).state


def last_end() -> tuple[Any, Any, str, str]:
    change = JobChange.objects.filter(field="ignored_drift").latest("pk")
    return change.old, change.new, change.via, change.actor_label


# --- While it lasts ---------------------------------------------------------------------------------


def test_a_pause_left_there_is_known_while_something_else_has_drifted(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    edit_in_console(google, paused_there, "description", description="of the console")
    drift.record(drift.look(paused_there.pk))
    job = row("One")
    assert (job.sync_state, job.firing.is_paused_there, job.upcoming(3)) == ("drifted", True, [])


def test_a_pause_left_there_is_known_while_an_edit_waits_or_is_refused(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    with override_settings(**PUSH_OFF):
        paused_there.retry_count_override = 4
        paused_there.save()
    assert (row("One").sync_state, row("One").upcoming(3)) == ("pending", [])
    google.store.faults.refuse("UpdateJob", "INVALID_ARGUMENT", "no")
    schedule_tasks()
    assert (row("One").sync_state, row("One").upcoming(3)) == ("failed", [])


def test_a_push_beside_what_was_left_there_is_no_new_version_of_what_google_has(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    edit_in_console(google, job, "schedule", "time_zone", schedule="45 17 * * *")
    google.store.pause_job(job.remote_name)
    drift.ignore(drift.look(job.pk), ["schedule", "state"])
    before = list(JobVersion.objects.order_by("pk").values())
    assert (before[-1]["schedule"], before[-1]["state"]) == ("45 17 * * *", "PAUSED")
    job = row("One")
    job.retry_count_override = 1
    job.save()
    assert google.get(job.remote_name, timeout=1).values["retry_count"] == 1
    assert list(JobVersion.objects.order_by("pk").values()) == before


def test_google_retries_by_what_was_left_there(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(
        google,
        job,
        "retry_config",
        retry_config__retry_count=5,
        retry_config__min_backoff_duration=timedelta(seconds=40),
    )
    assert row("One").retry_policy.retry_count == 3
    drift.ignore(drift.look(job.pk), ["retry_count", "min_backoff"])
    policy = row("One").retry_policy
    assert (policy.retry_count, policy.min_backoff) == (5, timedelta(seconds=40))
    assert policy.max_backoff == row("One").max_backoff


def test_a_push_of_what_was_shown_leaves_what_was_not(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    edit_in_console(google, paused_there, "description", description="of the console")
    drift.overwrite(drift.look(paused_there.pk), keep_ignored=True, by="maria")
    live = google.get(paused_there.remote_name, timeout=1)
    assert (live.state, live.values["description"]) == ("PAUSED", "")
    assert row("One").ignored_drift == {"state": "PAUSED"}


# --- An edit here ends it ---------------------------------------------------------------------------


def test_an_override_ends_what_was_left_of_its_field_alone(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    retry(google, paused_there, 5)
    drift.ignore(drift.look(paused_there.pk), ["retry_count"])
    job = row("One")
    job.retry_count_override = 1
    with override_settings(**PUSH_OFF):
        job.save()
    assert job.ignored_drift == {"state": "PAUSED"}
    assert row("One").ignored_drift == {"state": "PAUSED"}
    assert last_end()[:2] == ({"state": "PAUSED", "retry_count": 5}, {"state": "PAUSED"})


def test_an_override_of_the_value_in_force_ends_nothing(five_retries_there: ScheduledJob) -> None:
    five_retries_there.retry_count_override = 3
    five_retries_there.save()
    assert row("One").ignored_drift == {"retry_count": 5}
    row("One").reset()
    assert row("One").ignored_drift == {"retry_count": 5}


def test_an_override_that_means_the_same_to_google_ends_nothing(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    edit_in_console(google, job, "schedule", "time_zone", time_zone="Europe/Berlin")
    drift.ignore(drift.look(job.pk), ["time_zone"])
    for same, other in (("utc", False), ("Asia/Tokyo", True)):
        job = row("One")
        job.time_zone_override = same
        job.save()
        assert row("One").ignored_drift == ({} if other else {"time_zone": "Europe/Berlin"})


def test_a_row_loaded_long_ago_brings_no_choice_back(
    google: MemoryBackend, five_retries_there: ScheduledJob
) -> None:
    stale = row("One")
    retry(google, stale, 3)
    schedule_tasks()
    assert row("One").ignored_drift == {}
    stale.description_override = "of long ago"
    stale.save()
    assert row("One").ignored_drift == {}


def test_a_reset_ends_what_was_left_of_the_fields_it_changes(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    job.retry_count_override = 1
    job.save()
    google.store.pause_job(job.remote_name)
    retry(google, job, 5)
    drift.ignore(drift.look(job.pk), ["retry_count", "state"])
    with override_settings(**PUSH_OFF):
        row("One").reset("retry_count", by="maria")
    assert row("One").ignored_drift == {"state": "PAUSED"}
    assert last_end()[3] == "maria"


def test_a_change_in_the_code_ends_what_was_left_of_its_field(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    retry(google, paused_there, 5)
    drift.ignore(drift.look(paused_there.pk), ["retry_count"])
    declare("One", "0 9 * * *", schedule_retries=2, schedule_body_payload={"limit": 500})
    with override_settings(**PUSH_OFF):
        schedule_tasks()
    assert row("One").ignored_drift == {"state": "PAUSED"}
    assert last_end() == ({"state": "PAUSED", "retry_count": 5}, {"state": "PAUSED"}, "code", "")


def test_a_change_in_the_code_below_an_override_ends_nothing(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    job.retry_count_override = 1
    job.save()
    retry(google, job, 5)
    drift.ignore(drift.look(job.pk), ["retry_count"])
    declare("One", "0 9 * * *", schedule_retries=2, schedule_body_payload={"limit": 500})
    schedule_tasks()
    assert row("One").ignored_drift == {"retry_count": 5}


def test_a_pause_and_a_resume_between_two_pushes_reach_google(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    with override_settings(**PUSH_OFF):
        paused_there.pause(reason="here too", by="ana")
        assert last_end() == ({"state": "PAUSED"}, {}, "code", "ana")
        row("One").resume()
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.One (state)"]
    assert state(google) == "ENABLED"


def test_a_pause_and_a_resume_reach_google_where_the_class_is_not_in_the_process(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    task = registry._tasks.pop("shop.tasks.One")
    paused_there.pause(reason="here too")
    assert (row("One").sync_state, row("One").ignored_drift) == ("synced", {})
    row("One").resume()
    registry._tasks["shop.tasks.One"] = task
    schedule_tasks()
    assert (state(google), row("One").sync_state) == ("ENABLED", "synced")


def test_a_pause_with_an_end_ends_no_choice(google: MemoryBackend, paused_there: ScheduledJob) -> None:
    until = paused_there.created_at + timedelta(days=2)
    paused_there.pause(reason="two days", until=until)
    assert row("One").ignored_drift == {"state": "PAUSED"}
    with override_settings(**PUSH_OFF):
        row("One").resume()
    assert row("One").ignored_drift == {"state": "PAUSED"}


def test_another_name_ends_it_for_the_job_is_made_anew(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    declare("One", "0 9 * * *", schedule_name="another", schedule_retries=3)
    schedule_tasks()
    assert last_end() == ({"state": "PAUSED"}, {}, "code", "")
    assert state(google) == "ENABLED"


# --- A look at Google ends it -----------------------------------------------------------------------


def test_a_plan_that_looks_ends_what_google_has_taken_back(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    google.store.resume_job(paused_there.remote_name)
    drift.record_all(scheduling.sync(scheduling.Options(write=False)))
    assert row("One").ignored_drift == {}


def test_a_plan_that_looks_ends_nothing_but_what_has_ended(google: MemoryBackend, job: ScheduledJob) -> None:
    retry(google, job, 5)
    edit_in_console(google, job, "description", description="of the console")
    drift.ignore(drift.look(job.pk), ["retry_count", "description"])
    edit_in_console(google, job, "description", description="")
    # Not seeded yet, and so not in force: what was left beside it is left still.
    declare("One", "0 9 * * *", schedule_retries=2, schedule_body_payload={"limit": 500})
    drift.record_all(scheduling.sync(scheduling.Options(write=False)))
    assert row("One").ignored_drift == {"retry_count": 5}
    assert last_end()[:2] == ({"retry_count": 5, "description": "of the console"}, {"retry_count": 5})


def test_a_sync_ends_it_although_its_push_is_refused(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    google.store.resume_job(paused_there.remote_name)
    edit_in_console(google, paused_there, "description", description="of the console")
    google.store.faults.refuse("UpdateJob", "INVALID_ARGUMENT", "no")
    schedule_tasks()
    assert (row("One").sync_state, row("One").ignored_drift) == ("failed", {})


def test_a_sync_that_pushes_a_change_in_the_code_ends_it_too(
    google: MemoryBackend, paused_there: ScheduledJob
) -> None:
    google.store.resume_job(paused_there.remote_name)
    declare("One", "0 9 * * *", schedule_retries=2, schedule_body_payload={"limit": 500})
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.One (retry_count)"]
    assert (state(google), row("One").ignored_drift) == ("ENABLED", {})


def test_what_was_left_enabled_is_made_paused_when_it_was_deleted_in_google(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    job.pause(reason="stock-taking")
    google.store.resume_job(job.remote_name)
    drift.ignore(drift.look(job.pk), ["state"])
    google.store.delete_job(job.remote_name)
    schedule_tasks()
    assert (state(google), row("One").ignored_drift) == ("PAUSED", {})
    google.store.resume_job(job.remote_name)
    drift.ignore(drift.look(job.pk), ["state"])
    google.store.delete_job(job.remote_name)
    scheduling.push([job.pk])
    assert (state(google), row("One").ignored_drift) == ("PAUSED", {})
    assert JobVersion.objects.get(job=job, until=None).state == "PAUSED"


def test_a_sync_that_seeds_another_default_and_pushes_nothing_ends_it_too(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    job.retry_count_override = 1
    job.save()
    google.store.pause_job(job.remote_name)
    drift.ignore(drift.look(job.pk), ["state"])
    google.store.resume_job(job.remote_name)
    declare("One", "0 9 * * *", schedule_retries=2, schedule_body_payload={"limit": 500})
    assert schedule_tasks().lines == []
    assert row("One").declared_retry_count == 2
    assert row("One").ignored_drift == {}
    assert last_end() == ({"state": "PAUSED"}, {}, "auto", "")


def test_a_choice_made_after_the_seeding_of_a_sync_is_not_ended_by_its_list(
    google: MemoryBackend, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job.retry_count_override = 1
    job.save()
    edit_in_console(google, job, "description", description="of the console")
    drift.ignore(drift.look(job.pk), ["description"])
    declare("One", "0 9 * * *", schedule_retries=2, schedule_body_payload={"limit": 500})
    read = comparing.Comparison.read

    def choose_first(self: comparing.Comparison, *args: Any) -> None:
        edit_in_console(google, job, "schedule", "time_zone", schedule="45 17 * * *")
        drift.ignore(drift.look(job.pk), ["schedule"])
        edit_in_console(google, job, "schedule", "time_zone", schedule="0 9 * * *")
        read(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(comparing.Comparison, "read", choose_first)
        schedule_tasks()
    assert row("One").ignored_drift == {
        "description": "of the console",
        "schedule": "45 17 * * *",
    }


def test_a_list_older_than_the_choice_does_not_end_it(
    google: MemoryBackend, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_again = comparing.Comparison._read_again

    def choose_first(self: comparing.Comparison, at: Any) -> None:
        retry(google, job, 5)
        drift.ignore(drift.look(job.pk), ["retry_count"])
        read_again(self, at)

    with monkeypatch.context() as patch:
        patch.setattr(comparing.Comparison, "_read_again", choose_first)
        assert schedule_tasks().lines == []
    assert row("One").ignored_drift == {"retry_count": 5}
    assert schedule_tasks().lines == []


def test_a_look_older_than_the_choice_does_not_end_it(
    google: MemoryBackend, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = Calls.get

    def choose_meanwhile(self: Calls, remote_name: str) -> Any:
        live = get(self, remote_name)
        patch.undo()
        retry(google, job, 5)
        drift.ignore(drift.look(job.pk), ["retry_count"])
        return live

    with monkeypatch.context() as patch:
        patch.setattr(Calls, "get", choose_meanwhile)
        found = drift.look(job.pk)
    drift.record(found)
    assert row("One").ignored_drift == {"retry_count": 5}
