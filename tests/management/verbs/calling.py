"""Types the verbs of ``manage.py scheduled_jobs``."""

from __future__ import annotations

import io

import pytest
from django.core.management import CommandError, call_command

NAME = "shop--shop-tasks-One"


def call(*args: str) -> str:
    stdout = io.StringIO()
    call_command("scheduled_jobs", *args, stdout=stdout)
    return stdout.getvalue()


def refusal(*args: str) -> str:
    with pytest.raises(CommandError) as refused:
        call(*args)
    return str(refused.value)
