"""The app is installed, its addresses are included, and nothing else has been done."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.project import Project


def test_the_task_of_an_installed_app_is_found(project: Project) -> None:
    found = project.run_code("""
        from scheduled_jobs import registry
        print([task.name() for task in registry.tasks()])
    """)
    assert found == "['shop.tasks.Report']\n"
