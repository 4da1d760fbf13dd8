"""The log records of a run are kept with it, however the project has set up its logging."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import logging.handlers
import multiprocessing
import queue
import threading
from contextvars import copy_context
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import sync_to_async
from django.db import OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext

from scheduled_jobs import registry
from scheduled_jobs.domain.run_log import MAX_LOG, log_lines
from scheduled_jobs.models import JobRun
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import Delivery, capture, ending, statements
from scheduled_jobs.services.execution.heartbeat import Heartbeat
from scheduled_jobs.services.execution.runner import log_of
from tests.services.execution.calling import deliver
from tests.support import SLOT, make_job, make_run, make_task, with_several_writers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db

Status = JobRun.Status
SECOND = timedelta(seconds=1)
log = logging.getLogger("shop.stock")


@pytest.fixture(autouse=True)
def _at_info() -> Iterator[None]:
    before = log.level, log.propagate, list(log.handlers), logging.getLogRecordFactory()
    log.setLevel(logging.INFO)
    yield
    log.level, log.propagate, log.handlers = before[:3]
    logging.getLogger().manager._clear_cache()  # type: ignore[attr-defined]
    logging.setLogRecordFactory(before[3])


def said(run: JobRun) -> list[tuple[str, str, str]]:
    """Level, logger and text of each line of the log of a run."""
    return [(line.level, line.logger, line.text) for line in log_lines(run.log)]


def run_once(run: Callable[..., Any], *, body: bytes = b"", **values: Any) -> JobRun:
    task = make_task(run)
    deliver(make_job(task, **values), task, body=body)
    return JobRun.objects.get()


def saying(*texts: str) -> Callable[..., None]:
    def run(self: PeriodicTask) -> None:
        for text in texts:
            log.info(text)

    return run


def test_what_the_levels_let_through_is_kept() -> None:
    def run(self: PeriodicTask) -> None:
        log.debug("not let through")
        log.info("%d rows", 18_220)
        log.warning("slow\nanswer")

    logging.getLogger("shop.quiet").setLevel(logging.ERROR)
    found = run_once(run)
    assert found.status == Status.SUCCEEDED
    assert said(found) == [
        ("INFO", "shop.stock", "18220 rows"),
        ("WARNING", "shop.stock", "slow"),
        ("", "", "    answer"),
    ]


def test_only_from_the_level_of_the_setting_on(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_LOG_LEVEL = "WARNING"

    def run(self: PeriodicTask) -> None:
        log.info("less")
        log.warning("enough")

    assert said(run_once(run)) == [("WARNING", "shop.stock", "enough")]


def test_none_keeps_no_log_and_asks_for_no_record(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_LOG_LEVEL = None
    seen = []

    def run(self: PeriodicTask) -> None:
        log.error("x")
        seen.append(logging.getLogRecordFactory())

    assert run_once(run).log == ""
    assert seen == [logging.LogRecord]


def test_a_level_that_is_none_fails_no_run(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_LOG_LEVEL = "LOUD"
    assert said(run_once(saying("a"))) == [("INFO", "shop.stock", "a")]


# --- The project's own logging ------------------------------------------------------------------------


def test_a_logger_that_does_not_propagate_is_heard() -> None:
    log.propagate = False
    log.handlers = [logging.NullHandler()]
    assert said(run_once(saying("a"))) == [("INFO", "shop.stock", "a")]


def test_logging_that_is_set_up_anew_within_the_run_is_heard() -> None:
    def run(self: PeriodicTask) -> None:
        log.info("before")
        loggers = {"shop.stock": {"level": "INFO", "propagate": False}}
        logging.config.dictConfig({"version": 1, "loggers": loggers, "disable_existing_loggers": False})
        log.info("after")

    root = logging.getLogger()
    handlers = list(root.handlers)
    try:
        assert [text for *_, text in said(run_once(run))] == ["before", "after"]
    finally:
        root.handlers = handlers


def test_records_that_go_through_a_queue_come_once() -> None:
    records: queue.SimpleQueue[Any] = queue.SimpleQueue()
    log.handlers = [logging.handlers.QueueHandler(records)]
    listener = logging.handlers.QueueListener(records, logging.NullHandler())
    listener.start()
    try:
        assert said(run_once(saying("a"))) == [("INFO", "shop.stock", "a")]
    finally:
        listener.stop()


def test_a_record_that_comes_over_the_wire_is_not_the_runs() -> None:
    def run(self: PeriodicTask) -> None:
        logging.makeLogRecord({"name": "elsewhere", "levelno": 40, "msg": "x"})

    assert run_once(run).log == ""


def test_the_projects_set_up_is_as_it_was() -> None:
    def shape() -> Any:
        root = logging.getLogger()
        return (
            list(root.handlers), root.level, root.disabled, logging.getLogRecordFactory(),
            logging.getLoggerClass(), logging.Logger.makeRecord, logging.Logger.handle,
            logging.Logger.callHandlers, list(log.handlers), log.filters,
        )  # fmt: skip

    before, during = shape(), []

    def run(self: PeriodicTask) -> None:
        during.append(shape())
        raise ValueError

    run_once(run)
    assert shape() == before
    assert [is_same for is_same in map(lambda a, b: a == b, before, during[0]) if not is_same] == [False]


def test_a_factory_of_the_projects_own_is_asked() -> None:
    class Record(logging.LogRecord):
        def getMessage(self) -> str:  # noqa: N802 – as logging calls it
            return f"<{super().getMessage()}>"

    logging.setLogRecordFactory(Record)
    assert [text for *_, text in said(run_once(saying("a")))] == ["<a>"]
    assert logging.getLogRecordFactory() is Record


def test_a_factory_that_is_put_on_top_is_asked_and_stays() -> None:
    def run(self: PeriodicTask) -> None:
        before = logging.getLogRecordFactory()

        def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = before(*args, **kwargs)
            record.request_id = 7
            return record

        logging.setLogRecordFactory(make)
        log.info("a")

    task = make_task(run)
    job = make_job(task)
    deliver(job, task)
    mine = logging.getLogRecordFactory()
    assert mine.__name__ == "make"  # type: ignore[attr-defined]
    nested = make_task(saying("once"), name="Other")
    other = make_job(nested, name="other")
    deliver(other, nested)
    assert [text for *_, text in said(JobRun.objects.get(job=job))] == ["a"]
    assert [text for *_, text in said(JobRun.objects.get(job=other))] == ["once"]
    assert logging.getLogRecordFactory() is mine


# --- Where it is said -----------------------------------------------------------------------------------


def test_async_code_threads_of_both_kinds_and_a_copied_context() -> None:
    async def run(self: PeriodicTask) -> None:
        log.info("loop")
        await asyncio.gather(asyncio.create_task(one("task")), asyncio.to_thread(log.info, "to_thread"))
        await sync_to_async(log.info)("sync_to_async")
        await sync_to_async(log.info, thread_sensitive=False)("own thread")
        own = threading.Thread(target=copy_context().run, args=(log.info, "copied"))
        for thread in (own, threading.Thread(target=log.info, args=("plain",))):
            thread.start()
            await asyncio.to_thread(thread.join)

    async def one(text: str) -> None:
        await asyncio.sleep(0)
        log.info(text)

    texts = [text for *_, text in said(run_once(run))]
    assert sorted(texts) == ["copied", "loop", "own thread", "sync_to_async", "task", "to_thread"]


def test_what_outlives_the_run_says_nothing_more_in_its_log() -> None:
    go, threads, ours = threading.Event(), [], []

    def late() -> None:
        go.wait(10)
        log.info("late")

    def run(self: PeriodicTask) -> None:
        log.info("in time")
        ours.append(capture._current.get())
        threads.append(threading.Thread(target=copy_context().run, args=(late,)))
        threads[0].start()

    found = run_once(run)
    with capture.taking_records():  # as for another run
        go.set()
        threads[0].join()
    assert [text for *_, text in said(found)] == ["in time"]
    assert ours[0].text() == found.log


def test_a_run_within_a_run_has_a_log_of_its_own(settings: Any) -> None:
    inner = make_task(saying("inner"), name="Inner")
    inner_job = make_job(inner, name="inner")

    def run(self: PeriodicTask) -> None:
        log.info("before")
        execution.run_eagerly(inner_job, inner)
        log.info("after")

    task = make_task(run)
    job = make_job(task)
    deliver(job, task)
    assert [text for *_, text in said(JobRun.objects.get(job=job))] == ["before", "after"]
    assert [text for *_, text in said(JobRun.objects.get(job=inner_job))] == ["inner"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
@with_several_writers
def test_runs_at_the_same_time_do_not_mix() -> None:
    both = threading.Barrier(2, timeout=20)

    def run(self: PeriodicTask) -> None:
        for n in range(50):
            both.wait()
            log.info("%s %d", self.metadata.job_name, n)

    async def arun(self: PeriodicTask) -> None:
        await asyncio.to_thread(run, self)

    tasks = [make_task(run), make_task(arun, name="Other")]
    jobs = [make_job(tasks[0]), make_job(tasks[1], name="other")]

    async def all_at_once() -> None:
        calls = zip(jobs, tasks, strict=True)
        each = sync_to_async(in_a_thread, thread_sensitive=False)
        await asyncio.gather(*(each(job, task) for job, task in calls))

    def in_a_thread(job: Any, task: Any) -> None:
        execution.deliver(Delivery(job=job, task=task, schedule_time=SLOT.isoformat()))
        connections.close_all()

    asyncio.run(all_at_once())
    for job in jobs:
        texts = [text for *_, text in said(JobRun.objects.get(job=job))]
        assert texts == [f"{job.name} {n}" for n in range(50)]


# --- What is said ---------------------------------------------------------------------------------------


def test_neither_secret_nor_token_stands_in_the_log() -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln"

    def run(self: PeriodicTask, *, api_token: str) -> None:
        log.info("with %s and Bearer %s", api_token, token)
        try:
            raise ValueError(api_token)
        except ValueError:
            log.exception("again")
        log.info("x" * 700_000 + api_token)

    found = run_once(run, body=b'{"api_token": "geheim-7"}')
    assert said(found)[0] == ("INFO", "shop.stock", "with •••••••• and Bearer [token]")
    assert "    ValueError: ••••••••" in found.log
    assert "geheim" not in found.log
    assert "eyJ" not in found.log


def test_a_failure_is_the_last_line_and_its_traceback_is_told_once() -> None:
    def run(self: PeriodicTask) -> None:
        try:
            raise KeyError("handled")
        except KeyError:
            log.warning("handled", exc_info=True, stack_info=True)
        raise KeyError("PT-LIS-2")

    found = run_once(run)
    lines = said(found)
    assert lines[-1] == (
        "ERROR", "scheduled_jobs.runs", f"shop.reports.Report failed in run {found.pk}: KeyError: 'PT-LIS-2'"
    )  # fmt: skip
    assert found.log.count("Traceback (most recent call last):") == 1
    assert "    KeyError: 'handled'" in found.log
    assert "    Stack (most recent call last):" in found.log
    assert "PT-LIS-2" in found.traceback


class Odd:
    def __init__(self, does: Callable[[], str]) -> None:
        self.does = does

    def __str__(self) -> str:
        return self.does()


def fails() -> str:
    raise RuntimeError


def logs() -> str:
    log.info("said while a message is made")
    return "odd"


def test_messages_that_cannot_be_made_end_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(self: PeriodicTask) -> str:
        log.info("%d", "no number")
        log.info("%s", Odd(fails))
        log.info(Odd(fails))
        log.info("%s", Odd(logs))
        log.info("a\x00b\ud800")
        log.log(25, {"an": "object"})
        return "done"

    log.propagate, log.handlers = False, [logging.NullHandler()]
    found = run_once(run)
    assert (found.status, found.result) == (Status.SUCCEEDED, "done")
    assert said(found) == [
        ("INFO", "shop.stock", "%d (what belongs into this message does not fit into it)"),
        ("INFO", "shop.stock", "%s (what belongs into this message does not fit into it)"),
        ("INFO", "shop.stock", "(this message cannot be shown)"),
        ("INFO", "shop.stock", "odd"),
        ("INFO", "shop.stock", "a\ufffdb\ufffd"),
        ("INFO", "shop.stock", "{'an': 'object'}"),
    ]


def test_a_stop_that_comes_while_a_message_is_made_is_a_stop() -> None:
    def stop() -> str:
        raise SystemExit(3)

    def run(self: PeriodicTask) -> None:
        log.info("%s", Odd(stop))

    log.propagate, log.handlers = False, [logging.NullHandler()]
    assert run_once(run).error == "SystemExit: 3"


def test_a_log_is_64_kb_at_the_most() -> None:
    found = run_once(saying(*(f"{n} {'ü' * 300}" for n in range(1_000))))
    lines = said(found)
    assert len(found.log.encode()) <= MAX_LOG
    assert (lines[0][2][:2], lines[-1][2][:4]) == ("0 ", "999 ")
    assert [text for *_, text in lines if "left out" in text] == [
        f"    … {1_000 - len(lines) + 1} lines were left out here …"
    ]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_process_that_was_forked_within_has_nothing_to_wait_for() -> None:
    def run(self: PeriodicTask) -> int | None:
        ours = capture._current.get()
        assert ours is not None
        held, done = threading.Event(), threading.Event()

        def hold() -> None:  # as the heartbeat may at the moment of the fork
            with ours._lock:
                held.set()
                done.wait(20)

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait(20)
        child = multiprocessing.get_context("fork").Process(target=in_child)
        child.start()
        done.set()
        holder.join()
        child.join(5)
        code = child.exitcode
        child.kill()
        return code

    def in_child() -> None:
        log.info("in the child")

    assert run_once(run).result == 0


@pytest.mark.django_db(transaction=True)
def test_the_log_costs_no_statement_and_is_kept_with_a_kept_end(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    task = make_task(saying("a", "b"))
    job = make_job(task)
    counts = []
    for level in ("INFO", None):
        settings.DJANGO_CLOUD_TASKS_LOG_LEVEL = level
        with CaptureQueriesContext(connections["default"]) as asked:
            deliver(job, task, slot=SLOT - len(counts) * 60 * 60 * SECOND)
        counts.append(len(asked))
    assert counts[0] == counts[1]

    settings.DJANGO_CLOUD_TASKS_LOG_LEVEL = "INFO"
    end_of = statements.end_of

    def refused(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(ending, "DELAYS", ())
    monkeypatch.setattr(statements, "end_of", refused)
    other = make_job(make_task(saying("a"), name="Other"), name="other")
    execution.deliver(
        Delivery(job=other, task=registry.get(other.task), schedule_time=SLOT.isoformat()),  # type: ignore[arg-type]
        sleep=lambda seconds: None,
    )
    monkeypatch.setattr(statements, "end_of", end_of)
    assert JobRun.objects.get(job=other).log == ""
    ending.kept_ends.step(SLOT.replace(year=2100))
    assert [text for *_, text in said(JobRun.objects.get(job=other))] == ["a"]


# --- While it runs ---------------------------------------------------------------------------------------


@pytest.fixture
def beat(monkeypatch: pytest.MonkeyPatch) -> Heartbeat:
    monkeypatch.setattr(Heartbeat, "_start", lambda self: None)
    return Heartbeat(clock=lambda: SLOT)


@pytest.mark.django_db(transaction=True)
def test_the_log_shows_while_it_runs_and_stays_where_it_is_lost(
    beat: Heartbeat, django_assert_num_queries: Any
) -> None:
    run = make_run(make_job(make_task()), Status.RUNNING, scheduled_for=SLOT)
    ours = log_of(run)
    assert ours is not None

    def say(text: str) -> None:
        capture.show_to(ours)
        with capture.taking_records():
            log.info(text)

    with beat.of(run, ours) as report:
        copy_context().run(say, "begun")
        with django_assert_num_queries(0):
            beat.step(SLOT + 0.9 * SECOND)
        report(1, 2, "half")
        # Progress and log in one: of a server in a transaction, in which the row is locked if it is free.
        passes_over = connection.features.has_select_for_update_skip_locked
        with django_assert_num_queries(4 if passes_over else 1):
            assert beat.step(SLOT + SECOND) == SLOT + 2 * SECOND
        with django_assert_num_queries(0):
            beat.step(SLOT + 2 * SECOND)
        run.refresh_from_db()
        assert (run.progress_message, [text for *_, text in said(run)]) == ("half", ["begun"])
        copy_context().run(say, "and on")
        beat.step(SLOT + 3 * SECOND)
    execution.expire(SLOT + 60 * SECOND)
    run.refresh_from_db()
    assert (run.status, [text for *_, text in said(run)]) == (Status.LOST, ["begun", "and on"])
