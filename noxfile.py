"""Every Django on every Python, and what another database could make fail on PostgreSQL and MariaDB.

    nox             all of it
    nox -s slice    the part of it that .ci/run runs each time

The databases are named by POSTGRESQL_URL and MARIADB_URL, as DATABASE_URL is for ``make test-database``;
``.ci/run matrix`` starts both and runs all of this. Where a Python or a database is missing, the session is
skipped and named in the last lines: nothing counts as run that was not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from zipfile import ZipFile

import nox

nox.options.sessions = ["suite", "database", "typing", "wheel"]
nox.options.default_venv_backend = "virtualenv"
nox.options.download_python = "never"
nox.options.error_on_missing_interpreters = False
nox.needs_version = ">=2025.2.9"

DJANGO = {"5.2": ["3.11", "3.12", "3.13"], "6.0": ["3.12", "3.13"], "6.1": ["3.12", "3.13"]}
OLDEST = "5.2"
MATRIX = [(python, django) for django, pythons in DJANGO.items() for python in pythons]
# What `make test` leaves out: each other Django once, on another Python and with MariaDB.
SLICE = [("3.12", "6.0", "MARIADB_URL"), ("3.13", "6.1", "")]
QUICK = [
    "tests/test_loop.py",
    "tests/test_checks.py",
    "tests/test_views.py",
    "tests/models",
    "tests/admin/job",
    "tests/admin/run",
]
LONGER = {
    "ORACLE_SCHEDULES": "2000",
    "PLAN_EXAMPLES": "100",
    "SYNC_EXAMPLES": "100",
    "WRITERS_SECONDS": "10",
}
"""What takes long, and is done in full with one of the Djangos."""
WITHOUT_DJANGO = ["tests/domain", "tests/emulator"]
"""What imports no Django (import-linter sees to it): each Python runs it once, with the oldest."""
ON_SQLITE = ["tests/admin/job_list", "tests/admin/plan", "tests/admin/run_list"]
ON_A_SERVER = [
    "tests/services/execution/test_ending.py",
    "tests/services/execution/test_locks.py",
    "tests/services/execution/test_races.py",
    "tests/services/scheduling/push",
    "tests/services/scheduling/test_google_names.py",
    "tests/projects/test_databases.py",
]


def find(python: str) -> None:
    """Put a Python where nox looks for it that pyenv has, and does not offer in this folder."""
    name = f"python{python}"
    found = shutil.which(name)
    if found and subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode == 0:
        return
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for path in sorted(root.glob(f"versions/{python}.*/bin/{name}")):
        os.environ["PATH"] = f"{path.parent}{os.pathsep}{os.environ['PATH']}"


for version in sorted({python for python, _ in MATRIX}):
    find(version)


def run(session: nox.Session, django: str, database: str, tools: str, *tests: str) -> None:
    """Install the package with this Django and these tools, and run these tests on the database so named."""
    url = os.environ.get(database, "") if database else ""
    if database and not url:
        session.skip(f"{database} names no database")
    session.install("--quiet", "pip>=25.1")
    session.install("--quiet", "--editable", ".", f"Django~={django}.0", "--group", tools)
    session.run("python", "-c", "import django, sys; print('Django', django.__version__, 'on', sys.version)")
    pytest = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests, *session.posargs]
    env = {"DATABASE_URL": url, **(LONGER if tools == "test" and django == OLDEST else {})}
    # Each worker would compile all tests; what one has compiled is there for all of them.
    session.run_install(*pytest, "--collect-only", env=env, silent=True)
    session.run(*pytest, "-n", "4", "--dist", "loadfile", env=env)


@nox.session
@nox.parametrize("python,django", MATRIX)
def suite(session: nox.Session, django: str) -> None:
    """All tests but those that drive a browser, on SQLite."""
    left_out = [] if django == OLDEST else [f"--ignore={path}" for path in WITHOUT_DJANGO]
    run(session, django, "", "test", "-m", "not browser", *left_out)


@nox.session
@nox.parametrize("database", ["POSTGRESQL_URL", "MARIADB_URL"], ids=["postgresql", "mariadb"])
@nox.parametrize("python,django", MATRIX)
def database(session: nox.Session, django: str, database: str) -> None:
    """What another database could make fail, there."""
    run(session, django, database, "test", "-m", "database")


@nox.session(name="slice")
@nox.parametrize("python,django,database", SLICE)
def part(session: nox.Session, django: str, database: str) -> None:
    """In a minute: migrations, models, checks, the loop, pages of the admin; with a server, the races too."""
    run(session, django, database, "test-core", *QUICK, *(ON_A_SERVER if database else ON_SQLITE))


@nox.session(python="3.11")
def fuzz(session: nox.Session) -> None:
    """Twenty thousand hostile requests at the view that Google calls, over the wire and inside."""
    session.install("--quiet", "pip>=25.1")
    session.install("--quiet", "--editable", ".", "--group", "bench", "--group", "test")
    session.run("python", "-m", "bench.fuzz", *session.posargs)


@nox.session(python="3.13")
def typing(session: nox.Session) -> None:
    """What a user's type checker says of tests/projects/typed.py: mypy without a plugin, and pyright."""
    session.install("--quiet", "pip>=25.1")
    session.install("--quiet", ".", "--group", "typing")
    module = shutil.copy("tests/projects/typed.py", session.create_tmp())
    # Neither the checkout's own settings nor its sources: what is installed is read.
    session.chdir(Path(module).parent)
    session.run("mypy", "--strict", "--config-file", os.devnull, "typed.py")
    Path("pyrightconfig.json").write_text('{"typeCheckingMode": "standard"}')
    session.run("basedpyright", "typed.py")


