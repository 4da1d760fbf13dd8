from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.services.execution.keeping import kept_ends
from tests.support import make_job, make_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.models import ScheduledJob
    from scheduled_jobs.tasks import PeriodicTask


@pytest.fixture
def task() -> type[PeriodicTask]:
    return make_task()


@pytest.fixture
def job(db: None, task: type[PeriodicTask]) -> ScheduledJob:
    return make_job(task)


@pytest.fixture(autouse=True)
def _nothing_is_kept() -> Iterator[None]:
    yield
    kept_ends._kept.clear()
