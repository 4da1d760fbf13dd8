"""Rows that are inserted without instances are the rows that instances would have made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from scheduled_jobs.models import JobChange, ScheduledJob
from scheduled_jobs.services.scheduling.inserting import insert_rows

pytestmark = pytest.mark.django_db

COLUMNS = ("name", "task", "declared_schedule", "declared_min_backoff", "declared_payload", "paused")
OF_ITS_OWN = {"id", "name", "task", "created_at", "edited_at"}


def _values(name: str) -> dict[str, Any]:
    job = ScheduledJob.objects.get(name=name)
    columns = {field.attname for field in ScheduledJob._meta.concrete_fields} - OF_ITS_OWN
    return {column: getattr(job, column) for column in columns}


def test_an_inserted_row_is_as_bulk_create_would_have_made_it() -> None:
    given = ("0 9 * * *", timedelta(seconds=7), {"region": "emea"}, True)
    insert_rows(ScheduledJob, COLUMNS, [("a", "shop.A", *given)], "default")
    made = dict(zip(COLUMNS[2:], given, strict=True))
    ScheduledJob.objects.bulk_create([ScheduledJob(name="b", task="shop.B", **made)])

    assert _values("a") == _values("b")


def test_values_that_are_equal_and_not_the_same_are_told_apart() -> None:
    columns = ("job_name", "task", "field", "old", "new")
    insert_rows(JobChange, columns, [("a", "t", "f", True, 1), ("a", "t", "f", 1.0, None)], "default")

    rows = JobChange.objects.order_by("pk").values_list("old", "new")

    assert [tuple(map(repr, row)) for row in rows] == [("True", "1"), ("1.0", "None")]


def test_more_values_than_are_remembered_are_all_written() -> None:
    rows = [(f"job-{number}", f"shop.Task{number}") for number in range(1100)]
    insert_rows(ScheduledJob, ("name", "task"), rows, "default")

    assert list(ScheduledJob.objects.order_by("pk").values_list("name", "task")) == rows


def test_no_rows_are_no_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        insert_rows(ScheduledJob, ("name", "task"), [], "default")


@pytest.mark.django_db(transaction=True)
def test_rows_are_inserted_all_or_none() -> None:
    with pytest.raises(IntegrityError):
        insert_rows(ScheduledJob, ("name", "task"), [("a", "shop.A"), ("a", "shop.B")], "default")

    assert not ScheduledJob.objects.exists()
