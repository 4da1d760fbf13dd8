"""What is wrong with the address that Google is given, as far as the settings and the URLs tell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from scheduled_jobs.conf import PREFIX, settings
from scheduled_jobs.domain import addresses
from scheduled_jobs.domain.jobs import USER_AGENT
from scheduled_jobs.exceptions import InvalidDefinition
from scheduled_jobs.services.scheduling import mount
from scheduled_jobs.services.scheduling.faults.fault import Fault
from scheduled_jobs.services.scheduling.names import task_url


def _address() -> Iterator[Fault]:
    if settings.mode != "google":
        return
    try:
        urls = mount.resolver()
        before, after = mount.path_parts()
    except InvalidDefinition as problem:
        yield Fault(20, f"{problem}: Google has no address to call.", _include_hint())
        return
    language = django_settings.LANGUAGE_CODE
    if mount.path_parts(mount.other_language()) != (before, after):
        yield Fault(
            21,
            f"The address of tasks depends on the language: it is {before} in {language}.",
            "Include scheduled_jobs.urls outside of i18n_patterns, and under a path that is not translated.",
        )
        return
    if before == "/" and len(urls.url_patterns) > 1 and urls.urlconf_name != "scheduled_jobs.urls":
        yield Fault(
            22,
            "scheduled_jobs.urls is included at the root of the site, among other pages.",
            'Give it a path of its own: path("tasks/", include("scheduled_jobs.urls")).',
        )
        return
    if (other := mount.answers(before + mount.PROBE + after)) is not None:
        yield Fault(
            23,
            f"{before} is answered by {other}, which stands before scheduled_jobs.urls.",
            'Move path("tasks/", include("scheduled_jobs.urls")) up, to the beginning of the URLs.',
        )


def _script_name() -> Iterator[Fault]:
    script = (django_settings.FORCE_SCRIPT_NAME or "").strip("/")
    path = urlsplit(settings.ENDPOINT).path
    if script and path and settings.mode == "google":
        yield Fault(
            24,
            f"{PREFIX}ENDPOINT ends in {path}, and FORCE_SCRIPT_NAME is "
            f"{django_settings.FORCE_SCRIPT_NAME!r}: both name the path under which the site is mounted.",
            f"Write {settings.ENDPOINT.removesuffix(path)} as {PREFIX}ENDPOINT.",
        )


def _middleware() -> Iterator[Fault]:
    """What is seen in the settings to answer before the view does."""
    if settings.mode != "google" or addresses.fault_of(settings.ENDPOINT) is not None:
        return
    try:
        path = urlsplit(task_url(mount.PROBE)).path
    except InvalidDefinition:
        return
    endpoint, host = settings.ENDPOINT, addresses.host_of(settings.ENDPOINT)
    common, security = (
        f"django.middleware.{name}" in django_settings.MIDDLEWARE
        for name in ("common.CommonMiddleware", "security.SecurityMiddleware")
    )
    exempt = (re.search(text, path.lstrip("/")) for text in django_settings.SECURE_REDIRECT_EXEMPT)
    redirects = security and django_settings.SECURE_SSL_REDIRECT and endpoint.startswith("http://")
    # With the emulator it is a developer's machine, and dev makes ENDPOINT itself.
    here = "Set {} to False on a developer's machine." if settings.EMULATOR_HOST else ""
    if redirects and not any(exempt):
        yield Fault(
            27,
            f"SECURE_SSL_REDIRECT is on, and {PREFIX}ENDPOINT is {endpoint}: each call would be "
            "redirected, and no task run.",
            here.format("SECURE_SSL_REDIRECT") or f"Write an https:// address as {PREFIX}ENDPOINT.",
        )
    if common and django_settings.PREPEND_WWW and not host.startswith("www."):
        yield Fault(
            27,
            f"PREPEND_WWW is on, and {PREFIX}ENDPOINT is {endpoint}: each call would be redirected, and no "
            "task run.",
            here.format("PREPEND_WWW")
            or f"Write {endpoint.replace('://', '://www.', 1)} as {PREFIX}ENDPOINT.",
        )
    agents = django_settings.DISALLOWED_USER_AGENTS if common else ()
    for pattern in agents:
        if re.search(pattern, USER_AGENT):
            yield Fault(
                27,
                f"DISALLOWED_USER_AGENTS has {getattr(pattern, 'pattern', pattern)!r} in it, by which Cloud "
                "Scheduler is answered 403.",
                f"Leave {USER_AGENT!r} out of it.",
            )


def _include_hint() -> str:
    try:
        found = [":".join([*(n.namespace for n in above if n.namespace), str(view.name)])
                 for above, view in mount.includes(mount.resolver())]  # fmt: skip
    except (InvalidDefinition, ImproperlyConfigured, ImportError):
        return "Mend that first: until then no page of the project is answered."
    if settings.URL_NAME in found:
        return "Include scheduled_jobs.urls under a path without parameters: there is nothing to fill in."
    if found:
        return f"Set {PREFIX}URL_NAME to {found[0]!r}, the name under which scheduled_jobs.urls is included."
    where = getattr(django_settings, "ROOT_URLCONF", "") or "your URLs"
    return f'Add path("tasks/", include("scheduled_jobs.urls")) to {where}.'


ADDRESS: tuple[Callable[[], Iterable[Fault]], ...] = (_address, _script_name, _middleware)
"""What is asked of the address."""
