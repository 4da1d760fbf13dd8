"""Who may have tasks run, and who may change jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from tests.lessons.doors import (
    ACCOUNT,
    AUDIENCE,
    LIST,
    declare,
    deliver,
    job_page,
    live,
    page_of,
    row,
    schedule_tasks,
    signed_in,
    staff,
)

if TYPE_CHECKING:
    from scheduled_jobs.testing import CloudScheduler


def test_nobody_without_googles_token_runs_a_task(google: CloudScheduler) -> None:
    """django-cloud-tasks 2.21.0: the view has no authentication, and ran the task for anybody."""
    declare("Digest")
    schedule_tasks()
    job = row("Digest")
    tokens = {
        "": 401,
        "Bearer x.y.z": 401,
        f"Bearer {google.issuer.token(ACCOUNT, 'https://other.example.com')}": 401,
        f"Bearer {google.issuer.token('guest@other.iam.gserviceaccount.com', AUDIENCE)}": 403,
    }
    for token, status in tokens.items():
        assert deliver(google, job, google.now, Authorization=token).status_code == status, token
    assert not JobRun.objects.exists()


def test_googles_request_needs_no_csrf_token(google: CloudScheduler) -> None:
    """django-cloud-tasks 2.21.0: 403 where CsrfViewMiddleware is on, as it is by default."""
    declare("Digest")
    schedule_tasks()
    answer = deliver(google, row("Digest"), google.now)
    assert (answer.status_code, answer.json()["status"]) == (200, "executed")


@pytest.mark.parametrize(
    "verbs",
    [(), ("view",), ("view", "sync"), ("view", "add"), ("change",)],
    ids=lambda verbs: "-".join(verbs),
)
def test_who_may_only_read_changes_runs_and_pauses_nothing(
    google: CloudScheduler, verbs: tuple[str, ...]
) -> None:
    """oban_web 2.12.5: read-only users could edit jobs; django-celery-beat 2.9.0: they could run them."""
    declare("Digest")
    schedule_tasks()
    job = row("Digest")
    before = ScheduledJob.objects.values().get(pk=job.pk), google.jobs
    client = signed_in(staff(*verbs))
    may_change = "change" in verbs
    typed = {"schedule_override": "0 3 * * *", "description_override": "x", "reason": "x", "seen": ""}
    if not may_change:
        for data in ({"_save": "1"}, {"_reset": "schedule_override"}):
            assert client.post(job_page(job), {**typed, **data}).status_code == 403
    forms = {
        "pause": {"reason": "x", "until_mode": "open", "counted": "open"},
        "resume": {"reason": "x"},
        "run-now": {"reason": "x", "seen": "", "payload_raw": "{}"},
        "delete": {"post": "yes"},
    }
    for page, data in forms.items():
        assert client.post(job_page(job, page), data).status_code == 403, page
    for action in ("pause_jobs", "resume_jobs", "run_jobs", "reset_jobs", "delete_selected"):
        chosen = {"action": action, "_selected_action": [str(job.pk)], "index": "0", "confirmed": "1"}
        client.post(LIST, {**chosen, "reason": "x", "until_mode": "open", "seen": "", "select_across": "0"})
    assert (ScheduledJob.objects.values().get(pk=job.pk), google.jobs) == before
    assert google.deliver_forced() == []
    assert not JobRun.objects.exists()
    assert not LogEntry.objects.exists()
    assert set(JobChange.objects.values_list("via", flat=True)) == {"code"}
    if "view" in verbs:
        page = page_of(client, LIST) + page_of(client, job_page(job))
        for address in ("pause", "run-now", "delete"):
            assert job_page(job, address) not in page
        assert 'name="schedule_override"' not in page


def test_strangers_see_nothing(google: CloudScheduler) -> None:
    """oban_web 2.12.5: the desk shows more than its readers were meant to see."""
    declare("Digest")
    schedule_tasks()
    for address in (LIST, job_page(row("Digest")), job_page(row("Digest"), "run-now")):
        assert Client().get(address).status_code == 302
    assert live(google, "Digest")["state"] == "ENABLED"
