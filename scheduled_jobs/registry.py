"""The task classes of this process, by dotted path.

A class counts from the moment it is defined. Nothing else happens at import.

The modules that define them are imported when the apps are ready, and one by one for jobs whose task is in
another place, which some other process has imported.
"""

from __future__ import annotations

import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from types import FunctionType
from typing import Any, ClassVar, Literal, Protocol

from django.apps import apps
from django.http import HttpRequest
from django.utils.module_loading import autodiscover_modules

from scheduled_jobs.domain.metadata import TaskMetadata
from scheduled_jobs.exceptions import TaskNotLoaded


class Task(Protocol):
    """What the package asks of a task, of its class and of the object that runs: of a ``PeriodicTask``."""

    run_every: ClassVar[str | timedelta]
    schedule_use_oidc: ClassVar[bool | Callable[[], bool]]
    schedule_paused: ClassVar[bool]
    overlap: ClassVar[Literal["skip", "allow"]]
    missed_grace: ClassVar[timedelta | None]
    failure_tolerance: ClassVar[int]
    recovery_tolerance: ClassVar[int]

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
    def schedule_ping_url(cls) -> str | None: ...

    @classmethod
    def schedule_body_payload(cls) -> dict[str, Any] | None: ...


_tasks: dict[str | type[Task], type[Task]] = {}
"""By dotted path; a class whose path another has taken is under itself until names are read again."""
_hidden: list[type[Task]] = []
_bases: list[type[Task]] = []
_LEFT_OUT = re.compile(r"tests|test_.*|conftest|__\w+__")
"""Modules of a package ``tasks`` that hold no tasks, and that want more than a server has."""


def dotted_path(task: type[Task]) -> str:
    """The dotted path by which a task is known, whatever its class has under ``name``."""
    return f"{task.__module__}.{task.__qualname__.rpartition('<locals>.')[2]}"


def uses_oidc(task: type[Task]) -> bool:
    """Whether Google is to send a token: ``schedule_use_oidc``, a value, a class method or a property."""
    name = "schedule_use_oidc"
    value: Any = next(vars(kind)[name] for kind in task.__mro__ if name in vars(kind))
    # A property, or a method without @classmethod, is asked with the class in place of a task.
    function = getattr(value, "fget", value)
    value = partial(function, task) if isinstance(function, FunctionType) else task.schedule_use_oidc
    return value() if callable(value) else value  # type: ignore[no-any-return] # checked where it is declared


def register(task: type[Task]) -> None:
    """Remember a task class; a class that is defined anew replaces the one of the same dotted path."""
    path = dotted_path(task)
    if (other := _tasks.pop(path, None)) is not None:
        _tasks[other] = other
    _tasks[path] = task


def register_base(task: type[Task]) -> None:
    """Remember a class that leaves ``run`` abstract, and is no task."""
    _bases.append(task)


def unused_bases() -> list[type[Task]]:
    """Classes that have a schedule, no ``run``, and nothing derived from them: they are meant as tasks."""
    return [task for task in _bases if not task.__subclasses__() and _is_in_its_module(task)]


def get(path: str) -> type[Task] | None:
    """The task class of a dotted path, or None."""
    if (task := _tasks.get(path)) is None or dotted_path(task) != path:
        _follow_names()
        task = _tasks.get(path)
    return task if task is None or _is_wanted(task) else None


def tasks() -> Iterator[type[Task]]:
    """All task classes, in the order of their dotted paths."""
    _follow_names()
    return iter(sorted(filter(_is_wanted, _tasks.values()), key=dotted_path))


def tasks_with(attribute: str) -> list[type[Task]]:
    """The task classes that have a value in an attribute, in no order: for what is asked with each page."""
    return [
        task for task in _tasks.values() if getattr(task, attribute, None) is not None and _is_wanted(task)
    ]


def builtin_tasks() -> list[str]:
    """The dotted paths of this package's own tasks, which count only where they are wanted."""
    return sorted(dotted_path(task) for task in _tasks.values() if hasattr(task, "_is_wanted"))


def _is_wanted(task: type[Task]) -> bool:
    wanted = getattr(task, "_is_wanted", None)
    return wanted is None or wanted()


