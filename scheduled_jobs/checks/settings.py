"""The faults of the settings and of the address, as messages of ``manage.py check``."""

from __future__ import annotations

import threading
from typing import Any

from django.core import checks

from scheduled_jobs.checks.messages import Messages, error, warning
from scheduled_jobs.services.scheduling.faults import Fault, faults

_told = threading.local()


def check_settings(**_: Any) -> Messages:
    """E025 and W001 to W027: nothing but USE_TZ keeps ``migrate`` from its work."""
    told = [(fault, _message(fault)) for fault in faults() if not fault.in_production]
    _told.faults = [message for fault, message in told if fault.level == "fault"]
    return [message for _, message in told]


def check_deployment(**_: Any) -> Messages:
    """E040 to E044, W045 to W050; and what the same run of checks has told as faults, as errors.

    Django runs the checks for a deployment after all others, and does not tell these that it will.
    """
    for message in getattr(_told, "faults", []):
        message.level = checks.ERROR
        message.id = message.id.replace(".W", ".E")
    return [_message(fault) for fault in faults() if fault.in_production]


def _message(fault: Fault) -> checks.CheckMessage:
    """A fault as a message: an error where it fails the check that tells it."""
    is_error = fault.level == "error" or (fault.in_production and fault.level == "fault")
    return (error if is_error else warning)(fault.number, fault.text, fault.hint)
