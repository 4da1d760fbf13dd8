"""Many writers and a failing Google: when all is quiet, Google equals the database.

Three seconds by default; ``WRITERS_SECONDS=60`` in the environment makes it a minute.
"""

from __future__ import annotations

import os
import random
import threading
import time
from typing import TYPE_CHECKING

import pytest
from django.db import connection

from scheduled_jobs.exceptions import StoreError
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling import client
from tests.support import full_name, with_several_writers
from tests.support.declaring import declare, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

SECONDS = float(os.environ.get("WRITERS_SECONDS", "3"))
STATUSES = (
    "ABORTED",
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "INTERNAL",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
)
WRITERS, JOBS = 8, 5


@with_several_writers
def test_eight_writers_and_every_fifth_call_failing_converge(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "FIRST_WAIT", 0.01)
    for n in range(JOBS):
        declare(f"Job{n}")
    schedule_tasks()
    pks = list(ScheduledJob.objects.values_list("pk", flat=True))
    seed = random.randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 – what repeats a failure
    chance = random.Random(seed)
    failed = 0

    def sometimes(method: str, name: str, phase: str) -> None:
        nonlocal failed
        # Half of the failures are refusals, half are answers that are lost after all was done.
        if chance.random() < 0.1:
            failed += 1
            raise StoreError(chance.choice(STATUSES), "made to fail", resource=name)

    google.store.faults.latency = 0.002
    google.store.faults.settle = 0.005
    google.store.faults.intercept = sometimes
    end = time.monotonic() + SECONDS
    troubles: list[BaseException] = []
    last: dict[int, list[str]] = {pk: [] for pk in pks}

    def write(writer: int) -> None:
        mine = random.Random(seed + writer)
        try:
            while time.monotonic() < end or (failed <= 20 and not troubles):
                write_once(ScheduledJob.objects.get(pk=mine.choice(pks)), mine, writer, last)
        except BaseException as error:  # noqa: BLE001 – told below, in the main thread
            troubles.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert failed > 20

    google.store.faults.intercept = None
    for job in ScheduledJob.objects.all():
        # A row never says "synced" of what Google does not have.
        if job.sync_state == "synced":
            equals(google, job)
        assert job.push_token is None
        assert job.description in ("", *last[job.pk])
    assert schedule_tasks().code == 0
    for job in ScheduledJob.objects.all():
        assert job.sync_state == "synced"
        equals(google, job)
    assert schedule_tasks(check=True).code == 0


def write_once(job: ScheduledJob, chance: random.Random, writer: int, last: dict[int, list[str]]) -> None:
    """What one of many people, or one of two deploys, does."""
    match chance.randrange(6):
        case 0:
            job.pause(reason="x")
        case 1:
            job.resume()
        case 2:
            job.reset()
        case 3 if writer < 2:
            schedule_tasks()
        case _:
            job.description_override = f"{writer} at {time.monotonic()}"
            last[job.pk].append(job.description_override)
            job.save()


def equals(google: MemoryBackend, job: ScheduledJob) -> None:
    """Assert that Google has what is in force."""
    there = google.get(full_name(job), timeout=1)
    assert (there.values["description"], there.state) == (job.description, job.desired_state)
    assert job.pushed_revision == job.revision
