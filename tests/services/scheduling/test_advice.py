"""What ``schedule_tasks`` says where Google refuses: Google's reason, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import override_settings

from scheduled_jobs import exceptions
from scheduled_jobs.services.scheduling.advice import next_step, reason_of
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

LOCATION = "projects/test-project/locations/europe-west1"
NOT_IN_USE = (
    "Cloud Scheduler API has not been used in project test-project before or it is disabled. "
    "Enable it by visiting https://console.example.com then retry."
)
NO_SUCH_LOCATION = (
    'The principal (user or service account) lacks IAM permission "cloudscheduler.jobs.%s" for the resource '
    f'"{LOCATION}" (or the resource may not exist).'
)
ELSEWHERE = (
    "Location must equal us-east1 because the App Engine app that is associated with this project is "
    "located in us-east1"
)
ENABLE = (
    "Enable the API: gcloud services enable cloudscheduler.googleapis.com --project=test-project, wait a "
    "minute and run schedule_tasks again."
)
CHECK_LOCATION = (
    "Check DJANGO_CLOUD_TASKS_LOCATION (europe-west1): gcloud scheduler locations list "
    "--project=test-project shows those there are"
)

REFUSALS = {
    "the account may not act as the token's": (
        "PERMISSION_DENIED",
        "The principal lacks IAM permission iam.serviceAccounts.actAs.",
        (
            "The principal lacks IAM permission iam.serviceAccounts.actAs. Grant the account that makes this "
            "call roles/iam.serviceAccountUser (which holds iam.serviceAccounts.actAs) on "
            "scheduler@test-project.iam.gserviceaccount.com."
        ),
    ),
    "the API is disabled": ("PERMISSION_DENIED", NOT_IN_USE, f"{NOT_IN_USE} {ENABLE}"),
    "the location has no Cloud Scheduler": (
        "PERMISSION_DENIED",
        NO_SUCH_LOCATION % "create",
        (
            f"{NO_SUCH_LOCATION % 'create'} {CHECK_LOCATION}; if it is right, grant the account that makes "
            "this call roles/cloudscheduler.admin in test-project."
        ),
    ),
    "the project's jobs must be elsewhere": (
        "INVALID_ARGUMENT",
        ELSEWHERE,
        f"{ELSEWHERE}. Set DJANGO_CLOUD_TASKS_LOCATION to us-east1; it is europe-west1 now.",
    ),
    "the location does not exist": (
        "NOT_FOUND",
        f"Location {LOCATION} was not found.",
        f"Location {LOCATION} was not found. {CHECK_LOCATION}.",
    ),
    "the account may nothing": (
        "PERMISSION_DENIED",
        "The caller does not have permission",
        (
            "The caller does not have permission. Grant the account that makes this call "
            "roles/cloudscheduler.admin in test-project, and roles/iam.serviceAccountUser "
            "(iam.serviceAccounts.actAs) on scheduler@test-project.iam.gserviceaccount.com."
        ),
    ),
    "nobody is logged in": (
        "UNAUTHENTICATED",
        "Request had invalid authentication credentials.",
        (
            "Request had invalid authentication credentials. Find credentials: gcloud auth "
            "application-default login on your machine, a service account on the server, or "
            "DJANGO_CLOUD_TASKS_EMULATOR_HOST for the local emulator."
        ),
    ),
    "the quota is used up": (
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for quota metric 'Write requests'.",
        (
            "Quota exceeded for quota metric 'Write requests'. Run schedule_tasks again in a minute, or lower "
            "DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE."
        ),
    ),
    "the schedule is wrong": (
        "INVALID_ARGUMENT",
        "The provided schedule or timezone are invalid.",
        "The provided schedule or timezone are invalid",
    ),
}


@pytest.mark.parametrize(("code", "message", "said"), REFUSALS.values(), ids=REFUSALS)
@override_settings(DJANGO_CLOUD_TASKS_RPC_TIMEOUT=0.3)
def test_a_refused_job_is_one_line_with_its_remedy(
    google: MemoryBackend, code: str, message: str, said: str
) -> None:
    declare("One")
    declare("Two")
    name = google.remote_name("shop--shop-tasks-One")
    google.store.faults.refuse("CreateJob", code, message, name=name, times=99)
    output = schedule_tasks()

    assert sorted(output.lines) == [
        f"[!] Job failed: shop.tasks.One: {said}",
        "[+] Job created: shop.tasks.Two",
    ]
    assert output.code == 1
    assert (row("One").sync_state, row("One").sync_error) == ("failed", said)


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (NOT_IN_USE, f"{NOT_IN_USE} {ENABLE}"),
        (
            NO_SUCH_LOCATION % "list",
            f"{NO_SUCH_LOCATION % 'list'} {CHECK_LOCATION}; if it is right, grant the account that makes this "
            "call roles/cloudscheduler.admin in test-project.",
        ),
    ],
    ids=["the API is disabled", "the location has no Cloud Scheduler"],
)
def test_a_list_that_is_refused_is_one_line_with_its_remedy(
    google: MemoryBackend, message: str, said: str
) -> None:
    declare("One")
    google.store.faults.refuse("ListJobs", "PERMISSION_DENIED", message, times=9)
    output = schedule_tasks()

    assert output == f"CommandError: Cloud Scheduler could not be asked for its jobs: {said}"
    assert output.code == 1


@pytest.mark.parametrize(
    "error",
    [
        exceptions.NotFound(f"Resource '{LOCATION}/jobs/shop--x' was not found"),
        exceptions.InvalidArgument(
            'Job name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/jobs/<JOB_ID>".'
        ),
    ],
    ids=["a job", "a name"],
)
def test_an_error_about_a_job_is_not_one_about_its_location(error: exceptions.BackendError) -> None:
    assert next_step(error) == ""


def test_an_unknown_outcome_is_pushed_again_by_the_next_sync() -> None:
    assert reason_of(exceptions.OutcomeUnknown("Deadline Exceeded")) == (
        "Deadline Exceeded. Nothing is lost: the next schedule_tasks, or Push to Google in the admin, sends it again."
    )
    assert reason_of(None) == ""
