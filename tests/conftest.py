"""What every test of ours may rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from scheduled_jobs import registry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.backends.memory import MemoryBackend

# No test is timed: a busy machine must not fail what is right.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def registered_tasks() -> Iterator[None]:
    """Task classes that a test defines are forgotten after it."""
    before = dict(registry._tasks)
    yield
    registry._tasks.clear()
    registry._tasks.update(before)


@pytest.fixture
def no_tasks() -> None:
    """The tasks of the sample project are out of the way: a test sees its own alone."""
    registry._tasks.clear()


@pytest.fixture
def google() -> Iterator[MemoryBackend]:
    """A Cloud Scheduler in memory; ``google.store.faults`` makes its calls fail and records them."""
    from scheduled_jobs.backends import use_backend
    from scheduled_jobs.backends.memory import MemoryBackend

    backend = MemoryBackend()
    with use_backend(backend):
        yield backend
