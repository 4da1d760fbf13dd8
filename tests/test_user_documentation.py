"""The user documentation, run: its blocks titled tasks.py are the tasks module of a stranger's app."""

from __future__ import annotations

import re
import sys
import unittest
from datetime import timedelta
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from google.api_core.exceptions import AlreadyExists
from google.cloud import tasks_v2

from scheduled_jobs import registry
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services import execution
from scheduled_jobs.services.scheduling import declare
from scheduled_jobs.testing import running_cloud_scheduler
from tests.support import full_name
from tests.support.declaring import schedule_tasks
from tests.support.documents import ROOT, code_blocks, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.tasks import PeriodicTask

PAGE = "docs/tasks.md"
APP = "your_app.tasks"

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


@pytest.fixture
def your_app(no_tasks: None, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's tasks, defined as an import of that module would define them."""
    module = ModuleType(APP)
    monkeypatch.setitem(sys.modules, APP, module)
    for block in code_blocks(PAGE, "tasks.py"):
        exec(compile(block, str(ROOT / PAGE), "exec"), vars(module))
    return module


@pytest.fixture
def tasks(your_app: ModuleType) -> dict[str, type[PeriodicTask]]:
    return {task.__name__: task for task in registry.tasks()}


DOCUMENTED = {
    "DrainBacklog": ("shop--your_app-tasks-DrainBacklog", "every 10 minutes", {}),
    "CustomNamedJob": ("shop--monthly-financial-summary", "0 0 1 * *", {}),
    "FetchExchangeRates": ("shop--your_app-tasks-FetchExchangeRates", "0 16 * * *", {}),
    "GenerateDailyUserActivityDigest": (
        "shop--your_app-tasks-GenerateDailyUserActivityDigest",
        "0 0 * * 1-5",
        {},
    ),
    "HourlyTemporaryFileCleanup": ("shop--your_app-tasks-HourlyTemporaryFileCleanup", "0 * * * *", {}),
    "NoOidcTask": ("shop--your_app-tasks-NoOidcTask", "every 2 hours", {}),
    "RefreshPriceLists": ("shop--your_app-tasks-RefreshPriceLists", "15 4 * * *", {}),
    "SendInvoices": ("shop--your_app-tasks-SendInvoices", "30 5 * * *", {}),
    "TaskWithCustomHeaders": ("shop--your_app-tasks-TaskWithCustomHeaders", "*/30 * * * *", {}),
    "TaskWithCustomRetries": ("shop--your_app-tasks-TaskWithCustomRetries", "0 * * * *", {}),
    "TaskWithPayload": (
        "shop--your_app-tasks-TaskWithPayload",
        "0 9 * * 1-5",
        {"report_type": "daily_sales", "region": "emea"},
    ),
}


def test_every_class_of_the_page_is_a_task_without_a_fault(tasks: dict[str, type[PeriodicTask]]) -> None:
    assert sorted(tasks) == sorted(DOCUMENTED)
    assert {name: declare(task).faults for name, task in tasks.items()} == {name: {} for name in DOCUMENTED}
    assert tasks["TaskWithPayload"].name() == "your_app.tasks.TaskWithPayload"


def test_each_becomes_the_documented_job(google: MemoryBackend, tasks: dict[str, type[PeriodicTask]]) -> None:
    output = schedule_tasks()
    assert output.lines == [f"[+] Job created: {APP}.{name}" for name in sorted(DOCUMENTED)]
    assert output.code == 0
    live = {job.name: job.values for job in google.list(timeout=1)}
    for name, schedule, payload in DOCUMENTED.values():
        assert (live[name]["schedule"], live[name]["payload"], live[name]["time_zone"]) == (
            schedule,
            payload,
            "UTC",
        )
    assert schedule_tasks().lines == []


def test_headers_tokens_and_retries_reach_google(
    google: MemoryBackend, tasks: dict[str, type[PeriodicTask]]
) -> None:
    schedule_tasks()
    jobs = {
        job.name.rpartition("-")[2]: google.store.get_job(full_name(job)) for job in google.list(timeout=1)
    }
    headers = jobs["TaskWithCustomHeaders"].http_target.headers
    assert headers["X-Custom-Auth-Token"] == "some_secret_value"
    assert headers["X-Source-System"] == "django-scheduler"
    assert not jobs["NoOidcTask"].http_target.HasField("oidc_token")
    assert jobs["TaskWithCustomHeaders"].http_target.oidc_token.audience == "https://shop.example.com"
    assert jobs["TaskWithCustomRetries"].retry_config.retry_count == 5


def test_the_documented_lines_appear_when_the_code_changes(
    google: MemoryBackend, your_app: ModuleType
) -> None:
    """A new class, another schedule, a class that is gone: the page's own three lines."""
    documented = re.findall(r"^\[.\] Job .+$", read(PAGE), re.MULTILINE)
    define(your_app, "HourlyReportTask", "0 * * * *")
    define(your_app, "OldRemovedTask", "@daily")
    schedule_tasks()
    define(your_app, "NightlyCleanupTask", "0 3 * * *")
    define(your_app, "HourlyReportTask", "30 * * * *")
    del registry._tasks[f"{APP}.OldRemovedTask"]
    assert sorted(schedule_tasks().lines) == sorted(documented)
    assert len(documented) == 3
    assert schedule_tasks().lines == []


def define(module: ModuleType, name: str, run_every: str) -> None:
    code = f"class {name}(PeriodicTask):\n    run_every = {run_every!r}\n    def run(self):\n        return {{}}\n"
    exec(code, vars(module))


def test_each_task_returns_what_the_page_says(tasks: dict[str, type[PeriodicTask]]) -> None:
    with running_cloud_scheduler() as scheduler:
        schedule_tasks()
        for job in ScheduledJob.objects.all():
            job.run_now()
        answers = [response.json() for response in scheduler.deliver_forced()]
    assert {answer["status"] for answer in answers} == {"executed"}
    results = {run.job.task.rpartition(".")[2]: run.result for run in JobRun.objects.select_related("job")}
    yesterday = str(scheduler.now.date() - timedelta(days=1))
    assert results == {
        "DrainBacklog": {"archived": 3, "left": 0},
        "CustomNamedJob": {"summary": "done"},
        "FetchExchangeRates": {"rates": 31},
        "GenerateDailyUserActivityDigest": {
            "status": "digest_generated",
            "date": str(scheduler.now.date()),
        },
        "HourlyTemporaryFileCleanup": {"status": "cleanup_done", "older_than_hours": 2},
        "NoOidcTask": {"oidc_disabled": True},
        "RefreshPriceLists": None,
        "SendInvoices": {"day": yesterday, "sent": 3},
        "TaskWithCustomHeaders": {"status": "ok"},
        "TaskWithCustomRetries": {"status": "processed"},
        "TaskWithPayload": {"processed_report": "daily_sales", "region": "emea"},
    }


def test_what_a_pool_logs_is_kept_with_the_run(tasks: dict[str, type[PeriodicTask]]) -> None:
    with running_cloud_scheduler() as scheduler:
        schedule_tasks()
        run = ScheduledJob.objects.get(task=f"{APP}.RefreshPriceLists").run_now()
        scheduler.deliver_forced()
    run.refresh_from_db()
    lines = [line.partition("Z ")[2] for line in run.log.splitlines()]
    assert sorted(lines) == [f"WARNING {APP}: price list of {market} is a day old" for market in ("es", "pt")]


def elsewhere(title: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The page's block of this title, as a module of its own."""
    module = ModuleType(f"your_app.{title.removesuffix('.py')}")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    (block,) = code_blocks(PAGE, title)
    exec(compile(block, str(ROOT / PAGE), "exec"), vars(module))
    return module


def answers_of(task: type[PeriodicTask]) -> list[JobRun]:
    """Two runs of a task, the second a new attempt at the first one's time."""
    with running_cloud_scheduler() as scheduler:
        job = task.schedule()
        scheduler.advance(timedelta(days=1))
        JobRun.objects.update(status="failed", settled_slot=None)
        execution.rerun(JobRun.objects.get(job=job))
        scheduler.deliver_forced()
    return list(JobRun.objects.order_by("pk"))


def test_long_work_is_handed_to_cloud_tasks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    handed: dict[str, tasks_v2.CreateTaskRequest] = {}

    class Client:
        def create_task(self, **values: Any) -> None:
            request = tasks_v2.CreateTaskRequest(**values)
            if request.task.name in handed:
                raise AlreadyExists("it is there")
            handed[request.task.name] = request

    monkeypatch.setattr(tasks_v2, "CloudTasksClient", Client)
    module = elsewhere("cloud_tasks.py", monkeypatch)
    first, second = answers_of(module.RebuildIndexesInParts)
    assert first.scheduled_for is not None
    assert (second.status, second.scheduled_for) == ("succeeded", first.scheduled_for)
    slot = f"{first.scheduled_for:%Y%m%d}T0200"
    assert list(handed) == [f"{module.QUEUE}/tasks/{shop}-{slot}" for shop in ("lisbon", "porto")]
    request = handed[f"{module.QUEUE}/tasks/porto-{slot}"]
    assert request.parent == module.QUEUE
    assert request.task.http_request.url == "https://shop.example.com/work/porto"
    assert request.task.dispatch_deadline == timedelta(minutes=30)


@pytest.mark.skipif(find_spec("django.tasks") is None, reason="this Django has no tasks")
def test_long_work_is_handed_to_djangos_tasks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = elsewhere("django_tasks.py", monkeypatch).RebuildIndexes
    run = answers_of(task)[0]
    assert run.scheduled_for is not None
    day = str(run.scheduled_for.date())
    assert run.result["day"] == day
    assert len(set(run.result["handed over"])) == 2
    assert f"Rebuilding the index of porto as of {day}...\n" in capsys.readouterr().out


def test_a_discarded_run_ends_without_a_failure(tasks: dict[str, type[PeriodicTask]]) -> None:
    with running_cloud_scheduler() as scheduler:
        schedule_tasks()
        job = ScheduledJob.objects.get(task=f"{APP}.FetchExchangeRates")
        run = job.run_now(payload={"bank_holiday": True})
        (answer,) = scheduler.deliver_forced()
    run.refresh_from_db()
    assert answer.status_code == 202
    assert (run.status, run.error) == ("discarded", "the central bank publishes no rates today")


@pytest.fixture
def page_test(your_app: ModuleType) -> Any:
    """The test that the page shows to its readers."""
    (code,) = code_blocks(PAGE, "test_tasks.py")
    names: dict[str, Any] = {"__name__": "test_tasks"}
    exec(compile(code, str(ROOT / PAGE), "exec"), names)
    return names["test_the_cleanup_runs_every_hour"]


@pytest.fixture
def scheduler() -> Iterator[Any]:
    with running_cloud_scheduler() as running:
        yield running


def test_the_test_that_the_page_shows_passes(page_test: Any, scheduler: Any) -> None:
    page_test(None, scheduler)


def test_the_unittest_that_the_page_shows_passes(your_app: ModuleType) -> None:
    (code,) = code_blocks(PAGE, "tests.py")
    names: dict[str, Any] = {"__name__": "tests"}
    exec(compile(code, str(ROOT / PAGE), "exec"), names)
    done = unittest.defaultTestLoader.loadTestsFromTestCase(names["HourlyCleanup"]).run(unittest.TestResult())
    assert (done.testsRun, done.errors, done.failures) == (1, [], [])
