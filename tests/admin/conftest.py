from __future__ import annotations

import pytest

from scheduled_jobs.services import monitoring
from scheduled_jobs.services.monitoring import Finding

FOUND = [
    Finding("tasks", is_ok=True, text="1 task: shop.tasks.One"),
    Finding("watch", is_ok=False, text="Nobody <watches>", remedy="Let a monitor run doctor."),
    Finding("address", is_ok=False, text="Nothing listens on port 8000", remedy="Start it.", stops=True),
]


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the doctor finds: no page of a test asks anybody outside."""
    found = list(FOUND)
    monkeypatch.setattr(monitoring, "examine", lambda: found)
    return found
