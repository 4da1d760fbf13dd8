"""Why Cloud Scheduler did not do what it was asked, and what a person can do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from scheduled_jobs import exceptions
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import JobSpec

Error = exceptions.BackendError
Denied = exceptions.PermissionDenied
Invalid = exceptions.InvalidArgument
Unknown = exceptions.Unauthenticated


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do about errors of these kinds whose text, in small letters, has these words.

    ``remedy`` is a format of what ``next_step`` fills in, and empty where Google's own words say it.
    """

    kinds: tuple[type[Error], ...]
    words: str
    remedy: str


LOCATION = (
    r"projects/[^/\s]+/locations/[a-z0-9-]+(?![a-z0-9-]|/jobs)|(?<!/)locations/[a-z0-9-]+"
    r"|\blocation\b(?! or time)"
)
"""Words about a location; the name of every job has that of its location in it.

In a location without Cloud Scheduler, Google says that permission is missing for
``projects/P/locations/L (or the resource may not exist)`` (terraform-provider-google #7001).
"""
UNREACHED = "refused|failed to connect to all|errors resolving|dns resolution failed"
"""Words of gRPC where nobody has answered, or something else than was asked."""
CHECK_LOCATION = (
    "Check DJANGO_CLOUD_TASKS_LOCATION ({location}): gcloud scheduler locations list --project={project} "
    "shows those there are"
)
ADVICE = (
    # 764086051850 and 32555940559 are the projects of gcloud itself, to which people's credentials belong.
    Advice(
        (Denied,),
        r"project \D?(764086051850|32555940559)|requires a quota project",
        "These are a person's credentials without a project of their own: "
        "gcloud auth application-default set-quota-project {project}.",
    ),
    Advice(
        (Denied,),
        r"serviceusage|required permission to use project",
        "Grant the account that makes this call roles/serviceusage.serviceUsageConsumer in {project}.",
    ),
    Advice((Denied,), r"billing|organization.s policy|suspended", ""),
    Advice(
        (Denied,),
        r"has not been used|api.* is disabled|service_disabled",
        "Enable the API: gcloud services enable cloudscheduler.googleapis.com --project={project}, wait a "
        "minute and run schedule_tasks again.",
    ),
    Advice(
        (Denied,),
        r"authentication scopes|scope_insufficient",
        "Give the credentials, or the machine, the scope https://www.googleapis.com/auth/cloud-platform.",
    ),
    Advice(
        (Denied, Invalid, exceptions.NotFound),
        r"service account.* (does not exist|was not found|not found)",
        "Correct DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT ({account}), or create it in {project}: it must be "
        "an account of the jobs' own project.",
    ),
    Advice(
        (Denied,),
        r"act ?as",
        "Grant the account that makes this call roles/iam.serviceAccountUser (which holds "
        "iam.serviceAccounts.actAs) on {account}; see that it exists.",
    ),
    Advice(
        (Denied,),
        rf"({LOCATION}).*may not exist|may not exist.*({LOCATION})",
        CHECK_LOCATION
        + "; if it is right, grant the account that makes this call roles/cloudscheduler.admin in {project}.",
    ),
    Advice(
        (Denied,),
        r"resource project|project .*(not found|deleted|not exist)",
        "Check DJANGO_CLOUD_TASKS_PROJECT_ID ({project}).",
    ),
    Advice(
        (Denied,),
        r"permission|\biam\b|denied",
        "Grant the account that makes this call roles/cloudscheduler.admin in {project}, and "
        "roles/iam.serviceAccountUser (iam.serviceAccounts.actAs) on {account}.",
    ),
    Advice(
        (Unknown,),
        r"short-lived token|reasonable timeframe",
        "The clock of this machine is wrong: set it by a time server (NTP).",
    ),
    Advice(
        (Unknown,),
        r"jwt signature|account not found|robot is disabled|deleted_client",
        "The key or its account is gone or disabled: use a new key, or the service account of the server.",
    ),
    Advice(
        (Unknown,),
        r"impersonated credentials",
        "Grant who makes this call roles/iam.serviceAccountTokenCreator on the account that it stands for, "
        "and see that this exists.",
    ),
    Advice(
        (Unknown,),
        r"reauth|invalid_grant|invalid_rapt|expired|revoked",
        "Log in again: gcloud auth application-default login; on a server, use a service account.",
    ),
    Advice(
        (Unknown,),
        r"\bfile .* (was not found|is not a valid json|does not have a valid type|cannot be read)",
        "Correct GOOGLE_APPLICATION_CREDENTIALS, which names a file of credentials, or remove it from the "
        "environment.",
    ),
    Advice(
        (Unknown,),
        "",
        "Find credentials: gcloud auth application-default login on your machine, a service account on the "
        "server, or DJANGO_CLOUD_TASKS_EMULATOR_HOST for the local emulator.",
    ),
    # A project with an App Engine app has jobs only where that app is (terraform-provider-google #6146).
    Advice(
        (Invalid,),
        r"location must equal (?P<only>[a-z0-9-]+)",
        "Set DJANGO_CLOUD_TASKS_LOCATION to {only}; it is {location} now.",
    ),
    # Google never says which of the two it is.
    Advice(
        (Invalid,), r"schedule or time ?zone", "The schedule sent was {schedule!r}, the time zone {zone!r}."
    ),
    Advice((Invalid, exceptions.NotFound), LOCATION, f"{CHECK_LOCATION}."),
    Advice(
        (exceptions.TooManyJobs,),
        "",
        "Delete jobs in {location} that nobody needs, or ask for a higher quota of jobs there (IAM & Admin, "
        "Quotas).",
    ),
    Advice(
        (exceptions.ResourceExhausted,),
        "",
        "Run schedule_tasks again in a minute, or lower DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE.",
    ),
    Advice(
        (exceptions.OutcomeUnknown,),
        r"certificate_verify_failed",
        "Let gRPC trust who signs there, such as a proxy that reads TLS: GRPC_DEFAULT_SSL_ROOTS_FILE_PATH "
        "names a file of authorities.",
    ),
    Advice(
        (exceptions.OutcomeUnknown,),
        UNREACHED,
        "See whether this machine reaches Cloud Scheduler, by the proxy of HTTPS_PROXY if it goes by one. "
        "Nothing is lost: the next schedule_tasks, or Send to Google in the admin, sends it again.",
    ),
    Advice(
        (exceptions.OutcomeUnknown, exceptions.Aborted),
        "",
        "Nothing is lost: the next schedule_tasks, or Send to Google in the admin, sends it again.",
    ),
)
"""The first that fits; each is the remedy of errors that are known to come so."""
NO_EMULATOR = (
    "No emulator listens at {emulator}: start manage.py run_scheduler_emulator, or scheduled_jobs dev."
)


