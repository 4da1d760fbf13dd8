"""The statements of a delivery are planned once for a connection, wherever that can be done."""

from __future__ import annotations

import logging
import re
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction

from scheduled_jobs.models import JobRun
from scheduled_jobs.services.execution import prepared
from tests.services.execution.calling import deliver
from tests.support import SLOT
from tests.support.pgbouncer import PROGRAM, pgbouncer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scheduled_jobs.models import ScheduledJob
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = [
    pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL plans a statement each time"),
    pytest.mark.django_db(transaction=True),
]
KEEPS_NONE = "The connections of 'default' keep no prepared statement; none is prepared."


@pytest.fixture(autouse=True)
def _new_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepared, "_unprepared", set())
    connection.close()


@contextmanager
def verbs() -> Iterator[list[str]]:
    """The first words of the statements of the block, but for the look at what decides."""
    found: list[str] = []

    def note(execute: Any, text: str, params: Any, many: bool, context: Any) -> Any:
        if re.match("PREPARE|EXECUTE|INSERT|WITH", text):
            found.append(text.split(maxsplit=1)[0])
        return execute(text, params, many, context)

    with connection.execute_wrapper(note):
        yield found


def deliver_all(job: ScheduledJob, task: type[PeriodicTask], numbers: range) -> set[str]:
    """A delivery of each of these slots; returns their answers."""
    answers = set()
    for number in numbers:
        ahead = timedelta(hours=number)
        answer = deliver(job, task, slot=SLOT + ahead, now=SLOT + ahead + timedelta(seconds=1))
        answers.add(answer.body["status"])
    return answers


def succeeded() -> int:
    return JobRun.objects.filter(status="succeeded").count()


def test_a_connection_that_is_kept_prepares_each_once(
    job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Which dj-database-url sets, and the settings of most projects do not.
    monkeypatch.delitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", raising=False)
    with verbs() as found:
        deliver_all(job, task, range(5))
    assert found == ["INSERT", "WITH"] * 5
    with verbs() as found:
        deliver_all(job, task, range(5, 8))
    assert [verb for verb in found if verb != "PREPARE"] == ["EXECUTE"] * 9
    assert found.count("PREPARE") == 3
    assert succeeded() == 8


def test_a_connection_for_each_request_prepares_none(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    with verbs() as found:
        for number in range(7):
            deliver_all(job, task, range(number, number + 1))
            connection.close()
    assert found == ["INSERT", "WITH"] * 7


def test_a_transaction_of_the_callers_prepares_none(job: ScheduledJob, task: type[PeriodicTask]) -> None:
    with verbs() as found, transaction.atomic():
        deliver_all(job, task, range(7))
    assert found == ["INSERT", "WITH"] * 7


@pytest.mark.parametrize("setting", ["DISABLE_SERVER_SIDE_CURSORS", "server_side_binding"])
def test_the_settings_of_a_database_may_forbid_it(
    job: ScheduledJob, task: type[PeriodicTask], setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = connection.settings_dict["OPTIONS"]
    where = connection.settings_dict if setting.isupper() else options
    monkeypatch.setitem(where, setting, True)
    vars(connection.features).pop("uses_server_side_binding", None)
    with verbs() as found:
        deliver_all(job, task, range(7))
    vars(connection.features).pop("uses_server_side_binding", None)
    connection.close()
    assert found == ["INSERT", "WITH"] * 7


@pytest.mark.parametrize("change", [
    "DISCARD ALL",
    'ALTER TABLE scheduled_jobs_jobrun ALTER COLUMN "trigger" TYPE varchar(2000)',
])  # fmt: skip
def test_what_the_connection_has_lost_is_executed_plainly(
    job: ScheduledJob, task: type[PeriodicTask], change: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "scheduled_jobs")
    deliver_all(job, task, range(7))
    length = JobRun._meta.get_field("trigger").max_length
    with connection.cursor() as cursor, verbs() as found:
        cursor.execute(change)
        try:
            assert deliver_all(job, task, range(7, 10)) == {"executed"}
        finally:
            cursor.execute(f'ALTER TABLE scheduled_jobs_jobrun ALTER COLUMN "trigger" TYPE varchar({length})')
    assert succeeded() == 10
    assert found == ["EXECUTE", *["INSERT", "WITH"] * 3]
    assert [message for message in caplog.messages if "prepared" in message] == [KEEPS_NONE]


@pytest.mark.skipif(PROGRAM is None, reason="needs PgBouncer; install pgbouncer")
def test_another_connection_for_each_statement_loses_no_run(
    job: ScheduledJob,
    task: type[PeriodicTask],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "scheduled_jobs")
    with pgbouncer(connection.settings_dict, tmp_path) as database, monkeypatch.context() as behind:
        behind.setitem(connection.settings_dict, "HOST", database["HOST"])
        behind.setitem(connection.settings_dict, "PORT", database["PORT"])
        connection.close()
        try:
            assert deliver_all(job, task, range(12)) == {"executed"}
        finally:
            connection.close()
    assert succeeded() == 12
    assert caplog.messages.count(KEEPS_NONE) == 1
