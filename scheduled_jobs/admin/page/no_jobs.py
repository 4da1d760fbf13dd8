"""What is told to somebody who has no job yet."""

from __future__ import annotations

import sys
from typing import Any

from django.apps import apps

from scheduled_jobs import registry


def where_tasks_are() -> dict[str, Any]:
    """Where tasks are looked for, and those that were found."""
    modules = [f"{config.name}.tasks" for config in apps.get_app_configs()]
    return {
        "apps": len(modules),
        "modules": [name for name in modules if name in sys.modules and name != "scheduled_jobs.tasks"],
        "tasks": [registry.dotted_path(task) for task in registry.tasks()],
    }
