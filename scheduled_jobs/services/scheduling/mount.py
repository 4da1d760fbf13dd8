"""Where the view that runs tasks stands: what the settings alone say of its address.

Never the request, the thread, the language or the host in which somebody saves: the address that Google is
given would change with whoever pushed last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, Resolver404, URLPattern, URLResolver, get_resolver, resolve, reverse
from django.urls.base import get_script_prefix, set_script_prefix
from django.utils import timezone, translation

from scheduled_jobs.conf import settings
from scheduled_jobs.exceptions import InvalidDefinition

PROBE = "app.tasks.Task"
VIEW = "scheduled_jobs.views.tasks_endpoint"


def path_parts(language: str | None = None) -> tuple[str, str]:
    """What stands before and after a task in the path of its address; raises InvalidDefinition.

    Without the path under which the whole site is mounted. The language is LANGUAGE_CODE but where somebody
    wants to know whether it matters.
    """
    return _path_parts(resolver(), settings.URL_NAME, language or django_settings.LANGUAGE_CODE)


def site() -> str:
    """The address under which the whole site is mounted.

    ENDPOINT may name the path of the include too, as the addresses that it leads to do.
    """
    try:
        include = path_parts()[0].rstrip("/")
    except InvalidDefinition:
        include = ""
    endpoint, script = settings.ENDPOINT, (django_settings.FORCE_SCRIPT_NAME or "").strip("/")
    if include and urlsplit(endpoint).path.endswith(include):
        endpoint = endpoint.removesuffix(include)
    return f"{endpoint}/{script}" if script else endpoint


def resolver() -> URLResolver:
    """The URLs of the project; raises InvalidDefinition where there are none."""
    urlconf = getattr(django_settings, "ROOT_URLCONF", None)
    if not urlconf:
        raise InvalidDefinition("ROOT_URLCONF is not set, so that Google has no address to call")
    return get_resolver(urlconf)


def other_language() -> str:
    """A language that the project is not written in."""
    own = django_settings.LANGUAGE_CODE
    return next((code for code, _ in django_settings.LANGUAGES if code != own), "en" if own != "en" else "de")


def answers(path: str) -> str | None:
    """The name of another view than ours that answers a path of ours; None if ours does."""
    with as_configured():
        try:
            # As a web server hands it on.
            match = resolve(unquote(path), django_settings.ROOT_URLCONF)
        except Resolver404:
            return "no view"
    if match.url_name != settings.URL_NAME.rpartition(":")[2]:
        return match.view_name
    # Another package may have a view of this very name; a view of the project's own may stand in our place.
    view = f"{match.func.__module__}.{match.func.__qualname__}"
    return None if view == VIEW or not any(includes(resolver())) else view


@lru_cache(maxsize=8)
def _path_parts(
    urls: URLResolver,  # noqa: ARG001 – new ones are asked anew
    url_name: str,
    language: str,
) -> tuple[str, str]:
    try:
        with as_configured(language):
            path = reverse(url_name, urlconf=django_settings.ROOT_URLCONF, args=[PROBE])
    except NoReverseMatch:
        raise InvalidDefinition(f"no URL is named {url_name!r}") from None
    except (ImproperlyConfigured, ImportError) as error:
        raise InvalidDefinition(f"the URLs of the project cannot be loaded: {error}") from error
    before, _, after = path.partition(PROBE)
    return before, after


@contextmanager
def as_configured(language: str | None = None) -> Iterator[None]:
    """URLs without a script prefix, one language and the project's zone, whatever request this thread is in.

    The language is that of the settings where none is given.
    """
    prefix = get_script_prefix()
    set_script_prefix("/")
    try:
        with translation.override(language or django_settings.LANGUAGE_CODE), timezone.override(None):
            yield
    finally:
        set_script_prefix(prefix)


def includes(resolver: URLResolver, above: tuple[URLResolver, ...] = ()) -> Iterator[Included]:
    """Where the view is included, each time with the URLs that lead to it."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from includes(pattern, (*above, pattern))
        elif isinstance(pattern, URLPattern) and pattern.lookup_str == VIEW:
            yield above, pattern


Included = tuple[tuple[URLResolver, ...], URLPattern]
