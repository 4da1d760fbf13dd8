"""Ends that could not be written: each is tried until it is, and holds up nothing else."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta

import pytest
from django.db import OperationalError

from scheduled_jobs.services.execution import keeping as module
from scheduled_jobs.services.execution.clockwork import steady_now
from scheduled_jobs.services.execution.keeping import KeptEnds
from tests.support import SLOT


def after(seconds: float) -> datetime:
    return SLOT + timedelta(seconds=seconds)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> KeptEnds:
    """Those whose steps the test takes itself."""
    monkeypatch.setattr(KeptEnds, "_start", lambda self: None)
    return KeptEnds(clock=lambda: SLOT)


class End:
    """An end that cannot be written for a while."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.tries = 0

    def __call__(self) -> None:
        self.tries += 1
        if self.tries <= self.refusals:
            raise OperationalError("refused")


def test_each_kept_end_has_a_next_try_of_its_own(kept: KeptEnds) -> None:
    stubborn, good = End(refusals=100), End()
    kept.keep(1, stubborn)
    kept.keep(2, good)
    assert kept.step(after(1)) == after(2)
    assert (stubborn.tries, good.tries) == (0, 0)

    tries = []
    now = after(2)
    for _ in range(8):
        tries.append((now - SLOT).total_seconds())
        now = kept.step(now)  # type: ignore[assignment]

    assert tries == [2, 4, 8, 16, 32, 64, 124, 184]
    assert (stubborn.tries, good.tries) == (8, 1)


def test_a_request_writes_a_few_of_the_kept_ends(kept: KeptEnds) -> None:
    ends = [End() for _ in range(5)]
    for number, end in enumerate(ends):
        kept.keep(number, end)
    kept.step(after(2), most=3)
    assert [end.tries for end in ends] == [1, 1, 1, 0, 0]
    assert kept.step(after(2)) is None
    assert [end.tries for end in ends] == [1, 1, 1, 1, 1]


def test_what_is_dropped_for_lack_of_room_is_told(
    kept: KeptEnds, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    for number in range(3):
        kept.keep(number, End())
    assert [end.run_id for end in kept._kept] == [1, 2]
    assert caplog.messages == ["The end of run 0 is lost: 2 others wait to be written"]


def test_a_child_process_begins_with_no_kept_end(kept: KeptEnds) -> None:
    kept.keep(1, End())
    kept.after_fork()
    assert kept.step(after(10)) is None


def test_the_end_of_the_process_writes_what_is_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "BETWEEN_LAST_WORDS", timedelta(seconds=0.05))
    kept = KeptEnds()
    end, second, stubborn = End(), End(refusals=2), End(refusals=10_000)
    kept.at_exit()  # with nothing kept there is nothing to wait for
    kept._is_closing = False
    for number, one in enumerate((end, second)):
        kept.keep(number, one)

    kept.at_exit()

    thread = kept._thread
    assert thread is not None
    assert not thread.is_alive()
    assert (end.tries, second.tries, kept._kept) == (1, 3, [])
    kept.keep(3, stubborn)  # no thread is begun any more
    assert kept._thread is thread

    kept._is_closing = False
    kept.keep(4, stubborn)
    monkeypatch.setattr(module, "LAST_WORDS", 0.1)
    caplog.clear()
    kept.at_exit()
    assert [told for told in caplog.messages if "is lost" in told] == [
        f"The end of run {number} is lost: its process ends before it was written" for number in (3, 4)
    ]
    stubborn.refusals = 0
    kept._thread.join(30)


def test_an_end_that_hangs_costs_no_living_run_its_lease() -> None:
    """In a lock of the database, or in a receiver of the signals that follow it."""
    from scheduled_jobs.services.execution.heartbeat import Heartbeat

    hangs, is_hanging = threading.Event(), threading.Event()

    def hang() -> None:
        is_hanging.set()
        hangs.wait(60)

    kept, heartbeat = KeptEnds(), Heartbeat()
    kept.keep(1, hang)
    kept._kept[0].try_at = steady_now()
    kept._wake()
    assert is_hanging.wait(30)
    with heartbeat._condition:
        heartbeat._wake_or_start()
    assert heartbeat._thread is not kept._thread
    # While it hangs, a request neither waits for it nor tries it again.
    kept.write_few()
    hangs.set()
    while kept._kept:
        time.sleep(0.01)
