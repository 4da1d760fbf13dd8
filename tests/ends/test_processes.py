"""What kills, stops and hides processes leaves true rows behind, and costs no slot that has a retry."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from bench.storm import create, emulator
from bench.web import Web
from tests.ends.conftest import NEXT_SLOT, STORM, Place, started, wait_until
from tests.support.databases import new_database

if TYPE_CHECKING:
    from pathlib import Path

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


SLOTS = """
SELECT scheduled_for, count(*), sum(CASE WHEN status = 'succeeded' THEN 1 ELSE 0 END)
FROM scheduled_jobs_jobrun GROUP BY job_id, scheduled_for ORDER BY scheduled_for
"""


@STORM
def test_an_emulator_that_is_killed_costs_no_slot(tmp_path: Path, django_db_blocker: Any) -> None:
    """In the middle of its deliveries; it goes on with the next slots, from the same file."""
    with (
        django_db_blocker.unblock(),
        new_database(tmp_path) as database,
        emulator("--state", str(tmp_path / "google.db")) as google,
        started(Web(database, google, "--threads=8"), database) as place,
    ):
        create(google, place.web, 5, "* * * * *", {"seconds": 4, "marks": "begun done"})
        wait_until(lambda: all(place.marks(job, "begun") for job in range(5)))
        google.stop(signal.SIGKILL)
        google.start()
        wait_until(lambda: all(len(place.marks(job, "done")) > 1 for job in range(5)), 150)
        google.stop()
        wait_until(lambda: "running" not in [status for job in range(5) for status in place.statuses(job)])
        slots = place.execute(SLOTS)
        assert len({slot for slot, *_ in slots}) >= 2
        assert {tuple(counts) for _slot, *counts in slots} == {(1, 1)}
