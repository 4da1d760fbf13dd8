"""UpdateJob: masks, paused jobs, the next time."""

from __future__ import annotations

from datetime import UTC, timedelta

import pytest

from scheduled_jobs.emulator.messages import PAUSED, Job
from scheduled_jobs.emulator.store import Store, StoreError
from tests.emulator.jobs import PARENT, Clock, http_job, name_of, utc

NAME = name_of("report")


@pytest.fixture(autouse=True)
def job(store: Store) -> None:
    store.create_job(
        PARENT, http_job(description="old", time_zone="Asia/Tokyo", retry_config={"retry_count": 3})
    )


def test_only_the_fields_in_the_mask_change(store: Store) -> None:
    given = http_job(schedule="0 10 * * *", description="new")
    job = store.update_job(given, ["description"])
    assert (job.description, job.schedule, job.time_zone) == ("new", "0 9 * * *", "Asia/Tokyo")
    assert job.retry_config.retry_count == 3


def test_a_field_in_the_mask_that_is_not_given_is_cleared(store: Store) -> None:
    job = store.update_job(Job(name=NAME), ["description", "time_zone", "retry_config"])
    assert (job.description, job.time_zone, job.retry_config.retry_count) == ("", "UTC", 0)


def test_without_a_mask_the_whole_job_is_replaced(store: Store) -> None:
    job = store.update_job(http_job(schedule="0 10 * * *"))
    assert (job.description, job.schedule, job.time_zone) == ("", "0 10 * * *", "UTC")
    assert job.retry_config.retry_count == 0


def test_a_target_in_the_mask_replaces_the_target_whole(store: Store) -> None:
    given = Job(name=NAME, http_target={"uri": "https://other.example/x"})
    job = store.update_job(given, ["http_target"])
    assert job.http_target.uri == "https://other.example/x"
    assert job.schedule == "0 9 * * *"


@pytest.mark.parametrize("path", ["timeZone", "http_target.uri", "nonsense", "*"])
def test_a_path_that_is_no_field_in_snake_case_is_refused(store: Store, path: str) -> None:
    with pytest.raises(StoreError) as error:
        store.update_job(http_job(description="new"), ["description", path])
    assert (error.value.code, error.value.message) == ("INVALID_ARGUMENT", f"Invalid mask for Job: {path}")
    assert store.get_job(NAME).description == "old"


def test_output_only_fields_in_the_mask_are_ignored(store: Store) -> None:
    before = store.get_job(NAME)
    assert store.update_job(http_job(state=PAUSED), ["state", "schedule_time", "name"]) == before


def test_a_refused_update_leaves_the_job_as_it_was(store: Store) -> None:
    before = store.get_job(NAME)
    with pytest.raises(StoreError, match="INVALID_ARGUMENT: The provided schedule or timezone are invalid"):
        store.update_job(http_job(schedule="nonsense"), ["schedule"])
    assert store.get_job(NAME) == before


def test_a_paused_job_can_be_updated_and_stays_paused(store: Store) -> None:
    store.pause_job(NAME)
    job = store.update_job(http_job(schedule="0 10 * * *"), ["schedule"])
    assert (job.state, job.schedule) == (PAUSED, "0 10 * * *")
    assert not job.HasField("schedule_time")


def test_a_new_schedule_moves_the_next_time(store: Store) -> None:
    job = store.update_job(http_job(schedule="0 10 * * *"), ["schedule"])
    assert job.schedule_time.ToDatetime(tzinfo=UTC) == utc(2026, 10, 6, 1)


def test_another_field_leaves_the_phase_of_an_interval_alone(store: Store, clock: Clock) -> None:
    before = store.update_job(http_job(schedule="every 7 minutes"), ["schedule"]).schedule_time
    clock.now += timedelta(minutes=2)
    after = store.update_job(http_job(description="new"), ["description"])
    assert after.schedule_time == before
    assert after.user_update_time.ToDatetime(tzinfo=UTC) == clock.now


def test_the_result_of_the_last_attempt_survives_an_update(store: Store, clock: Clock) -> None:
    (entry, _), *_ = store.run_job(NAME) and store.take_forced()
    store.attempt_started(entry, clock.now)
    store.attempt_finished(entry, 13, None)
    job = store.update_job(http_job())
    assert job.status.code == 13
    assert job.last_attempt_time.ToDatetime(tzinfo=UTC) == clock.now
