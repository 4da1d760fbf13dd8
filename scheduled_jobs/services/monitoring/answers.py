"""What an answer from the address that Google calls says of what is there: its usual cause and remedy."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qs, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

from django.conf import settings as django_settings
from django.http.request import validate_host
from django.shortcuts import resolve_url
from urllib3 import exceptions as failures

from scheduled_jobs.conf import PREFIX

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 – recognised, not listened on


@dataclass(frozen=True)
class Got:
    """What a POST met: an answer, or why there is none."""

    asked: SplitResult
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    error: Exception | None = None

    @property
    def redirect(self) -> SplitResult:
        """Where the answer leads to, absolute."""
        try:
            return urlsplit(urljoin(self.asked.geturl(), self.headers.get("Location", "")))
        except ValueError:
            return self.asked

    @property
    def is_led(self) -> bool:
        return 300 <= self.status < 400 and bool(self.headers.get("Location"))

    @property
    def json(self) -> Any:
        """The answer's JSON object; empty for anything else."""
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def server(self) -> str:
        """What calls itself the server, in as few characters as such a name needs."""
        return re.sub(r"[^\w ./()-]", "", self.headers.get("Server", ""))[:40].strip()

    @property
    def is_googles(self) -> bool:
        return self.server in ("Google Frontend", "gws", "ESF")


@dataclass(frozen=True)
class Cause:
    """Of answers that ``fits``: what is there, and the remedy, as formats of what ``names_in`` gives."""

    fits: Callable[[Got], bool]
    text: str
    remedy: str


def cause_of(got: Got, *, task: str) -> tuple[str, str]:
    """What is there in place of our view, after "the address …", and what to do."""
    cause = next(cause for cause in CAUSES if cause.fits(got))
    facts = names_in(got, task)
    return cause.text.format_map(facts), cause.remedy.format_map(facts)


def names_in(got: Got, task: str) -> dict[str, str]:
    """What the sentences about an answer name."""
    led = got.redirect
    status = f"is answered {got.status}" + (f" by {got.server}" if got.server else "")
    return {
        "status": status,
        "led": f"{status} and led to {_printable(led.scheme, led.netloc, led.path)}",
        "new_origin": _printable(led.scheme, led.netloc),
        "host": got.asked.hostname or "",
        "port": str(got.asked.port or {"http": 80, "https": 443}[got.asked.scheme]),
        "mount": got.asked.path.removesuffix(task),
        "error": reason_of_failure(got.error),
        "proxy": f"{got.asked.scheme.upper()}_PROXY",
        "ENDPOINT": f"{PREFIX}ENDPOINT",
        "above": "the include of scheduled_jobs.urls above patterns that take every address",
        "again": "run schedule_tasks again",
    }


def _printable(scheme: str, netloc: str, path: str = "") -> str:
    """An address that somebody else has written, as a terminal can show it."""
    return re.sub(r"[^!-~]", "?", f"{scheme}://{netloc}{path}")[:250]


def reason_of_failure(error: BaseException | None) -> str:
    """The innermost reason of a failure, in the words of the operating system or of OpenSSL."""
    if isinstance(error, ssl.SSLError):
        verified = getattr(error, "verify_message", "")
        return str(verified or error.reason or type(error).__name__).replace("_", " ")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    inner = error.__cause__ if isinstance(error, failures.NewConnectionError) else None
    if inner is None and isinstance(error, failures.SSLError | failures.ProtocolError):
        inner = next((arg for arg in reversed(error.args) if isinstance(arg, BaseException)), None)
    return reason_of_failure(inner) if inner is not None else type(error).__name__


# --- What fits ----------------------------------------------------------------------------------------


def _was_refused(got: Got) -> bool:
    is_new = isinstance(got.error, failures.NewConnectionError)
    return is_new and isinstance(got.error.__cause__, ConnectionRefusedError)  # type: ignore[union-attr]


def _is_beyond_a_proxy(got: Got) -> bool:
    """Whether nothing was reached, on a machine that is told to reach that host by a proxy."""
    is_far = isinstance(got.error, failures.NewConnectionError | failures.ConnectTimeoutError | TimeoutError)
    host = got.asked.hostname or ""
    return is_far and host not in LOCAL_NAMES and got.asked.scheme in getproxies() and not proxy_bypass(host)


def _is_tls_fault(got: Got) -> bool:
    return isinstance(got.error, failures.SSLError)


