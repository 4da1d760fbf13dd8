"""How whoever writes much leaves room for those who write little."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, sleep

from django.db import connections, transaction

from scheduled_jobs.models.writer import writer

REST = 9
"""How many times as long as it has written it rests: others have the database nine tenths of the time."""


class Pace:
    """Writes bit by bit, each a transaction of its own, and rests before the next.

    SQLite has one writer at a time; elsewhere it is the disk that others wait for.
    """

    def __init__(self) -> None:
        self._rest = 0.0

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One transaction; inside another nobody rests, whose locks all would wait for."""
        if not connections[writer()].in_atomic_block:
            sleep(self._rest)
        with transaction.atomic(using=writer()):
            begin = monotonic()  # and not while it waits for others
            yield
        self._rest = REST * (monotonic() - begin)
