"""Many runs asked for again: a page that says how many and of which jobs, then all at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from scheduled_jobs import registry
from scheduled_jobs.admin.actions import rerun_many
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.services import scheduling
from tests.support import SLOT, make_run
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import Page, text_of
from tests.support.people import signed_in, staff, superuser
from tests.support.run_pages import RUNS

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]
Status = JobRun.Status
HOUR = timedelta(hours=1)


@pytest.fixture
def jobs(google: MemoryBackend) -> list[ScheduledJob]:
    for name in ("One", "Two"):
        declare(name)
    schedule_tasks()
    google.store.faults.calls.clear()
    return [row("One"), row("Two")]


def failed(job: ScheduledJob, hours: int, **values: Any) -> JobRun:
    at = SLOT + hours * HOUR
    return make_run(
        job,
        values.pop("status", Status.FAILED),
        **{
            "scheduled_for": at,
            "started_at": at,
            "finished_at": at,
            "error": "KeyError: 'x'\nmore",
            **values,
        },
    )


def chosen(runs: list[JobRun], **values: str) -> dict[str, Any]:
    keys = [str(run.pk) for run in runs]
    return {"action": "rerun_failed", "index": "0", "_selected_action": keys, **values}


def fired(google: MemoryBackend) -> int:
    return sum(call.method == "RunJob" for call in google.store.faults.calls)


def test_the_page_says_how_many_runs_of_which_jobs(jobs: list[ScheduledJob]) -> None:
    one, two = jobs
    again = failed(one, 1)
    runs = [
        again, failed(one, 1, attempt=2), failed(one, 2, status=Status.LOST), failed(two, 1, status=Status.MISSED),
        failed(one, 3, status=Status.SUCCEEDED), failed(two, 4),
    ]  # fmt: skip
    make_run(two, Status.SUCCEEDED, scheduled_for=SLOT + 4 * HOUR, attempt=2)
    html = superuser().post(RUNS, chosen(runs)).content.decode()
    text = text_of(html)
    assert "Rerun 3 failed runs?" in text
    # A success, an attempt before another one, and a time that has succeeded since.
    assert "3 of the selection did not fail, have succeeded since, or are attempts before other ones." in text
    assert "shop.tasks.One 2 runs KeyError: 'x' shop.tasks.Two 1 run KeyError: 'x'" in " ".join(text.split())
    assert JobRun.objects.filter(status=Status.QUEUED).count() == 0


def test_all_are_asked_for_and_those_of_a_job_have_their_turn(
    jobs: list[ScheduledJob], google: MemoryBackend
) -> None:
    one, two = jobs
    runs = [failed(one, 1), failed(one, 2), failed(two, 1)]
    client = superuser("maria")
    form = Page(client.post(RUNS, chosen(runs)).content.decode()).fields()
    answer = client.post(f"{RUNS}?status=failed", {**form, **chosen(runs, confirmed="yes", reason="Fixed")})
    assert (answer.status_code, answer["Location"]) == (302, f"{RUNS}?status=failed")
    queued = list(JobRun.objects.filter(status=Status.QUEUED).order_by("pk"))
    assert [(run.retry_of_id, run.requested_by, run.reason) for run in queued] == [
        (run.pk, "maria", "Fixed") for run in runs
    ]
    assert [run.scheduled_for for run in queued] == [run.scheduled_for for run in runs]
    # Google was asked for the first of each job.
    assert ([run.sent for run in queued], fired(google)) == ([1, 0, 1], 2)
    # While that runs, the next one waits, also after another delivery of the job.
    JobRun.objects.filter(pk=queued[0].pk).update(status=Status.RUNNING)
    scheduling.after_delivery(one.pk)
    JobRun.objects.filter(pk=queued[1].pk).update(created_at=SLOT)
    scheduling.settle()
    assert fired(google) == 2
    JobRun.objects.filter(pk=queued[0].pk).update(status=Status.SUCCEEDED)
    scheduling.after_delivery(one.pk)
    queued[1].refresh_from_db()
    assert (queued[1].sent, fired(google)) == (1, 3)
    assert JobChange.objects.filter(field="run", via="bulk", actor_label="maria").count() == 3
    assert LogEntry.objects.filter(
        change_message=f"Rerun of #{runs[0].pk} as #{queued[0].pk}. Fixed"
    ).exists()
    # Sent twice, it finds what the first has done.
    again = client.post(RUNS, {**form, **chosen(runs, confirmed="yes")}).content.decode()
    assert "The selected runs have changed since they were shown." in again
    assert "There is nothing to do." in again
    assert JobRun.objects.filter(retry_of__in=runs).count() == 3


def test_no_more_than_a_hundred_are_asked_for(
    jobs: list[ScheduledJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rerun_many, "MOST", 1)
    runs = [failed(jobs[0], 1), failed(jobs[0], 2)]
    html = superuser().post(RUNS, chosen(runs, confirmed="yes")).content.decode()
    assert "That is more than 1 at once." in html
    assert 'name="confirmed"' not in html
    assert not JobRun.objects.filter(status=Status.QUEUED).exists()


def test_a_run_that_cannot_be_asked_for_is_named(jobs: list[ScheduledJob]) -> None:
    declare("One", run=lambda self, *, wanted: None)
    runs = [failed(jobs[0], 1, payload={"gone": 1}), failed(jobs[1], 1)]
    client = superuser()
    form = Page(client.post(RUNS, chosen(runs)).content.decode()).fields()
    html = client.post(RUNS, {**form, **chosen(runs, confirmed="yes")}, follow=True).content.decode()
    assert f"Run #{runs[0].pk} was not asked for again:" in html
    assert "1 run is queued; it starts when Google calls." in html


def test_nothing_selected_and_nothing_sent_are_said(jobs: list[ScheduledJob], settings: Any) -> None:
    client = superuser()
    html = client.post(RUNS, {"action": "rerun_failed", "index": "0"}, follow=True).content.decode()
    assert "Nothing was done: select runs first." in html
    settings.DJANGO_CLOUD_TASKS_PUSH = "off"
    text = text_of(client.post(RUNS, chosen([failed(jobs[0], 1)])).content.decode())
    assert 'Pushes are off (DJANGO_CLOUD_TASKS_PUSH = "off"): nothing is sent to Google.' in text
    assert client.post(RUNS, {**chosen([]), "_selected_action": ["x"]}).status_code == 400


def test_who_may_not_run_is_not_offered_and_not_heard(jobs: list[ScheduledJob]) -> None:
    run = failed(jobs[0], 1)
    for client in (signed_in(staff("view")), Client()):
        assert client.post(RUNS, chosen([run], confirmed="yes")).status_code in (302, 403)
    assert not JobRun.objects.filter(status=Status.QUEUED).exists()
    assert registry.find_or_none("shop.tasks.One") is not None
