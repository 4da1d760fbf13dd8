"""Packages that watch what the package does: each statement, each address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.db.backends.utils import CursorWrapper
from django.test import override_settings
from django.urls import resolve

from scheduled_jobs.services.scheduling import drift
from tests.support.console import edit_in_console
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_tasks")
@override_settings(DEBUG=True)
def test_a_toolbar_that_shows_each_statement_is_given_each(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at_once(self: CursorWrapper, sql: str, rows: Any) -> None:
        raise TypeError("django-debug-toolbar shows the parameters of one statement")

    monkeypatch.setattr(CursorWrapper, "executemany", at_once)
    for name in ("Report", "Invoices"):
        declare(name)
    schedule_tasks()
    assert row("Report").sync_state == "synced"
    for name in ("Report", "Invoices"):
        edit_in_console(google, row(name), "description", description="by hand")
    drift.look_at_all()
    assert [row(name).live["description"] for name in ("Report", "Invoices")] == ["by hand", "by hand"]


def test_what_names_an_address_by_its_route_can_read_ours() -> None:
    assert resolve("/tasks/shop.tasks.Report").route == "tasks/<scheduled_task:task>"
