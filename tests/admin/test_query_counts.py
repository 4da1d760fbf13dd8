"""Every screen asks no more questions of ten thousand jobs than of ten.

Those about one job, or about runs, read no more rows to answer either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection, transaction
from django.db.models.sql import compiler
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.backends import use_backend
from scheduled_jobs.backends.memory import MemoryBackend
from scheduled_jobs.models import JobChange, JobRun, JobVersion, ScheduledJob
from scheduled_jobs.services.history.stats.fold import fold
from scheduled_jobs.services.scheduling.desired import desired_of_all
from tests.support import make_task
from tests.support.job_page import settle
from tests.support.pages import Page
from tests.support.people import LIST, superuser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.uncounted]
RUNS = "/admin/scheduled_jobs/jobrun/"
FEW, MANY = 10, 10_000
BATCH = 2_000

MOST_ROWS = 500
"""Rows that a page about one job, or one page of runs, may read: 200 bars, 200 changes, and some."""

LISTS = {
    "list": "",
    "list filtered": "?state=healthy&origin=operator",
    "list searched": "?q=job-1",
    "list ordered, another page": "?o=-2&p=1",
}
OF_ONE = {
    "overview": "{job}/change/",
    "overview, 200 runs": "{job}/change/?last=200",
    "settings": "{job}/settings/",
    "changes": "{job}/changes/",
    "pause page": "{job}/pause/",
    "resume page": "{paused}/resume/",
    "run now page": "{job}/run-now/",
    "decision page": "{job}/drift/",
    "delete page": "{job}/delete/",
}
OTHERS = (
    "add page", "plan page", "run list", "run list of one job", "run list searched", "run page", "rerun page",
)  # fmt: skip
ASKED = ("settings, previewed", "add page, previewed")
DONE = {
    "settings, saved": ("{job}/settings/", {"retry_count_override": "1", "_save": "1"}),
    "settings, a field reset": ("{job}/settings/", {"_reset": "payload_override"}),
    "settings, refused to the second": ("{job}/settings/", {"seen": "{{}}", "_save": "1"}),
    "job added": ("add/", {"_save": "1"}),
    "paused": ("{job}/pause/", {"reason": "Warehouse moves"}),
    "resumed": ("{paused}/resume/", {"reason": "It has moved"}),
    "run now": ("{job}/run-now/", {"reason": "The acquirer asked"}),
    "decided": ("{job}/drift/", {"reason": "Nobody asked"}),
    "deleted": ("{job}/delete/", {"reason": "Not needed"}),
}
"""What a person does with one job: the page whose form is sent, and what is typed into it."""
BULK = ("pause_jobs", "resume_jobs", "reset_jobs", "sync_jobs", "run_jobs")
BULK_SCREENS = [f"{action} of {which}" for action in BULK for which in ("two", "all")]
ABOUT_ALL = ("plan page", *LISTS, *BULK_SCREENS)
"""Screens that compare or count every job there is: their rows grow, their queries do not."""


@dataclass
class Cost:
    """What one answer has cost the database."""

    queries: list[str]
    rows: int


class Desk:
    """One job with a long story among others, in a database that grows while the tests run."""

    def __init__(self) -> None:
        task = make_task(settle, name="Settle")
        self.task = task.name()
        self.google = MemoryBackend()
        self.client: Client = superuser("desk")
        self.size = 0
        self.few: dict[str, Cost] = {}

    def grow(self, size: int) -> None:
        """Up to this many jobs with a run each, and as many runs and changes of the first of them."""
        now = timezone.now()
        new = range(self.size, size)
        values = {
            "task": self.task,
            "origin": "operator",
            "declared_payload": {},
            "payload_override": {"batch_size": 1},
            "last_status": "succeeded",
            "last_run_at": now,
            "live": {"schedule": "5 * * * *", "state": "ENABLED"},
            "live_seen_at": now,
        }
        ScheduledJob.objects.bulk_create(
            (
                ScheduledJob(
                    name=f"shop--job-{n}",
                    schedule_override=f"{n % 60} * * * *",
                    sync_state="drifted" if n % 2 else "synced",
                    paused=n % 5 == 1,
                    pause_reason="Warehouse moves" if n % 5 == 1 else "",
                    **values,
                )
                for n in new
            ),
            batch_size=BATCH,
        )
        jobs = list(ScheduledJob.objects.order_by("pk").only("pk")[self.size : size])
        self.job, self.paused = ScheduledJob.objects.order_by("pk")[:2]
        end = {"trigger": "schedule", "status": "succeeded", "duration": timedelta(seconds=3)}
        slots = [now - timedelta(minutes=n) for n in new]
        runs = [JobRun(job=job, unfolded=None, **end) for job in jobs]
        runs += [
            JobRun(job=self.job, unfolded=None, scheduled_for=at, result={"n": 1}, **end) for at in slots
        ]
        JobRun.objects.bulk_create(runs, batch_size=BATCH)
        JobChange.objects.bulk_create(
            (JobChange(job=self.job, job_name=self.job.name, field="schedule", new="x") for _ in new),
            batch_size=BATCH,
        )
        JobVersion.objects.bulk_create(
            (
                JobVersion(job=job, since=now, confirmed_at=now, schedule="5 * * * *", state="ENABLED")
                for job in jobs
            ),
            batch_size=BATCH,
        )
        fold()  # as every delivery and every look at Google does
        self.size = size

    def drift(self) -> None:
        """Google has the first jobs, each with another number of retries."""
        desired = desired_of_all(list(ScheduledJob.objects.order_by("pk")[:FEW]), self.google.remote_name(""))
        for each in desired:
            assert each.spec is not None
            retry = replace(each.spec.retry, retry_count=5)
            self.google.create(replace(each.spec, retry=retry), timeout=1)

    def screens(self) -> dict[str, tuple[str, dict[str, Any] | None]]:
        """Name -> the address, and what is sent to it by POST, if anything is."""
        keys = {"job": self.job.pk, "paused": self.paused.pk}
        run = JobRun.objects.filter(job=self.job).latest("pk").pk
        gets = {name: LIST + query for name, query in LISTS.items()}
        gets |= {name: LIST + path.format(**keys) for name, path in OF_ONE.items()}
        others = (
            f"{LIST}add/?task={self.task}",
            f"{LIST}plan/",
            RUNS,
            f"{RUNS}?job={self.job.pk}",
            f"{RUNS}?q=settle",
            f"{RUNS}{run}/change/",
            f"{RUNS}{run}/rerun/",
        )
        gets |= dict(zip(OTHERS, others, strict=True))
        page = f"{LIST}{self.job.pk}/settings/"
        form = {"schedule_override": "7 * * * *"}
        new = {"task": self.task, "name": "new", "p_batch_size": "1"}
        asked = (
            (page, {**form, "_preview": "1"}),
            (f"{LIST}add/", {**form, **new, "_preview": "1"}),
        )
        posts: dict[str, tuple[str, dict[str, Any]]] = dict(zip(ASKED, asked, strict=True))
        for name, (path, typed) in DONE.items():
            posts[name] = (
                LIST + path.format(**keys),
                typed if name != "job added" else {**form, **new, **typed},
            )
        for name in BULK_SCREENS:
            action, _, which = name.partition(" of ")
            chosen = {"action": action, "_selected_action": [self.job.pk, self.paused.pk], "index": "0"}
            posts[name] = (LIST, {**chosen, "select_across": "01"[which == "all"]})
        return {**{name: (url, None) for name, url in gets.items()}, **posts}

    def ask(self, name: str) -> Callable[[], Any]:
        """What asks for a screen; a form is filled as its page has it now, before anything is counted."""
        url, typed = self.screens()[name]
        if typed is None:
            return partial(self.client.get, url)
        if name in DONE and name != "job added":
            with use_backend(self.google):
                typed = {**Page(self.client.get(url).content.decode()).fields(), **typed}
        return partial(self.client.post, url, typed)

    def cost(self, name: str) -> Cost:
        """Ask for a screen and count."""
        rows = 0
        read = compiler.cursor_iter

        def counted(*args: Any) -> Iterator[Any]:
            nonlocal rows
            for chunk in read(*args):
                rows += len(chunk)
                yield chunk

        ask = self.ask(name)
        with (
            pytest.MonkeyPatch.context() as patch,
            use_backend(self.google),
            transaction.atomic(),
            CaptureQueriesContext(connection) as found,
        ):
            patch.setattr(compiler, "cursor_iter", counted)
            answer = ask()
            content = answer.content.decode()
            # What was done is undone: the next count finds the same desk.
            transaction.set_rollback(True)
        assert answer.status_code == (302 if name in DONE and "refused" not in name else 200), content
        assert 'class="errornote"' not in content
        return Cost([query["sql"] for query in found.captured_queries], rows)


@pytest.fixture(scope="module")
def desk(django_db_setup: None, django_db_blocker: Any) -> Iterator[Desk]:
    """Asked for each screen with few jobs, then grown. Nothing of it stays in the database."""
    before = dict(registry._tasks)
    registry._tasks.clear()
    with django_db_blocker.unblock(), transaction.atomic():
        desk = Desk()
        desk.grow(FEW)
        desk.drift()
        for name in desk.screens():
            desk.cost(name)  # what is remembered in the process is remembered by now
            desk.few[name] = desk.cost(name)
        desk.grow(MANY)
        yield desk
        transaction.set_rollback(True)
    registry._tasks.clear()
    registry._tasks.update(before)


def names() -> list[str]:
    """The screens that the test goes through; the fixture sees that none is left out."""
    return [*LISTS, *OF_ONE, *OTHERS, *ASKED, *DONE, *BULK_SCREENS]


@pytest.mark.parametrize("name", names())
def test_a_screen_asks_no_more_of_ten_thousand_jobs_than_of_ten(name: str, desk: Desk) -> None:
    few, many = desk.few[name], desk.cost(name)
    assert len(many.queries) <= len(few.queries), "\n".join(many.queries)
    if name not in ABOUT_ALL:
        assert many.rows <= MOST_ROWS


def test_every_screen_is_counted(desk: Desk) -> None:
    assert sorted(desk.few) == sorted(names())
    assert (desk.size, ScheduledJob.objects.count()) == (MANY, MANY)
    assert JobRun.objects.filter(job=desk.job).count() == MANY + 1
    assert JobChange.objects.filter(job=desk.job).count() >= MANY
