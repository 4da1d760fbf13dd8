"""A year of jobs with a clock that is moved: what the watch tells against what the simulator knows.

    python -m bench.year [--days 365] [--jobs 200] [--seed 1] [--hours 3]

A step of the watch is made every so many hours, sometimes after a minute and sometimes after thrice as long.

Google is the in-memory emulator, which fires, retries, pauses and drifts by its own rules. What it sends is
received here, lost, delayed, failed or run for long by chance; servers, Google's API and the watch are away
now and then; people edit, pause and resume here and in Google's console. Printed are, as JSON, how many
scheduled times there were, how many never arrived, how many of these were told, how many were told wrongly,
and of how many nothing can be said. The exit code is 1 where one was not told that should have been, or told
that should not.
"""

from __future__ import annotations

import argparse
import heapq
import json
import os
import random
import sys
import time
from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 3, 1, 0, 2, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GRACE = timedelta(minutes=5)
TIME = "X-CloudScheduler-ScheduleTime"
KINDS = [
    # Share of the jobs, schedules, zones, retries.
    (2, ("*/15 * * * *",), 0),
    (38, ("7 * * * *", "30 * * * *", "50 * * * *"), 3),
    (40, ("15 */6 * * *", "40 */4 * * *"), 0),
    (60, ("0 9 * * *", "30 1 * * *", "30 2 * * *", "5 23 * * *"), 5),
    (30, ("20 4 * * 1", "0 18 * * 1-5"), 0),
    (10, ("0 0 1 * *", "30 6 15 * *"), 1),
    (20, ("every 7 hours", "every 110 minutes"), 0),
]
ZONES = ("UTC", "Europe/Lisbon", "America/New_York", "Asia/Tehran", "Australia/Lord_Howe")


AWAY = (("server", 60, 3 * HOUR), ("api", 40, 4 * HOUR), ("watch", 30, 20 * HOUR))
"""What is away, how often in a year, and for how long at most."""


def do_nothing(self: Any) -> None:
    """What the tasks do: what becomes of a run is decided by chance."""


def always(value: Any) -> Any:
    """A hook of a task that returns this."""
    return classmethod(lambda _cls: value)


@dataclass
class Known:
    """What the simulator knows of a job: times by which it can say what should have been told."""

    name: str
    pk: int
    schedule: str
    zone: str
    sent: set[datetime] = field(default_factory=set)
    arrived: set[datetime] = field(default_factory=set)
    arrivals: list[datetime] = field(default_factory=list)
    doubts: list[tuple[datetime, datetime]] = field(default_factory=list)
    changed: list[datetime] = field(default_factory=list)
    attempts: Counter[datetime] = field(default_factory=Counter)
    busy_until: datetime = START
    paused: tuple[datetime, datetime | None] | None = None
    pauses: list[tuple[datetime, datetime]] | None = None
    is_unsure: datetime | None = None
    """Since when what Google has is another than what is known here, until the next look."""

    @property
    def interval(self) -> timedelta | None:
        words = self.schedule.split()
        if words[0] != "every":
            return None
        return int(words[1]) * (HOUR if words[2] == "hours" else MINUTE)

    def is_paused(self, now: datetime) -> bool:
        return self.paused is not None and (self.paused[1] is None or now < self.paused[1])

    def doubt(self, at: datetime) -> bool:
        return any(since <= at <= until for since, until in self.doubts)


