"""Values that got into the rows past our forms: by ``QuerySet.update``, SQL, a fixture, an older release."""

from __future__ import annotations

import io
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.support import make_run
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.people import LIST, superuser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.models import Model
    from django.test import Client

    from scheduled_jobs.backends.memory import MemoryBackend

RUNS = "/admin/scheduled_jobs/jobrun/"
EARLY, LATE = datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
pytestmark = pytest.mark.uncounted

DAYS = timedelta(days=400_000)

TEXTS = ["", " ", "\n", "no such thing", "*/0 * * * *", "99 99 99 99 99", "x" * 60]
JSON = [[], ["a"], "text", 7, 1.5, True, {"": None}, {"a": {"b": [1] * 50}}]
TIMES = [EARLY, LATE]
SPANS = [-timedelta(days=1), timedelta(), timedelta(microseconds=1), DAYS]

LIVE = [
    {"last_attempt_time": "2026-11-23T09:00:00+00:00"},
    {"last_attempt_time": "2026-11-23T09:00:00", "status": 14, "uri": None},
    {"last_attempt_time": "yesterday", "status": 14, "state": 7},
    {"last_attempt_time": 1_700_000_000, "status": "14", "schedule": 5},
    {"last_attempt_time": "2026-11-23T09:00:00Z", "status": "UNAVAILABLE", "headers": None},
]
"""What an older release may have kept of Google."""
PUSHED = [{"sent": None}, {"sent": 5, "answer": []}, {"sent": {"headers": 5}, "answer": None}, {"answer": 7}]
JOB_VALUES: list[dict[str, list[Any]]] = [
    {
        "schedule_override": TEXTS, "declared_time_zone": TEXTS, "payload_override": JSON, "live": JSON,
        "min_backoff_override": SPANS, "next_run_at": TIMES, "last_status": ["lost", "missed"],
        "last_duration": SPANS, "sync_error": TEXTS, "last_run_id": [987_654_321], "created_at": TIMES,
    },
    {
        "declared_schedule": TEXTS, "time_zone_override": ["Europe", "../etc/passwd", "/UTC", *TEXTS],
        "declared_payload": JSON, "pushed": JSON, "max_backoff_override": SPANS, "last_run_at": TIMES,
        "retry_count_override": [0, 9, 30_000], "failures_in_a_row": [2_000_000_000], "live_seen_at": TIMES,
        "synced_at": TIMES,
    },
    {
        "description_override": TEXTS, "max_retry_duration_override": SPANS, "paused_until": TIMES,
        "max_doublings_override": [0, 2_000_000_000], "attempt_deadline_override": SPANS, "paused": [True],
        "pause_reason": TEXTS, "paused_at": TIMES, "edited_at": TIMES, "last_delivery_at": TIMES,
        "sync_state": ["drifted"],
    },
    {"task": [*TEXTS, ".", "shop..tasks", "shop.tasks."], "declared_attempt_deadline": SPANS},
    {"retired_at": TIMES, "deleting_at": [None, *TIMES]},
    {"pushed": PUSHED, "schedule_override": ["0 1 * * *", "0 2 * * *", "0 3 * * *", "0 4 * * *"]},
    {"live": LIVE, "unreachable_since": [EARLY], "next_run_at": [EARLY]},
    {"live": LIVE, "next_run_at": [EARLY], "last_run_id": [None]},
]  # fmt: skip
"""Groups of columns, each with the values that it is given in turn."""
RUN_VALUES: list[dict[str, list[Any]]] = [
    {
        "payload": JSON, "context": JSON, "scheduled_for": TIMES, "finished_at": TIMES, "error": TEXTS,
        "traceback": TEXTS, "progress_message": TEXTS, "progress_done": [-1.0, 1e300, 5.0],
        "progress_total": [-1.0, 0.0, 1e-300], "attempt": [0, 2_000_000_000], "deadline_at": TIMES,
    },
    {
        "result": JSON, "started_at": TIMES, "created_at": TIMES, "lease_until": TIMES, "sent_at": TIMES,
        "duration": SPANS, "log": TEXTS, "deliveries": [2_000_000_000], "requested_by": TEXTS,
        "acknowledged_at": TIMES,
    },
]  # fmt: skip
CHANGE_VALUES: list[dict[str, list[Any]]] = [
    {
        "field": ["", "other", "schedule", "payload", "paused", "run", "job"], "old": JSON, "new": JSON,
        "reason": TEXTS, "actor_label": TEXTS, "at": TIMES,
    },
]  # fmt: skip
JOB_IS_READ = r"/scheduledjob/(\d+/change/)?$|^show \['--json'\]|^schedule_tasks \{\}"
RUN_IS_READ = r"/jobrun/|/scheduledjob/(\d+/(change|delete)/)?$|^(list|show|runs) "
CHANGE_IS_READ = r"/change(s)?/$|^show "
"""What reads each of the planted values."""
COMMANDS = (
    ["list"],
    ["show"],
    ["next"],
    ["runs"],
    ["list", "--json"],
    ["show", "--json"],
    ["runs", "--json"],
)


