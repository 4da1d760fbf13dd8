from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.models import ScheduledJob


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    declare("One", schedule_body_payload={"region": "emea", "api_token": "hunter2"})
    schedule_tasks()
    return row("One")
