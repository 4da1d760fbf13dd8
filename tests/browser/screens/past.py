"""The past of the shop: every run in the order of its time, and between them what people did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import TYPE_CHECKING, Any

from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.exceptions import DiscardTask
from scheduled_jobs.models import JobRun, ScheduledJob, attribution
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import Delivery, facts
from scheduled_jobs.services.scheduling import drift
from tests.browser.screens.code import JOBS, LISBON, NOW, OWN_JOB, SETTLED, STOCK_JOB, Stage, declare_all
from tests.support import full_name, make_run
from tests.support.console import edit_in_console
from tests.support.declaring import schedule_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from time_machine import Traveller

    from scheduled_jobs.backends.memory import MemoryBackend
    from tests.browser.screens.code import Job

Status = JobRun.Status
CALLER = "scheduler@shop-prod-eu.iam.gserviceaccount.com"
LEFT = {
    "m": (Status.MISSED, "Due at {slot:%Y-%m-%d %H:%M} UTC, and nothing had arrived by {end:%H:%M}."),
    "t": (Status.TIMED_OUT, "stopped after its deadline of 180 s"),
    "l": (Status.LOST, "no sign of life for 20 s: its process has died"),
}
"""What no process has written that ran the task to its end."""


class AcquirerError(Exception):
    """What a payment service answers on a bad day."""


def find(name: str) -> ScheduledJob:
    """The row of a task by the last part of its name, or of an operator's own job by its id."""
    rows = ScheduledJob.objects.all()
    return rows.filter(task__endswith=f".{name}", origin="code").first() or rows.get(name=f"shop--{name}")


def deploy() -> None:
    """What a release runs after its migrations."""
    output = schedule_tasks()
    assert output.code == 0, output