def rounds(groups: list[dict[str, list[Any]]]) -> Iterator[dict[str, Any]]:
    """Each value of each column once, many columns at a time."""
    for group in groups:
        for i in range(max(len(values) for values in group.values())):
            yield {column: values[i % len(values)] for column, values in group.items()}


@pytest.fixture
def job(google: MemoryBackend, no_tasks: None) -> ScheduledJob:
    declare("Report", run=lambda self, region="emea": None)
    schedule_tasks()
    job = row("Report")
    job.payload_override = {"region": "apac"}
    job.save()
    return job


def run_of(job: ScheduledJob, **values: Any) -> JobRun:
    run = make_run(
        job, "failed", started_at=timezone.now(), finished_at=timezone.now(), error="ValueError: 7"
    )
    ScheduledJob.objects.filter(pk=job.pk).update(
        last_run=run, last_run_at=run.started_at, last_status="failed"
    )
    return run


def pages_of(job: ScheduledJob, run: JobRun) -> list[str]:
    below = ["change", "settings", "changes", "run-now", "pause", "resume", "drift", "delete"]
    return [
        LIST, f"{LIST}plan/", *(f"{LIST}{job.pk}/{page}/" for page in below),
        f"{LIST}{job.pk}/preview/?schedule=0+9+*+*+*", RUNS, f"{RUNS}{run.pk}/change/", f"{RUNS}{run.pk}/rerun/",
    ]  # fmt: skip


def failures(client: Client, job: ScheduledJob, run: JobRun, planted: object, is_read: str = "") -> list[str]:
    """What raises, of the pages and commands that read what was planted."""
    calls: dict[str, Callable[[], Any]] = {page: partial(client.get, page) for page in pages_of(job, run)}
    for verb, *options in COMMANDS:
        name = [job.name] if verb in ("show", "next") else []
        calls[f"{verb} {options}"] = partial(call, verb, *name, *options)
    for option in ({"check": True}, {"dry_run": True}, {}):
        calls[f"schedule_tasks {option}"] = partial(schedule_tasks, **option)
    found = []
    for what, do in ((what, do) for what, do in calls.items() if re.search(is_read, what)):
        try:
            do()
        except Exception as error:  # noqa: BLE001 – all of them are told together
            found.append(f"{what}: {type(error).__name__}: {error} with {planted}")
    return found


def call(*args: str) -> None:
    with suppress(CommandError, SystemExit):
        call_command("scheduled_jobs", *args, stdout=io.StringIO(), stderr=io.StringIO())


def stored(row: Model) -> dict[str, Any]:
    """What is in a row, to be put back."""
    return {
        field.attname: getattr(row, field.attname)
        for field in row._meta.concrete_fields
        if not field.generated
    }


@pytest.mark.django_db(transaction=True)
def test_no_value_of_a_job_breaks_a_page_or_a_command(job: ScheduledJob) -> None:
    client, run, found = superuser(), run_of(job), []
    # How a value comes back depends on the database; what else is made of it does not.
    is_read = "" if connection.vendor == "sqlite" else JOB_IS_READ
    good = stored(ScheduledJob.objects.get(pk=job.pk))
    for values in rounds(JOB_VALUES):
        ScheduledJob.objects.filter(pk=job.pk).update(**values)
        found += failures(client, job, run, values, is_read)
        ScheduledJob.objects.exclude(pk=job.pk).delete()
        ScheduledJob.objects.filter(pk=job.pk).update(**good)
    assert found == []


@pytest.mark.parametrize("status", ["failed", "running", "queued"])
@pytest.mark.django_db(transaction=True)
def test_no_value_of_a_run_breaks_a_page_or_a_command(job: ScheduledJob, status: str) -> None:
    client, run, found = superuser(), run_of(job), []
    good = stored(run)
    for values in rounds(RUN_VALUES):
        JobRun.objects.filter(pk=run.pk).update(status=status, **values)
        found += failures(client, job, run, values, RUN_IS_READ)
        JobRun.objects.filter(pk=run.pk).update(**good)
    assert found == []


@pytest.mark.django_db(transaction=True)
def test_no_value_of_the_audit_breaks_a_page_or_a_command(job: ScheduledJob) -> None:
    client, run, found = superuser(), run_of(job), []
    change = JobChange.objects.filter(job=job.pk).latest("pk")
    for values in rounds(CHANGE_VALUES):
        JobChange.objects.filter(pk=change.pk).update(**values)
        found += failures(client, job, run, values, CHANGE_IS_READ)
    assert found == []


@pytest.mark.parametrize(
    ("model", "column"),
    [
        (ScheduledJob, "origin"), (ScheduledJob, "sync_state"), (ScheduledJob, "last_status"),
        (JobRun, "status"), (JobRun, "trigger"), (JobChange, "via"),
    ],
)  # fmt: skip
@pytest.mark.django_db
def test_a_column_of_choices_takes_no_other_word(job: ScheduledJob, model: type[Model], column: str) -> None:
    run_of(job)
    with pytest.raises(IntegrityError), transaction.atomic():
        model._default_manager.update(**{column: "other"})
