"""Why Cloud Scheduler did not do what it was asked, and what a person can do about it."""

from __future__ import annotations

import re

from scheduled_jobs import exceptions
from scheduled_jobs.conf import settings

Error = exceptions.BackendError

ONLY_LOCATION = re.compile(r"location must equal ([a-z0-9-]+)")
"""A project with an App Engine app has jobs only where that app is (terraform-provider-google #6146)."""
LOCATION = re.compile(r"projects/[^/\s]+/locations/[a-z0-9-]+(?![a-z0-9-]|/jobs)|\blocation\b(?! or time)")
"""In a location without Cloud Scheduler, Google says that permission is missing for
``projects/P/locations/L (or the resource may not exist)`` (terraform-provider-google #7001)."""


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
        if "may not exist" in text and _names_a_location(text):
            return (
                f"{_check_location(project)}; if it is right, grant the account that makes this call "
                f"roles/cloudscheduler.admin in {project}."
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
    if isinstance(error, exceptions.InvalidArgument) and (only := ONLY_LOCATION.search(text)) is not None:
        return f"Set DJANGO_CLOUD_TASKS_LOCATION to {only[1]}; it is {settings.LOCATION} now."
    if isinstance(error, (exceptions.NotFound, exceptions.InvalidArgument)) and _names_a_location(text):
        return f"{_check_location(project)}."
    if isinstance(error, exceptions.ResourceExhausted):
        return "Run schedule_tasks again in a minute, or lower DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE."
    if isinstance(error, (exceptions.OutcomeUnknown, exceptions.Aborted)):
        return "Nothing is lost: the next schedule_tasks, or Push to Google in the admin, sends it again."
    return ""


def _names_a_location(text: str) -> bool:
    """Whether an error is about a location; the name of every job has that of its location in it."""
    return LOCATION.search(text) is not None


def _check_location(project: str) -> str:
    return (
        f"Check DJANGO_CLOUD_TASKS_LOCATION ({settings.LOCATION}): gcloud scheduler locations list "
        f"--project={project} shows those there are"
    )
