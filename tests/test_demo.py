"""``make demo``'s program, really started: what fires, what is refused, and that nothing is left of it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.parse
import urllib.request
from contextlib import ExitStack, closing
from http.cookiejar import CookieJar
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.demo_process import (
    ROOT,
    RunningDemo,
    alive,
    environment,
    free_ports,
    refused_demo,
    running_demo,
    started_demo,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.uncounted


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    """One demo for the tests that only look at it."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


def query(demo: RunningDemo, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(demo.directory / "db.sqlite3", timeout=20)) as connection:
        return connection.execute(sql).fetchall()


def manage(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(directory),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_it_prints_the_jobs_the_address_and_the_login(demo: RunningDemo) -> None:
    created = re.findall(r"^\[\+\] Job created: ([\w.]+)\.\w+$", demo.output, re.MULTILINE)
    assert sorted(created) == [*["sample_project.shop.tasks"] * 6, "scheduled_jobs.builtin"]
    assert f"Admin   http://127.0.0.1:{demo.web}/admin/\n" in demo.output
    assert "Login   admin, password admin\n" in demo.output
    assert "[!]" not in demo.output


def test_the_printed_login_opens_the_admin_with_its_style_sheets(demo: RunningDemo) -> None:
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    origin = f"http://127.0.0.1:{demo.web}"
    page = opener.open(f"{origin}/").read().decode()
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    login = {"username": "admin", "password": "admin", "csrfmiddlewaretoken": token, "next": "/admin/"}
    with opener.open(f"{origin}/admin/login/", urllib.parse.urlencode(login).encode()) as answer:
        assert answer.url == f"{origin}/admin/"
        assert "Scheduled jobs" in answer.read().decode()
    with opener.open(f"{origin}/static/admin/css/base.css") as answer:
        assert answer.headers["Content-Type"] == "text/css"


def test_manage_py_finds_database_and_emulator_by_itself(demo: RunningDemo) -> None:
    """But the one that says where this test keeps the files."""
    ports = json.loads((demo.directory / "ports.json").read_text())
    assert ports == {"web": demo.web, "emulator": demo.emulator}
    checked = manage(demo.directory, "schedule_tasks", "--check")
    assert checked.stdout.splitlines()[-1].startswith("7 jobs: 0 created, 0 updated, 0 deleted, 0 failed"), (
        checked.stdout + checked.stderr
    )
    assert checked.returncode == 0


def test_a_second_demo_is_told_which_variable_to_set(demo: RunningDemo, tmp_path: Path) -> None:
    said = refused_demo(tmp_path, (demo.web, demo.emulator))
    assert re.fullmatch(
        rf"The web server cannot have port {demo.web}: another program listens there\. "
        rf"Choose another: make demo PORT=\d+ EMULATOR_PORT={demo.emulator}\n",
        said,
    )
    assert list(tmp_path.iterdir()) == []


def test_the_port_of_the_certificates_may_be_taken_too(tmp_path: Path) -> None:
    web, emulator = free_ports()
    with socket.socket() as other:
        other.bind(("127.0.0.1", emulator + 1))
        other.listen()
        said = refused_demo(tmp_path, (web, emulator))
    assert re.fullmatch(
        rf"The emulator cannot have port {emulator + 1} for its certificates: another program listens there\. "
        rf"Choose another: make demo PORT={web} EMULATOR_PORT=\d+\n",
        said,
    )


def test_a_second_demo_on_other_ports_keeps_off_the_same_files(demo: RunningDemo) -> None:
    assert refused_demo(demo.directory, free_ports()) == (
        f"Another demo is running in {demo.directory}. Stop it with Ctrl-C where it was started.\n"
    )
    ports = json.loads((demo.directory / "ports.json").read_text())
    assert ports["web"] == demo.web


def test_within_ninety_seconds_three_jobs_ran_and_one_failed(demo: RunningDemo) -> None:
    """Fired by the emulator, over HTTP, with a token that was verified."""
    natural = """SELECT status, error, traceback, context, scheduled_for FROM scheduled_jobs_jobrun
        WHERE "trigger" = 'schedule' AND deliveries >= 1 AND finished_at IS NOT NULL"""
    # Of each job the first: by the time that it is looked, the next minute may have come.
    first = f"""{natural} AND id IN (SELECT min(id) FROM scheduled_jobs_jobrun
        WHERE "trigger" = 'schedule' AND deliveries >= 1 GROUP BY job_id)"""
    demo.wait_for(lambda: len(query(demo, first)) >= 4, 90)
    runs = query(demo, first)
    assert all(slot for *_, slot in runs)
    callers = {json.loads(context)["caller"] for _, _, _, context, _ in runs}
    assert callers == {"scheduler@local.iam.gserviceaccount.com"}
    (failed,) = [run for run in runs if run[0] != "succeeded"]
    assert failed[0] == "failed"
    assert failed[1] == "UnreadablePriceList: line 4: '59,90 EUR' is not a price; write it as 59.90"
    assert failed[2].startswith("Traceback (most recent call last):\n")
    assert 'sample_project/shop/suppliers.py", line ' in failed[2]
    line = r"\d\d:\d\d:\d\d \[!\] .*ImportSupplierPrices: 500 Internal Server Error: failed\n"
    demo.wait_for(lambda: re.search(line, demo.output) is not None, 10)


def test_it_is_stopped_and_started_again_and_leaves_no_process(tmp_path: Path) -> None:
    with ExitStack() as stack:
        # A program that a shell script starts with & ignores Ctrl-C, unless it says otherwise.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            first = stack.enter_context(started_demo(tmp_path))
        finally:
            signal.signal(signal.SIGINT, before)
        first.wait_until_ready()
        below = first.below()
        assert len(below) >= 2
        assert first.send(signal.SIGINT) == 0
        assert alive(below) == set()
    with running_demo(tmp_path, (first.web, first.emulator)) as second:
        # The emulator has forgotten the jobs, the database remembers them.
        assert second.output.count("[+] Job created: ") == 7
        below = second.below()
        assert second.send(signal.SIGTERM) == 0
        assert alive(below) == set()
    with running_demo(tmp_path) as elsewhere:
        assert elsewhere.output.count("[+] Job created: ") == 7
        assert "[!]" not in elsewhere.output


def test_a_database_of_another_version_is_noticed_and_begun_anew(tmp_path: Path) -> None:
    assert "starting anew" not in prepared(tmp_path)
    said = f"The database in {tmp_path} is that of another version of this package: starting anew.\n"
    for change in (
        "ALTER TABLE scheduled_jobs_jobrun ADD COLUMN former text",
        "ALTER TABLE scheduled_jobs_scheduledjob DROP COLUMN sync_error",
        "DROP TABLE scheduled_jobs_lease",
        "DELETE FROM django_migrations WHERE app = 'scheduled_jobs'",
    ):
        with closing(sqlite3.connect(tmp_path / "db.sqlite3")) as connection, connection:
            connection.execute(change)
        assert prepared(tmp_path) == f"Preparing the database ...\n{said}", change
    assert prepared(tmp_path) == "Preparing the database ...\n"


def prepared(directory: Path) -> str:
    """What is said while the database of a demo in this directory is prepared."""
    code = f"from sample_project import demo; demo.prepare_database(demo.Path({str(directory)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**environment(directory), "DJANGO_SETTINGS_MODULE": "sample_project.settings"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_a_web_server_that_dies_takes_the_demo_along(tmp_path: Path) -> None:
    with running_demo(tmp_path) as demo:
        below = demo.below()
        victim = max(process.pid for process in below if "runserver" in command_of(process.pid))
        os.kill(victim, signal.SIGKILL)
        assert demo.end() == 1
        assert "CommandError: The web server has ended with exit code " in demo.output
        assert alive(below) == set()


def command_of(pid: int) -> str:
    return subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=True
    ).stdout


def test_makefile_and_program_have_the_same_default_ports() -> None:
    from sample_project import ports

    makefile = (ROOT / "Makefile").read_text()
    assert f"\nPORT ?= {ports.WEB}\nEMULATOR_PORT ?= {ports.EMULATOR}\n" in makefile