def reason_of(error: Error | None, spec: JobSpec | None = None) -> str:
    """Google's reason in Google's words, and the next step where one is known."""
    if error is None or isinstance(error, exceptions.Misconfigured):
        return str(error or "")
    text = str(error).strip().rstrip(".") or type(error).__name__
    step = next_step(error, spec)
    return f"{text}. {step}" if step else text


def next_step(error: Error, spec: JobSpec | None = None) -> str:
    """What to do about an error, in one sentence; empty where its own words say it.

    ``spec`` is the job that was sent, where one was.
    """
    facts = {
        "project": settings.PROJECT_ID or "PROJECT",
        "location": settings.LOCATION,
        "account": settings.OIDC_SERVICE_ACCOUNT or "the service account of the token",
        "emulator": settings.EMULATOR_HOST,
    }
    if spec is not None:
        facts |= {"schedule": spec.schedule, "zone": spec.time_zone}
    text = str(error).lower()
    if settings.EMULATOR_HOST and isinstance(error, exceptions.OutcomeUnknown) and re.search(UNREACHED, text):
        return NO_EMULATOR.format_map(facts)
    for advice in ADVICE:
        if isinstance(error, advice.kinds) and (found := re.search(advice.words, text)) is not None:
            needs_spec = "{schedule" in advice.remedy
            return "" if needs_spec and spec is None else advice.remedy.format_map(facts | found.groupdict())
    return ""
