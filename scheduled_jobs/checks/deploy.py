"""What is right on a developer's machine only: ``manage.py check --deploy``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from scheduled_jobs import registry
from scheduled_jobs.checks.messages import Messages, error, warning
from scheduled_jobs.conf import PREFIX, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.core import checks


def check_deployment(**_: Any) -> Messages:
    """E040 to E043, W040, W041."""
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
    tasks = [registry.dotted_path(task) for task in registry.tasks() if not registry.uses_oidc(task)]
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
