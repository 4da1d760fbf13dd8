from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.services import monitoring
from tests.support.findings import FOUND

if TYPE_CHECKING:
    from scheduled_jobs.services.monitoring import Finding


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the doctor finds; a test may change it."""
    found = list(FOUND)
    monkeypatch.setattr(monitoring, "examine", lambda: found)
    return found
