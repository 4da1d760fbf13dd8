"""Nobody else's job is ever changed, deleted or run: not by a copy of the database, nor by another app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import override_settings

from scheduled_jobs import registry
from scheduled_jobs.domain.jobs import JobSpec
from scheduled_jobs.domain.plan import ELSEWHERE
from scheduled_jobs.models import GoogleName, JobChange, JobVersion, ScheduledJob
from scheduled_jobs.services.execution import job_of_task
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

STAGING = "https://staging.example.com"
URI = "https://shop.example.com/tasks/shop.tasks.One"


def jobs(google: MemoryBackend) -> dict[str, Any]:
    return {job.name: (job.state, job.values) for job in google.list(timeout=1)}


def runs(google: MemoryBackend) -> int:
    return sum(call.method == "RunJob" for call in google.store.faults.calls)


def other_database() -> None:
    """From here on the rows are another environment's: this one's own are not there."""
    for model in (JobVersion, JobChange, GoogleName, ScheduledJob):
        model.objects.all()._raw_delete("default")
    registry._tasks.clear()


@pytest.fixture
def production(google: MemoryBackend, no_tasks: None) -> Iterator[dict[str, Any]]:
    """What production has in Google, which must be there unchanged after the test."""
    for name in ("One", "Two", "Three"):
        declare(name)
    schedule_tasks()
    before = jobs(google)
    yield before
    assert {name: job for name, job in jobs(google).items() if name in before} == before
    assert runs(google) == 0


# --- A copy of production's database, with an ENDPOINT of its own ----------------------------------


@pytest.mark.usefixtures("production")
@override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=STAGING)
@pytest.mark.parametrize("options", [{}, {"yes": True}, {"yes": True, "json": True}])
def test_the_command_in_a_copy_changes_nothing(options: dict[str, Any]) -> None:
    declare("One", "0 1 * * *")
    registry._tasks.pop("shop.tasks.Two")
    assert schedule_tasks(**options).code == 1


@pytest.mark.usefixtures("production")
@override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=STAGING)
def test_a_save_a_pause_and_a_reset_in_a_copy_change_nothing() -> None:
    job = row("One")
    job.schedule_override = "0 2 * * *"
    job.save()
    job.pause(reason="x")
    job.reset()
    job.refresh_from_db()
    assert job.sync_state == "failed"
    assert job.sync_error == (f"Google has a job of this id, but it points at {URI}, {ELSEWHERE}")


@pytest.mark.usefixtures("production")
@override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=STAGING)
def test_deleting_rows_of_a_copy_deletes_nothing() -> None:
    row("One").delete()
    ScheduledJob.objects.all().delete()
    assert not ScheduledJob.objects.exists()


@pytest.mark.usefixtures("production")
@override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=STAGING)
@pytest.mark.parametrize("paused", [False, True])
def test_run_now_in_a_copy_runs_nothing(paused: bool) -> None:
    ScheduledJob.objects.update(paused=paused)
    run = row("One").run_now()
    assert (run.status, run.error) == (
        "failed",
        f"Google has a job of this id, but it points at {URI}, {ELSEWHERE}",
    )


@pytest.mark.usefixtures("production")
@override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=STAGING)
def test_a_copy_under_another_name_leaves_the_originals(
    google: MemoryBackend,
) -> None:
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="staging"):
        output = schedule_tasks(yes=True)
        assert "staging--shop-tasks-One" in jobs(google)
        assert output.code == 0
        assert output.lines[0] == "[~] Job updated: shop.tasks.One (name)"
        assert schedule_tasks().lines == []
        row("One").delete()
        assert "staging--shop-tasks-One" not in jobs(google)


@pytest.mark.usefixtures("production")
@override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=STAGING)
def test_a_new_name_in_a_copy_leaves_the_original(google: MemoryBackend) -> None:
    registry._tasks.clear()
    declare("One", schedule_name="new")
    assert schedule_tasks("shop.tasks.One").lines == ["[+] Job created: shop.tasks.One"]
    assert "shop--new" in jobs(google)


# --- Two environments and two apps in one project --------------------------------------------------


@pytest.mark.usefixtures("production")
@pytest.mark.parametrize("app_name", ["shop-admin", "sho", "shopping"])
def test_another_app_in_the_project_touches_nothing(google: MemoryBackend, app_name: str) -> None:
    other_database()
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME=app_name):
        declare("One")
        assert schedule_tasks(yes=True, adopt=True).lines == ["[+] Job created: shop.tasks.One"]
        registry._tasks.clear()
        declare("Two")
        assert schedule_tasks(yes=True).lines == [
            "[-] Job deleted: shop.tasks.One",
            "[+] Job created: shop.tasks.Two",
        ]
    assert f"{app_name}--shop-tasks-Two" in jobs(google)


@override_settings(DJANGO_CLOUD_TASKS_APP_NAME=None)
def test_two_projects_without_a_name_are_told_to_take_one(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    theirs = jobs(google)
    other_database()
    with override_settings(DJANGO_CLOUD_TASKS_ENDPOINT="https://other.example.com"):
        declare("One")
        advice = (
            "Google has a job of this id, but it points at https://shop.example.com/tasks/shop.tasks.One, as "
            "that of another project or environment does: set DJANGO_CLOUD_TASKS_APP_NAME to another name, so "
            "that their ids differ; only if this app's own address has changed does --adopt move it here"
        )
        assert schedule_tasks().lines == [f"[!] Job failed: shop.tasks.One: {advice}"]
        job = row("One")
        job.pause(reason="x")
        job.refresh_from_db()
        assert job.sync_error == advice
        # Its job was never in Google, so that nothing is owed when it goes.
        registry._tasks.clear()
        declare("Two")
        for options in ({}, {"yes": True}, {"yes": True, "adopt": True}):
            output = schedule_tasks(**options)
            assert (output.code, [line for line in output.lines if "One" in line]) == (0, [])
        ScheduledJob.objects.filter(name="shop-tasks-One").delete()
        assert theirs.items() <= jobs(google).items()
        registry._tasks.clear()
        declare("One")
        with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="other"):
            assert schedule_tasks("shop.tasks.One").lines == ["[+] Job created: shop.tasks.One"]
    assert theirs.items() <= jobs(google).items()


@pytest.mark.usefixtures("production")
@override_settings(DJANGO_CLOUD_TASKS_APP_NAME=None)
def test_an_app_without_a_name_takes_no_job_of_a_named_one() -> None:
    other_database()
    declare("One")
    assert schedule_tasks(yes=True).lines == ["[+] Job created: shop.tasks.One"]


@pytest.mark.usefixtures("production")
@override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=STAGING)
def test_another_environment_takes_no_job_and_sees_no_orphan() -> None:
    other_database()
    declare("One")
    output = schedule_tasks(yes=True)
    assert output.lines == [
        f"[!] Job failed: shop.tasks.One: Google has a job of this id, but it points at {URI}, {ELSEWHERE}"
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"ENDPOINT": "https://shop.example.com/"},
        {"ENDPOINT": " HTTPS://SHOP.example.com\n"},
        {"ENDPOINT": "https://shop.example.com:443"},
        {"ENDPOINT": "https://shop.example.com/tasks", "OIDC_AUDIENCE": "https://shop.example.com"},
        {"OIDC_AUDIENCE": "https://shop.example.com/"},
        {"OIDC_SERVICE_ACCOUNT": "scheduler@test-project.iam.gserviceaccount.com\n"},
    ],
)
def test_a_deploy_job_and_a_web_service_may_write_one_thing_differently(
    google: MemoryBackend, settings: dict[str, str]
) -> None:
    declare("One")
    schedule_tasks()
    before = jobs(google)
    with override_settings(**{f"DJANGO_CLOUD_TASKS_{name}": value for name, value in settings.items()}):
        job = row("One")
        job.pause(reason="x")
        job.resume()
        assert schedule_tasks().lines == []
    assert schedule_tasks().lines == []
    assert jobs(google) == before


# --- Adopting ---------------------------------------------------------------------------------------


def test_jobs_of_django_cloud_tasks_are_taken_over_with_adopt(google: MemoryBackend) -> None:
    # Its ids have the shape of ours, and its jobs bear no mark.
    google.create(
        JobSpec("shop--Report", "0 1 * * *", "UTC", "https://shop.example.com/tasks/Report"), timeout=1
    )
    declare("Report", schedule_name="Report")
    assert schedule_tasks().lines == [
        "[!] Job failed: shop.tasks.Report: Google has a job of this id, but it was not made by "
        "scheduled_jobs; --adopt takes it over"
    ]
    google.store.faults.calls.clear()
    output = schedule_tasks(adopt=True)
    assert output.lines[0].startswith("[~] Job updated: shop.tasks.Report (schedule, ")
    assert [call.method for call in google.store.faults.calls] == ["ListJobs", "UpdateJob"]
    assert schedule_tasks().lines == []


def test_jobs_left_by_django_cloud_tasks_are_named_in_a_line(google: MemoryBackend) -> None:
    def made(name: str, uri: str) -> None:
        google.create(JobSpec(name, "0 1 * * *", "UTC", uri), timeout=1)

    made("shop--Report", "https://shop.example.com/tasks/Report")
    made("shop--CleanUp", "https://shop.example.com/tasks/CleanUp")
    made("shop--by-hand", "https://shop.example.com/cron/cleanup")
    made("shop--Other", "https://other.example.com/tasks/Other")
    made("blog--Report", "https://shop.example.com/tasks/Report")
    declare("One")
    for line in ("[+] Job created: shop.tasks.One", None):
        output = schedule_tasks(yes=True)
        assert (output.code, output.lines) == (0, [line] if line else [])
        assert output.splitlines()[-2] == (
            "2 jobs of django-google-cloud-tasks are in Google and are fired beside those of this app. "
            "Once their tasks are scheduled here, remove them: for job in "
            "shop--CleanUp shop--Report; do gcloud scheduler jobs delete $job --quiet "
            "--location=europe-west1 --project=test-project; done"
        )


def test_adopt_takes_over_only_jobs_of_declared_tasks(google: MemoryBackend) -> None:
    google.create(JobSpec("shop--by-hand", "0 1 * * *", "UTC", "https://else.example.com/x"), timeout=1)
    declare("One")
    assert schedule_tasks(adopt=True, yes=True).lines == ["[+] Job created: shop.tasks.One"]
    assert "shop--by-hand" in jobs(google)


# --- Renames meanwhile ------------------------------------------------------------------------------


def test_deliveries_of_both_names_reach_one_row(
    google: MemoryBackend,
) -> None:
    declare("One")
    schedule_tasks()
    google.store.faults.refuse("DeleteJob", "UNAVAILABLE", "made to fail", times=20)
    declare("One", schedule_name="new")
    schedule_tasks()
    assert {"shop--new", "shop--shop-tasks-One"} <= jobs(google).keys()
    found = [job_of_task("shop.tasks.One", name)[0] for name in ("shop--new", "shop--shop-tasks-One")]
    assert [job and job.pk for job in found] == [row("One").pk] * 2
    google.store.faults._planned.clear()
    schedule_tasks()
    assert jobs(google).keys() == {"shop--new"}
    assert job_of_task("shop.tasks.One", "shop--shop-tasks-One")[0] == row("One")
