"""What the lessons share: a Monday morning, a Cloud Scheduler, and no tasks but a test's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.testing import running_cloud_scheduler

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.testing import CloudScheduler

MONDAY = datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


@pytest.fixture
def google(no_tasks: None, transactional_db: None) -> Iterator[CloudScheduler]:
    """Cloud Scheduler as a project's own tests have it, on a Monday at half past eight."""
    with running_cloud_scheduler(MONDAY) as scheduler:
        yield scheduler
