"""What is wrong with each setting by itself, and with those that belong together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from urllib.parse import urlsplit

from scheduled_jobs import registry
from scheduled_jobs.conf import DEFAULT_ENDPOINT, GOOGLE_CERTS_URL, PREFIX, settings
from scheduled_jobs.domain import addresses
from scheduled_jobs.exceptions import InvalidDefinition
from scheduled_jobs.services.scheduling import mount
from scheduled_jobs.services.scheduling.faults.fault import Fault
from scheduled_jobs.services.scheduling.faults.reading import short

MAX_APP_NAME = 100
PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]*[a-z0-9]", re.ASCII)
PROJECT_LENGTH = (6, 30)
"""Of what stands after the colon: https://cloud.google.com/resource-manager/docs/creating-managing-projects"""
LOCATION = re.compile(r"[a-z]+(-[a-z]+)+[0-9]+", re.ASCII)
APP_ENGINE_LOCATIONS = {"us-central": "us-central1", "europe-west": "europe-west1"}
"""The two locations of App Engine that other services know by another name."""
EMAIL = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
AGENT = re.compile(r"service-\d+@|\d+@cloudservices\.")
LEAST_TOKEN = 16
NUMBERS = {
    "WRITES_PER_MINUTE": (1, 1_000_000, ""),
    "CONCURRENCY": (1, 1_000, ""),
    "RPC_TIMEOUT": (0.1, 3_600, " of seconds"),
    "HISTORY_MAX_AGE": (1, 36_500, " of days"),
    "HISTORY_FAILURES_MAX_AGE": (1, 36_500, " of days"),
    "HISTORY_MIN_RUNS": (0, 1_000_000_000, ""),
    "MISSED_GRACE": (0, 31_536_000, " of seconds"),
    "ALERT_COOLDOWN": (0, 31_536_000, " of seconds"),
    "AUTO_PAUSE_AFTER": (1, 1_000, ""),
}
"""Setting -> the least and the most that make sense, and what they count."""


def _endpoint() -> Iterator[Fault]:
    problem = addresses.fault_of(settings.ENDPOINT)
    if problem is not None:
        # This is stored and shown to many: not so a password that stands in it.
        shown = re.sub(r"//[^/]*@", "//…@", settings.ENDPOINT)
        yield Fault(
            2,
            f"{PREFIX}ENDPOINT is {shown!r}, not the address of a Django app: {problem}.",
            "It is the scheme and host of this app, such as https://shop.example.com.",
        )
    elif (task := _task_in_endpoint()) is not None:
        yield Fault(
            2,
            f"{PREFIX}ENDPOINT is {settings.ENDPOINT!r}, the address of one task.",
            f"Leave {task!r} out of it.",
        )
    elif settings.calls_google and addresses.is_out_of_reach(addresses.host_of(settings.ENDPOINT)):
        is_set = settings.ENDPOINT != DEFAULT_ENDPOINT
        yield Fault(
            8,
            f"{PREFIX}ENDPOINT is {settings.ENDPOINT}{'' if is_set else ', its default'}: Google cannot "
            "reach that, and is sent nothing; with it jobs go to the emulator alone.",
            "On your machine run manage.py scheduled_jobs dev. In production set "
            f"{PREFIX}ENDPOINT, such as https://shop.example.com, {PREFIX}LOCATION and "
            f"{PREFIX}OIDC_SERVICE_ACCOUNT.",
        )


def _task_in_endpoint() -> str | None:
    """What ENDPOINT has after the path of the include; None if there is nothing."""
    try:
        include = mount.path_parts()[0]
    except InvalidDefinition:
        return None
    _, found, task = urlsplit(settings.ENDPOINT).path.partition(include)
    return task if found and include != "/" else None


def _names() -> Iterator[Fault]:
    app, delimiter = settings.APP_NAME or "", settings.DELIMITER
    for name, value, allowed, what in (
        ("APP_NAME", app, r"[A-Za-z0-9_-]*", "Google allows letters, digits, hyphens and underscores."),
        ("DELIMITER", delimiter, r"[_-]*", "Use hyphens and underscores; its default is '--'."),
    ):
        if not re.fullmatch(allowed, value):
            yield Fault(3, f"{PREFIX}{name} is {value!r}, which cannot be part of a job id.", what)
            return
    if not app:
        return
    if not delimiter:
        yield Fault(
            4,
            f"{PREFIX}DELIMITER is empty, so that jobs of {app!r} cannot be told from those of an app whose "
            "name begins with it.",
            "Remove the setting; its default is '--'.",
        )
    elif delimiter in app:
        yield Fault(
            18,
            f"{PREFIX}APP_NAME is {app!r}, which has the delimiter {delimiter!r} in it: by their ids alone "
            f"its jobs are those of an app named {app.partition(delimiter)[0]!r} too.",
            f"Write another name, such as {app.replace(delimiter, '')!r}, or another {PREFIX}DELIMITER.",
            "advice",
        )
    elif len(app) > MAX_APP_NAME:
        yield Fault(
            3,
            f"{PREFIX}APP_NAME has {len(app)} characters, which leaves too few of the 500 of a job id.",
            f"Write at most {MAX_APP_NAME}.",
        )


