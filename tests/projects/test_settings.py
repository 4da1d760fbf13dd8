"""Settings that somebody has forgotten, mis-spelt or cannot have meant, and what each command says of them."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.project import Project

REACHABLE = """
DJANGO_CLOUD_TASKS_PROJECT_ID = "my-project"
DJANGO_CLOUD_TASKS_LOCATION = "europe-west1"
DJANGO_CLOUD_TASKS_ENDPOINT = "https://shop.example.com"
"""
ACCOUNT = 'DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT = "jobs@my-project.iam.gserviceaccount.com"\n'
EMULATED = 'DJANGO_CLOUD_TASKS_EMULATOR_HOST = "127.0.0.1:9"\n'
NO_ACCOUNT = (
    "DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT is not set: there is no account to send a token for. Write the "
    "email of a service account, such as scheduler@my-project.iam.gserviceaccount.com, or "
    "schedule_use_oidc = False in every task."
)


def ids(output: str) -> list[str]:
    return re.findall(r"\(scheduled_jobs\.(\w+)\)", output)


def commands(project: Project, *commands: str) -> list[tuple[object, str]]:
    """What each command exits with and says on standard error, one after another in one process."""
    lines = project.run_code(f"""
        import contextlib, io
        from django.core.management import execute_from_command_line
        for command in {commands!r}:
            with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()):
                try:
                    code = execute_from_command_line(["manage.py", *command.split()]) or 0
                except SystemExit as exit:
                    code = exit.code
            print(repr((code, said.getvalue())))
    """)
    return [ast.literal_eval(line) for line in lines.splitlines()]


def test_nothing_is_set_and_migrate_works(project: Project) -> None:
    migrated, checked, refused = commands(project, "migrate", "check", "schedule_tasks")
    assert (migrated[0], ids(migrated[1])) == (0, ["W008"])
    assert (checked[0], ids(checked[1])) == (0, ["W008"])
    assert refused == (
        1,
        "CommandError: DJANGO_CLOUD_TASKS_ENDPOINT is http://localhost:8000, its default: Google cannot reach "
        "that, and is sent nothing; with it jobs go to the emulator alone. On your machine run "
        "manage.py scheduled_jobs dev. In production set DJANGO_CLOUD_TASKS_ENDPOINT, such as "
        "https://shop.example.com, DJANGO_CLOUD_TASKS_LOCATION and DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT.\n",
    )


def test_migrate_is_forgotten_and_each_command_says_so(project: Project) -> None:
    project.add_settings(EMULATED)
    said = (
        1,
        "CommandError: The database 'default' lacks migrations of scheduled_jobs (0001_initial): run manage.py "
        "migrate.\n",
    )
    asked = ("schedule_tasks", "scheduled_jobs list", "scheduled_jobs run x", "scheduled_jobs prune")
    assert commands(project, *asked) == [said] * 4


def test_a_forgotten_account_is_one_message(project: Project) -> None:
    project.add_settings(REACHABLE)
    project.write(
        "shop/tasks.py",
        """
        from scheduled_jobs.tasks import PeriodicTask

        class One(PeriodicTask):
            run_every = "0 9 * * *"
            def run(self): ...

        class Two(One): ...
        """,
    )
    migrated, checked, deployed, refused = commands(
        project, "migrate", "check", "check --deploy --tag scheduled_jobs", "schedule_tasks"
    )
    assert (migrated[0], ids(migrated[1])) == (0, ["W007"])
    assert (checked[0], ids(checked[1])) == (0, ["W007"])
    assert (deployed[0], ids(deployed[1])) == (1, ["E007", "W048"])
    assert refused == (1, f"CommandError: {NO_ACCOUNT}\n")
    pushed = project.run_code("""
        from scheduled_jobs.models import ScheduledJob
        job = ScheduledJob(name="One", task="shop.tasks.One", declared_schedule="0 9 * * *")
        job.save()
        job.refresh_from_db()
        print(job.sync_state, job.sync_error)
        run = job.run_now()
        print(run.status, run.error)
    """)
    assert pushed == f"failed {NO_ACCOUNT}\nfailed {NO_ACCOUNT}\n"


def test_a_forgotten_include_is_one_message(project: Project) -> None:
    project.add_settings(REACHABLE + ACCOUNT)
    project.write("project/urls.py", "urlpatterns = []")
    migrated, checked, refused = commands(project, "migrate", "check", "schedule_tasks")
    assert (migrated[0], ids(migrated[1])) == (0, ["W020"])
    assert (checked[0], ids(checked[1])) == (0, ["W020"])
    assert refused == (
        1,
        "CommandError: no URL is named 'tasks-endpoint': Google has no address to call. "
        'Add path("tasks/", include("scheduled_jobs.urls")) to project.urls.\n',
    )


def test_use_tz_is_off_and_nothing_is_sent(project: Project) -> None:
    project.add_settings("USE_TZ = False\n" + REACHABLE + ACCOUNT)
    checked, refused, listed, examined = commands(
        project, "check", "schedule_tasks", "scheduled_jobs list", "scheduled_jobs doctor"
    )
    assert (checked[0], ids(checked[1])) == (1, ["E025"])
    assert (listed[0], ids(listed[1])) == (1, ["E025"])
    assert examined[0] == 1
    assert refused == (
        1,
        "CommandError: USE_TZ is False: times without a zone cannot be compared with those of Google. "
        "Set USE_TZ = True; TIME_ZONE stays as it is.\n",
    )
