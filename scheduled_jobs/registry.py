"""The task classes of this process, by dotted path.

A class counts from the moment it is defined. Nothing else happens at import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.tasks import PeriodicTask

_tasks: dict[str, type[PeriodicTask]] = {}


def register(task: type[PeriodicTask]) -> None:
    """Remember a task class; a class that is defined anew replaces the one of the same dotted path."""
    _tasks[task.name()] = task


def get(path: str) -> type[PeriodicTask] | None:
    """The task class of a dotted path, or None."""
    return _tasks.get(path)


def tasks() -> Iterator[type[PeriodicTask]]:
    """All task classes, in the order of their dotted paths."""
    return iter([_tasks[path] for path in sorted(_tasks)])