class Past:
    """Lets it happen: ``happen()`` returns the runs that are looked at, by what became of them."""

    def __init__(self, clock: Traveller, google: MemoryBackend) -> None:
        self.clock = clock
        self.google = google
        self.stage = Stage(clock)
        # A run takes a little more or less than the one before, and as long in each of two pictures.
        self.pace = cycle((1.0, 0.82, 1.13, 0.94, 1.31, 0.76, 1.05, 0.9, 1.2, 0.97, 0.7))

    def happen(self) -> dict[str, JobRun]:
        declare_all(self.stage)
        self.clock.move_to(NOW - timedelta(days=62))
        deploy()
        events = self._people()
        for job in (*JOBS, STOCK_JOB, OWN_JOB):
            for slot, outcome in zip(job.slots(), job.outcomes, strict=True):
                events.append((slot, lambda j=job, s=slot, o=outcome: self._run(j, s, o)))
        for when, what in sorted(events, key=lambda event: event[0]):
            self.clock.move_to(when)
            what()
        self._consoles()
        runs = self._runs()
        self.clock.move_to(NOW)
        return runs

    def _run(self, job: Job, slot: datetime, outcome: str) -> None:
        """One slot of a job, as it went."""
        row = find(job.name)
        self.clock.move_to(slot + timedelta(seconds=1.1))
        self.stage.lasts = job.lasts * next(self.pace)
        self.stage.trouble = None
        if outcome in LEFT:
            self._left_behind(row, outcome, slot)
            return
        if outcome == "f":
            self.stage.trouble = AcquirerError("503 from settle.acquirer.example")
        if outcome == "d":
            self.stage.trouble = DiscardTask("no parcel has left")
        if outcome == "s":
            row.pause(reason="The acquirer is closed", by="maria")
        self._deliver(row, slot)
        if outcome == "s":
            row.resume(by="maria")

    def _deliver(self, row: ScheduledJob, slot: datetime) -> None:
        """What Google's request does."""
        row.refresh_from_db()
        task = registry.get(row.task)
        assert task is not None
        body = self.google.store.get_job(full_name(row)).http_target.body
        text = slot.astimezone(UTC).isoformat()
        execution.deliver(Delivery(job=row, task=task, body=body, schedule_time=text, caller=CALLER))

    def _left_behind(self, row: ScheduledJob, outcome: str, slot: datetime) -> None:
        (status, error), end = LEFT[outcome], slot + timedelta(minutes=5)
        run = make_run(
            row,
            status,
            scheduled_for=slot,
            started_at=None if status == Status.MISSED else timezone.now(),
            finished_at=end,
            duration=timedelta(minutes=3) if status == Status.TIMED_OUT else None,
            payload=row.payload,
            error=error.format(slot=slot.astimezone(UTC), end=end.astimezone(UTC)),
        )
        facts.write(run)

    def _set(self, name: str, who: str, why: str, **values: Any) -> None:
        """Overrides of a person's, with the reason."""
        row = find(name)
        with attribution(who, via="form", reason=why):
            for column, value in values.items():
                setattr(row, column, value)
            row.save()

    def _people(self) -> list[tuple[datetime, Callable[[], Any]]]:
        """What people did, and when."""

        def at(month: int, day: int, hour: int, minute: int) -> datetime:
            return datetime(2026, month, day, hour, minute, tzinfo=LISBON)

        def override() -> None:
            payload = {**SETTLED, "batch_size": 800}
            why = "The acquirer's batch closes at 01:10"
            self._set(
                "SettleCardPayments", "maria", why, schedule_override="30 1 * * *", payload_override=payload
            )

        def release() -> None:
            settle = registry.get("payments.tasks.SettleCardPayments")
            assert settle is not None
            settle.run_every = "15 1 * * *"
            registry._tasks.pop("loyalty.tasks.ExpirePoints")
            deploy()

        def own() -> None:
            with attribution("maria", via="form", reason="Campaign week"):
                ScheduledJob(
                    name="shop--black-friday-price-refresh",
                    origin="operator",
                    task="catalog.tasks.RefreshPrices",
                    schedule_override=OWN_JOB.run_every,
                    time_zone_override=OWN_JOB.zone,
                    payload_override={"campaign": "bf-2026"},
                    description_override="Keep the campaign prices fresh.",
                ).save()

        def newsletter() -> None:
            until = datetime(2026, 11, 2, 8, 59, tzinfo=LISBON)
            find("SendWeeklyNewsletter").pause(
                reason="Legal is rewording the consent text", until=until, by="rui"
            )

        def customs() -> None:
            find("PrintCustomsDeclarations").pause(reason="Printer in Porto is being replaced", by="rui")

        def erase() -> None:
            self._set("EraseInactiveAccounts", "rui", "The database is slow", payload_override={"limit": 500})

        def feed() -> None:
            self._set("RefreshGoogleShoppingFeed", "rui", "Quota", schedule_override="0 */3 * * *")

        def export() -> None:
            refusal = "The principal lacks IAM permission 'cloudscheduler.jobs.update' for the resource."
            name = full_name(find("ExportOrdersToBigQuery"))
            self.google.store.faults.refuse("UpdateJob", "PERMISSION_DENIED", refusal, name=name, times=99)
            deadline = timedelta(minutes=30)
            self._set("ExportOrdersToBigQuery", "maria", "It grows", attempt_deadline_override=deadline)

        return [
            (at(9, 3, 10, 2), erase),
            (at(10, 12, 9, 14), override),
            (at(10, 13, 11, 30), release),
            (at(10, 15, 16, 20), newsletter),
            (at(10, 16, 8, 5), customs),
            (at(10, 19, 17, 40), feed),
            (at(10, 20, 9, 0), own),
            (at(10, 22, 11, 20), export),
        ]

    def _consoles(self) -> None:
        """What somebody has edited in Google's console, and the look by which it was seen."""
        self.clock.move_to(NOW.replace(hour=13, minute=40))
        settle, erase = find("SettleCardPayments"), find("EraseInactiveAccounts")
        edit_in_console(self.google, settle, "retry_config", retry_config__retry_count=5)
        edit_in_console(self.google, erase, "schedule", "time_zone", schedule="0 3 * * 6")
        self.google.store.pause_job(full_name(erase))
        drift.record(drift.look(settle.pk))
        self.clock.move_to(NOW - timedelta(minutes=2))
        for row in ScheduledJob.objects.filter(retired_at=None):
            drift.record(drift.look(row.pk))

    def _runs(self) -> dict[str, JobRun]:
        """What goes on now, and one run of each other kind."""
        reindex, stock = find("ReindexSearch"), find("SyncWarehouseStock")
        began = NOW - timedelta(minutes=7, seconds=30)
        running = make_run(
            reindex, Status.RUNNING, trigger="manual", requested_by="maria", reason="Names were wrong",
            created_at=began - timedelta(seconds=2), sent=1, sent_at=began, started_at=began, deliveries=1,
            lease_until=NOW + timedelta(seconds=15), deadline_at=NOW + timedelta(minutes=12),
            progress_done=48210, progress_total=79000, progress_message="batch 96 of 158", payload={"shop": "es"},
        )  # fmt: skip
        self.clock.move_to(NOW - timedelta(minutes=4))
        self.stage.lasts, self.stage.trouble = 4.2, KeyError("PT-LIS-2")
        self._deliver(stock, NOW.replace(minute=0, second=0))
        self.clock.move_to(NOW - timedelta(seconds=8))
        queued = find("RefreshGoogleShoppingFeed").run_now(by="rui", reason="The prices were wrong")
        return {
            "running": running,
            "queued": queued,
            "succeeded": JobRun.objects.filter(job=reindex, status=Status.SUCCEEDED).latest(),
            "failed": JobRun.objects.filter(job=stock).latest(),
            "missed": JobRun.objects.filter(job=find("FetchCarrierTracking"), status=Status.MISSED).latest(),
            "skipped": JobRun.objects.filter(job=find("SettleCardPayments"), status=Status.SKIPPED).latest(),
        }
