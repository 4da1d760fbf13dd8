"""What is wrong with whom the settings tell of failures. Addresses of webhooks are secrets: none is shown."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import django
from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from scheduled_jobs.conf import PREFIX, settings
from scheduled_jobs.domain import addresses
from scheduled_jobs.services.alerts import host_shown, is_anybody_told, is_callable
from scheduled_jobs.services.scheduling.faults.fault import Fault
from scheduled_jobs.services.scheduling.faults.reading import short

UNREAD = {
    "django.core.mail.backends.console.EmailBackend": "prints mails",
    "django.core.mail.backends.dummy.EmailBackend": "throws mails away",
    "django.core.mail.backends.filebased.EmailBackend": "writes mails to files",
    "django.core.mail.backends.locmem.EmailBackend": "keeps mails in memory",
}
UNSET_SENDER = "webmaster@localhost"


def alerts() -> Iterator[Fault]:
    if wrong := [text for text in settings.ALERT_RECIPIENTS if not _is_email(text)]:
        yield Fault(
            33,
            f"{PREFIX}ALERT_RECIPIENTS has {', '.join(map(short, wrong))} in it: not an email address.",
            "Write addresses alone, such as ops@shop.example.",
        )
    for number, address in enumerate(settings.ALERT_WEBHOOKS, start=1):
        if not is_callable(address) or addresses.odd_character(address) is not None:
            yield Fault(
                33,
                f"{PREFIX}ALERT_WEBHOOKS has no http or https address as its number {number}, "
                f"at {host_shown(address)}.",
                "Write the whole address, as the chat shows it.",
            )
    if settings.ADMIN_URL is not None and (problem := addresses.fault_of(settings.ADMIN_URL)) is not None:
        yield Fault(
            33,
            f"{PREFIX}ADMIN_URL is {short(settings.ADMIN_URL)}, not the address of an admin: {problem}.",
            "It is where people open the admin, such as https://shop.example.com/admin/.",
        )


def alerts_in_production() -> Iterator[Fault]:
    if not is_anybody_told():
        yield Fault(
            48,
            "Nobody is told when a job fails or does not run.",
            f"Name somebody in {PREFIX}ALERT_RECIPIENTS, or a chat in {PREFIX}ALERT_WEBHOOKS.",
            "advice",
            in_production=True,
        )
    if not settings.ALERT_RECIPIENTS:
        return
    if (does := UNREAD.get(_mail_backend())) is not None:
        yield Fault(
            49,
            f"{PREFIX}ALERT_RECIPIENTS is set, and the backend of mails {does}: nobody gets them.",
            "Set EMAIL_BACKEND, or MAILERS, to one that sends; Django's default does, by SMTP.",
            "advice",
            in_production=True,
        )
    elif django_settings.DEFAULT_FROM_EMAIL == UNSET_SENDER:
        yield Fault(
            49,
            f"{PREFIX}ALERT_RECIPIENTS is set, and DEFAULT_FROM_EMAIL is {UNSET_SENDER}, which most servers "
            "of mail refuse as a sender.",
            "Set DEFAULT_FROM_EMAIL to an address of yours.",
            "advice",
            in_production=True,
        )


def _mail_backend() -> str:
    mailers = getattr(django_settings, "MAILERS", None)
    if django.VERSION >= (6, 1) and mailers is not None:
        return str(mailers.get("default", {}).get("BACKEND", ""))
    with warnings.catch_warnings():
        # Django 6.1 warns of whoever reads it, and the project may have nothing else yet.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        return str(django_settings.EMAIL_BACKEND)


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
