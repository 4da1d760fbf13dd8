from __future__ import annotations

import pytest

from scheduled_jobs.services.scheduling import client


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is made again is made again at once."""
    monkeypatch.setattr(client, "FIRST_WAIT", 0.0001)
