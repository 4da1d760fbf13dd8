"""What the task classes declare."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from scheduled_jobs import registry
from scheduled_jobs.checks.messages import Messages, error, warning
from scheduled_jobs.domain.payloads import Signature
from scheduled_jobs.domain.schedules import FOUR_DIGITS
from scheduled_jobs.exceptions import InvalidPayload
from scheduled_jobs.services.scheduling.seed.declare import Declaration, declare_all
from scheduled_jobs.services.scheduling.seed.rows import clash

UNDECIDED = "It asks the database, which may answer once migrate has run; schedule_tasks asks again."
RUNLESS = (
    "Name the method run; where another of its bases has it, put that base first; and list abc.ABC among the "
    "bases of what is only a base class."
)
FEW_DIGITS = "Write up to 999 minutes, up to 999 whole hours, or a cron schedule."


def check_tasks(**_: Any) -> Messages:
    """E010, E011, W010, W011, W013, W019, W032."""
    try:
        declarations = declare_all(registry.tasks())
    except ImproperlyConfigured:
        return []  # reported by check_settings
    messages: Messages = [
        warning(
            32,
            f"{registry.dotted_path(task)} has run_every and no run(): it is taken for a base class, and "
            "makes no job.",
            RUNLESS,
            task,
        )
        for task in registry.unused_bases()
    ]
    if not declarations and not messages:
        messages.append(
            warning(
                10,
                "No task was found.",
                "Derive a class from scheduled_jobs.tasks.PeriodicTask in the module tasks of an installed "
                "app, or in any module of its package tasks.",
            )
        )
    messages += [
        error(
            11,
            f"{registry.dotted_path(task)}: several classes have this name, and only the last is a task.",
            "Name each of them apart; where a function makes them, it sets their __qualname__.",
            task,
        )
        for task in registry.hidden()
    ]
    holders: dict[str, Declaration] = {}
    for declaration in declarations:
        for hook, text in declaration.faults.items():
            told = f"{declaration.path}: {hook}: {text}"
            if hook in declaration.undecided:
                messages.append(warning(13, told, UNDECIDED, declaration.task))
            else:
                messages.append(error(10, told, remedy(hook), declaration.task))
        messages += _unchecked(declaration)
        if number := FOUR_DIGITS.match(declaration.values["schedule"] or ""):
            text = f"run_every: Google's published parser reads no number as in {number[0]!r}."
            messages.append(warning(19, f"{declaration.path}: {text}", FEW_DIGITS, declaration.task))
        if not declaration.name:
            continue
        if (other := holders.setdefault(declaration.name.lower(), declaration)) is not declaration:
            messages.append(
                error(
                    11,
                    f"{declaration.path}: schedule_name(): {clash(declaration.name, other.name, other.path)}",
                    "Two jobs of one id would overwrite each other in Google.",
                    declaration.task,
                )
            )
    return messages


def _unchecked(declaration: Declaration) -> Messages:
    try:
        unchecked = Signature.of(declaration.task.run).unchecked
    except InvalidPayload:
        return []  # a fault of its own, reported above
    messages: Messages = []
    for parameter, reason in unchecked.items():
        text, _, advice = reason.rpartition("; ")
        hint = f"{advice[:1].upper()}{advice[1:]}."
        text = f"{declaration.path}: {parameter} of run(): {text}."
        messages.append(warning(11, text, hint, declaration.task))
    return messages


def remedy(hook: str) -> str:
    """Where to mend a fault."""
    return f"Change {hook} of the class; schedule_tasks leaves this job as it is until then."