def _numbers() -> Iterator[Fault]:
    for name, (least, most, unit) in NUMBERS.items():
        value = getattr(settings, name)
        number = value.total_seconds() if isinstance(value, timedelta) else value
        # Written so that NaN, which is neither less nor more than anything, is refused.
        if number is not None and not least <= number <= most:
            yield Fault(5, f"{PREFIX}{name} is {value}.", f"Write a number{unit} from {least} to {most:,}.")


def _location() -> Iterator[Fault]:
    location = settings.LOCATION
    if location is None:
        # Without an address for Google that is what has to be set first; it is said there.
        if settings.calls_google and not any(_endpoint()):
            yield Fault(
                6, f"{PREFIX}LOCATION is not set.", "Write a Cloud Scheduler location, such as europe-west1."
            )
    elif not settings.EMULATOR_HOST and not LOCATION.fullmatch(location):
        near = location.rpartition("/")[2].lower().replace("_", "-").strip("-")
        near = APP_ENGINE_LOCATIONS.get(near, re.sub(r"(\d)-?[a-z]$", r"\1", near))
        near = re.sub(r"^((us|europe|asia)-[a-z]+)-(\d)$", r"\1\3", near)  # as Amazon writes them
        yield Fault(
            6,
            f"{PREFIX}LOCATION is {location!r}, which is not a location of Cloud Scheduler.",
            f"Write {near}."
            if LOCATION.fullmatch(near)
            else "Write a region, such as europe-west1; gcloud scheduler locations list shows all.",
        )


def _project() -> Iterator[Fault]:
    project = settings.PROJECT_ID
    if project is None:
        return
    if PROJECT.fullmatch(project):
        least, most = PROJECT_LENGTH
        if settings.calls_google and not least <= len(project.rpartition(":")[2]) <= most:
            yield Fault(
                9,
                f"{PREFIX}PROJECT_ID is {short(project)}, which is not the id of a Google Cloud project.",
                f"It has {least} to {most} characters; gcloud projects list shows yours.",
            )
        return
    last = project.rstrip("/").removeprefix("projects/").partition("/")[0].lower()
    if project.isdigit():
        what, hint = "the number of a project", (
            f"Write its id; gcloud projects describe {project} --format='value(projectId)' shows it."
        )  # fmt: skip
    else:
        what = "not the id of a Google Cloud project"
        hint = (
            f"Write {last}."
            if PROJECT.fullmatch(last)
            else "It has small letters, digits and hyphens; gcloud projects list shows yours."
        )
    yield Fault(9, f"{PREFIX}PROJECT_ID is {project!r}, which is {what}.", hint)


def _account() -> Iterator[Fault]:
    account = settings.OIDC_SERVICE_ACCOUNT
    if account is None:
        if settings.calls_google and _has_tokens() and not any(_endpoint()):
            yield Fault(
                7,
                f"{PREFIX}OIDC_SERVICE_ACCOUNT is not set: there is no account to send a token for.",
                "Write the email of a service account, such as scheduler@my-project.iam.gserviceaccount.com, "
                "or schedule_use_oidc = False in every task.",
            )
        return
    if settings.EMULATOR_HOST and EMAIL.fullmatch(account):
        return
    near = re.sub(r"^(serviceaccount:|mailto:|projects/[^/]*/serviceaccounts/)", "", account.lower())
    near = near.removeprefix("<").removesuffix(">")
    if AGENT.match(near):
        what = "an agent of Google's own, for which no token is made for you"
    elif not EMAIL.fullmatch(near):
        what = "not an email address"
    elif not near.endswith(".gserviceaccount.com"):
        what = "not a service account"
    elif near != account:
        yield Fault(
            7,
            f"{PREFIX}OIDC_SERVICE_ACCOUNT is {account!r}, not its address as Google writes it.",
            f"Write {near}.",
        )
        return
    else:
        return
    yield Fault(
        7,
        f"{PREFIX}OIDC_SERVICE_ACCOUNT is {short(account)}, which is {what}.",
        "Write the email of a service account of yours, such as "
        "scheduler@my-project.iam.gserviceaccount.com; gcloud iam service-accounts list shows them.",
    )


