"""Races, at the very point where they are settled; and with real threads where the database has them."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connections, transaction

from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import Delivery, decision, statements
from tests.services.execution.calling import AFTER, BEFORE, deliver
from tests.support import NEXT_SLOT, SLOT, ask, make_job, make_run, make_task, with_several_writers

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduled_jobs.services.execution import Answer
    from scheduled_jobs.tasks import PeriodicTask

Status, Trigger = JobRun.Status, JobRun.Trigger


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, name: str, what: Callable[[], Any], *, before: bool = False
) -> None:
    """Let something happen once, right after (or before) a statement of the same name."""
    module: Any = decision if name == "situation_of" else statements
    original: Callable[..., Any] = getattr(module, name)
    left = [what]

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        if before and left:
            left.pop()()
        result = original(*args, **kwargs)
        if left:
            left.pop()()
        return result

    monkeypatch.setattr(module, name, interrupted)


@pytest.mark.django_db
class TestBetweenTheLookAndTheStatement:
    def test_a_slot_that_was_run_and_settled_is_not_run_again(
        self, job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first: list[Answer] = []
        meanwhile(monkeypatch, "situation_of", lambda: first.append(deliver(job, task)))

        second = deliver(job, task)

        assert first[0].body["status"] == "executed"
        assert second.body == {"status": "duplicate", "run": first[0].body["run"]}

    def test_a_slot_whose_attempt_failed_gets_the_attempt_after_it(
        self, job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        meanwhile(
            monkeypatch,
            "situation_of",
            lambda: make_run(job, Status.FAILED, scheduled_for=SLOT, attempt=1),
        )
        assert JobRun.objects.get(pk=deliver(job, task).body["run"]).attempt == 2

    def test_a_slot_that_was_begun_is_being_run(
        self, job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        meanwhile(
            monkeypatch,
            "situation_of",
            lambda: make_run(job, Status.RUNNING, scheduled_for=SLOT, attempt=1),
        )
        assert deliver(job, task).status == 409

    def test_a_slot_that_was_begun_is_not_skipped_for_another_run(
        self, job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SKIP carries the attempt of the read, and so fails like START."""

        def failed_and_then_another() -> None:
            make_run(job, Status.FAILED, scheduled_for=SLOT, attempt=1)
            make_run(job, Status.RUNNING, trigger=Trigger.MANUAL)

        meanwhile(monkeypatch, "situation_of", failed_and_then_another)
        assert deliver(job, task).body["status"] == "skipped"
        assert JobRun.objects.get(status=Status.SKIPPED).attempt == 2

    def test_a_slot_whose_rerun_was_claimed_is_not_skipped(
        self, job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The rerun's attempt was in the read already: the attempt alone would not tell."""
        make_run(job, Status.FAILED, scheduled_for=SLOT)
        rerun = ask(job, sent_at=BEFORE, scheduled_for=SLOT, attempt=2, trigger=Trigger.RETRY)
        lease = {"lock": 1, "deadline_at": AFTER, "announced_for": NEXT_SLOT, "context": {}}
        meanwhile(monkeypatch, "situation_of", lambda: statements.claim_run(rerun, AFTER, **lease))

        answer = deliver(job, task)

        assert (answer.status, answer.body) == (409, {"status": "running", "run": rerun.pk})
        assert not JobRun.objects.filter(status=Status.SKIPPED).exists()

    def test_a_missed_row_taken_by_another_delivery_is_left_to_it(
        self, job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        missed = make_run(job, Status.MISSED, scheduled_for=SLOT)
        meanwhile(monkeypatch, "situation_of", lambda: deliver(job, task))
        assert deliver(job, task).body == {"status": "duplicate", "run": missed.pk}

    @pytest.mark.parametrize("method", ["paused", "bad body"])
    def test_a_missed_row_taken_by_another_is_not_skipped_or_failed(
        self, method: str, job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        missed = make_run(job, Status.MISSED, scheduled_for=SLOT)
        if method == "paused":
            type(job).objects.update(paused=True, pause_reason="x")
        taken = {"status": Status.SUCCEEDED, "settled_slot": SLOT}
        meanwhile(monkeypatch, "situation_of", lambda: JobRun.objects.update(**taken))

        answer = deliver(job, task, body=b"[" if method == "bad body" else b"")

        missed.refresh_from_db()
        assert missed.status == Status.SUCCEEDED
        assert answer.status == (400 if method == "bad body" else 200)

    def test_a_run_asked_for_that_another_claims_leaves_the_next_one(
        self, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task = make_task(overlap="allow")
        first, second = ask(job, sent_at=BEFORE), ask(job, sent_at=BEFORE)
        meanwhile(monkeypatch, "situation_of", lambda: deliver(job, task, slot=NEXT_SLOT))

        assert deliver(job, task, slot=NEXT_SLOT).body["run"] == second.pk
        assert set(JobRun.objects.values_list("pk", "deliveries")) == {(first.pk, 1), (second.pk, 1)}

    def test_a_run_cancelled_just_before_it_is_claimed_does_not_run(
        self, job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        queued = ask(job, sent_at=BEFORE)
        meanwhile(monkeypatch, "situation_of", lambda: execution.cancel(queued))
        assert deliver(job, task, slot=NEXT_SLOT).body == {"status": "duplicate", "run": queued.pk}

    def test_a_surplus_delivery_is_not_counted_twice(
        self, job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        spent = {"trigger": Trigger.MANUAL, "sent": 2, "deliveries": 1, "sent_at": AFTER}
        first = make_run(job, Status.SUCCEEDED, **spent)
        second = make_run(job, Status.SUCCEEDED, **spent)
        real = statements.statement
        taken: list[int] = []

        def statement() -> Any:
            if not taken:
                taken.append(JobRun.objects.filter(pk=first.pk).update(deliveries=2))
            return real()

        monkeypatch.setattr(statements, "statement", statement)
        assert deliver(job, task, slot=NEXT_SLOT).body == {"status": "duplicate", "run": second.pk}

    def test_a_run_that_began_makes_the_slot_skip(
        self, job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        meanwhile(monkeypatch, "situation_of", lambda: make_run(job, Status.RUNNING, trigger=Trigger.MANUAL))
        assert deliver(job, task).body == {"status": "skipped", "reason": "previous run still going"}

    def test_a_run_that_ended_makes_no_run_asked_for_skip(
        self, job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        other = make_run(job, Status.RUNNING, trigger=Trigger.MANUAL)
        queued = ask(job, sent_at=BEFORE)
        looks: list[int] = []
        original = decision.situation_of

        def look(*args: Any) -> Any:
            if len(looks) == 1:  # the second one asks who is in the way
                other.delete()
            looks.append(1)
            return original(*args)

        monkeypatch.setattr(decision, "situation_of", look)
        assert deliver(job, task, slot=NEXT_SLOT).body["run"] == queued.pk

    @pytest.mark.parametrize("asked_for", [False, True])
    def test_a_run_that_died_is_given_up_and_another_runs(
        self, asked_for: bool, job: ScheduledJob, task: type[PeriodicTask], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if asked_for:
            ask(job, sent_at=BEFORE)
        dead = {"trigger": Trigger.MANUAL, "started_at": BEFORE}
        meanwhile(monkeypatch, "situation_of", lambda: make_run(job, Status.RUNNING, **dead))
        answer = deliver(job, task, slot=NEXT_SLOT if asked_for else SLOT)
        assert answer.body["status"] == "executed"


# --- Real threads ---------------------------------------------------------------------------------


def at_once(count: int, what: Callable[[int], Any]) -> list[Any]:
    """Do something in as many threads, which begin together."""
    barrier = threading.Barrier(count)

    def one(number: int) -> Any:
        try:
            barrier.wait(10)
            return what(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))


@with_several_writers
@pytest.mark.django_db(transaction=True)
class TestThreads:
    @pytest.mark.parametrize("missed", [False, True])
    def test_of_many_deliveries_of_one_slot_one_runs(self, missed: bool) -> None:
        began: list[int] = []

        def run(self: PeriodicTask) -> None:
            began.append(1)
            time.sleep(0.1)

        task = make_task(run)
        for number in range(5):
            job = make_job(task, name=f"shop--{number}")
            if missed:
                make_run(job, Status.MISSED, scheduled_for=SLOT)

            def once(thread: int, job: ScheduledJob = job) -> Answer:
                delivery = Delivery(job=job, task=task, schedule_time=SLOT.isoformat())
                return execution.deliver(delivery, clock=lambda: AFTER)

            answers = at_once(6, once)

            statuses = Counter(answer.body["status"] for answer in answers)
            assert statuses["executed"] == 1
            assert statuses["executed"] + statuses["running"] + statuses["duplicate"] == 6
            assert len(began) == number + 1
            assert JobRun.objects.get(job=job).deliveries == 6

    @pytest.mark.parametrize(
        ("written", "facts"),
        [
            ({"pause_reason": "a word"}, ("succeeded", 0, "its own")),
            ({"failures_in_a_row": 2, "last_status": "failed"}, ("succeeded", 0, "its own")),
            ({"last_run_at": NEXT_SLOT, "last_status": "skipped"}, ("skipped", 0, None)),
        ],
        ids=["nothing of it", "it fails", "a newer run"],
    )
    def test_an_end_counts_with_the_job_as_another_has_just_written_it(
        self, written: dict[str, Any], facts: tuple[str, int, str | None]
    ) -> None:
        has_written, others = threading.Event(), []

        def write() -> None:
            with transaction.atomic():
                ScheduledJob.objects.update(**written)
                has_written.set()
                time.sleep(0.3)  # by then the end waits for this, or will see it as it is
            connections.close_all()

        def run(self: PeriodicTask) -> None:
            others.append(threading.Thread(target=write))
            others[0].start()
            assert has_written.wait(10)

        task = make_task(run)
        job = make_job(task)
        assert deliver(job, task).body["status"] == "executed"
        others[0].join()
        job.refresh_from_db()
        ended = JobRun.objects.get()
        assert (ended.status, ended.settled_slot, ended.active_slot) == (Status.SUCCEEDED, SLOT, None)
        own = "its own" if job.last_run_id == ended.pk else None
        assert (job.last_status, job.failures_in_a_row, own) == facts
        assert (job.last_success_id, job.pause_reason) == (ended.pk, written.get("pause_reason", ""))

    def test_of_many_forced_deliveries_one_claims_the_run_asked_for(self) -> None:
        seen: list[str] = []

        def run(self: PeriodicTask, region: str = "") -> None:
            seen.append(region)
            time.sleep(0.05)

        task = make_task(run, overlap="allow")
        for number in range(5):
            job = make_job(task, name=f"shop--{number}")
            queued = ask(job, sent_at=BEFORE)

            def once(thread: int, job: ScheduledJob = job) -> Answer:
                delivery = Delivery(job=job, task=task, schedule_time=NEXT_SLOT.isoformat())
                return execution.deliver(delivery, clock=lambda: AFTER)

            answers = at_once(4, once)
            assert sum(answer.body.get("run") == queued.pk for answer in answers) == 1
        assert seen.count("asked") == 5

    def test_slots_and_forced_runs_at_once_never_overlap(self) -> None:
        going: list[int] = []
        most: list[int] = []

        def run(self: PeriodicTask, **kwargs: Any) -> None:
            going.append(1)
            most.append(len(going))
            time.sleep(0.05)
            going.pop()

        task = make_task(run)
        job = make_job(task)
        for number in range(3):
            ask(job, sent_at=BEFORE)

            def once(thread: int, number: int = number) -> Answer:
                natural = SLOT + timedelta(minutes=10 * number + thread)
                slot = natural if thread % 2 else SLOT + timedelta(days=1)
                delivery = Delivery(job=job, task=task, schedule_time=slot.isoformat())
                return execution.deliver(delivery, clock=lambda: SLOT + timedelta(hours=1))

            answers = at_once(6, once)
            assert Counter(answer.body["status"] for answer in answers)["executed"] >= 1
        assert max(most) == 1
