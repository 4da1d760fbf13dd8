"""Random histories: deaths, lost answers, lost RunJobs, duplicates and parallel deliveries.

Time is simulated, the database is real. A failing seed is printed with the test's name.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.db.models import F

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.execution import Answer, Delivery, decision, ending, statements
from scheduled_jobs.services.execution.runner import Outcome
from tests.support import SLOT, make_job, make_task

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from scheduled_jobs.services.execution.delivery import Begun
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.uncounted]
# In a transaction nobody waits for what becomes of a run.

Status = JobRun.Status
PERIOD = timedelta(minutes=1)
SLOTS = 25
GAPS = (5, 10, 20, 40, 80)
DEADLINE = timedelta(minutes=3)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@dataclass
class Chain:
    """One firing of Google's: a delivery and its retries, all with one announced time."""

    slot: datetime
    forced: bool
    tries: int = 0
    is_over: bool = False
    """Google got a 2xx and is content."""


@dataclass
class World:
    """Google, the network and the processes of the app."""

    seed: int
    task: type[PeriodicTask]
    job: ScheduledJob
    now: datetime = SLOT - seconds(30)
    alive: dict[int, datetime] = field(default_factory=dict)
    claims: Counter[int] = field(default_factory=Counter)
    waits: int = 0
    chains: list[Chain] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def at(self, when: datetime, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (when, next(self._order), what))

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def go(self, until: datetime) -> None:
        while self._agenda and self._agenda[0][0] <= until:
            when, _, what = heapq.heappop(self._agenda)
            self.now = max(self.now, when)
            what()

    # --- Google ---------------------------------------------------------------------------------

    def fire(self, chain: Chain) -> None:
        """One attempt of a chain, sometimes delivered twice, sometimes not at all."""
        chain.tries += 1
        if self.chance(0.05):
            self.at(self.now + seconds(1), lambda: self.fail(chain))
            return
        self.deliver(chain)
        if self.chance(0.1):
            self.at(self.now + seconds(self.random.uniform(0, 3)), lambda: self.deliver(chain))

    def fail(self, chain: Chain) -> None:
        if not chain.is_over and chain.tries <= len(GAPS):
            self.at(self.now + seconds(GAPS[chain.tries - 1]), lambda: self.fire(chain))

    def hear(self, chain: Chain, status: int) -> None:
        """An answer is on its way to Google."""
        if self.chance(0.15):
            self.fail(chain)
        elif 200 <= status < 300:
            chain.is_over = True
        else:
            self.fail(chain)

    def run_job(self) -> None:
        ahead = (self.now - SLOT) // PERIOD + 1
        chain = Chain(SLOT + ahead * PERIOD, forced=True)
        self.chains.append(chain)
        self.at(self.now + seconds(self.random.uniform(0.1, 4)), lambda: self.fire(chain))

    # --- The app --------------------------------------------------------------------------------

    def deliver(self, chain: Chain) -> None:
        delivery = Delivery(
            job=ScheduledJob.objects.get(pk=self.job.pk),
            task=self.task,
            schedule_time=chain.slot.isoformat(),
        )
        monotonic = lambda: (self.now - SLOT).total_seconds()  # noqa: E731
        self.decide(chain, decision.deciding(delivery, self.now, clock=lambda: self.now, monotonic=monotonic))

    def decide(self, chain: Chain, deciding: Generator[float, None, Answer | Begun]) -> None:
        """Go on with a delivery until it has to wait; the world goes on meanwhile."""
        try:
            wait = next(deciding)
        except StopIteration as end:
            decided = end.value
        else:
            self.waits += 1
            self.at(self.now + seconds(wait), lambda: self.decide(chain, deciding))
            return
        if isinstance(decided, Answer):
            self.hear(chain, decided.status)
        else:
            self.begin(chain, decided.run, claimed=decided.claimed)
        self.settle()

    def begin(self, chain: Chain, run: JobRun, *, claimed: bool) -> None:
        if self.task.overlap == "skip":
            assert not self.alive, f"seed {self.seed}: run {run.pk} overlaps {self.alive}"
        if claimed:
            self.claims[run.pk] += 1
        began = self.now
        takes = seconds(self.random.choice([0.1, 2, 15, 40, 100, 200]))
        self.alive[run.pk] = began
        if self.chance(0.15):
            dies = self.random.uniform(0, takes.total_seconds())
            self.at(began + seconds(dies), lambda: self.die(chain, run))
        else:
            self.at(began + takes, lambda: self.end(chain, run, began, claimed=claimed))
        self.at(began + seconds(5), lambda: self.beat(run))
        if takes > DEADLINE:
            self.at(began + DEADLINE, lambda: self.fail(chain))

    def beat(self, run: JobRun) -> None:
        if run.pk in self.alive:
            rows = JobRun.objects.filter(pk=run.pk, status=Status.RUNNING)
            rows.update(lease_until=self.now + statements.LEASE)
            self.at(self.now + seconds(5), lambda: self.beat(run))

    def die(self, chain: Chain, run: JobRun) -> None:
        del self.alive[run.pk]
        self.fail(chain)

    def end(self, chain: Chain, run: JobRun, began: datetime, *, claimed: bool) -> None:
        del self.alive[run.pk]
        statuses = [Status.SUCCEEDED] * 7 + [Status.FAILED] * 2 + [Status.DISCARDED]
        outcome = Outcome(self.random.choice(statuses))
        if self.chance(0.05):
            self.fail(chain)  # it dies after the work and before the end is written
            return
        assert ending.finish(run, outcome, now=self.now)
        ok = claimed or outcome.status != Status.FAILED
        if self.now - began <= DEADLINE:
            self.hear(chain, 200 if ok else 500)

    # --- What a person asks for -----------------------------------------------------------------

    def ask(self) -> None:
        run = JobRun.objects.create(
            job=self.job,
            status=Status.QUEUED,
            trigger=JobRun.Trigger.MANUAL,
            payload={},
            created_at=self.now,
        )
        if not self.chance(0.1):  # else the process died between the commit and RunJob
            self.fire_queued(run.pk)

    def fire_queued(self, pk: int) -> None:
        rows = JobRun.objects.filter(pk=pk, status=Status.QUEUED, sent__lt=2)
        if rows.update(sent=F("sent") + 1, sent_at=self.now) and not self.chance(0.2):
            self.run_job()

    def settle(self) -> None:
        for run in JobRun.objects.queued().filter(job=self.job):
            if (run.sent == 0 and run.created_at < self.now - seconds(60)) or (
                run.sent == 1 and run.sent_at < self.now - seconds(180)
            ):
                self.fire_queued(run.pk)
            elif run.sent == 2 and run.sent_at < self.now - seconds(180):
                JobRun.objects.filter(pk=run.pk, status=Status.QUEUED).update(status=Status.LOST)

    def watch(self) -> None:
        self.settle()
        self.at(self.now + seconds(60), self.watch)


