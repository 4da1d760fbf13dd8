"""The pytest plugin: one fixture, not used by itself, and nothing of Django until a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from scheduled_jobs.testing.cloud_scheduler import CloudScheduler, running_cloud_scheduler


@pytest.fixture
def cloud_scheduler() -> Iterator[CloudScheduler]:
    """An in-memory Cloud Scheduler for the duration of one test; see ``CloudScheduler``."""
    with running_cloud_scheduler() as scheduler:
        yield scheduler
