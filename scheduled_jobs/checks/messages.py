"""A message of a check: its id, what is wrong, and what to do about it."""

from __future__ import annotations

from typing import Any

from django.core import checks

TAG = "scheduled_jobs"
Messages = list[checks.CheckMessage]


def error(number: int, text: str, hint: str, obj: Any = None) -> checks.Error:
    return checks.Error(text, hint=hint, obj=obj, id=f"{TAG}.E{number:03}")


def warning(number: int, text: str, hint: str, obj: Any = None) -> checks.Warning:
    return checks.Warning(text, hint=hint, obj=obj, id=f"{TAG}.W{number:03}")
