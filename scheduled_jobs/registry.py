"""The task classes of this process, by dotted path.

A class counts from the moment it is defined. Nothing else happens at import.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from django.http import HttpRequest

    from scheduled_jobs.domain.metadata import TaskMetadata


class Task(Protocol):
    """What the package asks of a task, of its class and of the object that runs: of a ``PeriodicTask``."""

    run_every: ClassVar[str | timedelta]
    schedule_use_oidc: ClassVar[bool]
    schedule_paused: ClassVar[bool]
    overlap: ClassVar[Literal["skip", "allow"]]

    request: HttpRequest | None
    _metadata: TaskMetadata
    _progress: Callable[[float, float, str], None] | None

    def run(self, *args: Any, **kwargs: Any) -> Any: ...

    @classmethod
    def name(cls) -> str: ...

    @classmethod
    def schedule_name(cls) -> str: ...

    @classmethod
    def schedule_headers(cls) -> dict[str, str]: ...

    @classmethod
    def schedule_time_zone(cls) -> str | None: ...

    @classmethod
    def schedule_body_payload(cls) -> dict[str, Any] | None: ...


_tasks: dict[str, type[Task]] = {}


def dotted_path(task: type[Task]) -> str:
    """The dotted path by which a task is known, whatever its class has under ``name``."""
    return f"{task.__module__}.{task.__qualname__.rpartition('<locals>.')[2]}"


def uses_oidc(task: type[Task]) -> bool:
    """Whether Google is to send a token: ``schedule_use_oidc``, a value, a class method or a property."""
    value: Any = task.schedule_use_oidc
    if isinstance(value, property) and value.fget is not None:
        value = partial(value.fget, task)
    return value() if callable(value) else value  # type: ignore[no-any-return] # checked where it is declared


def register(task: type[Task]) -> None:
    """Remember a task class; a class that is defined anew replaces the one of the same dotted path."""
    _tasks[dotted_path(task)] = task


def get(path: str) -> type[Task] | None:
    """The task class of a dotted path, or None."""
    return _tasks.get(path)


def tasks() -> Iterator[type[Task]]:
    """All task classes, in the order of their dotted paths."""
    return iter([_tasks[path] for path in sorted(_tasks)])
