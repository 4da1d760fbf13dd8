"""Deleting a job of one's own: in Google first, then the row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.models import JobChange, ScheduledJob
from scheduled_jobs.services.scheduling.deleting import ask_to_delete, finish_deletion, finish_deletions
from tests.support import make_job, make_task
from tests.support.job_page import address, settle, text
from tests.support.people import signed_in, staff, superuser

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


def own(**values: Any) -> ScheduledJob:
    task = make_task(settle, name="Settle")
    job = ScheduledJob(
        name="shop--mine", task=task.name(), origin="operator", schedule_override="5 * * * *", **values
    )
    job.payload_override = {"batch_size": 1}
    job.save()
    return ScheduledJob.objects.get(pk=job.pk)


def test_a_job_of_ones_own_is_deleted_in_google_and_then_here(google: MemoryBackend) -> None:
    job = own()
    client = superuser()
    assert "Delete mine?" in text(client.get(address(job, "delete")).content.decode())
    response = client.post(address(job, "delete"), {"reason": "Not needed"}, follow=True)
    assert "Deleted: mine." in text(response.content.decode())
    assert not ScheduledJob.objects.exists()
    assert list(google.list(timeout=5)) == []
    asked = JobChange.objects.get(field="deleting")
    assert (asked.job, asked.job_name, asked.reason) == (None, "shop--mine", "Not needed")


def test_while_google_is_down_it_stays_deleting_and_says_so(google: MemoryBackend) -> None:
    job = own()
    client = superuser()
    for method in ("GetJob", "DeleteJob"):
        google.store.faults.refuse(method, "PERMISSION_DENIED", "no", times=50)
    response = client.post(address(job, "delete"), follow=True)
    told = text(response.content.decode())
    assert "Not deleted yet: mine. no. Grant the account" in told
    assert "Deleting. It is being deleted in Google" in told
    assert ScheduledJob.objects.get().deleting_at is not None
    assert client.post(address(job), {"schedule_override": "1 * * * *"}).status_code == 302
    assert ScheduledJob.objects.get().schedule_override == "5 * * * *"


def test_a_deletion_is_tried_again_and_recorded_once(google: MemoryBackend) -> None:
    job = own()
    google.store.faults.refuse("GetJob", "PERMISSION_DENIED", "no", times=1)
    assert ask_to_delete(job) is True
    assert finish_deletion(job.pk) is False
    assert ask_to_delete(job) is False
    assert finish_deletions() == 1
    assert finish_deletion(job.pk) is True
    assert JobChange.objects.filter(field="deleting").count() == 1


@pytest.mark.usefixtures("google")
def test_a_row_that_nobody_deletes_is_never_finished_off() -> None:
    job = own()
    assert finish_deletion(job.pk) is False
    assert finish_deletions() == 0


def test_a_job_of_the_code_is_not_deleted_by_the_service_either() -> None:
    job = make_job(make_task())
    with pytest.raises(ValueError, match="comes from the code: remove its class"):
        ask_to_delete(job)


@pytest.mark.usefixtures("google")
def test_deleting_needs_its_own_permission() -> None:
    job = own()
    client = signed_in(staff("view", "change"))
    assert client.get(address(job, "delete")).status_code == 403
    assert client.post(address(job, "delete")).status_code == 403
    assert "delete/" not in client.get(address(job)).content.decode()
