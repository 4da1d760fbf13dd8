"""ListJobs."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.emulator.store import Store, StoreError
from tests.emulator.jobs import PARENT, Clock, http_job, name_of

if TYPE_CHECKING:
    from scheduled_jobs.emulator.messages import Job


def fill(store: Store, count: int, **fields: object) -> None:
    for number in range(count):
        store.create_job(PARENT, http_job(f"job-{number}", **fields))


def ids(jobs: list[Job]) -> list[str]:
    return [job.name.rpartition("/")[2] for job in jobs]


def test_an_empty_location_has_no_jobs_and_no_next_page(store: Store) -> None:
    assert store.list_jobs(PARENT) == ([], "")


def test_pages_follow_one_another_and_the_last_has_no_token(store: Store) -> None:
    fill(store, 5)
    first, token = store.list_jobs(PARENT, 2)
    second, token = store.list_jobs(PARENT, 2, token)
    third, end = store.list_jobs(PARENT, 2, token)
    assert ids(first + second + third) == [f"job-{n}" for n in range(5)]
    assert end == ""


def test_a_page_that_takes_the_last_job_has_no_token(store: Store) -> None:
    fill(store, 2)
    assert store.list_jobs(PARENT, 2)[1] == ""


@pytest.mark.parametrize("page_size", [0, 500, 501, 10_000])
def test_a_page_has_at_most_500_jobs(store: Store, page_size: int) -> None:
    fill(store, 501)
    jobs, token = store.list_jobs(PARENT, page_size)
    assert len(jobs) == 500
    assert ids(store.list_jobs(PARENT, page_size, token)[0]) == ["job-500"]


def test_large_jobs_make_smaller_pages_that_a_client_can_receive(store: Store) -> None:
    fill(store, 5, http_target={"uri": "https://x.example/", "body": b"x" * 1_000_000})
    first, token = store.list_jobs(PARENT)
    second, end = store.list_jobs(PARENT, 0, token)
    assert (len(first), len(second), end) == (3, 2, "")


def test_jobs_made_and_deleted_between_two_pages_disturb_nothing(store: Store) -> None:
    fill(store, 4)
    _, token = store.list_jobs(PARENT, 2)
    store.delete_job(name_of("job-0"))
    store.delete_job(name_of("job-2"))
    store.create_job(PARENT, http_job("late"))
    assert ids(store.list_jobs(PARENT, 2, token)[0]) == ["job-3", "late"]


def test_another_location_has_its_own_jobs(store: Store) -> None:
    fill(store, 2)
    assert store.list_jobs("projects/shop/locations/us-central1") == ([], "")


def test_a_token_is_good_for_two_hours(store: Store, clock: Clock) -> None:
    fill(store, 2)
    _, token = store.list_jobs(PARENT, 1)
    clock.now += timedelta(hours=2) - timedelta(seconds=1)
    assert ids(store.list_jobs(PARENT, 1, token)[0]) == ["job-1"]
    clock.now += timedelta(seconds=1)
    with pytest.raises(StoreError, match="INVALID_ARGUMENT: The page_token is expired or of another list"):
        store.list_jobs(PARENT, 1, token)


def test_a_token_of_another_location_is_refused(store: Store) -> None:
    fill(store, 2)
    _, token = store.list_jobs(PARENT, 1)
    with pytest.raises(StoreError, match="INVALID_ARGUMENT: The page_token is expired or of another list"):
        store.list_jobs("projects/shop/locations/us-central1", 1, token)


@pytest.mark.parametrize("token", ["x", "é", "bnVsbA==", "W10="])
def test_a_made_up_token_is_refused(store: Store, token: str) -> None:
    with pytest.raises(StoreError, match=r"INVALID_ARGUMENT: The page_token is invalid\."):
        store.list_jobs(PARENT, 1, token)


def test_a_negative_page_size_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match=r"INVALID_ARGUMENT: The page_size must not be negative\."):
        store.list_jobs(PARENT, -1)