def _allowed() -> Iterator[Fault]:
    account, allowed = settings.OIDC_SERVICE_ACCOUNT, settings.OIDC_ALLOWED_EMAILS or []
    if wrong := [email for email in allowed if not EMAIL.fullmatch(email) and email != account]:
        yield Fault(
            12,
            f"{PREFIX}OIDC_ALLOWED_EMAILS has {', '.join(map(short, wrong))} in it: not an email address.",
            f"Write {','.join(near)}."
            if (near := [found[0] for text in wrong for found in EMAIL.finditer(text)])
            else "Write the addresses of service accounts; none stands for all.",
        )
    elif account is None or account in allowed or not _has_tokens() or settings.mode != "google":
        return
    elif allowed:
        yield Fault(
            12,
            f"{PREFIX}OIDC_ALLOWED_EMAILS does not have {account} in it, the account that the jobs call "
            "with: each call would be answered 403.",
            f"Add it, or remove the setting; its default is {PREFIX}OIDC_SERVICE_ACCOUNT.",
        )
    else:
        yield Fault(
            16,
            "Nobody may run tasks: OIDC_ALLOWED_EMAILS is empty.",
            f"Remove it: the default is {PREFIX}OIDC_SERVICE_ACCOUNT.",
            "advice",
        )


def _texts() -> Iterator[Fault]:
    for name in ("OIDC_AUDIENCE", "OIDC_CERTS_URL"):
        value = getattr(settings, name)
        if name == "OIDC_AUDIENCE" and value == settings.ENDPOINT:
            continue
        if (odd := addresses.odd_character(value)) is not None:
            yield Fault(3, f"{PREFIX}{name} is {value!r}, which has {odd} in it.", "Remove that.")
    certificates = urlsplit(settings.OIDC_CERTS_URL or "")
    host = certificates.hostname or ""
    is_googles = host.endswith((".google.com", ".googleapis.com"))
    if is_googles and certificates[1:] != urlsplit(GOOGLE_CERTS_URL)[1:]:
        yield Fault(
            2,
            f"{PREFIX}OIDC_CERTS_URL is {settings.OIDC_CERTS_URL!r}, where Google has other keys than the "
            "certificates of its tokens.",
            "Remove it; the default is Google's address.",
        )
    if certificates.scheme not in ("http", "https") or not host:
        yield Fault(
            2,
            f"{PREFIX}OIDC_CERTS_URL is {settings.OIDC_CERTS_URL!r}, which is not an address.",
            "Remove it; the default is Google's address.",
        )


def _open_door() -> Iterator[Fault]:
    if settings.ALLOW_UNAUTHENTICATED:
        yield Fault(
            17,
            f"{PREFIX}ALLOW_UNAUTHENTICATED is on: anyone who can reach this app can run the tasks with "
            "schedule_use_oidc = False.",
            "Remove it; the signed header that each job carries lets Cloud Scheduler in.",
            "advice",
        )


def _builtin_tasks() -> Iterator[Fault]:
    known = registry.builtin_tasks()
    if unknown := [path for path in settings.BUILTIN_TASKS if path not in known]:
        yield Fault(
            28,
            f"{PREFIX}BUILTIN_TASKS has {', '.join(map(short, unknown))} in it: no task of this package.",
            f"There is {' and '.join(known)}.",
        )


def _metrics_token() -> Iterator[Fault]:
    token = settings.METRICS_TOKEN
    if token is not None and (
        len(token) < LEAST_TOKEN or not token.isascii() or addresses.odd_character(token) is not None
    ):
        yield Fault(
            29,
            f"{PREFIX}METRICS_TOKEN can be guessed, or has characters in it that no monitor can send.",
            f"Write {LEAST_TOKEN} letters and digits or more, such as openssl rand -hex 32 prints.",
            "advice",
        )


def wants_token(task: type[registry.Task]) -> bool:
    """Whether a task's jobs carry a token; that a class cannot tell is told of the class."""
    try:
        return registry.uses_oidc(task)
    except Exception:  # noqa: BLE001 – the user's code
        return True


def _has_tokens() -> bool:
    return any(wants_token(task) for task in registry.tasks())


VALUES: tuple[Callable[[], Iterable[Fault]], ...] = (
    _endpoint, _names, _numbers, _project, _location, _account, _allowed, _texts, _open_door, _builtin_tasks,
    _metrics_token,
)  # fmt: skip
"""What is asked of settings that can be read."""
