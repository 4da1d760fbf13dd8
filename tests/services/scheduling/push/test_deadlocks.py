"""Those who write many rows at once wait for one another, and begin anew where the database gave them up."""

from __future__ import annotations

import random
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from scheduled_jobs.models import GoogleName, ScheduledJob
from scheduled_jobs.models.writing import ROUNDS
from scheduled_jobs.services.scheduling import google_names
from scheduled_jobs.services.scheduling.push.lease import JobLeases
from scheduled_jobs.services.scheduling.push.record import record_failure
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]
JOBS, TIMES = 60, 25


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
    leases = JobLeases()
    leases.free(leases.take(random.sample(keys, len(keys))))


def edit(keys: list[int]) -> None:
    """Edit all of them."""
    with transaction.atomic():
        ScheduledJob.objects.filter(pk__in=keys).lock()
        ScheduledJob.objects.filter(pk__in=keys).mark_pending()


def claim(keys: list[int]) -> None:
    """Begin to create all of them in Google."""
    some = {pk: f"google/jobs/job-{pk}" for pk in random.sample(keys, len(keys))}
    google_names.claim(some, now=timezone.now())


def fail(keys: list[int]) -> None:
    """Say of all of them that they cannot be pushed."""
    record_failure(random.sample(keys, len(keys)), "no credentials")


@pytest.mark.parametrize("act", [lease, claim, fail])
def test_writers_of_many_rows_and_editors_die_of_no_deadlock(
    keys: list[int], act: Callable[[list[int]], None]
) -> None:
    failures: list[BaseException] = []

    def repeat(one: Callable[[list[int]], None]) -> None:
        try:
            for _round in range(TIMES):
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


# --- Where two have died of one all the same --------------------------------------------------------


class Deadlock:
    """The database gives up each of the ledger's statements this often before it executes it."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.met: Counter[str] = Counter()

    def __call__(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        kind = sql.split(maxsplit=1)[0]
        if GoogleName._meta.db_table in sql and kind != "SELECT" and self.met[kind] < self.times:
            self.met[kind] += 1
            raise OperationalError(1213, "Deadlock found when trying to get lock; try restarting transaction")
        return execute(sql, *rest)


def test_a_push_begins_anew_where_its_race_was_lost(google: MemoryBackend) -> None:
    declare("Task", schedule_name="a")
    deadlock = Deadlock(times=ROUNDS - 1)
    with connection.execute_wrapper(deadlock):
        schedule_tasks()
    assert deadlock.met == {"INSERT": ROUNDS - 1, "UPDATE": ROUNDS - 1}
    entry = GoogleName.objects.get()
    assert [job.name for job in google.list(timeout=1)] == [entry.identifier]
    assert (row("Task").sync_state, entry.confirmed_at is not None) == ("synced", True)


def test_a_race_that_is_lost_each_time_is_told(google: MemoryBackend) -> None:
    deadlock = Deadlock(times=ROUNDS)
    with connection.execute_wrapper(deadlock), pytest.raises(OperationalError, match="Deadlock found"):
        google_names.claim({1: "google/jobs/a"}, now=timezone.now())
    assert deadlock.met == {"INSERT": ROUNDS}


def test_in_anothers_transaction_nothing_begins_anew(google: MemoryBackend) -> None:
    deadlock = Deadlock(times=1)
    with connection.execute_wrapper(deadlock), pytest.raises(OperationalError), transaction.atomic():
        google_names.claim({1: "google/jobs/a"}, now=timezone.now())
    assert GoogleName.objects.count() == 0
