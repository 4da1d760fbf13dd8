"""The six jobs of the sample shop: each is of the kind that it is there to show."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sample_project.shop import tasks as shop
from scheduled_jobs import registry
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.scheduling import declare
from scheduled_jobs.testing import CloudScheduler, running_cloud_scheduler
from tests.support.declaring import schedule_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "sample_project.shop.tasks"


@pytest.fixture(autouse=True)
def _only_the_shop() -> None:
    """Without the classes that other test modules define when they are imported."""
    for path in [path for path in registry._tasks if not path.startswith(f"{PATH}.")]:
        del registry._tasks[path]


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shop.RebuildSearchIndex, "seconds_per_product", 0)
    monkeypatch.setattr(shop.CheckPaymentProviders, "seconds_per_answer", 0)


@pytest.fixture
def scheduler() -> Iterator[CloudScheduler]:
    with running_cloud_scheduler() as running:
        schedule_tasks()
        yield running


def run_of(name: str) -> JobRun:
    return JobRun.objects.select_related("job").get(job__task=f"{PATH}.{name}")


def test_the_shop_declares_six_jobs_without_a_fault() -> None:
    declared = {task.__name__: declare(task) for task in registry.tasks()}
    assert sorted(declared) == [
        "CheckPaymentProviders",
        "ImportSupplierPrices",
        "RebuildSearchIndex",
        "ReleaseExpiredReservations",
        "RemindOfAbandonedCarts",
        "SendNewsletter",
    ]
    assert {name: declaration.faults for name, declaration in declared.items()} == {
        name: {} for name in declared
    }
    minutely = [name for name, one in declared.items() if one.values["schedule"] == "* * * * *"]
    assert len(minutely) == 5


def test_one_minute_runs_five_jobs_and_one_of_them_fails(scheduler: CloudScheduler) -> None:
    answers = scheduler.advance(timedelta(minutes=1))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 200, 500]
    statuses = {run.job.task.rpartition(".")[2]: run.status for run in JobRun.objects.select_related("job")}
    assert statuses == {
        "CheckPaymentProviders": "succeeded",
        "ImportSupplierPrices": "failed",
        "RebuildSearchIndex": "succeeded",
        "ReleaseExpiredReservations": "succeeded",
        "RemindOfAbandonedCarts": "succeeded",
    }


def test_the_failing_one_says_which_line_it_could_not_read(
    scheduler: CloudScheduler,
) -> None:
    scheduler.advance(timedelta(minutes=1))
    run = run_of("ImportSupplierPrices")
    assert run.error == "UnreadablePriceList: line 4: '59,90 EUR' is not a price; write it as 59.90"
    lines = run.traceback.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert "decimal.InvalidOperation: [<class 'decimal.ConversionSyntax'>]" in lines
    assert "The above exception was the direct cause of the following exception:" in lines
    assert "in run\n    prices = suppliers.read_price_list" in run.traceback
    assert lines[-1] == f"sample_project.shop.suppliers.{run.error}"


def test_the_slow_one_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Any] = []
    task = shop.RebuildSearchIndex()
    monkeypatch.setattr(task, "report_progress", lambda *progress: told.append(progress))
    assert task.run() == {"indexed": 6}
    assert told[0] == (0, 6, "indexing desk lamp")
    assert told[-2:] == [(5, 6, "indexing cork board"), (6, 6, "done")]
    assert len(told) == 7


def test_the_one_with_a_payload_writes_to_its_region(scheduler: CloudScheduler) -> None:
    scheduler.advance(timedelta(minutes=1))
    run = run_of("RemindOfAbandonedCarts")
    assert run.payload == {"region": "emea", "older_than_hours": 24}
    assert run.result == {"region": "emea", "reminded": 2, "customers": ["anna", "chiara"]}
    job = run.job
    job.payload_override = {"region": "apac"}
    job.save()
    scheduler.advance(timedelta(minutes=1))
    assert job.runs.latest().result == {"region": "apac", "reminded": 1, "customers": ["daichi"]}


def test_the_stock_is_released_by_the_slot_and_not_by_the_clock(scheduler: CloudScheduler) -> None:
    scheduler.advance(timedelta(minutes=1))
    assert run_of("ReleaseExpiredReservations").result == {
        "released": 15,
        "products": ["tea kettle", "wall clock", "cork board"],
    }


def test_what_the_shop_logs_stands_on_its_runs(scheduler: CloudScheduler, caplog: Any) -> None:
    caplog.set_level("INFO", logger="sample_project")
    scheduler.advance(timedelta(minutes=1))

    def said(name: str) -> list[str]:
        return [
            line.partition(f"{PATH}: ")[2] for line in run_of(name).log.splitlines() if PATH + ": " in line
        ]

    assert said("RebuildSearchIndex")[0::5] == ["indexed desk lamp", "indexed cork board"]
    assert said("ImportSupplierPrices") == ["reading 5 lines of the supplier's list"]
    assert said("CheckPaymentProviders") == ["invoice is up, and answers late"]


def test_the_async_one_asks_all_providers(scheduler: CloudScheduler) -> None:
    scheduler.advance(timedelta(minutes=1))
    assert run_of("CheckPaymentProviders").result == {"card": "up", "invoice": "up", "wallet": "up"}


def test_the_newsletter_is_born_paused_and_runs_once_resumed(scheduler: CloudScheduler) -> None:
    job = ScheduledJob.objects.get(task=f"{PATH}.SendNewsletter")
    assert job.paused
    assert scheduler.jobs[job.name].state == "PAUSED"
    job.resume()
    run = job.run_now()
    scheduler.deliver_forced()
    run.refresh_from_db()
    assert (run.status, run.result) == ("succeeded", {"sent": 1280})
