"""The gateway to Cloud Scheduler: one abstract class, and what implements it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from scheduled_jobs.backends.base import Backend
from scheduled_jobs.conf import MEMORY_BACKEND, in_tests, settings

__all__ = ["Backend", "forget_backends", "get_backend", "outlives_tests", "use_backend"]

_lock = threading.Lock()
_chosen: list[Backend] = []
_backends: dict[tuple[object, ...], Backend] = {}


def get_backend() -> Backend:
    """The backend that the settings name, made once for each process and each set of settings.

    A gRPC channel does not survive a fork, hence the process id in the key.
    """
    if _chosen:
        return _chosen[-1]
    key = (os.getpid(), settings.BACKEND, settings.EMULATOR_HOST, settings.PROJECT_ID, settings.LOCATION)
    with _lock:
        if key not in _backends:
            path = cast("str", settings.BACKEND)
            try:
                backend_class = import_string(path)
            except ImportError as error:
                raise ImproperlyConfigured(
                    f"DJANGO_CLOUD_TASKS_BACKEND is {path!r}, which cannot be imported: {error}"
                ) from error
            _backends[key] = backend_class()
        return _backends[key]


@contextmanager
def use_backend(backend: Backend) -> Iterator[Backend]:
    """Use this backend inside the block, in all threads and whatever the settings say; for tests."""
    _chosen.append(backend)
    try:
        yield backend
    finally:
        _chosen.remove(backend)


def outlives_tests(backend: Backend) -> bool:
    """Whether it keeps in memory what tests push, whose databases are rolled back one after another."""
    return in_tests() and settings.BACKEND == MEMORY_BACKEND and backend not in _chosen


def forget_backends() -> None:
    """Close all backends of this process; the next call makes new ones."""
    with _lock:
        for backend in _backends.values():
            backend.close()
        _backends.clear()
