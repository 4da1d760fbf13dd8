"""The command line: options, readiness, signals, exit codes."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, current_thread, main_thread
from typing import TextIO

from scheduled_jobs.emulator.faults import Faults
from scheduled_jobs.emulator.process import Emulator
from scheduled_jobs.emulator.store import Store
from scheduled_jobs.exceptions import CannotStart

AWAKE_EVERY = 0.2  # seconds
DESCRIPTION = "Runs Google Cloud Scheduler's v1 API on this machine and really fires its jobs over HTTP."


def _count(text: str) -> int:
    """A number of things; argparse makes a line of the message."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return number


def _milliseconds(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of milliseconds from 0 on")
    return number


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the emulator's options."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8085, help="port of the gRPC API, 0 for a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--certs-port", type=int, help="port of the certificates over HTTP (default: the port after --port)"
    )
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep jobs and signing key in this file")
    parser.add_argument(
        "--writes-per-minute", type=_count, metavar="N", help="quota of changing calls (default: no limit)"
    )
    parser.add_argument(
        "--latency-ms",
        type=_milliseconds,
        default=0,
        metavar="MS",
        help="what every call takes (default: %(default)s)",
    )
    parser.add_argument(
        "--settle-ms",
        type=_milliseconds,
        default=0,
        metavar="MS",
        help="how long a job that was just changed answers ABORTED to the next change (default: %(default)s)",
    )
    parser.add_argument(
        "--log-attempts",
        action="store_true",
        help="write a line for every attempt, not only for those that fail",
    )


def serve(options: argparse.Namespace) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code: 0 after a clean stop, 1 if it could not start."""
    with stop_signals() as stop, attempts_told(every=options.log_attempts):
        try:
            emulator = _make(options)
        except CannotStart as error:
            sys.stderr.write(f"The emulator cannot start: {error}\n")
            return 1
        with emulator:
            sys.stdout.write(
                f"Cloud Scheduler emulator listening on {emulator.host}, "
                f"certificates at {emulator.certs_url}\n"
            )
            sys.stdout.flush()
            while not stop.wait(AWAKE_EVERY):
                pass
    return 0


@contextmanager
def stop_signals() -> Iterator[Event]:
    """An event that is set by what stops a program at a terminal; wait for ``AWAKE_EVERY`` seconds at a time.

    No exception is raised inside what happens to be under way. Python runs a signal's handler in the main
    thread, and another may have received the signal: gRPC has threads of its own. A wait without an end would
    not be interrupted then. In another than the main thread Python allows no handlers.
    """
    stop = Event()
    # Ctrl-C also where a shell without job control has made us deaf to it; not a closed terminal after nohup.
    numbers = [signal.SIGINT, signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    if current_thread() is not main_thread():
        numbers = []
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def attempts_told(*, every: bool, to: TextIO | None = None) -> Iterator[None]:
    """Write a line for each attempt that failed, or for every one; to standard error if nothing is named."""
    logger = logging.getLogger("scheduled_jobs.emulator")
    handler = logging.StreamHandler(to or sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO if every else logging.WARNING)
    logger.propagate = False  # a project's own handlers would write it a second time
    try:
        yield
    finally:
        logger.level, logger.propagate = before
        logger.removeHandler(handler)


def _make(options: argparse.Namespace) -> Emulator:
    faults = Faults(
        latency=options.latency_ms / 1000,
        settle=options.settle_ms / 1000,
        writes_per_minute=options.writes_per_minute,
        record=False,
    )
    store = Store(path=options.state, faults=faults)
    try:
        return Emulator(store, host=options.host, port=options.port, certs_port=options.certs_port)
    except CannotStart:
        store.close()
        raise


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the arguments and serve."""
    parser = argparse.ArgumentParser(prog="python -m scheduled_jobs.emulator", description=DESCRIPTION)
    add_arguments(parser)
    return serve(parser.parse_args(arguments))