def _follow_names() -> None:
    """Know each class by its name of now: factories and decorators give one after the definition."""
    named = {dotted_path(task): task for task in _tasks.values()}
    replaced = [task for task in _tasks.values() if named[dotted_path(task)] is not task]
    _hidden.extend(task for task in replaced if _is_in_its_module(task))
    _tasks.update(named)
    for key in _tasks.keys() - named.keys():
        _tasks.pop(key, None)


def hidden() -> list[type[Task]]:
    """Classes that their modules still have, and that are no tasks: a later one has the same dotted path."""
    _follow_names()
    return [task for task in _hidden if _is_in_its_module(task)]


def _is_in_its_module(task: type[Task]) -> bool:
    return any(value is task for value in vars(sys.modules.get(task.__module__, object)).values())


# --- Where they are defined -----------------------------------------------------------------------


def discover() -> None:
    """Import the module ``tasks`` of every installed app, and if that is a package, all modules in it.

    And this package's own tasks. Raises whatever one of them raises: a task that is not there would be taken
    for one that was removed.
    """
    import_module("scheduled_jobs.builtin")
    autodiscover_modules("tasks")
    names = [config.name for config in apps.get_app_configs()]
    for package in (f"{name}.tasks" for name in names):
        if package in names:
            continue  # an app that is called tasks, and lies in another, has a module tasks of its own
        _import_below(package, getattr(sys.modules.get(package), "__path__", ()))


def _import_below(package: str, places: Iterable[str]) -> None:
    names = {module.name for module in pkgutil.iter_modules(places)}
    # A folder without __init__ is a package too, if there is any module below it.
    folders = [folder for place in places if Path(place).is_dir() for folder in Path(place).iterdir()]
    names |= {folder.name for folder in folders if folder.is_dir() and any(folder.rglob("*.py"))}
    for name in sorted(names):
        if name.isidentifier() and not _LEFT_OUT.fullmatch(name):
            module = import_module(f"{package}.{name}")
            _import_below(module.__name__, getattr(module, "__path__", ()))


def find(path: str) -> type[Task] | None:
    """The task class of a dotted path, its module imported if need be; None if the code has none any more.

    Only what lies in an installed app is imported, and nobody asks this for the path of a request. Raises
    TaskNotLoaded where the module is there and cannot be imported: then nobody knows.
    """
    module = path
    while get(path) is None and (module := module.rpartition(".")[0]):
        if apps.get_containing_app_config(module) is None or _is_imported(module):
            break
    return get(path)


def find_or_none(path: str) -> type[Task] | None:
    """The task class of a job's row; None also where its module cannot be imported."""
    try:
        return find(path)
    except TaskNotLoaded:
        return None


def is_removed(path: str) -> bool:
    """Whether the code is known to have no such task any more."""
    try:
        return find(path) is None
    except TaskNotLoaded:
        return False


def moved_to(path: str) -> str:
    """The dotted path of the class that the place of a removed one still names; empty if there is none.

    So it is where a module ``tasks`` became a package, or a class another's: the old place imports it.
    """
    module, _, name = path.rpartition(".")
    task: Any = getattr(sys.modules.get(module), name, None)
    return dotted_path(task) if get(path) is None and task in _tasks.values() else ""


def is_elsewhere(path: str) -> bool:
    """Whether a task that was not found may be another process's: its module is there, its app not here."""
    names = path.split(".")[:-1]
    if not names or apps.get_containing_app_config(".".join(names)) is not None:
        return False
    # The files are looked for, and nothing is imported: without its app, a module of models cannot be.
    for end in range(len(names), 0, -1):
        module = ".".join(names[:end])
        for place in map(Path, sys.path):
            if (place.joinpath(*names[: end - 1]) / f"{names[end - 1]}.py").is_file():
                return module not in sys.modules
    folders = [Path(place, *names) for place in sys.path]
    return ".".join(names) not in sys.modules and any((each / "__init__.py").is_file() for each in folders)


def _is_imported(module: str) -> bool:
    """Import a module; False if there is none. What one that fails has defined until then does not count."""
    before = dict(_tasks)
    try:
        import_module(module)
    except (Exception, SystemExit) as error:
        _tasks.clear()
        _tasks.update(before)
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and f"{module}.".startswith(f"{missing}."):
            return False
        raise TaskNotLoaded(f"{module} cannot be imported: {type(error).__name__}: {error}") from error
    return True
