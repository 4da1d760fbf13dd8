"""``scheduled_jobs reset``: the job follows the code again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.management.verbs.calling import NAME, call, refusal

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.models import ScheduledJob

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


def test_reset_returns_to_the_code(google: MemoryBackend, job: ScheduledJob) -> None:
    job.schedule_override, job.retry_count_override = "0 3 * * *", 2
    job.save()
    assert call("reset", NAME, "schedule") == f"{NAME}: follows the code in schedule (synced).\n"
    job.refresh_from_db()
    assert (job.schedule_override, job.retry_count_override) == (None, 2)
    call("reset", NAME)
    job.refresh_from_db()
    assert job.retry_count_override is None
    assert refusal("reset", NAME, "colour").startswith(
        "colour cannot be reset; the fields are schedule, time_zone"
    )
