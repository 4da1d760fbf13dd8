"""What is right on a developer's machine only, or is advice for production; and whom the settings tell.

Addresses of webhooks are secrets: none is shown.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

import django
from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http.request import validate_host

from scheduled_jobs import registry
from scheduled_jobs.conf import PREFIX, emulator_certs_url, settings
from scheduled_jobs.domain import addresses
from scheduled_jobs.services.alerts import host_shown, is_anybody_told, is_callable
from scheduled_jobs.services.scheduling.faults.fault import Fault
from scheduled_jobs.services.scheduling.faults.reading import short
from scheduled_jobs.services.scheduling.faults.values import wants_token

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


SHARED = re.compile(r"-compute@developer\.gserviceaccount\.com$|@appspot\.gserviceaccount\.com$")

GATEWAY = re.compile(
    r"\.(gateway\.dev|cloudfunctions\.net|apigee\.net|azure-api\.net|execute-api\.[a-z0-9-]+\.amazonaws\.com)$"
)
"""Hosts of products that hand the paths of one address to several services."""


def production() -> Iterator[Fault]:
    endpoint = settings.ENDPOINT
    if settings.EMULATOR_HOST:
        yield Fault(
            40,
            f"{PREFIX}EMULATOR_HOST is {settings.EMULATOR_HOST!r}: jobs would go to the local emulator.",
            "Remove it from the settings and the environment of production.",
            in_production=True,
        )
    # Of an address that Google cannot reach, that is all there is to say.
    if addresses.fault_of(endpoint) is None and not (
        settings.calls_google and addresses.is_out_of_reach(addresses.host_of(endpoint))
    ):
        if endpoint.startswith("http://"):
            yield Fault(
                41,
                f"{PREFIX}ENDPOINT is {endpoint!r}: tokens would cross the network unencrypted.",
                "Write an https:// address.",
                in_production=True,
            )
        host = addresses.host_of(endpoint)
        if not validate_host(f"[{host}]" if ":" in host else host, django_settings.ALLOWED_HOSTS):
            yield Fault(
                44,
                f"ALLOWED_HOSTS does not have {host} in it, the host of {PREFIX}ENDPOINT: each call would be "
                "answered 400.",
                f"Add {host!r} to ALLOWED_HOSTS.",
                in_production=True,
            )
        if GATEWAY.search(host) and addresses.same_audience(settings.OIDC_AUDIENCE or "", f"https://{host}"):
            yield Fault(
                50,
                f"{PREFIX}ENDPOINT is {endpoint!r}, a gateway's, and the audience of the tokens: one for any "
                "other service behind it is one for this app.",
                f"Set {PREFIX}OIDC_AUDIENCE to a name that this app has alone.",
                "advice",
                in_production=True,
            )
    certificates = settings.OIDC_CERTS_URL or ""
    of_emulator = settings.EMULATOR_HOST and emulator_certs_url(settings.EMULATOR_HOST)
    if certificates.startswith("http://") and certificates != of_emulator:
        yield Fault(
            42,
            f"{PREFIX}OIDC_CERTS_URL is {settings.OIDC_CERTS_URL!r}: anyone on the way could forge tokens.",
            "Remove it; the default is Google's address.",
            in_production=True,
        )
    if settings.ALLOW_UNAUTHENTICATED:
        yield Fault(
            43, f"{PREFIX}ALLOW_UNAUTHENTICATED is on in production.", "Remove it.", in_production=True
        )
    if django_settings.SECURE_SSL_REDIRECT and not django_settings.SECURE_PROXY_SSL_HEADER:
        yield Fault(
            47,
            "SECURE_SSL_REDIRECT is on without SECURE_PROXY_SSL_HEADER: behind a proxy that ends TLS, as on "
            "Cloud Run, each call is redirected to where it came to.",
            'On Cloud Run set SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https").',
            "advice",
            in_production=True,
        )
    account = settings.OIDC_SERVICE_ACCOUNT or ""
    if SHARED.search(account):
        yield Fault(
            45,
            f"{account} is the default account of the whole project: any of its services can run the tasks.",
            "Make a service account for the jobs of this app alone.",
            "advice",
            in_production=True,
        )
    if tasks := [registry.dotted_path(task) for task in registry.tasks() if not wants_token(task)]:
        yield Fault(
            46,
            f"{', '.join(tasks)}: schedule_use_oidc is False, so that the signed header alone lets Google "
            "in; everyone with cloudscheduler.jobs.get can read it.",
            "Prefer OIDC tokens.",
            "advice",
            in_production=True,
        )
