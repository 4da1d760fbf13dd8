"""A job of one's own: adding it, and deleting it, in Google first, then the row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.admin.actions.own_job import FEW_RUNS, OwnJobForm
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.services.scheduling.deleting import ask_to_delete, finish_deletion, finish_deletions
from tests.support import full_name, make_job, make_task
from tests.support.declaring import schedule_tasks
from tests.support.job_page import address, settle, text
from tests.support.people import LIST, signed_in, staff, superuser

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]
ADD = f"{LIST}add/"
PREVIEW = f"{ADD}schedule/"


def typed(**values: str) -> dict[str, str]:
    task = make_task(settle, name="Settle")
    return {
        "task": task.name(),
        "name": "settle-emea",
        "schedule_override": "@daily",
        "time_zone_override": "",
        "description_override": "",
        "reason": "The region asked",
        "p_batch_size": "5",
        "payload_raw": "",
        **values,
    }


# --- Adding ---------------------------------------------------------------------------------------


def test_an_operator_adds_a_job_and_it_is_in_google(google: MemoryBackend) -> None:
    client = superuser()
    response = client.post(ADD, {**typed(), "_save": "1"})
    assert response.status_code == 302, text(response.content.decode())
    job = ScheduledJob.objects.get()
    assert (job.origin, job.schedule, job.time_zone) == ("operator", "0 0 * * *", "UTC")
    assert job.payload_override == {"batch_size": 5}
    assert job.sync_state == "synced"
    assert [live.name for live in google.list(timeout=5)] == [job.name]
    created = JobChange.objects.get(field="job")
    assert (created.actor_label, created.via, created.reason) == ("maria", "form", "The region asked")


def test_a_job_of_ones_own_follows_its_task_from_the_first_push(google: MemoryBackend) -> None:
    client = superuser()
    answers = {name: value for name, value in typed().items() if name != "p_batch_size"}
    make_task(
        settle,
        name="Settle",
        schedule_retries=classmethod(lambda cls: 4),
        schedule_time_zone=classmethod(lambda cls: "Asia/Kathmandu"),
        schedule_body_payload=classmethod(lambda cls: {"batch_size": 7}),
    )
    page = client.post(ADD, {**answers, "_preview": "1"}).content.decode()
    assert "Next runs, Kathmandu time" in text(page)
    assert client.post(ADD, {**answers, "_save": "1"}).status_code == 302
    job = ScheduledJob.objects.get()
    assert (job.retry_count, job.time_zone, job.payload, job.payload_override) == (
        4,
        "Asia/Kathmandu",
        {"batch_size": 7},
        None,
    )
    assert (job.declared_schedule, job.schedule) == ("", "0 0 * * *")
    live = google.get(full_name(job), timeout=1)
    assert (live.values["retry_count"], live.values["time_zone"], live.values["payload"]) == (
        4,
        "Asia/Kathmandu",
        {"batch_size": 7},
    )
    assert "Job updated" not in schedule_tasks()


@pytest.mark.usefixtures("google")
def test_the_parameters_of_the_chosen_task_are_asked_for() -> None:
    client = superuser()
    answers = typed()
    page = client.post(ADD, {"task": answers["task"], "name": "x", "_choose": "1"}).content.decode()
    assert 'name="p_batch_size"' in page
    assert 'value="x"' in page
    assert not ScheduledJob.objects.exists()


@pytest.mark.usefixtures("google")
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": ""}, "Give the job a name of its own, such as report-emea."),
        (
            {"name": "not ok"},
            "A name has letters, digits, hyphens and underscores, not “ ”; such as report-emea.",
        ),
        ({"schedule_override": ""}, "A job of your own needs a schedule."),
        ({"schedule_override": "daily"}, "daily"),
        ({"time_zone_override": "Mars"}, "Mars"),
        ({"p_batch_size": ""}, "batch_size"),
        ({"p_batch_size": "many"}, "batch_size: "),
        ({"task": ""}, "Pick a task from the code."),
        ({"task": "no.such.Task"}, "Select a valid choice"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_added(values: dict[str, str], message: str) -> None:
    response = superuser().post(ADD, {**typed(), **values, "_save": "1"})
    assert response.status_code == 200
    assert message in text(response.content.decode())
    assert not ScheduledJob.objects.exists()


@pytest.mark.usefixtures("google")
def test_a_name_that_is_taken_is_refused() -> None:
    client = superuser()
    client.post(ADD, {**typed(), "_save": "1"})
    response = client.post(ADD, {**typed(), "_save": "1"})
    assert "There is a job shop--settle-emea already; choose another name." in text(response.content.decode())


@pytest.mark.usefixtures("google")
def test_a_name_taken_meanwhile_is_refused_in_the_same_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    client = superuser()
    client.post(ADD, {**typed(), "_save": "1"})
    monkeypatch.setattr(OwnJobForm, "clean_name", lambda form: form.cleaned_data["name"])
    response = client.post(ADD, {**typed(), "_save": "1"})
    assert "There is a job shop--settle-emea already; choose another name." in text(response.content.decode())
    assert ScheduledJob.objects.count() == 1


@pytest.mark.usefixtures("google")
def test_a_preview_of_a_new_job_adds_nothing() -> None:
    response = superuser().post(ADD, {**typed(schedule_override="0 9 * * 1-5"), "_preview": "1"})
    assert "At 09:00" in text(response.content.decode())
    assert not ScheduledJob.objects.exists()


@pytest.mark.usefixtures("google")
def test_the_preview_of_a_new_job_is_a_part_of_its_page() -> None:
    client = superuser()
    make_task(settle, name="Settle")
    page = client.get(ADD).content.decode()
    assert f'data-preview="{ADD}"' in page
    assert "The schedule in words and its next runs appear here." in text(page)
    shown = client.post(ADD, {**typed(schedule_override="0 9 * * 1-5"), "_preview": "1"}).content.decode()
    part = text(shown.partition('data-part="schedule"')[2].partition("</aside>")[0])
    assert "What the schedule does At 09:00, Monday to Friday Next runs, UTC time" in part
    assert "daily" in text(client.post(ADD, {"schedule_override": "daily", "_preview": "1"}).content.decode())
    assert not ScheduledJob.objects.exists()


def test_without_a_task_in_the_code_the_page_says_what_to_do() -> None:
    assert "No task in the code" in text(superuser().get(ADD).content.decode())


def test_adding_needs_its_own_permission() -> None:
    client = signed_in(staff("view", "change"))
    assert client.get(ADD).status_code == 403
    assert client.post(ADD, {**typed(), "_save": "1"}).status_code == 403


# --- Deleting -------------------------------------------------------------------------------------


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


def test_a_long_history_is_left_to_whoever_prunes(google: MemoryBackend) -> None:
    job = own()
    JobRun.objects.bulk_create([JobRun(job=job, status="failed", trigger="manual")] * (FEW_RUNS + 1))
    client = superuser()
    asked = text(client.get(address(job, "delete")).content.decode())
    assert "The history goes with it (501 runs); the audit of its changes stays." in asked
    assert (
        "So long a history is deleted bit by bit, by PruneHistory, scheduled_jobs prune or schedule_tasks. "
        "Until then the job stays here, marked as “deleting”."
    ) in asked
    told = text(client.post(address(job, "delete"), {"reason": "Not needed"}, follow=True).content.decode())
    assert (
        "Deleted in Google: mine. Its history is long (501 runs): PruneHistory, scheduled_jobs prune or "
        "schedule_tasks deletes it bit by bit, and then the job."
    ) in told
    assert "Google has it no more; its runs are being deleted here, and then its row." in told
    assert (
        "Still to be deleted here: 501 runs, by PruneHistory, scheduled_jobs prune or schedule_tasks." in told
    )
    assert "Deleting its runs are being deleted" in text(client.get(LIST).content.decode())
    assert list(google.list(timeout=5)) == []
    assert JobRun.objects.count() == FEW_RUNS + 1
    assert sum(finish_deletions()) == FEW_RUNS + 1
    assert not ScheduledJob.objects.exists()
    assert not JobRun.objects.exists()


def test_while_google_is_down_it_stays_deleting_and_says_so(google: MemoryBackend) -> None:
    job = own()
    client = superuser()
    for method in ("GetJob", "DeleteJob"):
        google.store.faults.refuse(method, "PERMISSION_DENIED", "no", times=50)
    response = client.post(address(job, "delete"), follow=True)
    told = text(response.content.decode())
    assert "Not deleted yet: mine. no" in told
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
    assert list(finish_deletions()) == [0]
    assert finish_deletion(job.pk) is True
    assert JobChange.objects.filter(field="deleting").count() == 1


@pytest.mark.usefixtures("google")
def test_a_row_that_nobody_deletes_is_never_finished_off() -> None:
    job = own()
    assert finish_deletion(job.pk) is False
    assert list(finish_deletions()) == []


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