def simulate(seed: int, overlap: str, *, retries: int) -> World:
    task = make_task(overlap=overlap)
    world = World(seed, task, make_job(task, declared_retry_count=retries))
    for number in range(SLOTS):
        chain = Chain(SLOT + number * PERIOD, forced=False)
        world.chains.append(chain)
        late = world.random.choice([0, 0, 0.3, 3, -0.5, -4, 70])
        world.at(chain.slot + seconds(late), lambda chain=chain: world.fire(chain))  # type: ignore[misc]
        if world.chance(0.3):
            world.at(chain.slot + seconds(world.random.uniform(-30, 30)), world.ask)
    world.at(SLOT, world.watch)
    world.go(SLOT + SLOTS * PERIOD + timedelta(minutes=20))
    return world


# A server of databases answers in a fifth of the speed, and the same: it is shown fewer histories.
@pytest.mark.parametrize("overlap", ["skip", "allow"])
@pytest.mark.parametrize("seed", range(8 if connection.vendor == "sqlite" else 4))
def test_no_history_breaks_the_promises(seed: int, overlap: str) -> None:
    world = simulate(seed, overlap, retries=len(GAPS))
    runs = list(JobRun.objects.filter(job=world.job).order_by("pk"))

    succeeded: Counter[Any] = Counter(
        run.scheduled_for for run in runs if run.scheduled_for and run.status == Status.SUCCEEDED
    )
    assert all(count == 1 for count in succeeded.values()), f"seed {seed}: a slot succeeded twice"

    settled = {run.settled_slot: run for run in runs if run.settled_slot}
    begun = {run.scheduled_for for run in runs if run.started_at}
    for chain in world.chains:
        if not chain.forced and chain.is_over:
            # Where runs may overlap, a retry of a slot that is being run may serve a run whose own RunJob
            # was lost: should the first attempt die after that, the slot is seen as lost, and not tried again.
            served = chain.slot in settled or (overlap == "allow" and chain.slot in begun)
            assert served, f"seed {seed}: {chain.slot} was swallowed"

    for slot, run in settled.items():
        if run.status == Status.SKIPPED:
            assert overlap == "skip", f"seed {seed}: {slot} was skipped"
            assert run.error == "previous run still going"

    twice = [pk for pk, count in world.claims.items() if count > 1]
    assert not twice, f"seed {seed}: {twice} were run twice"
    asked = [run for run in runs if run.trigger == JobRun.Trigger.MANUAL and not run.requested_by]
    open_still = [run.pk for run in asked if run.status in (Status.QUEUED, Status.RUNNING)]
    # A run whose process died is found by the job's next delivery.
    assert [pk for pk in open_still if world.claims[pk] == 0] == [], f"seed {seed}: never settled"


def test_the_histories_hold_what_they_are_meant_to_try() -> None:
    """Else the promises would be kept by a world in which nothing happens."""
    statuses: Counter[str] = Counter()
    claims = 0
    for seed in range(100, 103):
        world = simulate(seed, "skip", retries=len(GAPS))
        runs = JobRun.objects.filter(job=world.job)
        statuses.update(runs.values_list("status", flat=True))
        statuses["retried"] += runs.filter(attempt__gt=1, scheduled_for__isnull=False).count()
        statuses["redelivered"] += runs.filter(deliveries__gt=1).count()
        claims += sum(world.claims.values())
        statuses["waited"] += world.waits
        ScheduledJob.objects.filter(pk=world.job.pk).update(name=f"past-{seed}")
    for what in ("succeeded", "failed", "lost", "skipped", "discarded", "retried", "redelivered", "waited"):
        assert statuses[what] > 0, (what, statuses)
    assert claims > 5
