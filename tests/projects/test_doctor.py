"""Why nothing runs, asked in a project as it stands: real servers, a real emulator, and what breaks them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.emulator_process import running_emulator
from tests.support.project import free_port

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from tests.support.project import Project

RUNS_ON = ", SQLite: the tests of this package "


def wrong(done: CompletedProcess[str]) -> list[str]:
    """The lines about what is wrong, but those that every project here may have; nothing else was printed."""
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert all(line.startswith(("[ok] ", "[!] ")) for line in lines), done.stdout
    anyones = ("Nobody watches", "have not been run on these together")
    return [line for line in lines if line.startswith("[!]") and not any(word in line for word in anyones)]


def test_a_project_with_nothing_set_is_told_where_to_begin(project: Project) -> None:
    done = project.manage("scheduled_jobs", "doctor")
    assert done.returncode == 1
    first, migrations = wrong(done)  # the one cause, and no consequence of it
    assert first.startswith(
        "[!] DJANGO_CLOUD_TASKS_ENDPOINT is http://localhost:8000, its default: Google cannot"
    )
    assert "On your machine run manage.py scheduled_jobs dev." in first
    assert migrations == "[!] Not applied, 1 migration: 0001_initial. Run manage.py migrate."


def test_without_zones_or_a_database_it_answers_all_the_same(project: Project) -> None:
    project.add_settings("""
        USE_TZ = False
        DATABASES["default"]["NAME"] = "/nowhere/db.sqlite3"
    """)
    port = free_port()
    done = project.manage("scheduled_jobs", "doctor", DJANGO_CLOUD_TASKS_EMULATOR_HOST=f"127.0.0.1:{port}")
    zones, database, emulator = wrong(done)
    assert zones.startswith("[!] USE_TZ is False: ")
    assert database == (
        "[!] The database 'default' cannot be reached: unable to open database file. Correct DATABASES, or "
        "start the server of the database."
    )
    assert emulator.endswith(
        f" No emulator listens at 127.0.0.1:{port}: start manage.py run_scheduler_emulator, or scheduled_jobs dev."
    )


def test_what_a_running_server_would_refuse_is_found(project: Project) -> None:
    with running_emulator() as emulator:
        local = {"DJANGO_CLOUD_TASKS_EMULATOR_HOST": emulator.host}
        project.manage("migrate")
        with project.serving(**local, DJANGO_CLOUD_TASKS_OIDC_AUDIENCE="shop") as origin:
            settings = {
                **local,
                "DJANGO_CLOUD_TASKS_ENDPOINT": origin,
                "DJANGO_CLOUD_TASKS_OIDC_AUDIENCE": "shop",
            }
            synced = project.manage("schedule_tasks", **settings)
            assert (synced.returncode, synced.stderr) == (0, "")

            done = project.manage("scheduled_jobs", "doctor", **settings)
            assert (wrong(done), done.returncode) == ([], 0)
            assert (
                f"[ok] {origin}/tasks/shop.tasks.Report is this app, and asks for a token as it must."
                in done.stdout
            )
            assert RUNS_ON in done.stdout

            project.manage("schedule_tasks", **{**settings, "DJANGO_CLOUD_TASKS_OIDC_AUDIENCE": "mail"})
            done = project.manage(
                "scheduled_jobs", "doctor", **{**settings, "DJANGO_CLOUD_TASKS_OIDC_AUDIENCE": "mail"}
            )
            assert wrong(done) == [
                f"[!] {origin}/tasks/shop.tasks.Report is this app, which would refuse Google: the token is for mail, "
                "and DJANGO_CLOUD_TASKS_OIDC_AUDIENCE is another there. Give DJANGO_CLOUD_TASKS_OIDC_AUDIENCE, or else "
                "ENDPOINT, one value in all processes; run schedule_tasks again."
            ]
            assert done.returncode == 1

        done = project.manage("scheduled_jobs", "doctor", **settings)
        audience, address = wrong(done)
        assert audience.startswith(
            "[!] shop.tasks.Report: the audience of Google's token is mail, and by the settings shop."
        )
        port = origin.rpartition(":")[2]
        assert address == (
            f"[!] {origin}/tasks/shop.tasks.Report cannot be reached: nothing listens on port {port}. Start the web "
            "server, or set DJANGO_CLOUD_TASKS_ENDPOINT to the port on which it listens (runserver: 8000)."
        )