def _is_host_refused(got: Got) -> bool:
    return "DisallowedHost" in got.body or not _is_host_allowed(got.asked.hostname or "")


def _is_other_host_refused(got: Got) -> bool:
    """Whether Django's page of a developer's machine names another host than was asked for."""
    named = re.search(r"Invalid HTTP_HOST header: (?:&#x27;|\')(.+?)(?:&#x27;|\')", got.body)
    host = named[1].rpartition(":")[0] or named[1] if named is not None else ""
    return host not in ("", got.asked.hostname) and got.asked.hostname not in host


def _is_host_allowed(host: str) -> bool:
    allowed = django_settings.ALLOWED_HOSTS
    if django_settings.DEBUG and not allowed:
        allowed = [".localhost", "127.0.0.1", "[::1]"]
    return validate_host(f"[{host}]" if ":" in host else host, allowed)


def _is_login(got: Got) -> bool:
    led = got.redirect
    words = re.search(r"log-?in|sign-?in|/auth\b|/sso\b|/oauth2?\b", led.path, re.IGNORECASE)
    wanted = urlsplit(resolve_url(django_settings.LOGIN_URL)).path
    return got.is_led and bool(words or led.path == wanted or "next" in parse_qs(led.query))


def _is_identity_aware_proxy(got: Got) -> bool:
    by_header = got.headers.get("X-Goog-IAP-Generated-Response") is not None
    return by_header or (got.is_led and got.redirect.hostname == "accounts.google.com")


def _is_led_to_same_path(got: Got) -> bool:
    return got.is_led and got.redirect.path == got.asked.path


def _gets_a_language(got: Got) -> bool:
    with_language = r"/[a-z]{2,3}([-_]\w+)?" + re.escape(got.asked.path)
    return got.is_led and re.fullmatch(with_language, got.redirect.path, re.IGNORECASE) is not None


def _asks_for(got: Got) -> str:
    return got.headers.get("WWW-Authenticate", "").partition(" ")[0].lower()


# --- The table ----------------------------------------------------------------------------------------

