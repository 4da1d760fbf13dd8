"""Where tasks are found: when the apps are ready, and for the jobs that there are."""

from __future__ import annotations

import io
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from scheduled_jobs import registry
from scheduled_jobs.checks import check_tasks
from scheduled_jobs.exceptions import InvalidPayload, TaskNotLoaded
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.scheduling import push_jobs
from tests.support.declaring import declare, schedule_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from django.test import Client

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = pytest.mark.usefixtures("no_tasks")

TASK = """
from scheduled_jobs.tasks import PeriodicTask


class {name}(PeriodicTask):
    run_every = "0 9 * * *"

    def run(self):
        return "done"
"""


class Stall:
    """The app ``stall`` of a project, in files that are yet to be written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "stall"
        self.write("__init__.py", "")

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))

    def task(self, path: str, name: str) -> None:
        self.write(path, TASK.format(name=name))

    def install(self) -> Any:
        return override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "stall"])


def forget() -> None:
    """As in a process that has just begun."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "stall"]:
        del sys.modules[name]
    registry._tasks.clear()


@pytest.fixture
def stall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stall]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield Stall(tmp_path)
    forget()


def paths() -> list[str]:
    return [registry.dotted_path(task) for task in registry.tasks() if task.__module__.startswith("stall")]


# --- Discovery -------------------------------------------------------------------------------------


def test_all_modules_of_a_tasks_package_are_imported_but_its_tests(stall: Stall) -> None:
    for module in ("reports", "eu/lisbon/nightly", "plain/__init__", "plain/deep", "latest"):
        stall.task(f"tasks/{module}.py", module.replace("/", "_").title())
    stall.write("tasks/__init__.py", "")
    stall.write("tasks/sql/totals.sql", "")
    for module in (
        "tests",
        "test_reports",
        "conftest",
        "__main__",
        "plain/tests/test_deep",
        "plain/conftest",
    ):
        stall.write(f"tasks/{module}.py", "raise AssertionError(__name__)")
    with stall.install():
        assert paths() == [
            "stall.tasks.eu.lisbon.nightly.Eu_Lisbon_Nightly",
            "stall.tasks.latest.Latest",
            "stall.tasks.plain.Plain___Init__",
            "stall.tasks.plain.deep.Plain_Deep",
            "stall.tasks.reports.Reports",
        ]


def test_a_tasks_folder_without_init_is_a_package_too(stall: Stall) -> None:
    stall.task("tasks/reports.py", "Report")
    with stall.install():
        assert paths() == ["stall.tasks.reports.Report"]


FACTORY = """
from scheduled_jobs.tasks import PeriodicTask


class Report(PeriodicTask):
    run_every = "0 9 * * *"

    def run(self):
        return "done"


def report_of(country):
    class Report(PeriodicTask):
        run_every = "0 9 * * *"

        def run(self):
            return country

    Report.__name__ = Report.__qualname__ = f"Report{country}"
    return Report


Danish, Swiss = report_of("DK"), report_of("CH")


def twice(cls):
    class Twice(cls):
        def run(self):
            return 2 * super().run()

    Twice.__qualname__ = cls.__qualname__
    return Twice


@twice
class Mail(Danish):
    pass
"""


def test_a_class_is_known_by_the_name_that_it_is_given_later(stall: Stall) -> None:
    stall.write("tasks.py", FACTORY)
    with stall.install():
        registry.discover()
        names = ["stall.tasks." + name for name in ("Mail", "Report", "ReportCH", "ReportDK")]
        assert [registry.dotted_path(task) for task in registry.tasks()] == names
        made = [task().run() for task in map(registry.get, names) if task is not None]
        assert made == ["DKDK", "done", "CH", "DK"]
        assert registry.get("stall.tasks.Twice") is None


def test_classes_of_one_name_are_not_lost_without_a_word(stall: Stall) -> None:
    stall.write("tasks.py", FACTORY.replace("Report.__name__ = Report.__qualname__", "name"))
    with stall.install():
        registry.discover()
        [first, second] = check_tasks()
        assert (first.id, first.msg, first.hint) == (
            "scheduled_jobs.E011",
            "stall.tasks.Report: several classes have this name, and only the last is a task.",
            "Name each of them apart; where a function makes them, it sets their __qualname__.",
        )
        module = sys.modules["stall.tasks"]
        assert [first.obj, second.obj] == [module.Report, module.Danish]


def test_an_app_that_is_called_tasks_is_not_imported_whole(stall: Stall) -> None:
    """Its factories may want what only a developer has."""
    stall.write("tasks/__init__.py", "")
    stall.write("tasks/factories.py", "import no_such_package")
    stall.task("tasks/tasks.py", "Report")
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "stall", "stall.tasks"]):
        registry.discover()
    assert [registry.dotted_path(task) for task in registry.tasks()] == ["stall.tasks.tasks.Report"]


