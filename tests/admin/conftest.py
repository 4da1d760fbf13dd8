from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.services import monitoring
from tests.support.findings import FOUND
from tests.support.requests import Laid, laid_desk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django import DjangoDbBlocker

    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.services.monitoring import Finding


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the doctor finds; a test may change it."""
    found = list(FOUND)
    monkeypatch.setattr(monitoring, "examine", lambda: found)
    return found


@pytest.fixture(scope="module")
def laid(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Laid]:
    with django_db_blocker.unblock(), laid_desk() as laid:
        yield laid


@pytest.fixture
def desk(laid: Laid, google: MemoryBackend) -> dict[str, str]:
    """Jobs and runs with which every action has something to do; the names that addresses speak of."""
    return laid.again(google)
