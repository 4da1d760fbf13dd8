"""What statements are made of, for all threads of a process."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import TYPE_CHECKING, Any

from django.db import connections

from scheduled_jobs.models import JobRun
from scheduled_jobs.services.execution import situation, sql
from tests.support import SLOT

if TYPE_CHECKING:
    from collections.abc import Callable


def test_what_is_kept_for_all_threads_holds_no_connection_of_one() -> None:
    kept: list[Callable[[], Any]] = [
        lambda: sql.as_parameters(
            JobRun, {"scheduled_for": SLOT, "context": {}, "status": "lost"}, "default"
        ),
        lambda: situation.COLUMNS.converted([], "default"),
        lambda: situation.OF_JOB.converted([], "default"),
    ]
    seen: list[weakref.ref[Any]] = []

    def first() -> None:
        seen.append(weakref.ref(connections["default"]))
        for use in kept:
            use()

    sql._adapters.cache_clear()
    sql._converters.cache_clear()
    thread = threading.Thread(target=first)
    thread.start()
    thread.join()
    gc.collect()
    assert [connection() for connection in seen] == [None]
