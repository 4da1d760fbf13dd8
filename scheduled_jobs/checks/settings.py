"""Each setting by itself, and those that only make sense together."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from scheduled_jobs import registry
from scheduled_jobs.checks.messages import Messages, error, warning
from scheduled_jobs.conf import CLOUD_SCHEDULER_BACKEND, PREFIX, names, settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.core import checks


def check_settings(**_: Any) -> Messages:
    """E001 to E007, W001 to W003."""
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
    if settings.OIDC_ALLOWED_EMAILS or not any(registry.uses_oidc(task) for task in registry.tasks()):
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
