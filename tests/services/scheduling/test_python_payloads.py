"""Payloads that Python code gives: dates, decimals, members of enums, as tasks declare them."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from pydantic import BaseModel

from scheduled_jobs.checks import check_tasks
from scheduled_jobs.exceptions import InvalidPayload, OverrideExists
from scheduled_jobs.models import JobRun
from scheduled_jobs.services import execution
from scheduled_jobs.services.scheduling import seed_tasks
from tests.support.declaring import declare, row

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks", "google")]


class Colour(enum.Enum):
    RED = "red"


class Plain(enum.Enum):
    ONE = 1


@dataclass
class Window:
    first: date
    last: date


class Rule(BaseModel):
    since: date
    share: Decimal


GIVEN: list[tuple[Any, Any, Any]] = [
    (date, date(2026, 11, 30), "2026-11-30"),
    (date | None, date(2026, 11, 30), "2026-11-30"),
    (datetime, datetime(2026, 11, 30, 9, tzinfo=UTC), "2026-11-30T09:00:00Z"),
    (
        datetime,
        datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo("America/New_York")),
        "2026-11-01T01:30:00-04:00",
    ),
    (time, time(9, 30), "09:30:00"),
    (timedelta, timedelta(hours=1), "PT1H"),
    (Decimal, Decimal("1.50"), "1.50"),
    (float, Decimal("0.1"), 0.1),
    (int, Decimal("7"), 7),
    (UUID, UUID(int=7), "00000000-0000-0000-0000-000000000007"),
    (Colour, Colour.RED, "red"),
    (Plain, Plain.ONE, 1),
    (bytes, b"abc", "abc"),
    (list[date], [date(2026, 11, 30)], ["2026-11-30"]),
    (dict[str, date], {"on": date(2026, 11, 30)}, {"on": "2026-11-30"}),
    (set[str], {"b", "a", "c"}, ["a", "b", "c"]),
    (Window, Window(date(2026, 1, 1), date(2026, 1, 2)), {"first": "2026-01-01", "last": "2026-01-02"}),
    (Rule, Rule(since=date(2026, 1, 1), share=Decimal("0.5")), {"since": "2026-01-01", "share": "0.5"}),
]


def taking(annotation: Any, seen: list[Any]) -> Any:
    def run(self: Any, value: Any = None) -> None:
        seen.append(value)

    run.__annotations__["value"] = annotation
    return run


@pytest.mark.parametrize(("annotation", "value", "stored"), GIVEN)
def test_a_value_is_stored_in_the_form_of_its_declared_type(annotation: Any, value: Any, stored: Any) -> None:
    seen: list[Any] = []
    task = declare("Report", run=taking(annotation, seen), schedule_body_payload={"value": value})

    assert check_tasks() == []
    seed_tasks([task], retire=False)
    job = row("Report")
    assert job.declared_payload == {"value": stored}
    assert job.run_now(payload={"value": value}).payload == {"value": stored}

    job.payload_override = {"value": value}
    job.full_clean()
    job.save()
    assert row("Report").payload_override == {"value": stored}

    execution.run_eagerly(row("Report"), task)
    if annotation is float:
        value = float(value)
    elif annotation is datetime:  # of two zones, a time that comes twice is not even equal to itself
        value, seen = value.astimezone(UTC), [seen[0].astimezone(UTC)]
    assert seen == [value]


def test_schedule_takes_what_run_takes(google: MemoryBackend) -> None:
    task = declare("Report", run=taking(date, []))
    assert task.schedule(value=date(2026, 11, 30)).payload_override == {"value": "2026-11-30"}
    assert task.schedule(value=date(2026, 11, 30)).payload_override == {"value": "2026-11-30"}
    assert task.schedule(value="2026-11-30").payload_override == {"value": "2026-11-30"}
    with pytest.raises(OverrideExists):
        task.schedule(value=date(2026, 12, 1))


def test_a_rerun_and_a_save_take_what_run_takes() -> None:
    task = declare("Report", run=taking(date, []))
    seed_tasks([task], retire=False)
    job = row("Report")
    done = JobRun.objects.create(job=job, status="failed", trigger="manual", payload={})
    assert execution.rerun(done, payload={"value": date(2026, 11, 30)}).payload == {"value": "2026-11-30"}

    job.payload_override = {"value": date(2026, 11, 30)}
    job.save()
    assert (job.payload_override, row("Report").payload_override) == ({"value": "2026-11-30"},) * 2


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        (Any, date(2026, 11, 30), "run() would be given str and not date; annotate the parameter with date"),
        (str, date(2026, 11, 30), "run() would be given str and not date; annotate the parameter with date"),
        (
            list,
            [date(2026, 1, 1)],
            "run() would be given another list; annotate it with what is in it, or give it as JSON",
        ),
        (Any, object(), "object has no form in JSON"),
        (date, object(), "object has no form in JSON"),
    ],
)
def test_what_run_would_not_be_given_back_is_a_clear_error(annotation: Any, value: Any, text: str) -> None:
    task = declare("Report", run=taking(annotation, []))
    seed_tasks([task], retire=False)
    job = row("Report")
    with pytest.raises(InvalidPayload) as caught:
        job.run_now(payload={"value": value})
    assert caught.value.errors == {"value": text}
    with pytest.raises(ValidationError) as refused:
        task.schedule(value=value)
    assert refused.value.message_dict == {"payload_override": [f"value: {text}"]}
    job.payload_override = {"value": value}
    with pytest.raises(ValidationError, match=r"value: "):
        job.full_clean()
    with pytest.raises(InvalidPayload):
        job.save()


def test_a_time_for_a_day_is_refused_by_the_words_of_the_day() -> None:
    task = declare(
        "Report", run=taking(date, []), schedule_body_payload={"value": datetime(2026, 1, 1, tzinfo=UTC)}
    )
    [message] = check_tasks()
    assert message.id == "scheduled_jobs.E010"
    assert message.msg.startswith("shop.tasks.Report: schedule_body_payload(): value: ")
    assert task.schedule_body_payload()["value"].year == 2026
