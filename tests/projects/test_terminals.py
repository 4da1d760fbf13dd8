"""What reads our commands: a terminal of few characters, or a program that has read enough."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from tests.support.declaring import declare, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("job")]

TASK = "shop.tasks.Report"
GREETING = "Grüße – 🎉"
READING = (
    ["scheduled_jobs", "list"],
    ["scheduled_jobs", "list", "--json"],
    ["scheduled_jobs", "show", TASK],
    ["scheduled_jobs", "show", TASK, "--json"],
    ["scheduled_jobs", "next"],
    ["scheduled_jobs", "runs"],
    ["scheduled_jobs", "watch"],
    ["scheduled_jobs", "prune"],
    ["schedule_tasks"],
    ["schedule_tasks", "--json"],
)


@pytest.fixture
def job(google: MemoryBackend, no_tasks: None) -> None:
    declare("Report", schedule_description=GREETING)
    schedule_tasks()


def test_a_terminal_of_ascii_shows_what_it_has_not_escaped() -> None:
    for command in READING:
        written = io.BytesIO()
        terminal = io.TextIOWrapper(written, encoding="ascii")
        call_command(*command, stdout=terminal)
        text = written.getvalue().decode("ascii")
        assert text, command
        if command[-1] == "--json":
            json.loads(text)
        if command == ["scheduled_jobs", "show", TASK]:
            assert "Gr\\u00fc\\u00dfe \\u2013 \\ud83c\\udf89" in text
        if command == ["scheduled_jobs", "show", TASK, "--json"]:
            assert json.loads(text)["fields"]["description"]["default"] == GREETING


class _Closed(io.StringIO):
    """A pipe that nobody reads."""

    def write(self, text: str) -> int:
        raise BrokenPipeError


def test_a_reader_that_has_enough_ends_no_command_in_a_traceback() -> None:
    for command in READING:
        call_command(*command, stdout=_Closed())


def test_a_database_of_reads_alone_refuses_in_a_line() -> None:
    def read(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")):
            raise OperationalError("attempt to write a readonly database")
        return execute(sql, params, many, context)

    for command in (["pause", TASK, "--reason", "quiet"], ["run", TASK], ["watch"], ["rebuild-stats"]):
        with connection.execute_wrapper(read), pytest.raises(CommandError) as refused:
            call_command("scheduled_jobs", *command)
        assert str(refused.value) == (
            "The database 'default' refuses: attempt to write a readonly database. manage.py scheduled_jobs doctor "
            "may say why."
        )
