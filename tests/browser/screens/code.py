"""The code of the shop: its tasks, what they return, and how their last runs went."""

from __future__ import annotations

import linecache
import logging
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

from scheduled_jobs.domain.schedules import Schedule
from scheduled_jobs.tasks import PeriodicTask
from tests.support.declaring import declare

if TYPE_CHECKING:
    from collections.abc import Callable

    from time_machine import Traveller

LISBON = ZoneInfo("Europe/Lisbon")
NOW = datetime(2026, 10, 22, 14, 7, 20, tzinfo=LISBON)
"""Three days before the clocks go back."""


@dataclass
class Stage:
    """How the run that comes next goes: how many seconds it takes, and what it raises."""

    clock: Traveller
    lasts: float = 1.0
    trouble: Exception | None = None

    def play(self) -> None:
        """Take the time, then fail if it is to."""
        self.clock.shift(self.lasts)
        if self.trouble is not None:
            raise self.trouble


@dataclass(frozen=True)
class Job:
    """A job of the shop; ``outcomes`` are those of its last runs, oldest first.

    ``.`` succeeded, ``f`` failed, ``d`` discarded, ``s`` skipped, ``t`` timed out, ``l`` lost, ``m`` missed.
    """

    path: str
    run_every: str
    zone: str
    doc: str
    lasts: float
    outcomes: str = "." * 30
    result: dict[str, Any] = field(default_factory=dict)
    payload: dict[str, Any] = field(default_factory=dict)
    ends: datetime = NOW - timedelta(seconds=30)

    @property
    def name(self) -> str:
        """The last part of the path, or the job's own name."""
        return self.path.rpartition(".")[2]

    def slots(self) -> list[datetime]:
        """The slots of its last runs, as many as there are outcomes."""
        schedule = Schedule.parse(self.run_every, self.zone)
        found = [self.ends]
        for _ in self.outcomes:
            previous = schedule.previous(found[-1])
            assert previous is not None
            found.append(previous.at)
        return found[:0:-1]


SETTLED = {"batch_size": 500, "acquirer": "unicre", "api_token": "geheim"}
JOBS = [
    Job("shipping.tasks.FetchCarrierTracking", "*/10 * * * *", "UTC", "Ask carriers where the parcels are.", 11,
        "." * 20 + "m" + "." * 8 + "m", {"parcels": 412}),
    Job("fraud.tasks.ScoreOpenOrders", "*/30 * * * *", "UTC", "Score open orders with the fraud model.", 95,
        "." * 8 + "t" + "." * 20 + "l", {"scored": 78}),
    Job("customers.tasks.EraseInactiveAccounts", "0 3 * * 0", "Europe/Lisbon",
        "Erase accounts that asked for it 30 days ago.", 130, "." * 12, {"erased": 31},
        {"limit": 200}),
    Job("payments.tasks.SettleCardPayments", "0 2 * * *", "Europe/Lisbon",
        "Settle yesterday's card payments with the acquirer.", 41,
        "." * 10 + "f" + "." * 15 + "m" + "." * 10 + "f" + "." * 4 + "ss" + "." * 5 + "t" + "." * 7,
        {"settled": 1284, "amount": "61 204.10"}, SETTLED),
    Job("backups.tasks.ExportOrdersToBigQuery", "15 2 * * *", "UTC", "Copy yesterday's orders to the warehouse.",
        362, result={"rows": 48102}),
    Job("catalog.tasks.RefreshPrices", "0 6 * * *", "UTC", "Take over the prices of the day.", 14,
        result={"prices": 7120}),
    Job("catalog.tasks.ReindexSearch", "0 */2 * * *", "UTC", "Rebuild the search index from the catalogue.", 540,
        result={"indexed": 79000}),
    Job("marketing.tasks.RefreshGoogleShoppingFeed", "0 */2 * * *", "UTC",
        "Write the product feed for Google Shopping.", 108, "." * 12 + "f" + "." * 17, {"products": 7120}),
    Job("orders.tasks.CancelUnpaidOrders", "*/5 * * * *", "UTC", "Cancel orders unpaid for 48 hours.", 3.1,
        result={"cancelled": 2}),
    Job("orders.tasks.SendDispatchNotices", "* * * * *", "UTC", "Mail the customers whose parcel has left.", 1.4,
        "." * 17 + "dd" + "." * 11, {"sent": 5}),
    Job("reports.tasks.BuildMonthlyVatReportForAllCountriesOfTheEuropeanUnion", "0 4 1 * *", "Europe/Lisbon",
        "Build the VAT report of the month.", 1080, "..", {"countries": 27}),
    Job("core.tasks.PruneExpiredSessions", "0 0 * * *", "UTC", "Delete sessions past their age.", 2,
        result={"deleted": 310}),
    Job("newsletter.tasks.SendWeeklyNewsletter", "0 9 * * 1", "Europe/Lisbon",
        "Send the newsletter to all subscribers.", 820, "." * 8, {"sent": 18420}),
    Job("shipping.tasks.PrintCustomsDeclarations", "0 7 * * 1-5", "Europe/Lisbon",
        "Print declarations for parcels outside the EU.", 22, "." * 20 + "fff" + "....", {"printed": 40}),
    Job("loyalty.tasks.ExpirePoints", "0 5 * * *", "UTC", "Expire loyalty points after two years.", 5.5,
        result={"expired": 90}, ends=datetime(2026, 10, 13, 10, 0, tzinfo=UTC)),
]  # fmt: skip
STOCK_JOB = Job("inventory.tasks.SyncWarehouseStock", "*/15 * * * *", "UTC", "", 58, "." * 26 + "ffff")
OWN_JOB = Job("black-friday-price-refresh", "*/5 10-14 * * *", "Europe/Lisbon", "", 8.8, "." * 24)

