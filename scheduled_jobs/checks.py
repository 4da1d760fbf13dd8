"""System checks: every misconfiguration that can be named, with its remedy.

``scheduled_jobs.E0xx`` stop a deploy, ``W0xx`` do not; those with ``deploy=True`` run with
``manage.py check --deploy`` only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, router

from scheduled_jobs import registry
from scheduled_jobs.conf import CLOUD_SCHEDULER_BACKEND, PREFIX, names, settings
from scheduled_jobs.domain.payloads import Signature
from scheduled_jobs.exceptions import InvalidDefinition, InvalidPayload
from scheduled_jobs.services.scheduling import declare, task_url
from scheduled_jobs.services.scheduling.seed.rows import clash

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from scheduled_jobs.services.scheduling.seed.declare import Declaration

TAG = "scheduled_jobs"
Messages = list[checks.CheckMessage]


def register() -> None:
    """Connect all checks; called once, when the app is ready."""
    for check in (check_settings, check_tasks, check_urls, check_database):
        checks.register(check, TAG)
    checks.register(check_deployment, TAG, deploy=True)


def error(number: int, text: str, hint: str, obj: Any = None) -> checks.Error:
    return checks.Error(text, hint=hint, obj=obj, id=f"{TAG}.E{number:03}")


def warning(number: int, text: str, hint: str, obj: Any = None) -> checks.Warning:
    return checks.Warning(text, hint=hint, obj=obj, id=f"{TAG}.W{number:03}")


# --- Settings --------------------------------------------------------------------------------------


def check_settings(**_: Any) -> Messages:
    """E001 to E008, W001 to W003: each setting by itself, and those that only make sense together."""
    unreadable = [message for name in names() if (message := _unreadable(name)) is not None]
    if unreadable:
        return unreadable
    found: Iterable[checks.CheckMessage | None] = (
        _misspelt(),
        _endpoint(),
        _app_name(),
        _numbers(),
        _location(),
        _account(),
        _nobody(),
        _open_door(),
    )
    return [message for message in found if message is not None]


def _unreadable(name: str) -> checks.CheckMessage | None:
    try:
        getattr(settings, name)
    except ImproperlyConfigured as problem:
        return error(1, str(problem), f"See {PREFIX}{name} in the documentation of the settings.")
    return None


def _misspelt() -> checks.CheckMessage | None:
    known = {PREFIX + name for name in names()}
    unknown = sorted(key for key in dir(django_settings) if key.startswith(PREFIX) and key not in known)
    if not unknown:
        return None
    return warning(
        1, f"{', '.join(unknown)}: there is no such setting.", f"The settings are {', '.join(sorted(known))}."
    )


def _endpoint() -> checks.CheckMessage | None:
    parts = urlsplit(settings.ENDPOINT)
    if parts.scheme in ("http", "https") and parts.netloc and not parts.query and not parts.fragment:
        return None
    return error(
        2,
        f"{PREFIX}ENDPOINT is {settings.ENDPOINT!r}, which is not the address of a Django app.",
        "Write its scheme and host, such as https://shop.example.com.",
    )


def _app_name() -> checks.CheckMessage | None:
    for name in ("APP_NAME", "DELIMITER"):
        value = getattr(settings, name) or ""
        if not re.fullmatch(r"[A-Za-z0-9_-]*", value, re.ASCII):
            return error(
                3,
                f"{PREFIX}{name} is {value!r}, which cannot be part of a job id.",
                "Google allows letters, digits, hyphens and underscores.",
            )
    if settings.APP_NAME and not settings.DELIMITER:
        return error(
            4,
            f"{PREFIX}DELIMITER is empty, so that jobs of {settings.APP_NAME!r} cannot be told from those "
            "of an app whose name begins with it.",
            "Remove the setting; its default is '--'.",
        )
    return None


def _numbers() -> checks.CheckMessage | None:
    for name, least in (
        ("WRITES_PER_MINUTE", 1),
        ("CONCURRENCY", 1),
        ("HISTORY_MAX_AGE", 1),
        ("HISTORY_MIN_RUNS", 0),
    ):
        value = getattr(settings, name)
        if value is not None and value < least:
            return error(5, f"{PREFIX}{name} is {value}.", f"Write {least} or more.")
    if settings.RPC_TIMEOUT <= 0:
        return error(
            5, f"{PREFIX}RPC_TIMEOUT is {settings.RPC_TIMEOUT}.", "Write a number of seconds above 0."
        )
    return None


def _location() -> checks.CheckMessage | None:
    if settings.LOCATION or settings.EMULATOR_HOST or settings.BACKEND != CLOUD_SCHEDULER_BACKEND:
        return None
    if settings.mode != "google":
        return None
    return error(
        6, f"{PREFIX}LOCATION is not set.", "Write a Cloud Scheduler location, such as europe-west1."
    )


def _account() -> checks.CheckMessage | None:
    account = settings.OIDC_SERVICE_ACCOUNT
    if account is None or re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", account):
        return None
    return error(
        7,
        f"{PREFIX}OIDC_SERVICE_ACCOUNT is {account!r}, which is not an email address.",
        "Write the address of a service account, such as scheduler@my-project.iam.gserviceaccount.com.",
    )


def _nobody() -> checks.CheckMessage | None:
    if settings.OIDC_ALLOWED_EMAILS or not any(task.schedule_use_oidc for task in registry.tasks()):
        return None
    if settings.mode != "google":
        return None
    return warning(
        2,
        "Nobody may run tasks: OIDC_ALLOWED_EMAILS is empty.",
        f"Set {PREFIX}OIDC_SERVICE_ACCOUNT, or name the accounts in {PREFIX}OIDC_ALLOWED_EMAILS.",
    )


def _open_door() -> checks.CheckMessage | None:
    if not settings.ALLOW_UNAUTHENTICATED:
        return None
    return warning(
        3,
        f"{PREFIX}ALLOW_UNAUTHENTICATED is on: anyone who can reach this app can run the tasks with "
        "schedule_use_oidc = False.",
        "Remove it; the signed header that each job carries lets Cloud Scheduler in.",
    )


# --- Tasks -----------------------------------------------------------------------------------------


def check_tasks(**_: Any) -> Messages:
    """E010 to E012, W010, W011: what the task classes declare."""
    try:
        declarations = [declare(task) for task in registry.tasks()]
    except ImproperlyConfigured:
        return []  # reported by check_settings
    if not declarations:
        return [
            warning(
                10,
                "No task was found.",
                "Derive a class from scheduled_jobs.tasks.PeriodicTask in the tasks module of an app.",
            )
        ]
    messages: Messages = []
    holders: dict[str, str] = {}
    for declaration in declarations:
        messages += [
            error(10, f"{declaration.path}: {hook}: {text}", remedy(hook), declaration.task)
            for hook, text in declaration.faults.items()
        ]
        messages += _unchecked(declaration)
        if not declaration.name:
            continue
        if (other := holders.setdefault(declaration.name, declaration.path)) != declaration.path:
            messages.append(
                error(
                    11,
                    f"{declaration.path}: schedule_name(): {clash(declaration.name, other)}",
                    "Two jobs of one id would overwrite each other in Google.",
                    declaration.task,
                )
            )
    return messages


def _unchecked(declaration: Declaration) -> Messages:
    try:
        unchecked = Signature.of(declaration.task.run).unchecked
    except InvalidPayload:
        return []  # a fault of its own, reported above
    messages: Messages = []
    for parameter, reason in unchecked.items():
        text, _, advice = reason.rpartition("; ")
        hint = f"{advice[:1].upper()}{advice[1:]}."
        text = f"{declaration.path}: {parameter} of run(): {text}."
        messages.append(warning(11, text, hint, declaration.task))
    return messages


def remedy(hook: str) -> str:
    """Where to mend a fault."""
    return f"Change {hook} of the class; schedule_tasks leaves this job as it is until then."


# --- Surroundings ----------------------------------------------------------------------------------


def check_urls(**_: Any) -> Messages:
    """E020: Google needs an address to call."""
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return []
    try:
        task_url("app.tasks.Task")
    except (InvalidDefinition, ImproperlyConfigured) as problem:
        return [error(20, str(problem), f"Or set {PREFIX}URL_NAME to the name of the pattern that you use.")]
    return []


def check_database(**_: Any) -> Messages:
    """W030: SQLite fails at once where it could wait for its turn."""
    from scheduled_jobs.models import JobRun

    connection = connections[router.db_for_write(JobRun)]
    if connection.vendor != "sqlite" or connection.settings_dict["NAME"] == ":memory:":
        return []
    options: dict[str, Any] = connection.settings_dict.get("OPTIONS", {})
    if options.get("transaction_mode", "").upper() == "IMMEDIATE" and options.get("timeout", 5) >= 20:
        return []
    return [
        warning(
            30,
            f"The database {connection.alias!r} is SQLite; two runs at once may fail: 'database is locked'.",
            'Set OPTIONS to {"transaction_mode": "IMMEDIATE", "timeout": 20, '
            '"init_command": "PRAGMA journal_mode=WAL"}.',
        )
    ]


# --- In production ---------------------------------------------------------------------------------


def check_deployment(**_: Any) -> Messages:
    """E040 to E044, W040, W041: what is right on a developer's machine only."""
    try:
        found = [check() for check in DEPLOYMENT]
    except ImproperlyConfigured:
        return []
    return [message for message in found if message is not None]


