"""Create, get, delete, pause, resume and run, as recorded or documented."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduled_jobs.emulator.messages import DISABLED, ENABLED, PAUSED, UPDATE_FAILED, Job
from scheduled_jobs.emulator.store import Store, StoreError
from tests.emulator.jobs import PARENT, Clock, http_job, name_of, utc


def refusal(error: pytest.ExceptionInfo[StoreError]) -> tuple[str, str]:
    return error.value.code, error.value.message


def test_a_new_job_is_enabled_and_has_its_next_time(store: Store, clock: Clock) -> None:
    job = store.create_job(PARENT, http_job())
    assert job.state == ENABLED
    assert job.status.code == -1
    assert job.schedule_time.ToDatetime(tzinfo=clock.now.tzinfo) == utc(2026, 10, 6, 9)
    assert job.user_update_time.ToDatetime(tzinfo=clock.now.tzinfo) == clock.now
    assert not job.HasField("last_attempt_time")
    assert store.get_job(name_of("report")) == job


def test_a_job_without_a_name_gets_one(store: Store) -> None:
    first, second = (store.create_job(PARENT, http_job("")) for _ in range(2))
    assert first.name.startswith(f"{PARENT}/jobs/")
    assert first.name.removeprefix(f"{PARENT}/jobs/").isdigit()
    assert first.name != second.name


def test_a_name_that_is_taken_is_refused_with_already_exists(store: Store) -> None:
    store.create_job(PARENT, http_job())
    with pytest.raises(StoreError) as error:
        store.create_job(PARENT, http_job(schedule="* * * * *"))
    assert refusal(error) == ("ALREADY_EXISTS", f"Job {name_of('report')} already exists.")
    assert store.get_job(name_of("report")).schedule == "0 9 * * *"


@pytest.mark.parametrize(
    "name",
    ["report", "projects/shop/jobs/x", name_of("a.b"), name_of("a/b"), name_of("é"), name_of("x" * 501)],
)
def test_a_name_of_another_form_is_refused(store: Store, name: str) -> None:
    job = http_job()
    job.name = name
    text = 'Job name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/jobs/<JOB_ID>".'
    for call in (lambda: store.create_job(PARENT, job), lambda: store.get_job(name)):
        with pytest.raises(StoreError) as error:
            call()
        assert refusal(error) == ("INVALID_ARGUMENT", text)


def test_a_job_id_may_have_500_characters(store: Store) -> None:
    name = name_of("aZ9-_" * 100)
    assert store.create_job(PARENT, http_job("aZ9-_" * 100)).name == name


def test_a_name_under_another_parent_is_refused(store: Store) -> None:
    with pytest.raises(StoreError) as error:
        store.create_job("projects/other/locations/europe-west1", http_job())
    assert error.value.code == "INVALID_ARGUMENT"


def test_a_parent_that_is_no_location_is_refused(store: Store) -> None:
    for call in (lambda: store.create_job("shop", http_job("")), lambda: store.list_jobs("projects/shop")):
        with pytest.raises(StoreError) as error:
            call()
        assert refusal(error) == (
            "INVALID_ARGUMENT",
            'Resource name should start with "/projects/<PROJECT_ID>/"',
        )


def test_a_job_that_never_was_is_not_found_with_its_name(store: Store) -> None:
    for call in (
        store.get_job,
        store.delete_job,
        store.pause_job,
        store.resume_job,
        store.run_job,
        lambda name: store.update_job(http_job("none")),
    ):
        with pytest.raises(StoreError) as error:
            call(name_of("none"))
        assert refusal(error) == ("NOT_FOUND", f"Resource '{name_of('none')}' was not found")
        assert error.value.resource == name_of("none")


def test_a_deleted_job_is_not_found_with_the_other_text(store: Store) -> None:
    store.create_job(PARENT, http_job())
    assert store.delete_job(name_of("report")) is None
    with pytest.raises(StoreError) as error:
        store.delete_job(name_of("report"))
    assert refusal(error) == ("NOT_FOUND", "Job not found.")


def test_a_deleted_name_can_be_created_again(store: Store) -> None:
    store.create_job(PARENT, http_job())
    store.delete_job(name_of("report"))
    assert store.create_job(PARENT, http_job()).state == ENABLED


def test_a_paused_job_has_no_next_time(store: Store, clock: Clock) -> None:
    store.create_job(PARENT, http_job())
    clock.now += timedelta(minutes=1)
    job = store.pause_job(name_of("report"))
    assert job.state == PAUSED
    assert not job.HasField("schedule_time")
    assert job.user_update_time.ToDatetime(tzinfo=clock.now.tzinfo) == clock.now
    assert store.next_time() is None


def test_pausing_a_paused_job_is_a_failed_precondition(store: Store) -> None:
    store.create_job(PARENT, http_job())
    store.pause_job(name_of("report"))
    with pytest.raises(StoreError) as error:
        store.pause_job(name_of("report"))
    assert refusal(error) == ("FAILED_PRECONDITION", "A job must be ENABLED to be paused.")


def test_a_resumed_job_waits_for_its_next_time(store: Store, clock: Clock) -> None:
    store.create_job(PARENT, http_job())
    store.pause_job(name_of("report"))
    clock.now += timedelta(days=3)
    job = store.resume_job(name_of("report"))
    assert job.state == ENABLED
    assert job.schedule_time.ToDatetime(tzinfo=clock.now.tzinfo) == utc(2026, 10, 9, 9)


def test_resuming_an_enabled_job_is_accepted(store: Store) -> None:
    created = store.create_job(PARENT, http_job())
    assert store.resume_job(name_of("report")) == created


def test_a_disabled_job_can_be_neither_paused_nor_resumed(store: Store) -> None:
    store.create_job(PARENT, http_job())
    store.set_state(name_of("report"), DISABLED)
    assert store.next_time() is None
    for call, text in (
        (store.pause_job, "A job must be ENABLED to be paused."),
        (store.resume_job, "A job must be PAUSED to be resumed."),
    ):
        with pytest.raises(StoreError) as error:
            call(name_of("report"))
        assert refusal(error) == ("FAILED_PRECONDITION", text)
    store.set_state(name_of("report"), ENABLED)
    assert store.next_time() == utc(2026, 10, 6, 9)


def test_an_update_heals_a_job_whose_update_failed(store: Store) -> None:
    store.create_job(PARENT, http_job())
    store.set_state(name_of("report"), UPDATE_FAILED)
    job = store.update_job(http_job(description="again"), ["description"])
    assert job.state == ENABLED
    assert store.next_time() == utc(2026, 10, 6, 9)


def test_run_answers_with_the_job_unchanged(store: Store) -> None:
    created = store.create_job(PARENT, http_job())
    assert store.run_job(name_of("report")) == created


def test_a_paused_job_can_be_run(store: Store, clock: Clock) -> None:
    store.create_job(PARENT, http_job())
    store.pause_job(name_of("report"))
    assert store.run_job(name_of("report")).state == PAUSED
    assert store.next_time() == clock.now


def test_what_is_returned_is_a_copy(store: Store) -> None:
    given = http_job()
    answer = store.create_job(PARENT, given)
    given.description = answer.description = "changed outside"
    assert store.get_job(name_of("report")).description == ""


def test_output_only_fields_are_ignored_on_create(store: Store) -> None:
    given = http_job(state=PAUSED)
    given.status.code = 5
    given.last_attempt_time.seconds = given.schedule_time.seconds = 5
    job = store.create_job(PARENT, given)
    assert (job.state, job.status.code, job.HasField("last_attempt_time")) == (ENABLED, -1, False)
    assert job.schedule_time.seconds == utc(2026, 10, 6, 9).timestamp()


def test_an_empty_job_names_what_is_missing(store: Store) -> None:
    with pytest.raises(StoreError) as error:
        store.create_job(PARENT, Job(name=name_of("x"), schedule="* * * * *"))
    assert refusal(error) == (
        "INVALID_ARGUMENT",
        "A job needs a target: http_target, pubsub_target or app_engine_http_target.",
    )


def test_the_locations_in_use_are_known(store: Store) -> None:
    assert store.parents() == []
    store.create_job(PARENT, http_job())
    assert store.parents() == [PARENT]
