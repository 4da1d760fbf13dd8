"""The payload form of a task, filled as a test needs it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from scheduled_jobs.admin.payload.form import PayloadForm
from tests.support import make_task
from tests.support.job_page import DECLARED, settle

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask

MINUTE, ONE = timedelta(minutes=1), Decimal(1)


def payload_form(
    data: dict[str, str] | None = None,
    *,
    override: dict[str, Any] | None = None,
    declared: dict[str, Any] | None = None,
    run: Any = settle,
) -> PayloadForm:
    task = make_task(run, name="Settle")
    declared = DECLARED if declared is None else declared
    return PayloadForm(task=task.name(), declared=declared, override=override, data=data)


def anything(self: PeriodicTask, filters: dict[str, Any], note: str = "", **kwargs: Any) -> None:
    """Takes an object, a text, and any other key."""


def lengths(self: PeriodicTask, every: timedelta = MINUTE, rate: Decimal = ONE, text: str = "") -> None:
    """Takes a length of time, a decimal and a text."""
