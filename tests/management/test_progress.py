"""A bar on a terminal that never mixes with the lines, and nothing where there is no terminal."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.core.management.base import OutputWrapper

from scheduled_jobs.management.terminal import ProgressBar
from tests.support.declaring import declare
from tests.support.terminal import Terminal

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


def test_the_bar_fills_as_jobs_are_done(terminal: Terminal) -> None:
    bar = ProgressBar(OutputWrapper(terminal))
    bar.begin(2)
    assert terminal.screen == ["[..............................] 0 of 2 jobs"]
    bar._drawn_at = -1.0
    bar.advance()
    assert terminal.screen == ["[###############...............] 1 of 2 jobs"]
    bar.advance()
    assert terminal.screen == ["[##############################] 2 of 2 jobs"]
    bar.clear()
    assert terminal.screen == [""]


def test_a_terminal_is_not_drawn_on_at_every_job(terminal: Terminal) -> None:
    bar = ProgressBar(OutputWrapper(terminal))
    bar.begin(1000)
    for _ in range(999):
        bar.advance()
    assert terminal.getvalue().count("\r") < 100


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_tasks", "google")
def test_lines_and_bar_on_one_terminal_are_not_garbled(terminal: Terminal) -> None:
    for name in ("One", "Two"):
        declare(name)
    call_command("schedule_tasks", stdout=terminal, stderr=terminal)
    assert terminal.screen == [
        "[+] Job created: shop.tasks.One",
        "[+] Job created: shop.tasks.Two",
        "2 jobs: 2 created, 0 updated, 0 deleted, 0 failed, 0 unchanged.",
        "",
    ]
    assert "0 of 2 jobs" in terminal.getvalue()


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_tasks")
def test_without_a_terminal_nothing_but_lines_is_printed(google: MemoryBackend) -> None:
    declare("One")
    stdout, stderr = io.StringIO(), io.StringIO()
    call_command("schedule_tasks", stdout=stdout, stderr=stderr)
    assert "\r" not in stdout.getvalue()
    assert stderr.getvalue() == ""
    assert len(list(google.list(timeout=1))) == 1
