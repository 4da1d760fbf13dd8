"""Those who write many rows at once wait for one another, on a database that locks rows."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction
from django.utils import timezone

from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling import google_names
from scheduled_jobs.services.scheduling.push.lease import JobLeases
from scheduled_jobs.services.scheduling.push.record import record_failure
from tests.support.declaring import declare, schedule_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]
JOBS, ROUNDS = 60, 25


@pytest.fixture
def keys(google: MemoryBackend) -> list[int]:
    """Of rows that do not lie in the table as their keys follow one another."""
    if connection.vendor == "sqlite":
        pytest.skip("one writer at a time: nobody waits for a row")
    for number in range(JOBS):
        declare(f"Task{number}")
    schedule_tasks()
    found = list(ScheduledJob.objects.values_list("pk", flat=True))
    for pk in random.Random(4).sample(found, len(found)):
        ScheduledJob.objects.filter(pk=pk).update(description_override=None)
    return found


def lease(keys: list[int]) -> None:
    """Take and free the leases of all."""
    leases = JobLeases("default")
    leases.free(leases.take(random.sample(keys, len(keys))))


def edit(keys: list[int]) -> None:
    """Edit all of them."""
    with transaction.atomic():
        ScheduledJob.objects.filter(pk__in=keys).lock()
        ScheduledJob.objects.filter(pk__in=keys).mark_pending()


def claim(keys: list[int]) -> None:
    """Begin to create all of them in Google."""
    some = {pk: f"google/jobs/job-{pk}" for pk in random.sample(keys, len(keys))}
    google_names.claim(some, now=timezone.now(), using="default")


def fail(keys: list[int]) -> None:
    """Say of all of them that they cannot be pushed."""
    record_failure(random.sample(keys, len(keys)), "no credentials", using="default")


@pytest.mark.parametrize("act", [lease, claim, fail])
def test_writers_of_many_rows_and_editors_die_of_no_deadlock(
    keys: list[int], act: Callable[[list[int]], None]
) -> None:
    failures: list[BaseException] = []

    def repeat(one: Callable[[list[int]], None]) -> None:
        try:
            for _round in range(ROUNDS):
                one(keys)
        except BaseException as error:  # noqa: BLE001 – told by the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=repeat, args=[one]) for one in (act, act, edit, edit)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