class Year:
    """The simulation: ``run()`` plays it, ``figures()`` compares."""

    def __init__(self, *, days: int, jobs: int, seed: int, hours: int) -> None:
        self.random = random.Random(seed)
        self.end = START + days * DAY
        self.days = days
        self.count = jobs
        self.hours = hours
        self.known: dict[str, Known] = {}
        self.events: list[tuple[datetime, int, Callable[[], None]]] = []
        self.number = 0
        self.rows: list[Any] = []
        self.facts: dict[int, tuple[datetime, str]] = {}
        self.away: dict[str, list[tuple[datetime, datetime]]] = {"server": [], "api": [], "watch": []}
        self.last_look = START
        self.steps = 0
        self.seconds = 0.0
        self.longest = 0.0
        self.longest_gap = timedelta()
        self.last_step = START

    # --- Setting up ---------------------------------------------------------------------------------------

    def tasks(self) -> None:
        from scheduled_jobs.tasks import PeriodicTask

        total = sum(share for share, *_ in KINDS)
        number = 0
        for share, schedules, retries in KINDS:
            for n in range(max(round(share * self.count / total), 1)):
                members = {
                    "__module__": "year.tasks",
                    "run_every": schedules[n % len(schedules)],
                    "run": do_nothing,
                    "schedule_time_zone": always(ZONES[n % len(ZONES)]),
                    "schedule_retries": always(retries),
                    "schedule_attempt_deadline": always(timedelta(minutes=30)),
                }
                type(f"T{number:03}", (PeriodicTask,), members)
                number += 1

    def plan(self) -> None:
        chance = self.random
        for kind, per_year, longest in AWAY:
            for _ in range(round(per_year * self.days / 365) or 1):
                since = START + HOUR + chance.random() * (self.end - START)
                self.away[kind].append((since, since + chance.random() ** 2 * longest))
        for known in self.known.values():
            for _ in range(round(6 * self.days / 365) or chance.random() < 0.3):
                self.at(START + chance.random() * (self.end - START), self.change, known)
        self.at(START + 10 * MINUTE, self.step)
        self.at(START + DAY, self.deploy)

    def at(self, when: datetime, act: Callable[..., None], *args: Any) -> None:
        self.number += 1
        heapq.heappush(self.events, (when, self.number, lambda: act(*args)))

    def is_away(self, what: str) -> bool:
        now = self.google.now
        return any(since <= now < until for since, until in self.away[what])

    # --- Playing ------------------------------------------------------------------------------------------

    def run(self) -> None:
        from scheduled_jobs.exceptions import StoreError
        from scheduled_jobs.models import ScheduledJob
        from scheduled_jobs.services import scheduling
        from scheduled_jobs.services.scheduling import client
        from scheduled_jobs.testing import running_cloud_scheduler

        def intercept(*_call: str) -> None:
            if self.is_away("api"):
                raise StoreError("UNAVAILABLE", "away")

        with running_cloud_scheduler(START) as google, mock.patch.object(client, "FIRST_WAIT", 1e-5):
            self.google = google
            google._send = self.send  # type: ignore[method-assign]
            google.faults.record = False
            self.tasks()
            scheduling.sync_jobs(scheduling.Options())
            for job in ScheduledJob.objects.all():
                self.known[job.name] = Known(job.name, job.pk, job.schedule, job.time_zone)
                self.known[job.name].doubts.append((START, START + MINUTE))
                self.known[job.name].changed.append(START)
            self.plan()
            google.faults.intercept = intercept
            while self.events and self.events[0][0] <= self.end:
                when, _number, act = heapq.heappop(self.events)
                google.advance_to(when)
                act()
            self.away = {name: [] for name in self.away}
            google.advance_to(self.end + 3 * DAY)
            self.flush()
            self.step()

    def send(self, delivery: Any) -> int:
        """What becomes of one attempt of Google's."""
        from scheduled_jobs.models import JobRun

        now, chance = self.google.now, self.random
        known = self.known[delivery.name.rpartition("/")[2]]
        slot = datetime.fromisoformat(delivery.headers[TIME]).astimezone(UTC)
        if now < known.busy_until:
            return 200  # Google fires nothing inside a run; the emulator's runs take no time
        known.sent.add(slot)
        if self.is_away("server"):
            return 503
        fate = chance.random()
        if slot not in known.attempts and fate < 0.002:
            known.attempts[slot] = 0
            return 503 if chance.random() < 0.5 else 200  # lost on its way, or answered by something else
        if slot not in known.attempts and fate < 0.004 and known.interval is None:
            known.attempts[slot] = 0
            self.at(now + MINUTE + chance.random() * 40 * MINUTE, self.deliver_late, known, slot)
            return 200
        known.attempts[slot] += 1
        self.arrive(known, slot, now)
        status, length = JobRun.Status.SUCCEEDED, timedelta(seconds=chance.expovariate(0.2))
        if known.is_paused(now):
            status = JobRun.Status.SKIPPED
        elif fate > 0.98:
            status = JobRun.Status.FAILED
        elif fate > 0.975:
            length = chance.random() * 29 * MINUTE
            known.busy_until = now + length
        started = now + timedelta(seconds=chance.random() * 3)
        settles = status != JobRun.Status.FAILED
        self.rows.append(
            JobRun(
                job_id=known.pk, status=status, trigger="schedule", scheduled_for=slot, created_at=started,
                attempt=known.attempts[slot], started_at=None if status == "skipped" else started,
                finished_at=started + length, settled_slot=slot if settles else None, deliveries=1,
                announced_for=slot, unfolded=None,
            )
        )  # fmt: skip
        self.facts[known.pk] = (started, status)
        return 500 if status == JobRun.Status.FAILED else 200

    def arrive(self, known: Known, slot: datetime, now: datetime) -> None:
        known.arrived.add(slot)
        known.arrivals.append(now)

    def deliver_late(self, known: Known, slot: datetime) -> None:
        """By the real way: it may find that it was told as missed."""
        from scheduled_jobs import registry
        from scheduled_jobs.models import ScheduledJob
        from scheduled_jobs.services import execution

        if self.is_away("server"):
            return
        self.flush()
        job = ScheduledJob.objects.get(pk=known.pk)
        task = registry.find(job.task)
        assert task is not None
        now = self.google.now
        delivery = execution.Delivery(job=job, task=task, schedule_time=slot.isoformat(), body=b"{}")
        execution.deliver(delivery, clock=lambda: now, sleep=lambda _seconds: None)
        self.arrive(known, slot, now)

    def flush(self) -> None:
        """Write the rows that deliveries would have written."""
        from scheduled_jobs.models import JobRun
        from scheduled_jobs.services.scheduling.seen import write_columns

        JobRun.objects.bulk_create(self.rows, batch_size=500)
        self.rows = []
        facts = [(at, at, status, pk) for pk, (at, status) in self.facts.items()]
        write_columns(("last_delivery_at", "last_run_at", "last_status"), facts)
        self.facts = {}

    def step(self) -> None:
        from scheduled_jobs.services.monitoring import watch

        now = self.google.now
        self.at(now + MINUTE + self.random.random() ** 2 * 3 * self.hours * HOUR, self.step)
        if self.is_away("watch"):
            return
        self.flush()
        began = time.perf_counter()
        found = watch.step(now)
        took = time.perf_counter() - began
        assert not found.failures, found.failures
        self.steps += 1
        self.seconds += took
        self.longest = max(self.longest, took)
        self.longest_gap = max(self.longest_gap, now - self.last_step)
        self.last_step = now
        if not found.google:
            self.looked(now)

    def looked(self, now: datetime) -> None:
        self.last_look = now
        for known in self.known.values():
            if known.is_unsure is not None:
                known.doubts.append((known.is_unsure - MINUTE, now + MINUTE))
                known.changed.append(now)
                known.is_unsure = None

    def deploy(self) -> None:
        """schedule_tasks, every two days: it makes Google what the rows want."""
        from scheduled_jobs.exceptions import BackendError
        from scheduled_jobs.models import JobVersion
        from scheduled_jobs.services import scheduling

        self.at(self.google.now + 2 * DAY, self.deploy)
        before = set(JobVersion.objects.values_list("pk", flat=True))
        try:
            scheduling.sync_jobs(scheduling.Options())
        except BackendError:
            return
        self.looked(self.google.now)
        by_pk = {known.pk: known for known in self.known.values()}
        for job in JobVersion.objects.exclude(pk__in=before).values_list("job_id", flat=True):
            self.edited(by_pk[job])

    # --- What people do -----------------------------------------------------------------------------------

    def change(self, known: Known) -> None:
        from scheduled_jobs.models import ScheduledJob

        job = ScheduledJob.objects.get(pk=known.pk)
        chance, now = self.random, self.google.now
        live = self.google.jobs.get(known.name) if not self.is_away("api") else None
        kind = chance.choice(["edit", "pause", "pause until", "console"])
        if kind == "console" and live is not None and known.paused is None:
            if live.state == "ENABLED":
                self.google.backend.pause(live.remote_name, timeout=1)
                known.is_unsure = known.is_unsure or self.last_look
                self.at(now + chance.random() * 6 * HOUR, self.console_resumes, known)
        elif kind == "edit" and known.interval is None:
            fields = job.schedule.split()
            fields[0] = fields[0] if "/" in fields[0] else str(chance.randrange(60))
            job.schedule_override = " ".join(fields)
            job.save()
            self.edited(known)
        elif kind == "pause" and known.paused is None:
            job.pause(reason="by chance")
            known.paused = (now, None)
            self.edited(known)
            self.at(now + chance.random() * 2 * DAY, self.resume, known)
        elif kind == "pause until" and known.paused is None:
            until = now + MINUTE + chance.random() * 2 * DAY
            job.pause(reason="by chance", until=until)
            known.paused = (now, until)
            self.edited(known)
            self.at(until, self.over, known)

    def console_resumes(self, known: Known) -> None:
        if self.is_away("api"):
            self.at(self.google.now + HOUR, self.console_resumes, known)
            return
        live = self.google.jobs[known.name]
        if live.state == "PAUSED" and known.paused is None:
            self.google.backend.resume(live.remote_name, timeout=1)
            known.is_unsure = known.is_unsure or self.last_look

    def resume(self, known: Known) -> None:
        from scheduled_jobs.models import ScheduledJob

        ScheduledJob.objects.get(pk=known.pk).resume()
        known.paused = None
        self.edited(known)

    def over(self, known: Known) -> None:
        known.paused = None
        known.doubts.append((self.google.now - MINUTE, self.google.now + MINUTE))
        known.changed.append(self.google.now)

    def edited(self, known: Known) -> None:
        """Beside an edit nothing can be said; if Google did not take it, until the next look."""
        now = self.google.now
        known.doubts.append((now - MINUTE, now + MINUTE))
        known.changed.append(now)
        if self.is_away("api"):
            known.is_unsure = known.is_unsure or now

    # --- Comparing ----------------------------------------------------------------------------------------

    def figures(self) -> dict[str, Any]:
        from scheduled_jobs.models import JobRun

        told: dict[int, list[datetime]] = defaultdict(list)
        for job, slot in JobRun.objects.filter(status="missed").values_list("job_id", "scheduled_for"):
            told[job].append(slot)
        busy = JobRun.objects.filter(error_key="google-busy").count()
        count: Counter[str] = Counter()
        wrong: list[str] = []
        for known in self.known.values():
            if (interval := known.interval) is not None:
                count.update(self.of_interval(known, interval, told[known.pk], wrong))
                continue
            count.update(self.of_clock(known, set(told[known.pk]), wrong))
        share = count["doubtful"] / max(count["scheduled times"], 1)
        return {
            **{name.replace(", ", "_").replace(" ", "_"): number for name, number in sorted(count.items())},
            "not_told": count["not told"],
            "told_wrongly": count["told wrongly"],
            "doubtful_share": round(share, 5),
            "google_busy": busy,
            "jobs": len(self.known),
            "days": self.days,
            "steps": self.steps,
            "seconds_per_step": round(self.seconds / max(self.steps, 1), 4),
            "longest_step": round(self.longest, 3),
            "wrong": wrong[:20],
        }

    def of_clock(self, known: Known, told: set[datetime], wrong: list[str]) -> Counter[str]:
        """Of a schedule by the clock each time is known: what was sent and never arrived must be told."""
        count: Counter[str] = Counter({"scheduled times": len(known.sent)})
        count["doubtful"] = sum(self.why_not(known, slot) in ("doubtful", "clocks") for slot in known.sent)
        missed = {slot for slot in known.sent - known.arrived if slot <= self.end}
        count["never arrived"] = len(missed)
        count["told"] = len(missed & told)
        for slot in missed - told:
            why = self.why_not(known, slot)
            count[f"not told, {why}" if why else "not told"] += 1
            if not why:
                wrong.append(f"{known.name} {slot} was not told")
        for slot in told - (known.sent - known.arrived):
            is_doubtful = slot not in known.sent and known.doubt(slot)
            count["told wrongly, doubtful" if is_doubtful else "told wrongly"] += 1
            if not is_doubtful:
                wrong.append(f"{known.name} {slot} was told wrongly")
        return count

    def why_not(self, known: Known, slot: datetime) -> str:
        """Why nothing has to be told of a time; empty where it has."""
        from scheduled_jobs.domain.schedules import Schedule

        if known.doubt(slot):
            return "doubtful"
        # The clocks alone decide whether a minute comes twice, or was left out.
        if next(Schedule.parse("* * * * *", known.zone).between(slot, slot + MINUTE)).doubtful:
            return "clocks"
        return "paused" if any(since <= slot <= until for since, until in self.paused_of(known)) else ""

    def paused_of(self, known: Known) -> list[tuple[datetime, datetime]]:
        """When a job was paused here, by the audit: what does not arrive then would have been skipped."""
        from scheduled_jobs.models import JobChange

        if known.pauses is not None:
            return known.pauses
        found: list[tuple[datetime, datetime]] = []
        since = None
        changes = JobChange.objects.filter(job=known.pk, field="paused").order_by("pk")
        for at, new in changes.values_list("at", "new"):
            if new:
                since = at
            elif since is not None:
                found.append((since, at))
        known.pauses = found
        return found

    def of_interval(
        self, known: Known, interval: timedelta, told: list[datetime], wrong: list[str]
    ) -> Counter[str]:
        """Of an interval nobody knows when; that nothing came for long is what must be told, once."""
        count: Counter[str] = Counter({"intervals": len(known.arrivals)})
        marks = sorted([*known.arrivals, *known.changed, *(u for _since, u in known.doubts)])
        for slot in told:
            place = bisect_right(marks, slot) - 1
            following = marks[place + 1] if place + 1 < len(marks) else self.end + 3 * DAY
            count["silences told"] += 1
            if following - marks[place] <= 2 * interval + GRACE:
                count["told wrongly"] += 1
                wrong.append(f"{known.name} {slot} was told, though something came")
        return count


def simulate(*, days: int, jobs: int, seed: int, hours: int = 1) -> dict[str, Any]:
    """Play it in the database of the process, which must be empty."""
    year = Year(days=days, jobs=jobs, seed=seed, hours=hours)
    year.run()
    return year.figures()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name, default in (("days", 365), ("jobs", 200), ("seed", 1), ("hours", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.test.runner import DiscoverRunner
    from django.test.utils import setup_test_environment

    from scheduled_jobs import registry

    setup_test_environment()
    registry._tasks.clear()
    runner = DiscoverRunner(verbosity=0, interactive=False)
    databases = runner.setup_databases()
    began = time.perf_counter()
    try:
        figures = simulate(**vars(options))
    finally:
        runner.teardown_databases(databases)
    figures["seconds"] = round(time.perf_counter() - began)
    json.dump(figures, sys.stdout, indent=2)
    print()
    sys.exit(1 if figures["not_told"] or figures["told_wrongly"] or figures["doubtful_share"] >= 0.01 else 0)


if __name__ == "__main__":
    main()
