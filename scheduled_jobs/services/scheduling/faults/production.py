"""What is right on a developer's machine only, or is advice for production."""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.conf import settings as django_settings
from django.http.request import validate_host

from scheduled_jobs import registry
from scheduled_jobs.conf import PREFIX, emulator_certs_url, settings
from scheduled_jobs.domain import addresses
from scheduled_jobs.services.scheduling.faults.fault import Fault
from scheduled_jobs.services.scheduling.faults.values import wants_token

SHARED = re.compile(r"-compute@developer\.gserviceaccount\.com$|@appspot\.gserviceaccount\.com$")


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
