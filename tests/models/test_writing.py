"""Rows that are inserted without instances are the rows that instances would have made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError

from scheduled_jobs.models import JobChange, ScheduledJob
from scheduled_jobs.models.writing import insert_rows

pytestmark = pytest.mark.django_db

OF_ITS_OWN = {"id", "name", "task", "created_at", "edited_at"}


def values_of(name: str) -> dict[str, Any]:
    job = ScheduledJob.objects.get(name=name)
    columns = {field.attname for field in ScheduledJob._meta.concrete_fields} - OF_ITS_OWN
    return {column: getattr(job, column) for column in columns}


def test_an_inserted_row_is_as_bulk_create_makes_it() -> None:
    given = {
        "declared_schedule": "0 9 * * *",
        "declared_min_backoff": timedelta(seconds=7),
        "declared_payload": {"region": "emea"},
        "paused": True,
    }
    insert_rows(ScheduledJob, [{"name": "a", "task": "shop.A", **given}])
    ScheduledJob.objects.bulk_create([ScheduledJob(name="b", task="shop.B", **given)])
    assert values_of("a") == values_of("b")


def test_values_of_json_keep_their_types() -> None:
    same = {"job_name": "a", "task": "t", "field": "f"}
    rows = [{**same, "old": True, "new": 1}, {**same, "old": 1.0, "new": None}]
    insert_rows(JobChange, rows)
    kept = JobChange.objects.order_by("pk").values_list("old", "new")
    assert [tuple(map(repr, row)) for row in kept] == [("True", "1"), ("1.0", "None")]


def test_no_rows_are_no_statement(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        insert_rows(ScheduledJob, [])


@pytest.mark.django_db(transaction=True)
def test_rows_are_inserted_all_or_none() -> None:
    with pytest.raises(IntegrityError):
        insert_rows(ScheduledJob, [{"name": "a", "task": "shop.A"}, {"name": "a", "task": "shop.B"}])
    assert not ScheduledJob.objects.exists()