def test_a_module_of_tasks_that_raises_is_not_swallowed(stall: Stall) -> None:
    stall.write("tasks/__init__.py", "")
    stall.write("tasks/reports.py", "import no_such_library")
    with pytest.raises(ModuleNotFoundError, match="no_such_library"), stall.install():
        pass


# --- Once more, before a row is retired ------------------------------------------------------------


@pytest.mark.django_db
def test_a_task_that_only_the_views_import_keeps_its_job(stall: Stall, google: MemoryBackend) -> None:
    stall.task("tasks.py", "Known")
    stall.task("reports/exports.py", "Export")
    with stall.install():
        registry.find("stall.reports.exports.Export")
        assert schedule_tasks().lines == [
            "[+] Job created: stall.reports.exports.Export",
            "[+] Job created: stall.tasks.Known",
        ]
    forget()
    with stall.install():
        assert paths() == ["stall.tasks.Known"]
        assert schedule_tasks().lines == []
        assert ScheduledJob.objects.filter(retired_at=None).count() == 2
    forget()
    with stall.install():
        # A push, too, by a process that has not imported it.
        job = ScheduledJob.objects.get(task="stall.reports.exports.Export")
        job.schedule_override = "0 10 * * *"
        job.save()
        push_jobs([job.pk])
        job.refresh_from_db()
        assert (job.sync_state, job.sync_error) == ("synced", "")
        assert google.get(google.remote_name(job.name), timeout=1).values["schedule"] == "0 10 * * *"
    forget()
    with stall.install():
        assert schedule_tasks("stall.reports.exports.Export").code == 0
    forget()
    with stall.install():
        lines = io.StringIO()
        call_command("scheduled_jobs", "show", "stall.reports.exports.Export", stdout=lines)
        assert "not in the code" not in lines.getvalue()
        with pytest.raises(InvalidPayload, match="run\\(\\) takes no such parameter"):
            job.run_now(payload={"region": "emea"})


@pytest.mark.django_db
def test_the_only_task_there_is_may_be_one_that_the_views_import(stall: Stall, google: Any) -> None:
    stall.task("views.py", "Export")
    with stall.install():
        assert registry.find("stall.views.Export") is not None
        schedule_tasks()
    forget()
    with stall.install():
        assert list(registry.tasks()) == []
        output = schedule_tasks()
        assert (output.code, output.lines) == (0, [])


@pytest.mark.django_db
@pytest.mark.parametrize("gone", ["class", "module", "package", "app"])
def test_a_task_is_gone_where_its_class_module_or_app_is(stall: Stall, google: Any, gone: str) -> None:
    stall.task("tasks.py", "Known")
    stall.task("reports/exports.py", "Export")
    with stall.install():
        registry.find("stall.reports.exports.Export")
        schedule_tasks()
    forget()
    if gone == "class":
        stall.write("reports/exports.py", "")
    elif gone == "app":
        ScheduledJob.objects.filter(task__endswith="Export").update(task="market.exports.Export")
    else:
        (stall.folder / "reports/exports.py").unlink()
        if gone == "package":
            (stall.folder / "reports").rmdir()
    with stall.install():
        path = "market.exports.Export" if gone == "app" else "stall.reports.exports.Export"
        assert schedule_tasks().lines == [f"[-] Job deleted: {path}"]


@pytest.mark.django_db
def test_a_module_made_into_a_package_takes_its_jobs_along(stall: Stall, google: MemoryBackend) -> None:
    """A pause that is lost on the way lets a job run that somebody has stopped."""
    stall.task("tasks.py", "Report")
    with stall.install():
        schedule_tasks()
        job = ScheduledJob.objects.get()
        job.schedule_override = "0 3 * * *"
        job.save()
        job.pause(reason="audit")
        own = ScheduledJob(
            name="shop--own", task="stall.tasks.Report", origin="operator", schedule_override="0 4 * * *"
        )
        own.save()
        schedule_tasks()
    forget()
    (stall.folder / "tasks.py").unlink()
    stall.task("tasks/reports.py", "Report")
    stall.write("tasks/__init__.py", "from stall.tasks.reports import Report\n")
    with stall.install():
        assert schedule_tasks().lines == [
            "[~] Job updated: stall.tasks.reports.Report (uri, headers)",
            "[~] Job updated: stall.tasks.reports.Report (name)",
        ]
        assert schedule_tasks().lines == []
    moved, other = ScheduledJob.objects.order_by("pk")
    assert (other.pk, other.task, other.retired_at) == (own.pk, moved.task, None)
    assert (moved.pk, moved.task, moved.paused) == (job.pk, "stall.tasks.reports.Report", True)
    live, live_own = sorted(google.list(timeout=1), key=lambda live: len(live.name), reverse=True)
    assert live_own.uri.endswith("/stall.tasks.reports.Report")
    assert (live.name, live.state, live.values["schedule"]) == (
        "shop--stall-tasks-reports-Report",
        "PAUSED",
        "0 3 * * *",
    )


