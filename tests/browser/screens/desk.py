"""A shop with a past, at one moment that stands still: jobs in every state, runs of every outcome.

Everything is made by the package's own services, at the times at which it is to have happened, against a
Cloud Scheduler in memory; only what a process would have left behind as it died is written by hand.
"""

from __future__ import annotations

import linecache
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import cycle
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo

import time_machine
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from scheduled_jobs import registry
from scheduled_jobs.backends import use_backend
from scheduled_jobs.backends.memory import MemoryBackend
from scheduled_jobs.domain.schedules import Schedule
from scheduled_jobs.models import JobRun, ScheduledJob, attribution
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import Delivery, ending
from scheduled_jobs.services.scheduling import drift
from tests.admin.people import permissions
from tests.browser.stories.shop import database_of_several_threads
from tests.services.scheduling.declaring import declare
from tests.services.scheduling.test_drift import edit_in_console
from tests.support import make_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from time_machine import Traveller

LISBON = ZoneInfo("Europe/Lisbon")
NOW = datetime(2026, 10, 22, 14, 7, 20, tzinfo=LISBON)
"""Three days before the clocks go back."""
Status = JobRun.Status

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
        stock[sku_map[warehouse]] = levels(warehouse)
'''
HOOK = """
from functools import wraps

def wrapped(run):
    @wraps(run)
    def wrapper(*args, **kwargs):
        return run(*args, **kwargs)
    return wrapper
"""


class AcquirerError(Exception):
    """What a payment service answers on a bad day."""


@dataclass
class Job:
    """A job of the shop: ``outcomes`` are those of its last runs, oldest first, one letter each."""

    path: str
    run_every: str
    zone: str
    doc: str
    lasts: float
    outcomes: str = "." * 30
    result: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    ends: datetime = NOW - timedelta(seconds=30)

    @property
    def row(self) -> ScheduledJob:
        return ScheduledJob.objects.get(task=self.path, origin="code")


JOBS = [
    Job("shipping.tasks.FetchCarrierTracking", "*/10 * * * *", "UTC", "Ask carriers where the parcels are.", 11,
        "." * 20 + "m" + "." * 8 + "m", {"parcels": 412}),
    Job("fraud.tasks.ScoreOpenOrders", "*/30 * * * *", "UTC", "Score open orders with the fraud model.", 95,
        "." * 8 + "t" + "." * 20 + "l", {"scored": 78}),
    Job("customers.tasks.EraseInactiveAccounts", "0 3 * * 0", "Europe/Lisbon",
        "Erase accounts that asked for it 30 days ago.", 130, "." * 12, {"erased": 31},
        {"schedule_body_payload": {"limit": 200}}),
    Job("payments.tasks.SettleCardPayments", "0 2 * * *", "Europe/Lisbon",
        "Settle yesterday's card payments with the acquirer.", 41,
        "." * 10 + "f" + "." * 15 + "m" + "." * 10 + "f" + "." * 4 + "ss" + "." * 5 + "t" + "." * 7,
        {"settled": 1284, "amount": "61 204.10"}),
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
        "Print declarations for parcels outside the EU.", 22, "." * 20 + "fff" + ".....", {"printed": 40}),
    Job("loyalty.tasks.ExpirePoints", "0 5 * * *", "UTC", "Expire loyalty points after two years.", 5.5,
        result={"expired": 90}, ends=datetime(2026, 10, 13, 10, 0, tzinfo=UTC)),
]  # fmt: skip


class Desk:
    """The shop, its web server, and the clock. ``fill()`` gives it its past."""

    def __init__(self, clock: Traveller, google: MemoryBackend, url: str) -> None:
        self.clock = clock
        self.google = google
        self.url = url
        self.is_full = False
        self.lasts = 1.0
        self.trouble: Exception | None = None
        self.runs: dict[str, JobRun] = {}

    def job(self, name: str) -> ScheduledJob:
        """The row of a task by the last part of its name, or of an operator's own job by its id."""
        rows = ScheduledJob.objects.all()
        return rows.filter(task__endswith=f".{name}", origin="code").first() or rows.get(name=f"shop--{name}")

    def fill(self) -> None:
        """Let the past happen, once."""
        if self.is_full:
            return
        self.is_full = True
        # A clock that ticks would show in the pictures how fast the machine was.
        declare_stock(self)
        for job in JOBS:
            *module, name = job.path.split(".")
            declare(name, job.run_every, module=".".join(module), __doc__=job.doc, run=run_of(self, job),
                    schedule_time_zone=job.zone, **job.more)  # fmt: skip
        self.at(NOW - timedelta(days=62), deploy)
        self.live()
        self.today()
        self.clock.move_to(NOW)

    def at(self, when: datetime, what: Callable[[], Any]) -> Any:
        """Do something as if it were then."""
        self.clock.move_to(when)
        return what()

    def live(self) -> None:
        """Every run in the order of its time, and between them what people did."""
        events: list[tuple[datetime, Callable[[], Any]]] = [*self._people()]
        for job in JOBS:
            for slot, outcome in zip(slots(job), job.outcomes, strict=True):
                events.append((slot, lambda j=job, s=slot, o=outcome: self.run(j.row, s, o, j.lasts)))
        own = Job("catalog.tasks.RefreshPrices", "*/5 10-14 * * *", "Europe/Lisbon", "", 8.8, "." * 24)
        events += [
            (slot, lambda s=slot: self.run(self.job("black-friday-price-refresh"), s, ".", own.lasts))
            for slot in slots(own)
        ]
        stock = Job("inventory.tasks.SyncWarehouseStock", "*/15 * * * *", "UTC", "", 58, "." * 26 + "ffff")
        events += [
            (slot, lambda s=slot, o=outcome: self.run(stock.row, s, o, 58))
            for slot, outcome in zip(slots(stock), stock.outcomes, strict=True)
        ]
        for when, what in sorted(events, key=lambda event: event[0]):
            self.at(when, what)

    def run(self, job: ScheduledJob, slot: datetime, outcome: str, lasts: float) -> None:
        """One slot of a job, as it went."""
        started = slot + timedelta(seconds=1.1)
        self.clock.move_to(started)
        # Every run takes a little more or less than the one before, and the same in each of two pictures.
        self.lasts = lasts * next(PACE)
        over = {"m": Status.MISSED, "t": Status.TIMED_OUT, "l": Status.LOST}
        if outcome in over:
            self.left_behind(job, over[outcome], slot)
            return
        self.trouble = {"f": AcquirerError("503 from settle.acquirer.example")}.get(outcome)
        if outcome == "s":
            job.pause(reason="The acquirer is closed", by="maria")
        if outcome == "d":
            from scheduled_jobs.exceptions import DiscardTask

            self.trouble = DiscardTask("no parcel has left")
        self.deliver(job, slot)
        if outcome == "s":
            job.resume(by="maria")

    def deliver(self, job: ScheduledJob, slot: datetime | None) -> None:
        """What Google's request does."""
        job.refresh_from_db()
        task = registry.get(job.task)
        assert task is not None
        text = slot.astimezone(UTC).isoformat() if slot else None
        caller = "scheduler@shop-prod-eu.iam.gserviceaccount.com"
        body = self.google.store.get_job(job.remote_name).http_target.body
        execution.deliver(Delivery(job=job, task=task, body=body, schedule_time=text, caller=caller))

    def left_behind(self, job: ScheduledJob, status: str, slot: datetime) -> None:
        """A row as a process that died, or none at all, has left it."""
        started = None if status == Status.MISSED else timezone.now()
        texts = {
            Status.MISSED: "no delivery within 5 min of the slot",
            Status.TIMED_OUT: "stopped after its deadline of 180 s",
            Status.LOST: "no sign of life for 60 s: its process has died",
        }
        lasted = timedelta(minutes=3) if status == Status.TIMED_OUT else None
        run = make_run(job, status, scheduled_for=slot, started_at=started, error=texts[Status(status)],
                       finished_at=slot + timedelta(minutes=5), duration=lasted, payload=job.payload)  # fmt: skip
        ending.announce(run)

    def _people(self) -> list[tuple[datetime, Callable[[], Any]]]:
        """What people did, and when."""

        def override() -> None:
            self.set("SettleCardPayments", "maria", "The acquirer's batch closes at 01:10",
                     schedule_override="30 1 * * *", payload_override={**SETTLED, "batch_size": 800})  # fmt: skip

        def release() -> None:
            task = registry.get("payments.tasks.SettleCardPayments")
            assert task is not None
            task.run_every = "15 1 * * *"
            registry._tasks.pop("loyalty.tasks.ExpirePoints")
            deploy()

        def newsletter() -> None:
            until = datetime(2026, 11, 2, 8, 59, tzinfo=LISBON)
            self.job("SendWeeklyNewsletter").pause(
                reason="Legal is rewording the consent text", until=until, by="rui"
            )

        def own() -> None:
            with attribution("maria", via="form", reason="Campaign week"):
                ScheduledJob(
                    name="shop--black-friday-price-refresh", origin="operator",
                    task="catalog.tasks.RefreshPrices", schedule_override="*/5 10-14 * * *",
                    time_zone_override="Europe/Lisbon", payload_override={"campaign": "bf-2026"},
                    description_override="Keep the campaign prices fresh.",
                ).save()  # fmt: skip

        def customs() -> None:
            self.job("PrintCustomsDeclarations").pause(reason="Printer in Porto is being replaced", by="rui")

        def erase() -> None:
            self.set("EraseInactiveAccounts", "rui", "The database is slow", payload_override={"limit": 500})

        def feed() -> None:
            self.set("RefreshGoogleShoppingFeed", "rui", "Quota", schedule_override="0 */3 * * *")

        return [
            (datetime(2026, 9, 3, 10, 2, tzinfo=LISBON), erase),
            (datetime(2026, 10, 12, 9, 14, tzinfo=LISBON), override),
            (datetime(2026, 10, 13, 11, 30, tzinfo=LISBON), release),
            (datetime(2026, 10, 15, 16, 20, tzinfo=LISBON), newsletter),
            (datetime(2026, 10, 16, 8, 5, tzinfo=LISBON), customs),
            (datetime(2026, 10, 19, 17, 40, tzinfo=LISBON), feed),
            (datetime(2026, 10, 20, 9, 0, tzinfo=LISBON), own),
        ]

    def set(self, name: str, who: str, why: str, **values: Any) -> None:
        """An override of a person's, with its reason."""
        job = self.job(name)
        with attribution(who, via="form", reason=why):
            for column, value in values.items():
                setattr(job, column, value)
            job.save()

    def today(self) -> None:
        """The last hours: what was edited in Google's console, what Google refused, what goes on."""
        export, erase = self.job("ExportOrdersToBigQuery"), self.job("EraseInactiveAccounts")
        refusal = "The principal lacks IAM permission 'cloudscheduler.jobs.update' for the resource."
        self.google.store.faults.refuse(
            "UpdateJob", "PERMISSION_DENIED", refusal, name=export.remote_name, times=99
        )
        self.at(NOW.replace(hour=11, minute=20), lambda: self.set(
            "ExportOrdersToBigQuery", "maria", "It grows", attempt_deadline_override=timedelta(minutes=30)))  # fmt: skip
        self.clock.move_to(NOW.replace(hour=13, minute=40))
        settle = self.job("SettleCardPayments")
        edit_in_console(self.google, settle, "retry_config", retry_config__retry_count=5)
        edit_in_console(self.google, erase, "schedule", "time_zone", schedule="0 3 * * 6")
        self.google.store.pause_job(erase.remote_name)
        self.clock.move_to(NOW - timedelta(minutes=2))
        for job in ScheduledJob.objects.filter(retired_at=None):
            drift.record(drift.look(job.pk))
        reindex = self.job("ReindexSearch")
        self.runs["succeeded"] = reindex.last_run or JobRun()
        started = NOW - timedelta(minutes=7, seconds=30)
        self.runs["running"] = make_run(
            reindex, Status.RUNNING, trigger="manual", requested_by="maria", reason="Names were wrong",
            created_at=started - timedelta(seconds=2), sent=1, sent_at=started, started_at=started, deliveries=1,
            lease_until=NOW + timedelta(seconds=55), deadline_at=NOW + timedelta(minutes=12), progress_done=48210,
            progress_total=79000, progress_message="batch 96 of 158", payload={"shop": "es"},
        )  # fmt: skip
        self.clock.move_to(NOW - timedelta(minutes=4))
        self.lasts = 4.2
        stock = self.job("SyncWarehouseStock")
        self.trouble = KeyError("PT-LIS-2")
        self.deliver(stock, NOW.replace(minute=0, second=0))
        self.runs["failed"] = JobRun.objects.filter(job=stock).latest()
        self.clock.move_to(NOW - timedelta(seconds=8))
        feed = self.job("RefreshGoogleShoppingFeed")
        with attribution("rui", via="form"):
            self.runs["queued"] = feed.run_now(by="rui", reason="The prices were wrong")
        skipped = JobRun.objects.filter(job=self.job("SettleCardPayments"), status=Status.SKIPPED)
        self.runs["skipped"] = skipped.latest()


SETTLED = {"batch_size": 500, "acquirer": "unicre", "api_token": "geheim"}
PACE = cycle((1.0, 0.82, 1.13, 0.94, 1.31, 0.76, 1.05, 0.9, 1.2, 0.97, 0.7))


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


def run_of(desk: Desk, job: Job) -> Callable[..., dict[str, Any]]:
    """A ``run()`` that takes its time and ends as the desk says."""
    signature = {"SettleCardPayments": settle, "EraseInactiveAccounts": erase}
    name = job.path.rpartition(".")[2]

    def played(self: Any) -> dict[str, Any]:
        desk.clock.shift(desk.lasts)
        if desk.trouble is not None:
            raise desk.trouble
        return job.result

    job.more["played"] = played
    if name == "SettleCardPayments":
        job.more["schedule_body_payload"] = SETTLED
        job.more["schedule_retries"] = 3
    return signature.get(name, anything)


def declare_stock(desk: Desk) -> None:
    """The task whose traceback is looked at: its frames are those of an application of its own."""
    from scheduled_jobs.tasks import PeriodicTask

    known = {"PT-OPO-1": "opo", "ES-MAD-1": "mad", "PT-LIS-2": "lis"}
    sku_map = dict(known)

    def levels(warehouse: str) -> int:
        if warehouse == "PT-OPO-1":
            desk.clock.shift(desk.lasts)
        sku_map.update(known)
        if desk.trouble is not None:
            del sku_map["PT-LIS-2"]
        return len(warehouse) * 1000

    space = {
        "__name__": "inventory.tasks",
        "PeriodicTask": PeriodicTask,
        "sku_map": sku_map,
        "levels": levels,
    }
    for path, source in (
        ("/app/.venv/lib/python3.13/site-packages/newrelic/hooks/framework.py", HOOK),
        ("/app/inventory/tasks.py", STOCK),
    ):
        linecache.cache[path] = (len(source), None, source.splitlines(keepends=True), path)
        exec(compile(source, path, "exec"), space)


def slots(job: Job) -> list[datetime]:
    """The last slots of a job before NOW, as many as it has outcomes."""
    schedule = Schedule.parse(job.run_every, job.zone)
    found: list[datetime] = []
    before = job.ends
    while len(found) < len(job.outcomes):
        previous = schedule.previous(before)
        assert previous is not None
        before = previous.at
        found.append(before)
    return found[::-1]


def deploy() -> None:
    call_command("schedule_tasks", verbosity=0)


POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def strict_policy(get_response: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A middleware: the strictest Content-Security-Policy under which Django's own admin works."""

    def answer(request: Any) -> Any:
        response = get_response(request)
        response["Content-Security-Policy"] = POLICY
        return response

    return answer


@contextmanager
def open_desk(folder: Path) -> Iterator[Desk]:
    """The desk with its people and nothing else yet; the clock stands still at NOW."""
    from django.conf import settings

    before = dict(registry._tasks)
    google = MemoryBackend()
    with ExitStack() as stack:
        stack.callback(lambda: (registry._tasks.clear(), registry._tasks.update(before)))
        registry._tasks.clear()
        stack.enter_context(database_of_several_threads(folder / "desk.sqlite3"))
        stack.callback(emptied)
        stack.enter_context(use_backend(google))
        stack.enter_context(override_settings(
            ALLOWED_HOSTS=["*"],
            MIDDLEWARE=[*settings.MIDDLEWARE, "tests.browser.screens.desk.strict_policy"],
            DJANGO_CLOUD_TASKS_PROJECT_ID="shop-prod-eu",
        ))  # fmt: skip
        clock = stack.enter_context(time_machine.travel(NOW, tick=False))
        server = LiveServer("127.0.0.1")
        stack.callback(server.stop)
        User.objects.create_superuser("maria", "", "secret")
        viewer = User.objects.create_user("ines", password="secret", is_staff=True)
        viewer.user_permissions.set(permissions(["view"]))
        yield Desk(clock, google, server.url)


def emptied() -> None:
    """Leave nothing behind where the database is not a copy, as Django does after each test."""
    if connection.vendor != "sqlite" or not str(connection.settings_dict["NAME"]).endswith("desk.sqlite3"):
        call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=False)
