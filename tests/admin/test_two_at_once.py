"""Two who do something at the same moment, on a database that lets them: each is told what became of it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.utils import timezone

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import Page
from tests.support.people import LIST, signed_in, staff

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]
ROUNDS = 5


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    if connection.vendor == "sqlite":
        pytest.skip("one writer at a time: nothing happens at the same moment")
    declare("One")
    schedule_tasks()
    return row("One")


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Do all of it at the same moment, each in a thread of its own; the answers in their order."""
    start, answers = threading.Barrier(len(acts)), [None] * len(acts)

    def do(place: int, act: Callable[[], Any]) -> None:
        try:
            start.wait(10)
            answers[place] = act()
        finally:
            connection.close()

    threads = [threading.Thread(target=do, args=each) for each in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


def filled(client: Client, address: str, **typed: str) -> Callable[[], Any]:
    """The page as it is now, filled; sent when it is called."""
    fields = Page(client.get(address).content.decode()).fields()
    return lambda: client.post(address, {**fields, **typed})


def test_a_form_that_is_sent_twice_at_once_asks_for_one_run(job: ScheduledJob) -> None:
    client = signed_in(staff("view", "run"))
    for round_ in range(1, ROUNDS + 1):
        send = filled(client, f"{LIST}{job.pk}/run-now/", reason="acquirer called")
        assert sorted(answer.status_code for answer in at_once(send, send)) == [200, 302]
        assert JobRun.objects.count() == round_


def test_a_reset_does_not_take_back_a_save_of_the_same_moment(job: ScheduledJob) -> None:
    ana, rui = signed_in(staff("view", "change", name="ana")), signed_in(staff("view", "change"))
    address = f"{LIST}{job.pk}/settings/"
    for _round in range(ROUNDS):
        ScheduledJob.objects.update(retry_count_override=1)
        JobChange.objects.all().delete()
        save = filled(ana, address, retry_count_override="5", _save="1")
        reset = filled(rui, address, _reset="retry_count_override")
        saved, was_reset = at_once(save, reset)
        assert {saved.status_code, was_reset.status_code} == {200, 302}
        [change] = JobChange.objects.filter(field="retry_count")
        assert (change.actor_label, change.new) == (("ana", 5) if saved.status_code == 302 else ("rui", None))
        assert row("One").retry_count_override == change.new


def test_one_of_two_pauses_at_once_is_told_of_the_other(job: ScheduledJob) -> None:
    ana, rui = signed_in(staff("view", "pause", name="ana")), signed_in(staff("view", "pause"))
    address = f"{LIST}{job.pk}/pause/"
    for _round in range(ROUNDS):
        row("One").resume(by="setup")
        answers = at_once(filled(ana, address, reason="restore"), filled(rui, address, reason="five minutes"))
        assert sorted(answer.status_code for answer in answers) == [200, 302]


def test_one_of_two_jobs_of_a_name_made_at_once_is_refused(job: ScheduledJob) -> None:
    ana, rui = signed_in(staff("view", "add", name="ana")), signed_in(staff("view", "add"))
    for round_ in range(ROUNDS):
        typed = {"task": job.task, "name": f"mine-{round_}", "schedule_override": "5 4 * * *"}
        adds = [filled(who, f"{LIST}add/", **typed) for who in (ana, rui)]
        answers = at_once(*adds)
        assert sorted(answer.status_code for answer in answers) == [200, 302]
        [refused] = [answer for answer in answers if answer.status_code == 200]
        assert f"mine-{round_} already; choose another name." in refused.content.decode()


def test_a_pause_that_several_find_to_be_over_ends_once(job: ScheduledJob) -> None:
    for name in ("Two", "Three"):
        declare(name)
    schedule_tasks()
    jobs, now = ScheduledJob.objects.all(), timezone.now()
    for _round in range(ROUNDS):
        jobs.update(paused=True, pause_reason="stock", paused_until=now)
        JobChange.objects.all().delete()
        ended = at_once(
            lambda: jobs.order_by("pk").end_pauses(now),
            lambda: jobs.order_by("-pk").end_pauses(now),
            lambda: int(row("One").end_pause(now)),
        )
        assert sum(ended) == 3
        assert JobChange.objects.filter(field="paused", new=False, via="auto").count() == 3


def test_a_bulk_pause_and_a_bulk_resume_at_once_take_turns(job: ScheduledJob) -> None:
    declare("Two")
    schedule_tasks()
    jobs = ScheduledJob.objects.all()
    for _round in range(ROUNDS):
        jobs.update(paused=False)
        JobChange.objects.all().delete()
        at_once(lambda: jobs.pause(reason="x"), jobs.resume, lambda: row("Two").pause(reason="y"))
        for name in ("One", "Two"):
            told = JobChange.objects.filter(job=row(name), field="paused").order_by("pk")
            values = list(told.values_list("old", "new"))
            # Each line begins where the one before it ended.
            assert [old for old, _new in values] == [False, *(new for _old, new in values[:-1])]
            assert row(name).paused is values[-1][1]
