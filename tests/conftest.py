"""What every test of ours may rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduled_jobs import registry

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def registered_tasks() -> Iterator[None]:
    """Task classes that a test defines are forgotten after it."""
    before = dict(registry._tasks)
    yield
    registry._tasks.clear()
    registry._tasks.update(before)
