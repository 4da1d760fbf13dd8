"""What is said after a decision about one job: what was asked for, and never what Google has not confirmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.messages import get_messages
from django.db import connections

from scheduled_jobs import registry
from scheduled_jobs.services.scheduling import seed_tasks
from tests.support import full_name
from tests.support.console import edit_in_console, live_values
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import text_of
from tests.support.people import superuser
from tests.support.plan_page import decide, drift_url, synced_job

if TYPE_CHECKING:
    from django.http import HttpResponse

    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.models import ScheduledJob

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]
PUSHED = (
    "Asked for: in Google shop.tasks.One becomes what it is here. “In Google” tells how it stands.",
    "success",
)


@pytest.fixture
def job(google: MemoryBackend) -> ScheduledJob:
    return synced_job(google)


def said(answer: HttpResponse) -> list[tuple[str, str]]:
    """The messages of an answer and their levels."""
    assert answer.status_code == 302
    return [(str(m), m.level_tag) for m in get_messages(answer.wsgi_request)]  # type: ignore[attr-defined]


def test_a_push_is_told_as_asked_for_and_then_how_it_went(google: MemoryBackend, job: ScheduledJob) -> None:
    client = superuser()
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    answer = decide(client, drift_url(job), **{f"_{job.pk}": "push"})
    assert said(answer) == [PUSHED]
    assert live_values(google, job)["retry_count"] == 3
    said_now = text_of(client.get(answer["Location"]).content.decode())
    assert "In Google shop--shop-tasks-One sent now, read now" in said_now


def test_of_a_push_that_google_refuses_the_page_says_why(google: MemoryBackend, job: ScheduledJob) -> None:
    client = superuser()
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    google.store.faults.refuse("UpdateJob", "PERMISSION_DENIED", "not allowed", times=1)
    answer = decide(client, drift_url(job), **{f"_{job.pk}": "push"})
    assert said(answer) == [PUSHED]
    text = text_of(client.get(answer["Location"]).content.decode())
    assert "The last change is not in Google: not allowed" in text
    assert "In Google Same as here" not in text


def test_adopting_names_overrides_pause_and_what_is_pushed(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "schedule", "description", schedule="0 3 * * 6", description="x")
    google.store.pause_job(full_name(job))
    answer = decide(superuser(), drift_url(job), "Saturday was right", **{f"_{job.pk}": "adopt"})
    assert said(answer) == [
        (
            "Kept from Google as an override of shop.tasks.One: schedule, description. "
            "shop.tasks.One is paused here too.",
            "success",
        )
    ]
    assert (row("One").schedule_override, row("One").paused) == ("0 3 * * 6", True)


def test_adopting_says_that_the_job_is_resumed(google: MemoryBackend, job: ScheduledJob) -> None:
    job.pause(reason="x")
    google.store.resume_job(full_name(job))
    answer = decide(superuser(), drift_url(job), **{f"_{job.pk}": "adopt"})
    assert said(answer) == [("shop.tasks.One is resumed here too.", "success")]
    assert row("One").paused is False


def test_what_cannot_be_adopted_is_told_to_be_pushed(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(
        google, job, "schedule", "http_target", schedule="0 3 * * 6",
        http_target__uri="https://shop.example.com/tasks/other",
    )  # fmt: skip
    answer = decide(superuser(), drift_url(job), **{f"_{job.pk}": "adopt"})
    assert said(answer) == [
        (
            "Kept from Google as an override of shop.tasks.One: schedule. "
            "Asked for the rest to be sent: address.",
            "success",
        )
    ]


def test_deciding_later_says_that_nothing_was_done(google: MemoryBackend, job: ScheduledJob) -> None:
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    answer = decide(superuser(), drift_url(job), **{f"_{job.pk}": "leave"})
    assert said(answer) == [
        ("Nothing was decided: shop.tasks.One is left as it is, here and in Google.", "info")
    ]


@pytest.mark.usefixtures("job")
def test_deleting_a_retired_job_is_told_as_asked_for(google: MemoryBackend) -> None:
    declare("Two")
    schedule_tasks()
    registry._tasks.pop("shop.tasks.Two")
    seed_tasks(list(registry.tasks()), retire=True)
    google.store.faults.refuse("DeleteJob", "PERMISSION_DENIED", "no", times=50)
    two = row("Two")
    assert two.retired_at is not None
    answer = decide(superuser(), drift_url(two), **{f"_{two.pk}": "delete"})
    assert said(answer) == [
        ("Asked for: shop.tasks.Two is deleted in Google. “In Google” tells how it stands.", "success")
    ]


def test_the_same_is_said_inside_a_transaction(google: MemoryBackend, job: ScheduledJob) -> None:
    client = superuser()
    edit_in_console(google, job, "retry_config", retry_config__retry_count=5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(connections["default"].settings_dict, "ATOMIC_REQUESTS", True)
        answer = decide(client, drift_url(job), **{f"_{job.pk}": "push"})
    assert said(answer) == [PUSHED]
    assert live_values(google, job)["retry_count"] == 3
