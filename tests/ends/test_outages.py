"""A database that is stopped, killed, made read-only or refuses a text, at the start of a run and at its end.

Over a PostgreSQL server of its own, which is started and stopped; it takes minutes: ``nox -s storm``.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from bench.own_postgresql import own_postgresql
from bench.web import Web
from tests.ends.conftest import NEXT_SLOT, STORM, Place, started, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.own_postgresql import PostgreSQL
    from bench.web import Answer, Google

pytestmark = STORM

REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not now'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON scheduled_jobs_jobrun FOR EACH ROW WHEN ({}) EXECUTE FUNCTION refuse();
"""
ALLOW = "DROP TRIGGER refuse ON scheduled_jobs_jobrun; DROP FUNCTION refuse"
ENDS = "NEW.status IN ('succeeded', 'failed')"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with own_postgresql() as server:
        yield server


@pytest.fixture
def waits() -> str:
    """The seconds between the tries of an end, as they are."""
    return ""


@pytest.fixture
def workers() -> int:
    return 2


@pytest.fixture
def place(
    server: PostgreSQL, google: Google, waits: str, workers: int, django_db_blocker: Any
) -> Iterator[Place]:
    name = f"storm_{time.time_ns()}"
    server.execute(f"CREATE DATABASE {name}")
    database = server.database(name, CONN_MAX_AGE=600)
    web = Web(database, google, "--threads=8", "--timeout=0", workers=workers)
    web.env["BENCH_WAITS"] = waits
    with django_db_blocker.unblock(), started(web, database) as place:
        yield place


@contextmanager
def read_only(server: PostgreSQL) -> Iterator[None]:
    """As an old primary after a failover: it answers, and takes no writes."""
    for setting, wanted in (("on", True), ("off", False)):
        server.execute(f"ALTER SYSTEM SET default_transaction_read_only = {setting}")
        server.execute("SELECT pg_reload_conf()")
        time.sleep(0.5)
        if wanted:
            yield


def said(answer: Answer) -> tuple[int, Any, bool]:
    """Status, what became of it, and whether that is on record."""
    return answer.status, answer.body.get("status"), "recorded" not in answer.body


def test_gone_at_the_start_is_503_and_nothing_is_run(place: Place, server: PostgreSQL) -> None:
    assert said(place.deliver(0).result()) == (200, "executed", True)
    for how in (signal.SIGINT, signal.SIGQUIT):
        server.stop(how)
        answer = place.deliver(1).result()
        assert (answer.status, answer.body) == (
            503,
            {"error": "the database did not answer: OperationalError"},
        )
        server.start()
        assert place.statuses(1) == []
    with read_only(server):
        answer = place.deliver(1).result()
        assert (answer.status, answer.body["error"][:27]) == (503, "the database did not answer")
    assert place.statuses(1) == []
    # With connections that are stale, once for each thread, and for each job a retry.
    for _ in range(8):
        assert said(place.deliver(1).result())[0] == 200
    assert place.statuses(1) == ["succeeded"]


def test_gone_while_it_runs_changes_nothing(place: Place, server: PostgreSQL) -> None:
    going, _ = place.begin(0, seconds=45)
    server.stop(signal.SIGQUIT)
    time.sleep(8)
    server.start()
    # The lease would be out by now, had it not been renewed.
    time.sleep(14)
    assert said(place.deliver(0).result()) == (409, "running", True)
    assert said(going.result()) == (200, "executed", True)
    assert place.runs(0) == [(1, "succeeded", "")]


def test_gone_at_the_end_for_seconds_is_waited_for(place: Place, server: PostgreSQL) -> None:
    going, _ = place.begin(0, seconds=12)
    failing, _ = place.begin(1, seconds=12, error="no rates")
    server.stop()
    time.sleep(17)
    server.start()
    assert said(going.result()) == (200, "executed", True)
    assert said(failing.result()) == (500, "failed", True)
    assert place.runs(0) == [(1, "succeeded", "")]
    assert place.runs(1) == [(1, "failed", "ValueError: no rates")]


def test_read_only_at_the_end_for_seconds_is_waited_for(place: Place, server: PostgreSQL) -> None:
    going, _ = place.begin(0, seconds=8)
    with read_only(server):
        time.sleep(13)
    assert said(going.result()) == (200, "executed", True)
    assert place.runs(0) == [(1, "succeeded", "")]


