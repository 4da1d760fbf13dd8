"""Those who write many rows at once wait for one another, on a database that locks rows."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING

import pytest
from django.db import connection, transaction

from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling.leasing import JobLeases
from tests.services.scheduling.declaring import declare, schedule_tasks

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


def test_whoever_takes_and_frees_leases_and_whoever_edits_many_die_of_no_deadlock(keys: list[int]) -> None:
    failures: list[BaseException] = []

    def repeat(act: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                for _round in range(ROUNDS):
                    act()
            except BaseException as error:  # noqa: BLE001 – told by the test
                failures.append(error)
            finally:
                connection.close()

        return run

    def lease() -> None:
        leases = JobLeases("default")
        held = leases.take(random.sample(keys, len(keys)))
        leases.free(held)

    def edit() -> None:
        with transaction.atomic():
            ScheduledJob.objects.filter(pk__in=keys).lock()
            ScheduledJob.objects.filter(pk__in=keys).edit()

    acts = [lease, lease, edit, edit]
    threads = [threading.Thread(target=repeat(act)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
