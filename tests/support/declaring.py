"""Short ways to declare tasks and to run the command in tests."""

from __future__ import annotations

import io
from typing import Any

from django.core.management import CommandError, call_command

from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.tasks import PeriodicTask


def declare(name: str, run_every: Any = "0 9 * * *", *, module: str = "shop.tasks", **body: Any) -> Any:
    """A task class ``shop.tasks.<name>``; values that are callables without ``self`` become class methods."""
    namespace: dict[str, Any] = {
        "__module__": module,
        "run_every": run_every,
        "run": lambda self, **kwargs: None,
    }
    for key, value in body.items():
        namespace[key] = (
            classmethod(lambda cls, v=value: v) if key.startswith("schedule_") and key not in FLAGS else value
        )
    return type(name, (PeriodicTask,), namespace)


FLAGS = {"schedule_paused", "schedule_use_oidc"}


def row(name: str) -> ScheduledJob:
    """The row of a task, read anew."""
    return ScheduledJob.objects.get(task=f"shop.tasks.{name}", origin="code")


class Output(str):
    """What the command printed, and its exit code."""

    code: int

    @property
    def lines(self) -> list[str]:
        """The lines that begin with a sign."""
        return [line for line in self.splitlines() if line.startswith("[")]

    @property
    def totals(self) -> str:
        return self.splitlines()[-1]


def schedule_tasks(*args: str, **options: Any) -> Output:
    """Run the command as a person would."""
    stdout = io.StringIO()
    code = 0
    try:
        call_command("schedule_tasks", *args, stdout=stdout, **options)
    except SystemExit as stop:
        code = int(stop.code or 0)
    except CommandError as error:
        stdout.write(f"CommandError: {error}")
        code = error.returncode
    output = Output(stdout.getvalue())
    output.code = code
    return output
