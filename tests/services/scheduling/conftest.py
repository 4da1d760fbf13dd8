from __future__ import annotations

import pytest

from scheduled_jobs.services.scheduling import calls


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that is made again is made again at once."""
    monkeypatch.setattr(calls, "FIRST_WAIT", 0.0001)


@pytest.fixture(autouse=True)
def _free_quota() -> None:
    """The limit of writes belongs to the process: what other tests wrote in the last minute must not count."""
    calls.write_limit._ended.clear()