@pytest.mark.django_db
def test_a_task_of_an_app_that_is_not_installed_here_keeps_its_job(
    stall: Stall, google: MemoryBackend
) -> None:
    """A worker and a web server may have other apps: whoever runs schedule_tasks knows its own alone."""
    stall.task("tasks.py", "Known")
    stall.task("reports/exports.py", "Export")
    stall.task("old.py", "Old")
    with stall.install():
        for path in ("reports.exports.Export", "old.Old"):
            registry.find(f"stall.{path}")
        schedule_tasks()
    forget()
    (stall.folder / "old.py").unlink()
    declare("Other", module="market.tasks")
    output = schedule_tasks("--check")
    assert (output.code, "Job deleted: stall.old.Old" in output) == (2, True)
    output = schedule_tasks()
    left = (
        "its module is there, and in no app that INSTALLED_APPS of this process has: its job stays as it is."
    )
    told = [line for line in output.lines if left in line]
    assert [line.split(": ")[1] for line in told] == ["stall.reports.exports.Export", "stall.tasks.Known"]
    assert [line for line in output.lines if line not in told] == [
        "[+] Job created: market.tasks.Other",
        "[-] Job deleted: stall.old.Old",
    ]
    assert output.code == 1
    assert "stall.tasks" not in sys.modules
    assert schedule_tasks("--yes").lines == [
        "[-] Job deleted: stall.reports.exports.Export",
        "[-] Job deleted: stall.tasks.Known",
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("from stall import no_such_name", "ImportError: cannot import name 'no_such_name'"),
        ("raise RuntimeError('no licence')", "RuntimeError: no licence"),
        ("import sys; sys.exit('usage: …')", "SystemExit: usage: …"),
    ],
)
def test_while_a_module_cannot_be_imported_nothing_is_retired(
    stall: Stall, google: Any, text: str, why: str
) -> None:
    stall.task("tasks.py", "Known")
    stall.task("exports.py", "Export")
    stall.task("old.py", "Old")
    with stall.install():
        registry.find("stall.exports.Export")
        registry.find("stall.old.Old")
        schedule_tasks()
    forget()
    stall.write("exports.py", TASK.format(name="Export") + text)
    stall.write("old.py", "")
    with stall.install():
        output = schedule_tasks()
        assert output.code == 1
        [line] = output.lines
        assert line.startswith(
            f"[!] Job failed: stall.exports.Export: stall.exports cannot be imported: {why}"
        )
        assert line.endswith("; no task is taken for removed until then")
        assert not ScheduledJob.objects.exclude(retired_at=None).exists()
        # What it had defined until then does not count: asked again, the answer is the same.
        with pytest.raises(TaskNotLoaded):
            registry.find("stall.exports.Export")


# --- A delivery ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_delivery_imports_the_task_of_its_job_and_no_other(stall: Stall, client: Client) -> None:
    stall.task("exports.py", "Export")
    stall.task("other.py", "Other")
    stall.write("broken.py", "raise RuntimeError('no licence')")
    for name in ("exports.Export", "broken.Broken"):
        job = ScheduledJob(name=name.replace(".", "-"), task=f"stall.{name}", declared_schedule="0 9 * * *")
        ScheduledJob.objects.bulk_create([job])

    def deliver(task: str, name: str) -> tuple[int, Any]:
        response = client.post(
            f"/tasks/{task}", content_type="application/json", headers={"X-CloudScheduler-JobName": name}
        )
        return response.status_code, response.json()

    with stall.install(), pytest.MonkeyPatch.context() as patch:
        patch.setattr("scheduled_jobs.authentication.verify", lambda request, task: "")
        assert deliver("stall.other.Other", "exports-Export") == (
            404,
            {"error": "Task stall.other.Other not found"},
        )
        assert "stall.other" not in sys.modules
        assert deliver("stall.broken.Broken", "broken-Broken") == (
            503,
            {"error": "stall.broken cannot be imported: RuntimeError: no licence"},
        )
        status, body = deliver("stall.exports.Export", "exports-Export")
    assert (status, body["status"], body["result"]) == (200, "executed", "done")
    assert JobRun.objects.get().status == "succeeded"