@pytest.mark.parametrize("waits", ["0.2 1"])
@pytest.mark.parametrize("how", ["gone", "read-only", "a trigger"])
def test_an_end_that_is_kept_is_written_without_a_request(place: Place, server: PostgreSQL, how: str) -> None:
    going, _ = place.begin(0, seconds=12)
    failing, _ = place.begin(1, seconds=12, error="no rates")

    def answered() -> None:
        assert said(going.result()) == (200, "executed", False)
        assert said(failing.result()) == (500, "failed", False)

    if how == "gone":
        server.stop()
        answered()
        server.start()
    elif how == "read-only":
        with read_only(server):
            answered()
            assert place.statuses(0) == ["running"]
    else:
        place.execute(REFUSE.format(ENDS))
        answered()
        assert place.statuses(0) == ["running"]
        place.execute(ALLOW)
    wait_until(lambda: place.statuses(0) == ["succeeded"] and place.statuses(1) == ["failed"])
    assert place.runs(0) == [(1, "succeeded", "")]
    assert place.runs(1) == [(1, "failed", "ValueError: no rates")]
    assert said(place.deliver(0).result()) == (200, "duplicate", True)
    assert said(place.deliver(1).result()) == (200, "executed", True)


@pytest.mark.parametrize("waits", ["0.2 1"])
def test_an_end_that_is_refused_holds_back_no_other(place: Place, server: PostgreSQL) -> None:
    jobs = "SELECT id FROM scheduled_jobs_scheduledjob WHERE name = 'bench--0'"
    ((stubborn,),) = place.execute(jobs)
    place.execute(REFUSE.format(f"{ENDS} AND NEW.job_id = {stubborn}"))
    assert said(place.deliver(0).result()) == (200, "executed", False)
    assert said(place.deliver(1).result()) == (200, "executed", True)
    # The process goes: one end is written at last, as the other would be.
    place.execute(ALLOW)
    place.web.stop()
    assert place.statuses(0) == ["succeeded"]


def test_an_end_whose_text_is_refused_is_written_plain(place: Place) -> None:
    place.execute(REFUSE.format("NEW.traceback <> '' OR NEW.error ~ '[^[:ascii:]]'"))
    assert said(place.deliver(0, error="Größe").result()) == (500, "failed", True)
    assert place.runs(0) == [(1, "failed", "ValueError: Gr??e")]


def test_two_living_holders_of_leases_are_both_left_alone(place: Place) -> None:
    runs = [place.begin(job, seconds=32)[0] for job in (0, 1)]
    time.sleep(24)
    # Other slots of both, which give up whoever is dead, and their own, which wait for them.
    others = [place.deliver(job, slot) for job in (0, 1) for slot in (NEXT_SLOT, None)]
    again = [place.deliver(job) for job in (0, 1)]
    assert {said(answer.result())[:2] for answer in others} == {(200, "skipped")}
    assert {said(answer.result())[:2] for answer in again} == {(409, "running")}
    assert [said(answer.result()) for answer in runs] == [(200, "executed", True)] * 2
    assert [place.runs(job)[0][:2] for job in (0, 1)] == [(1, "succeeded")] * 2


def test_a_process_that_stalls_longer_than_its_lease(place: Place) -> None:
    first, pid = place.begin(0, seconds=3)
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(2)
        second = place.deliver(0, marks="done")
        # A connection that the stopped process has accepted hangs with it: Google would ask again.
        while not (second.done() or place.marks(0, "done")):
            time.sleep(3)
            second = place.deliver(0, marks="done")
        wait_until(lambda: place.statuses(0) == ["lost", "succeeded"])
    finally:
        os.kill(pid, signal.SIGCONT)
    assert first.result().status == 200
    assert place.runs(0) == [
        (1, "discarded", "attempt 2 had already succeeded; this one ran too"),
        (2, "succeeded", ""),
    ]


# Neither another process of the container can know that it has only been asleep, nor gunicorn, which kills
# a worker that was asleep for longer than its --timeout.
@pytest.mark.parametrize("workers", [1])
def test_a_container_that_is_paused_for_a_minute_goes_on(place: Place) -> None:
    first, _ = place.begin(0, seconds=80, marks="begun done")
    place.web.signal(signal.SIGSTOP)
    time.sleep(60)
    place.web.signal(signal.SIGCONT)
    # At once, while the lease has been out for long: no other process has given the run up.
    again = [place.deliver(0) for _ in range(6)]
    assert {said(answer.result())[:2] for answer in again} == {(409, "running")}
    assert said(first.result()) == (200, "executed", True)
    assert place.statuses(0) == ["succeeded"]
    assert len(place.marks(0, "done")) == 1