STOCK = '''
class SyncWarehouseStock(PeriodicTask):
    """Pull stock levels from the three warehouses."""

    run_every = "*/15 * * * *"

    @classmethod
    def schedule_retries(cls):
        return 2

    @classmethod
    def schedule_body_payload(cls):
        return {"warehouses": ["PT-OPO-1", "ES-MAD-1", "PT-LIS-2"], "api_token": "geheim"}

    @wrapped
    def run(self, warehouses: list[str], api_token: str = "") -> dict[str, int]:
        """Take over what each of the warehouses has."""
        stock = {}
        for warehouse in warehouses:
            self.apply(stock, warehouse)
        return stock

    def apply(self, stock, warehouse):
        log.info("asking warehouse %s for its levels", warehouse)
        stock[sku_map[warehouse]] = levels(warehouse)
        log.info("warehouse %s: %s rows", warehouse, len(stock))
'''
HOOK = """
from functools import wraps

def wrapped(run):
    @wraps(run)
    def wrapper(*args, **kwargs):
        return run(*args, **kwargs)
    return wrapper
"""


def settle(
    self: Any,
    batch_size: int,
    acquirer: Literal["unicre", "adyen"] = "unicre",
    since: date | None = None,
    dry_run: bool = False,
    api_token: str = "",
) -> dict[str, Any]:
    """Settle what was paid by card."""
    result: dict[str, Any] = self.played()
    return result


def erase(self: Any, limit: int = 200) -> dict[str, Any]:
    """Erase at most so many accounts."""
    result: dict[str, Any] = self.played()
    return result


def anything(self: Any, **kwargs: Any) -> dict[str, Any]:
    """Do as the script says."""
    result: dict[str, Any] = self.played()
    return result


RUNS: dict[str, Callable[..., dict[str, Any]]] = {
    "SettleCardPayments": settle,
    "EraseInactiveAccounts": erase,
}


def declare_all(stage: Stage) -> None:
    """Make the tasks, as an import of the shop's modules would."""
    declare_stock(stage)
    for job in JOBS:

        def played(self: Any, job: Job = job) -> dict[str, Any]:
            stage.play()
            return job.result

        declare(
            job.name,
            job.run_every,
            module=job.path.rpartition(".")[0],
            __doc__=job.doc,
            run=RUNS.get(job.name, anything),
            played=played,
            schedule_time_zone=job.zone,
            schedule_body_payload=job.payload,
            schedule_retries=3 if job.payload is SETTLED else 0,
            schedule_attempt_deadline=timedelta(minutes=25 if job.lasts > 120 else 3),
        )


def declare_stock(stage: Stage) -> None:
    """The task whose traceback is looked at: its frames are those of an application of its own."""
    known = {"PT-OPO-1": "opo", "ES-MAD-1": "mad", "PT-LIS-2": "lis"}
    sku_map = dict(known)

    def levels(warehouse: str) -> int:
        if warehouse == "PT-OPO-1":
            stage.clock.shift(stage.lasts)
        sku_map.update(known)
        if stage.trouble is not None:
            del sku_map["PT-LIS-2"]
        return len(warehouse) * 1000

    log = logging.getLogger("inventory")
    log.setLevel(logging.INFO)
    space = {
        "__name__": "inventory.tasks",
        "PeriodicTask": PeriodicTask,
        "sku_map": sku_map,
        "levels": levels,
        "log": log,
    }
    for path, source in (
        ("/app/.venv/lib/python3.13/site-packages/newrelic/hooks/framework.py", HOOK),
        ("/app/inventory/tasks.py", STOCK),
    ):
        linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
        exec(compile(source, path, "exec"), space)
