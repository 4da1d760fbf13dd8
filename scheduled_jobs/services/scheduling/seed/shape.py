"""What a task class may look like, before anything that it declares is read: nothing of it is called here."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cached_property, lru_cache
from types import FunctionType, MappingProxyType, NoneType
from typing import Any

from scheduled_jobs import registry
from scheduled_jobs.registry import Task

GIVEN: Mapping[str, type] = MappingProxyType(
    {
        "name": classmethod,
        "url": classmethod,
        "job_id": classmethod,
        "schedule": classmethod,
        "report_progress": FunctionType,
        "metadata": property,
        "request": NoneType,
        "_metadata": cached_property,
        "_progress": NoneType,
    }
)
"""What every task has by its base class, and how; whatever hides it is in the way of others."""
INSTEAD = {
    "name": "schedule_name() names the job, and schedule_description() says what it is for",
    "schedule": "run_every is the schedule",
    "url": "the address is made of DJANGO_CLOUD_TASKS_ENDPOINT and the URLs of the project",
    "job_id": "schedule_name() names the job",
}
VALUES = (
    "run_every", "schedule_paused", "overlap", "missed_grace", "failure_tolerance", "recovery_tolerance",
)  # fmt: skip
"""What is a value of the class, read without a task."""
HOOKS = (
    "schedule_name",
    "schedule_headers",
    "schedule_retries",
    "schedule_min_backoff",
    "schedule_max_backoff",
    "schedule_max_retry_duration",
    "schedule_max_doublings",
    "schedule_attempt_deadline",
    "schedule_body_payload",
    "schedule_description",
    "schedule_time_zone",
    "schedule_ping_url",
)
OF_THE_TASK = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)
"""The kinds of parameters that take the task itself."""
ABSTRACT = "__isabstractmethod__"


def faults_of_shape(task: type[Task]) -> dict[str, str]:
    """Attribute or method -> what is wrong with its shape, and what to write instead."""
    written = _written(task)
    faults = {f"{hook}()": text for hook in HOOKS if (text := _fault_of_hook(task, hook, written[hook]))}
    for name in VALUES:
        found = written.get(name)
        if isinstance(found, (FunctionType, classmethod, staticmethod, property, cached_property)):
            faults[name] = f"it is {_named(found)}; write it as a value of the class, such as {name} = …"
    for name, kind in GIVEN.items():
        if not isinstance(found := written[name], kind):
            instead = f"; {INSTEAD[name]}" if name in INSTEAD else ""
            faults[name] = f"{_named(found)} here hides what every task has as {name}; rename it{instead}"
    if "name" not in faults and task.name() != registry.dotted_path(task):
        faults["name()"] = f"a task is known by its dotted path, and by no other name; {INSTEAD['name']}"
    own = vars(task)
    if own.get("abstract") is True or getattr(own.get("Meta"), "abstract", None) is True:
        faults["abstract"] = "it makes no base class of a task; list abc.ABC among its bases"
    if text := _fault_of_making(task, written):
        faults["__init__()"] = text
    if text := _fault_of_run(written["run"], task.run):
        faults["run()"] = text
    return faults


def _written(task: type[Task]) -> dict[str, Any]:
    """Attribute -> what stands there, read at once: one by one takes seconds for thousands of classes."""
    found: dict[str, Any] = {}
    for each in reversed(task.__mro__):
        found.update(vars(each))
    return found


def _fault_of_hook(task: type[Task], name: str, found: Any) -> str:
    if isinstance(found, (FunctionType, property, cached_property)):
        return f"it is {_named(found)}; make it a class method: write @classmethod above it, and cls for self"
    is_method = isinstance(found, (classmethod, staticmethod))
    if not is_method and not callable(getattr(task, name)):
        return f"it is {_named(found)}; write a class method of this name that returns it"
    if _is_async(found) if is_method else inspect.iscoroutinefunction(getattr(task, name)):
        return "it is async, and nobody awaits it; write def for async def"
    return ""


@lru_cache
def _is_async(method: classmethod[Any, Any, Any] | staticmethod[Any, Any]) -> bool:
    """Whether it is to be awaited: of thousands of tasks nearly all have that of their base class."""
    return inspect.iscoroutinefunction(method.__func__)


def _fault_of_making(task: type[Task], written: Mapping[str, Any]) -> str:
    """A task is made anew for each run, without arguments."""
    # Without the metaclass of abc.ABC Python itself does not look for them.
    names = (name for each in task.__mro__ for name in _left_abstract(each))
    if missing := {name for name in names if getattr(written[name], ABSTRACT, False) is True}:
        return (
            f"the class leaves {', '.join(sorted(missing))} abstract; write what is missing, "
            "or list abc.ABC among the bases of what is only a base class"
        )
    if (type(task).__call__, task.__new__, task.__init__) == (type.__call__, object.__new__, object.__init__):
        return ""  # as nearly all are; to ask for a signature takes longer than all else
    try:
        signature = inspect.signature(task)
    except (TypeError, ValueError):  # that of a metaclass of somebody's own
        return ""
    try:
        signature.bind()
    except TypeError as error:
        return f"a task is made without arguments, and this is {error}; give it a default"
    return ""


@lru_cache
def _left_abstract(kind: type) -> list[str]:
    """What a class of its own leaves abstract: of thousands of tasks nearly all have one base."""
    return [name for name, value in vars(kind).items() if getattr(value, ABSTRACT, False) is True]


def _fault_of_run(run: Any, of_class: Any) -> str:
    """What is wrong with ``run`` as it is written, and as the class gives it."""
    function = getattr(of_class, "__func__", of_class)
    if isinstance(run, (property, cached_property)) or not callable(function):
        return f"it is {_named(run)}; write a method"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return (
            "it contains yield, so that calling it only makes a generator, and its body never runs; "
            "collect what it yields in a list, and return that"
        )
    if not isinstance(run, FunctionType):
        return ""
    names = run.__code__.co_varnames[: run.__code__.co_argcount]
    if names[:1] == ("self",) and not hasattr(run, "__wrapped__"):
        return ""  # as nearly all are
    first = next(iter(inspect.signature(run).parameters.values()), None)
    if first is None or first.kind not in OF_THE_TASK:
        return "it does not take the task; write self as its first parameter"
    if first.kind is not first.VAR_POSITIONAL and first.name != "self":
        return f"its first parameter, which is the task itself, is called {first.name}; call it self"
    return ""


def _named(value: Any) -> str:
    """What a value is, in words for whoever wrote it."""
    if isinstance(value, FunctionType):
        return "a plain method"
    if isinstance(value, (property, cached_property)):
        return "a property"
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"