@nox.session(python="3.11")
def storm(session: nox.Session) -> None:
    """Kill, stop and pause web servers and a PostgreSQL of their own, and kill them under load."""
    session.install("--quiet", "pip>=25.1")
    session.install("--quiet", "--editable", ".", "--group", "test")
    session.run("python", "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/ends", env={"STORM": "1"})
    session.run("python", "-m", "bench.storm", *session.posargs)


@nox.session(python="3.11")
def wheel(session: nox.Session) -> None:
    """The wheel has all files of the package, and works where nothing else is installed."""
    folder = Path(session.create_tmp()).resolve()
    session.run("python", "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), ".")
    (path,) = folder.glob("*.whl")
    with ZipFile(path) as archive:
        packed = {name for name in archive.namelist() if name.startswith("scheduled_jobs/")}
    listed = subprocess.run(["git", "ls-files", "scheduled_jobs"], capture_output=True, text=True, check=True)
    if missing := set(listed.stdout.split()) - packed:
        session.error(f"not in the wheel: {sorted(missing)}")
    session.install("--quiet", str(path))
    session.chdir(folder)
    session.run("django-admin", "startproject", "project", "--verbosity", "0")
    session.chdir(folder / "project")
    with Path("project/settings.py").open("a") as settings:
        settings.write("INSTALLED_APPS.append('scheduled_jobs')\n")
    Path("project/urls.py").write_text(
        "from django.urls import include, path\n\n"
        "urlpatterns = [path('tasks/', include('scheduled_jobs.urls'))]\n"
    )
    for command in (["check"], ["migrate", "--verbosity", "0"], ["scheduled_jobs", "list"]):
        session.run("python", "manage.py", *command)
    session.run("python", "-c", "import scheduled_jobs.testing")


@nox.session(python="3.11")
def year(session: nox.Session) -> None:
    """A simulated year of 200 jobs: what the watch tells of half a million scheduled times, as JSON."""
    session.install("--quiet", "pip>=25.1")
    session.install("--quiet", "--editable", ".", "--group", "test")
    session.run("python", "-m", "bench.year", *session.posargs)