NO_ANSWER = (
    Cause(
        _is_beyond_a_proxy,
        "cannot be reached without the proxy that {proxy} names, by which Google does not go",
        "Ask from a machine that needs none, such as the web server by the admin's button; if that cannot "
        "reach it either, correct {ENDPOINT}, or the DNS entry of {host}.",
    ),
    Cause(
        lambda got: isinstance(got.error, failures.NameResolutionError),
        "cannot be reached: no address is known for the name {host}",
        "Correct {ENDPOINT}, or the DNS entry of {host}.",
    ),
    Cause(
        lambda got: _was_refused(got) and got.asked.hostname in LOCAL_NAMES,
        "cannot be reached: nothing listens on port {port}",
        "Start the web server, or set {ENDPOINT} to the port on which it listens (runserver: 8000).",
    ),
    Cause(
        _was_refused,
        "cannot be reached: nothing listens at {host} on port {port}",
        "Start the web server, or correct {ENDPOINT}.",
    ),
    Cause(
        lambda got: isinstance(got.error, failures.ReadTimeoutError),
        "takes the connection, and gave no answer within five seconds",
        "Ask again: a service that was asleep has to start. If it stays so, see the log of the web server.",
    ),
    Cause(
        lambda got: isinstance(got.error, TimeoutError | failures.TimeoutError),
        "gave no answer within five seconds",
        "Look whether {host} is up and lets connections to port {port} in, or correct {ENDPOINT}.",
    ),
    Cause(
        lambda got: _is_tls_fault(got) and "verify" in str(got.error).lower(),
        "has a TLS certificate that is not trusted: {error}",
        "Give {host} a valid certificate, with the intermediate ones, of a publicly trusted authority.",
    ),
    Cause(
        lambda got: _is_tls_fault(got) and "certificate required" in reason_of_failure(got.error).lower(),
        "asks for a certificate of whoever calls, and Cloud Scheduler has none",
        "Let {mount} pass without one (mutual TLS).",
    ),
    Cause(
        _is_tls_fault,
        "speaks no TLS that is understood: {error}",
        "Write http:// in {ENDPOINT} if what listens on port {port} has no certificate, or its TLS port.",
    ),
    Cause(
        lambda got: isinstance(got.error, failures.ProtocolError) and got.asked.scheme == "http",
        "closes the connection without an answer in HTTP: {error}",
        "Write https:// in {ENDPOINT} if port {port} speaks TLS; else look what listens there.",
    ),
    Cause(
        lambda got: got.error is not None,
        "cannot be reached: {error}",
        "Correct {ENDPOINT}, or what stands between this machine and {host}.",
    ),
)
LED = (
    # Google follows, and takes whatever page comes for success.
    Cause(
        _is_identity_aware_proxy,
        "{led}: Google's Identity-Aware Proxy asks for a login",
        "Let {mount} pass without IAP, such as by a backend service of its own.",
    ),
    Cause(
        _gets_a_language,
        "{led}: the addresses have a language in front",
        "Include scheduled_jobs.urls outside i18n_patterns, and {again}.",
    ),
    Cause(
        _is_login,
        "{led}, a login page, which Google takes for success: something asks for a login before the view",
        "Let {mount} pass the middleware, or the server in front, that asks for the login.",
    ),
    Cause(
        lambda got: (
            _is_led_to_same_path(got) and (got.asked.scheme, got.redirect.scheme) == ("http", "https")
        ),
        "{led}: http is led to https (SECURE_SSL_REDIRECT, a middleware, or the server in front)",
        "Set {ENDPOINT} to {new_origin} and {again}; on a developer's machine turn that off.",
    ),
    Cause(
        lambda got: (
            _is_led_to_same_path(got)
            and got.redirect.netloc == got.asked.netloc
            and (got.asked.scheme == "http" or bool(got.redirect.query))
        ),
        "{led}, itself: a middleware, or the server in front, wants a cookie or a parameter first",
        "Let {mount} pass it.",
    ),
    Cause(
        lambda got: _is_led_to_same_path(got) and got.redirect.netloc == got.asked.netloc,
        "{led}, itself: Django does not see that the request came by https",
        "Set SECURE_PROXY_SSL_HEADER to the header by which the server in front says so.",
    ),
    Cause(
        _is_led_to_same_path,
        "{led}: another host is wanted (PREPEND_WWW, or the server in front)",
        "Set {ENDPOINT} to {new_origin} and {again}.",
    ),
    Cause(
        lambda got: got.is_led and got.redirect.path == got.asked.path + "/",
        "{led}: a slash is added, by a pattern that has taken the address, a middleware or a server in front",
        "Put {above}, and let nobody add slashes to {mount}.",
    ),
    Cause(
        lambda got: got.is_led,
        "{led}, and not by this app's view",
        "Set {ENDPOINT} to an address that leads nowhere else, or let {mount} through to Django.",
    ),
)
REFUSED = (
    Cause(
        lambda got: got.headers.get("CF-Mitigated") == "challenge" or "<title>Just a moment..." in got.body,
        "{status}: whoever calls is to show that it is no robot, as Google cannot",
        "Let POST to {mount} pass that check, at Cloudflare by a rule that skips it.",
    ),
    Cause(
        lambda got: (
            got.status == 431 or (got.status == 400 and "header or cookie too large" in got.body.lower())
        ),
        "{status}: the headers are too long for the server in front; Google's token alone has a thousand "
        "characters",
        "Raise its limit, of nginx large_client_header_buffers.",
    ),
    Cause(
        lambda got: got.status in (426, 505),
        "{status}: what is there does not speak HTTP/1.1, by which Cloud Scheduler calls",
        "Let it, or the server in front, take HTTP/1.1.",
    ),
    Cause(
        lambda got: got.status == 400 and "HTTPS port" in got.body,
        "{status}: port {port} speaks TLS",
        "Write https:// in {ENDPOINT} and {again}.",
    ),
    Cause(
        lambda got: got.status == 400 and "SSL certificate" in got.body,
        "{status}: a certificate is asked for of whoever calls, and Cloud Scheduler has none",
        "Let {mount} pass without one (mutual TLS).",
    ),
    Cause(
        lambda got: got.status == 400 and _is_other_host_refused(got),
        "{status}: it reaches Django under another host than {host}, which Django does not serve",
        "Let the server in front pass the Host header on as it is, or set USE_X_FORWARDED_HOST as it wants.",
    ),
    Cause(
        lambda got: got.status == 400 and _is_host_refused(got),
        "{status}: Django does not serve the host {host}",
        "Add {host} to ALLOWED_HOSTS.",
    ),
    Cause(
        lambda got: got.status == 400,
        "{status}, and not by this app's view; most often Django does not serve the host {host}",
        "See whether {host}, or the host by which a server in front hands it on, is in the ALLOWED_HOSTS of "
        "the web server; its log says.",
    ),
    Cause(
        lambda got: got.status == 401 and got.json.get("would_refuse") == ["key"],
        "{status}, by django-scheduled-jobs in another project, or with another SECRET_KEY",
        "Correct {ENDPOINT} if it is another project; else give this app one SECRET_KEY wherever it runs.",
    ),
    Cause(
        lambda got: got.status == 401 and _asks_for(got) == "bearer" and got.json.keys() == {"error"},
        "{status}, as by this app, which the headers of the request do not reach",
        "Let the server in front, or the middleware, pass headers that begin with X- on.",
    ),
    Cause(
        lambda got: got.status == 401 and _asks_for(got) == "basic",
        "{status}: a password is asked for before the view is reached",
        "Let {mount} pass the server, or the middleware, that asks for it.",
    ),
    Cause(
        lambda got: got.status == 401,
        "{status}, and not by this app's view",
        "Correct {ENDPOINT} if it is another project's server; else let {mount} pass what asks for a login.",
    ),
    Cause(
        lambda got: got.status == 403 and "CSRF" in got.body,
        "{status} with Django's CSRF page: our view is exempt, so that another view, or a CSRF middleware of "
        "the project's own, answers",
        "Put {above}, let {mount} pass that middleware, or correct {ENDPOINT} if it is another project.",
    ),
    Cause(
        lambda got: got.status in (403, 406),
        "{status}, and not by this app's view",
        "Let POST to {mount} pass the firewall, the middleware or the server in front.",
    ),
    Cause(
        lambda got: got.status == 404 and got.is_googles,
        "{status}: no service is there, or its ingress lets nothing in from here",
        "Correct {ENDPOINT} if the service has another address; Cloud Run names it as its URL.",
    ),
    Cause(
        lambda got: got.status in (404, 410),
        "{status}: a server is there that does not know this address: another prefix, another project, or "
        "other URLs for this host (django-hosts, tenants)",
        "Compare {ENDPOINT} and the path of the include with what the web server serves, then {again}.",
    ),
    Cause(
        lambda got: got.status in (405, 501),
        "{status}: what is there takes no POST, and is not this app's view",
        "Compare {ENDPOINT} and the path of the include with what the web server serves, then {again}.",
    ),
    Cause(
        lambda got: got.status == 407,
        "{status}: a proxy asks for credentials",
        "Set {ENDPOINT} to the address of the web server itself.",
    ),
    Cause(
        lambda got: got.status == 429 and got.is_googles,
        "{status}: no instance of the service was free",
        "Give the service more instances, or more requests for each of them.",
    ),
    Cause(
        lambda got: got.status == 429,
        "{status}: requests are limited before the view is reached",
        "Exempt {mount} from the limit.",
    ),
    Cause(
        lambda got: 520 <= got.status <= 530,
        "{status}, a status of Cloudflare's: it cannot reach the server behind it, or not by TLS",
        "Look that number up with Cloudflare; it tells name, port, certificate and server apart.",
    ),
    Cause(
        lambda got: got.status in (502, 504),
        "{status}: the server in front gets no answer from Django",
        "Start Django's server; its log, or that of the server in front, says why it does not answer.",
    ),
    Cause(
        lambda got: got.status == 503,
        "{status}: the service is down, overloaded or in maintenance",
        "Bring it up, and let {mount} pass a page that says so.",
    ),
    Cause(
        lambda got: got.status == 500 and "end in a slash and you have APPEND_SLASH set" in got.body,
        "{status}: Django wants a slash at the end, so that another pattern than ours has taken the address",
        "Put {above}.",
    ),
    Cause(
        lambda got: got.status >= 500,
        "{status}: the server fails before the view is reached",
        "See its log: most often a middleware raises, or the settings cannot be loaded.",
    ),
    Cause(
        lambda got: 200 <= got.status < 300,
        "{status}, and not by this app's view: Google takes that for success, whether a task has run or not",
        "Correct {ENDPOINT} if it is another server; else put {above}, and let {mount} pass a middleware "
        "that answers for views or changes their answers.",
    ),
    Cause(
        lambda _: True,
        "{status}, and not by this app's view",
        "Correct {ENDPOINT} if it is another server; else see the log of the web server.",
    ),
)
CAUSES = (*NO_ANSWER, *LED, *REFUSED)
"""From an answer to its usual cause; the first that fits."""
