"""What ``schedule_tasks`` says where Google refuses: Google's reason, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import override_settings

from scheduled_jobs import exceptions
from scheduled_jobs.backends.base import error_of
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

REAUTHENTICATE = (
    "Getting metadata from plugin failed with error: Reauthentication is needed. Please run `gcloud auth "
    "application-default login` to reauthenticate."
)

REFUSALS = {
    "the account may not act as the token's": (
        "PERMISSION_DENIED",
        "The principal lacks IAM permission iam.serviceAccounts.actAs.",
        (
            "The principal lacks IAM permission iam.serviceAccounts.actAs. Grant the account that makes this "
            "call roles/iam.serviceAccountUser (which holds iam.serviceAccounts.actAs) on "
            "scheduler@test-project.iam.gserviceaccount.com; see that it exists."
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
    "a file of credentials that is not there": (
        "UNAUTHENTICATED",
        "File /run/secrets/key.json was not found.",
        (
            "File /run/secrets/key.json was not found. Correct GOOGLE_APPLICATION_CREDENTIALS, which names a file of "
            "credentials, or remove it from the environment."
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
        (
            "The provided schedule or timezone are invalid. The schedule sent was '0 9 * * *', the time zone "
            "'UTC'."
        ),
    ),
    "the project has no more jobs to give": (
        "RESOURCE_EXHAUSTED",
        "The location has its 5000 jobs.",
        (
            "The location has its 5000 jobs. Delete jobs in europe-west1 that nobody needs, or ask for a higher "
            "quota of jobs there (IAM & Admin, Quotas)."
        ),
    ),
    "a person's credentials have no project": (
        "PERMISSION_DENIED",
        "Cloud Scheduler API has not been used in project 764086051850 before or it is disabled.",
        (
            "Cloud Scheduler API has not been used in project 764086051850 before or it is disabled. These are a "
            "person's credentials without a project of their own: gcloud auth application-default "
            "set-quota-project test-project."
        ),
    ),
    "the service account does not exist": (
        "NOT_FOUND",
        "Service account scheduler@test-project.iam.gserviceaccount.com does not exist.",
        (
            "Service account scheduler@test-project.iam.gserviceaccount.com does not exist. Correct "
            "DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT (scheduler@test-project.iam.gserviceaccount.com), or create "
            "it in test-project: it must be an account of the jobs' own project."
        ),
    ),
    "our own credentials have expired": (
        "UNAVAILABLE",
        REAUTHENTICATE,
        f"{REAUTHENTICATE} Log in again: gcloud auth application-default login; on a server, use a service account.",
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
        "Deadline Exceeded. Nothing is lost: the next schedule_tasks, or Send to Google in the admin, sends it again."
    )
    assert next_step(exceptions.OutcomeUnknown("failed to connect to all addresses")) == (
        "See whether this machine reaches Cloud Scheduler, by the proxy of HTTPS_PROXY if it goes by one. Nothing is "
        "lost: the next schedule_tasks, or Send to Google in the admin, sends it again."
    )
    assert reason_of(None) == ""


LOG_IN = "Log in again: gcloud auth application-default login; on a server, use a service account."
DENIED = (
    "Grant the account that makes this call roles/cloudscheduler.admin in test-project, and "
    "roles/iam.serviceAccountUser (iam.serviceAccounts.actAs) on scheduler@test-project.iam.gserviceaccount.com."
)
ADVISED = {
    "a quota project that is not set": (
        exceptions.PermissionDenied(
            "The cloudscheduler.googleapis.com API requires a quota project, which is not set"
        ),
        "These are a person's credentials without a project of their own: gcloud auth application-default "
        "set-quota-project test-project.",
    ),
    "a quota project that may not be used": (
        exceptions.PermissionDenied("Caller does not have required permission to use project test-project."),
        "Grant the account that makes this call roles/serviceusage.serviceUsageConsumer in test-project.",
    ),
    "billing that is off": (
        exceptions.PermissionDenied(
            "This API method requires billing to be enabled. Please enable billing on it."
        ),
        "",
    ),
    "scopes that are missing": (
        exceptions.PermissionDenied("Request had insufficient authentication scopes."),
        "Give the credentials, or the machine, the scope https://www.googleapis.com/auth/cloud-platform.",
    ),
    "a project that is not there": (
        exceptions.PermissionDenied("Permission denied on resource project test-projct."),
        "Check DJANGO_CLOUD_TASKS_PROJECT_ID (test-project).",
    ),
    "a zone in place of a location": (
        exceptions.PermissionDenied("Permission denied on 'locations/europe-west1-b' (or it may not exist)."),
        f"{CHECK_LOCATION}; if it is right, grant the account that makes this call roles/cloudscheduler.admin in "
        "test-project.",
    ),
    "a permission": (
        exceptions.PermissionDenied("Permission 'cloudscheduler.jobs.list' denied on resource"),
        DENIED,
    ),
    "a refusal of another kind": (exceptions.PermissionDenied("Cannot be done on Sundays."), ""),
    "a clock that is wrong": (
        error_of("UNAVAILABLE", "invalid_grant: Invalid JWT: Token must be a short-lived token (60 minutes)"),
        "The clock of this machine is wrong: set it by a time server (NTP).",
    ),
    "a key that was deleted": (
        error_of(
            "UNAVAILABLE",
            "metadata from plugin failed with error: ('invalid_grant: Invalid JWT Signature.',)",
        ),
        "The key or its account is gone or disabled: use a new key, or the service account of the server.",
    ),
    "a session that ended": (
        error_of("UNKNOWN", "invalid_grant: reauth related error (invalid_rapt)"),
        LOG_IN,
    ),
    "an account that another may not stand for": (
        error_of("UNAVAILABLE", "('Unable to acquire impersonated credentials', 'getAccessToken denied')"),
        "Grant who makes this call roles/iam.serviceAccountTokenCreator on the account that it stands for, and see "
        "that this exists.",
    ),
    "a proxy that reads TLS": (
        error_of(
            "UNAVAILABLE", "failed to connect to all addresses; Ssl handshake: CERTIFICATE_VERIFY_FAILED"
        ),
        "Let gRPC trust who signs there, such as a proxy that reads TLS: GRPC_DEFAULT_SSL_ROOTS_FILE_PATH names a "
        "file of authorities.",
    ),
    "a quota that is not named": (
        error_of("RESOURCE_EXHAUSTED", "Quota exceeded for limit 'Write jobs requests per minute'."),
        "Run schedule_tasks again in a minute, or lower DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE.",
    ),
}


@pytest.mark.parametrize(("error", "step"), ADVISED.values(), ids=ADVISED)
def test_a_remedy_is_stated_where_it_is_known_to_be_one(error: exceptions.BackendError, step: str) -> None:
    assert next_step(error) == step


@override_settings(DJANGO_CLOUD_TASKS_EMULATOR_HOST="127.0.0.1:8085")
def test_an_emulator_that_is_not_there_is_named() -> None:
    error = exceptions.OutcomeUnknown("failed to connect to all addresses; connect: Connection refused (111)")
    assert (
        next_step(error)
        == "No emulator listens at 127.0.0.1:8085: start manage.py run_scheduler_emulator, or scheduled_jobs dev."
    )
    for of_others in (
        "failed to connect to all addresses; Failed parsing HTTP/2",
        "errors resolving emulator:8085",
    ):
        assert next_step(exceptions.OutcomeUnknown(of_others)) == next_step(error)


def test_a_run_fails_at_once_where_our_credentials_have_expired(google: MemoryBackend) -> None:
    declare("One")
    schedule_tasks()
    google.store.faults.refuse("RunJob", "UNAVAILABLE", REAUTHENTICATE, times=9)
    run = row("One").run_now()
    run.refresh_from_db()
    assert (run.status, run.sent, run.error) == ("failed", 0, f"{REAUTHENTICATE} {LOG_IN}")
    assert [call.method for call in google.store.faults.calls].count("RunJob") == 1
