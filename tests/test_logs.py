from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.exceptions import NotAllowed
from scheduled_jobs.logs import logger

if TYPE_CHECKING:
    from _pytest.logging import LogCaptureFixture


@pytest.mark.parametrize("broken", ["\n", "\r\n", "\x1b[2K", "\x85", "\u2028", "\x00", "\ud800"])
def test_nothing_that_is_quoted_begins_a_line_of_its_own(caplog: LogCaptureFixture, broken: str) -> None:
    forged = f"eve@example.com{broken}2026-11-30 all is well"
    logger.warning("%s is answered %d: %s", forged, 403, NotAllowed(forged))
    written = forged.replace(broken, broken.encode("unicode_escape").decode())
    assert caplog.messages == [f"{written} is answered 403: {written}"]


def test_what_is_plain_stays_as_it_is(caplog: LogCaptureFixture) -> None:
    logger.warning("%s, %.1f", "Zoë, 100 %", 2.25)
    assert caplog.messages == ["Zoë, 100 %, 2.2"]


def test_no_token_is_in_a_line(caplog: LogCaptureFixture) -> None:
    logger.warning("%s of %s", "Bearer eyJhbGci.eyJpc3M.c2ln", NotAllowed("eyJhbGci"))
    assert caplog.messages == ["Bearer [token] of [token]"]