def _emulator() -> checks.CheckMessage | None:
    if not settings.EMULATOR_HOST:
        return None
    return error(
        40,
        f"{PREFIX}EMULATOR_HOST is {settings.EMULATOR_HOST!r}: jobs would go to the local emulator.",
        "Remove it from the settings and the environment of production.",
    )


def _http_endpoint() -> checks.CheckMessage | None:
    if settings.ENDPOINT.startswith("https://"):
        return None
    return error(
        41,
        f"{PREFIX}ENDPOINT is {settings.ENDPOINT!r}: tokens would cross the network unencrypted.",
        "Write an https:// address.",
    )


def _certificates() -> checks.CheckMessage | None:
    if str(settings.OIDC_CERTS_URL).startswith("https://"):
        return None
    return error(
        42,
        f"{PREFIX}OIDC_CERTS_URL is {settings.OIDC_CERTS_URL!r}: anyone on the way could forge tokens.",
        "Remove it; the default is Google's address.",
    )


def _unauthenticated() -> checks.CheckMessage | None:
    if not settings.ALLOW_UNAUTHENTICATED:
        return None
    return error(43, f"{PREFIX}ALLOW_UNAUTHENTICATED is on in production.", "Remove it.")


def _shared_account() -> checks.CheckMessage | None:
    account = settings.OIDC_SERVICE_ACCOUNT or ""
    if not re.search(r"-compute@developer\.gserviceaccount\.com$|@appspot\.gserviceaccount\.com$", account):
        return None
    return warning(
        40,
        f"{account} is the default account of the whole project: any of its services can run the tasks.",
        "Make a service account for the jobs of this app alone.",
    )


def _readable_headers() -> checks.CheckMessage | None:
    tasks = [task.name() for task in registry.tasks() if not task.schedule_use_oidc]
    if not tasks:
        return None
    return warning(
        41,
        f"{', '.join(tasks)}: schedule_use_oidc is False, so that the signed header alone lets Google in; "
        "everyone with cloudscheduler.jobs.get can read it.",
        "Prefer OIDC tokens.",
    )


DEPLOYMENT: tuple[Callable[[], checks.CheckMessage | None], ...] = (
    _emulator,
    _http_endpoint,
    _certificates,
    _unauthenticated,
    _shared_account,
    _readable_headers,
)
