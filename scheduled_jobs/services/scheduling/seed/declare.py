"""What a task class declares, read anew, and every fault in it with its remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError
from django.utils.functional import Promise

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain import jobs as domain
from scheduled_jobs.domain.limits import (
    CHECKS,
    MAX_URI,
    check_backoffs,
    check_headers,
    check_job_id,
    check_payload_size,
)
from scheduled_jobs.domain.payloads import Signature, is_json, parse_body
from scheduled_jobs.domain.schedules import Schedule
from scheduled_jobs.domain.tolerances import check_grace, check_tolerance
from scheduled_jobs.exceptions import InvalidDefinition
from scheduled_jobs.registry import Task
from scheduled_jobs.services.alerts import check_in_address
from scheduled_jobs.services.scheduling.mount import as_configured
from scheduled_jobs.services.scheduling.names import App, this_app
from scheduled_jobs.services.scheduling.seed.shape import faults_of_shape

DEFAULTS: dict[str, Any] = {
    "description": "",
    "retry_count": 0,
    "min_backoff": domain.DEFAULT_MIN_BACKOFF,
    "max_backoff": domain.DEFAULT_MAX_BACKOFF,
    "max_retry_duration": timedelta(),
    "max_doublings": domain.DEFAULT_MAX_DOUBLINGS,
    "attempt_deadline": domain.DEFAULT_ATTEMPT_DEADLINE,
}
HOOKS = {
    "description": "schedule_description",
    "retry_count": "schedule_retries",
    "min_backoff": "schedule_min_backoff",
    "max_backoff": "schedule_max_backoff",
    "max_retry_duration": "schedule_max_retry_duration",
    "max_doublings": "schedule_max_doublings",
    "attempt_deadline": "schedule_attempt_deadline",
}


@dataclass
class Declaration:
    """What one task class declares. ``values`` is complete only where ``faults`` is empty.

    ``faults`` maps the name of a hook or an attribute to what is wrong with it and what to write instead.
    """

    task: type[Task]
    path: str
    name: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    paused: bool = False
    faults: dict[str, str] = field(default_factory=dict)
    undecided: set[str] = field(default_factory=set)
    """Those of them that say nothing of the class: it asks a database that did not answer."""

    @property
    def fault(self) -> str:
        """All faults in one line."""
        return "; ".join(f"{hook}: {text}" for hook, text in self.faults.items())

    def read(self, hook: str, value: Callable[[], Any]) -> Any:
        """A value, or None where it is at fault."""
        if hook in self.faults:  # its shape is wrong, so that it cannot even be asked
            return None
        try:
            return value()
        except InvalidDefinition as error:
            self.faults[hook] = str(error)
        except (Exception, SystemExit) as error:  # noqa: BLE001 – the hook is the user's code
            self.faults[hook] = f"it raised {type(error).__name__}: {error}"
            if isinstance(error, DatabaseError | InterfaceError):
                self.undecided.add(hook)
        return None


def declare(task: type[Task]) -> Declaration:
    """What one task class declares."""
    return declare_all([task])[0]


@as_configured()
def declare_all(tasks: Iterable[type[Task]]) -> list[Declaration]:
    """Read the attributes and hooks of task classes. Raises nothing: what is wrong is in ``faults``.

    What they return must not change with the person in whose request they are asked: a job would drift with
    whoever looked at it last.
    """
    app = this_app()
    return [_declare(task, app) for task in tasks]


def _declare(task: type[Task], app: App) -> Declaration:
    declaration = Declaration(task, registry.dotted_path(task))
    declaration.faults.update(faults_of_shape(task))
    read = declaration.read
    declaration.name = read("schedule_name()", lambda: _name(task, app)) or ""
    read("url()", lambda: _url(task, app))
    zone = read("schedule_time_zone()", lambda: _time_zone(task)) or "UTC"
    schedule = read("run_every", lambda: _schedule(task, zone))
    read("run()", lambda: Signature.of(task.run))
    # A payload can be held against a run() that can be read, and is not at fault for another.
    payload = {} if "run()" in declaration.faults else read("schedule_body_payload()", lambda: _payload(task))
    read("schedule_headers()", lambda: check_headers(task.schedule_headers()))
    read("schedule_paused", lambda: _check_flag(task.schedule_paused))
    read("schedule_use_oidc", lambda: _check_flag(registry.uses_oidc(task)))
    read("overlap", lambda: _overlap(task))
    read("schedule_ping_url()", lambda: check_in_address(task))
    read("missed_grace", lambda: check_grace(task.missed_grace))
    for name in ("failure_tolerance", "recovery_tolerance"):
        read(name, lambda n=name: check_tolerance(getattr(task, n)))  # type: ignore[misc]
    declaration.values = {"schedule": schedule, "time_zone": zone, "payload": payload}
    for name, hook in HOOKS.items():
        declaration.values[name] = read(f"{hook}()", lambda n=name, h=hook: _hook(task, n, h))  # type: ignore[misc]
    backoffs = [declaration.values["min_backoff"], declaration.values["max_backoff"]]
    if None not in backoffs:
        read("schedule_min_backoff()", lambda: check_backoffs(*backoffs))
    declaration.paused = bool(task.schedule_paused)
    return declaration


def _name(task: type[Task], app: App) -> str:
    name = _text(task.schedule_name())
    if not isinstance(name, str):
        raise InvalidDefinition(f"it returned {name!r}; return a string")
    identifier = app.job_id(name)
    check_job_id(identifier)
    return identifier


def _url(task: type[Task], app: App) -> None:
    if app.url_parts is None:
        return  # a fault of the settings, which is told once and not of every task
    url = app.url(registry.dotted_path(task))
    if len(url) > MAX_URI:
        raise InvalidDefinition(f"the address has {len(url)} characters; Cloud Scheduler allows {MAX_URI}")


def _time_zone(task: type[Task]) -> str:
    zone = _text(task.schedule_time_zone())
    if zone is None:
        return "UTC"
    if not isinstance(zone, str):
        raise InvalidDefinition(f"it returned {zone!r}; return a name such as 'Europe/Lisbon'")
    return Schedule.parse("* * * * *", zone).time_zone


def _schedule(task: type[Task], zone: str) -> str:
    run_every = _text(getattr(task, "run_every", None))
    if run_every is None:
        raise InvalidDefinition(
            "it is missing; write run_every = '0 9 * * *' or another schedule, "
            "or list abc.ABC among the bases of what is only a base class"
        )
    return Schedule.parse(run_every, zone).expression


def _payload(task: type[Task]) -> dict[str, Any]:
    payload = task.schedule_body_payload()
    if payload is None:
        payload = {}
    if not isinstance(payload, dict):
        raise InvalidDefinition(f"it returned {type(payload).__name__}; return a dict or None")
    if not payload:
        # Most tasks have none, and nothing of nothing can be at fault but that run() wants more.
        signature = Signature.of(task.run)
        if any(parameter.required for parameter in signature.fields):
            signature.validate({}, secret_keys=settings.REDACTED_KEYS)
        return {}
    if not is_json(payload):
        payload = Signature.of(task.run).stored(payload, secret_keys=settings.REDACTED_KEYS)
    try:
        text = domain.canonical(payload)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidDefinition(f"it cannot be written as JSON: {error}") from error
    stored = parse_body(text.encode("utf-8", "surrogatepass"))
    check_payload_size(stored)
    Signature.of(task.run).validate(stored, secret_keys=settings.REDACTED_KEYS)
    return stored


def _hook(task: type[Task], name: str, hook: str) -> Any:
    value = _text(getattr(task, hook)())
    return DEFAULTS[name] if value is None else CHECKS[name](value)


def _text(value: Any) -> Any:
    """A lazy translation as the text that it stands for."""
    return str(value) if isinstance(value, Promise) else value


def _check_flag(value: Any) -> None:
    if not isinstance(value, bool):
        raise InvalidDefinition(f"{value!r} is neither True nor False")


def _overlap(task: type[Task]) -> None:
    if task.overlap not in ("skip", "allow"):
        raise InvalidDefinition(f"{task.overlap!r} is neither 'skip' nor 'allow'")
