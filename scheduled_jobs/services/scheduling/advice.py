"""Why Cloud Scheduler did not do what it was asked, and what a person can do about it."""

from __future__ import annotations

from scheduled_jobs import exceptions
from scheduled_jobs.conf import settings

Error = exceptions.BackendError


def reason_of(error: Error | None) -> str:
    """Google's reason in Google's words, and the next step where one is known."""
    if error is None:
        return ""
    text = str(error).strip().rstrip(".") or type(error).__name__
    step = next_step(error)
    return f"{text}. {step}" if step else text


def next_step(error: Error) -> str:
    """What to do about an error, in one sentence; empty where its own words say it."""
    text = str(error).lower()
    project = settings.PROJECT_ID or "PROJECT"
    if isinstance(error, exceptions.PermissionDenied):
        if "has not been used" in text or "is disabled" in text or "service_disabled" in text:
            return (
                "Enable the API: gcloud services enable cloudscheduler.googleapis.com "
                f"--project={project}, wait a minute and run schedule_tasks again."
            )
        if "actas" in text or "act as" in text:
            return (
                "Grant the account that makes this call roles/iam.serviceAccountUser (which holds "
                f"iam.serviceAccounts.actAs) on {settings.OIDC_SERVICE_ACCOUNT or 'the service account'}."
            )
        return (
            f"Grant the account that makes this call roles/cloudscheduler.admin in {project}, and "
            "roles/iam.serviceAccountUser (iam.serviceAccounts.actAs) on "
            f"{settings.OIDC_SERVICE_ACCOUNT or 'the service account of the token'}."
        )
    if isinstance(error, exceptions.Unauthenticated):
        return (
            "Find credentials: gcloud auth application-default login on your machine, a service account "
            "on the server, or DJANGO_CLOUD_TASKS_EMULATOR_HOST for the local emulator."
        )
    if isinstance(error, (exceptions.NotFound, exceptions.InvalidArgument)) and "location" in text:
        return (
            f"Check DJANGO_CLOUD_TASKS_LOCATION ({settings.LOCATION}): gcloud scheduler locations list "
            f"--project={project} shows those there are."
        )
    if isinstance(error, exceptions.ResourceExhausted):
        return "Run schedule_tasks again in a minute, or lower DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE."
    if isinstance(error, (exceptions.OutcomeUnknown, exceptions.Aborted)):
        return "Nothing is lost: the next schedule_tasks, or Sync now, pushes it again."
    return ""
