"""A store with a clock that stands still until a test moves it."""

from __future__ import annotations

import pytest

from scheduled_jobs.emulator.store import Store
from tests.emulator.jobs import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Store:
    return Store(clock)
