"""What kills, stops and hides processes leaves true rows behind, and costs no slot that has a retry."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from tests.ends.conftest import NEXT_SLOT, STORM, Place, wait_until

if TYPE_CHECKING:
    from bench.web import Answer

SILENT = "The process that ran it has given no sign of life since "


def said(answer: Answer) -> tuple[int, str | None]:
    return answer.status, answer.body.get("status")


def test_a_process_that_is_killed_costs_no_slot_that_has_a_retry(place: Place) -> None:
    first, _ = place.begin(0, seconds=300)
    place.web.kill()
    assert first.result().status == 0
    assert place.statuses(0) == ["running"]

    place.web.start()
    # The retry, a duplicate of it, and the slot after it, which must not be skipped for the dead one.
    assert said(place.deliver(0).result()) == (200, "executed")
    assert said(place.deliver(0).result()) == (200, "duplicate")
    assert said(place.deliver(0, NEXT_SLOT).result()) == (200, "executed")
    [lost, done, _next] = place.runs(0)
    assert lost[:2] == (1, "lost")
    assert lost[2].startswith(SILENT)
    assert done == (2, "succeeded", "")


@STORM
def test_a_slot_is_not_skipped_for_a_process_that_died(place: Place) -> None:
    first, pid = place.begin(0, seconds=300)
    os.kill(pid, signal.SIGKILL)
    assert first.result().status == 0
    assert said(place.deliver(0, NEXT_SLOT).result()) == (200, "executed")
    assert said(place.deliver(0).result()) == (200, "executed")
    assert place.runs(0)[0][:2] == (1, "lost")
    assert place.statuses(0) == ["lost", "succeeded", "succeeded"]


def test_a_stop_lets_a_run_end_and_a_hasty_one_says_what_it_cut_off(place: Place) -> None:
    cut_off, pid = place.begin(0, seconds=300)
    os.kill(pid, signal.SIGQUIT)  # as gunicorn hears what does not wait
    assert cut_off.result().status == 0
    wait_until(lambda: place.statuses(0) == ["lost"])
    assert place.runs(0) == [(1, "lost", "SystemExit: 0")]
    assert said(place.deliver(0).result()) == (200, "executed")  # nobody is waited for

    let_end, _ = place.begin(1, seconds=3)
    place.web.stop()
    assert said(let_end.result()) == (200, "executed")
    assert place.statuses(0) == ["lost", "succeeded"]
    assert place.statuses(1) == ["succeeded"]


@STORM
@pytest.mark.parametrize("options", [["--timeout=6"]])
def test_a_server_that_loses_patience_is_a_stop_as_well(place: Place) -> None:
    cut_off = place.deliver(0, seconds=300)
    assert cut_off.result().status in (0, 500)
    assert place.runs(0) == [(1, "lost", "SystemExit: 1")]
    assert said(place.deliver(0).result()) == (200, "executed")


@STORM
def test_an_answer_that_is_lost_is_no_other_run(place: Place) -> None:
    assert place.web.deliver(0, NEXT_SLOT, {"seconds": 2.0, "marks": "done"}, timeout=1).status == 0
    # The retry comes while it still runs, and waits for its end.
    assert said(place.deliver(0, NEXT_SLOT).result()) == (200, "duplicate")
    assert len(place.marks(0, "done")) == 1
    assert place.statuses(0) == ["succeeded"]
