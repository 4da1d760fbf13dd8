"""What is said of whatever answers at the address that Google calls."""

from __future__ import annotations

import ssl
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from django.http import HttpResponse
from django.test import override_settings
from django.urls import include, path, re_path
from django.utils import timezone
from django.views.decorators.csrf import csrf_protect
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import ReadTimeoutError

from scheduled_jobs import authentication
from scheduled_jobs.services.monitoring import Answerer, Target, ask_address
from scheduled_jobs.services.monitoring.answers import Got, cause_of
from tests.support import make_task
from tests.support.certificate_server import EMAIL, CertificateServer, SigningKey, signing_key
from tests.support.project import free_port
from tests.support.web_servers import GOOGLES_403, answering, saying, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from django.http import HttpRequest

TASK = "shop.reports.Report"
ENDPOINT = "DJANGO_CLOUD_TASKS_ENDPOINT"
ABOVE = "the include of scheduled_jobs.urls above patterns that take every address"
SUCCESS = (
    f"Correct {ENDPOINT} if it is another server; else put {ABOVE}, and let /tasks/ pass a middleware that answers "
    "for views or changes their answers."
)

urlpatterns = [path("tasks/", include("scheduled_jobs.urls"))]


def target(origin: str, prefix: str = "/tasks/", **values: str) -> Target:
    return Target(
        **{
            "uri": f"{origin}{prefix}{TASK}",
            "task": TASK,
            "audience": "https://shop.example.com",
            "service_account": EMAIL,
            **values,
        }
    )


def asked(origin: str, prefix: str = "/tasks/", **values: str) -> Answerer:
    """What is said of this server; it is ENDPOINT unless the test has set another."""
    with override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=origin):
        return ask_address(target(origin, prefix, **values), timezone.now())


# --- This app itself ----------------------------------------------------------------------------------


@pytest.fixture
def certificates() -> Iterator[CertificateServer]:
    authentication.certificates.forget()
    server = CertificateServer(signing_key("one"))
    yield server
    server.stop()
    authentication.certificates.forget()


@contextmanager
def this_app(certs: CertificateServer | None = None, **more: Any) -> Iterator[str]:
    """This Django app, with what these settings change."""
    settings = {
        "ROOT_URLCONF": __name__,
        "ALLOWED_HOSTS": ["*"],
        "MIDDLEWARE": [],
        "DJANGO_CLOUD_TASKS_OIDC_AUDIENCE": "https://shop.example.com",
        "DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT": EMAIL,
        "DJANGO_CLOUD_TASKS_OIDC_CERTS_URL": certs.url if certs else "http://127.0.0.1:1/certs",
        **more,
    }
    with override_settings(**settings), serving() as origin:
        yield origin


def test_our_own_view_is_known_by_what_it_answers(certificates: CertificateServer) -> None:
    make_task()
    with this_app(certificates) as origin:
        assert asked(origin) == Answerer(
            is_right=True, text=f"{origin}/tasks/{TASK} is this app, and asks for a token as it must"
        )


def test_the_login_middleware_of_django_lets_the_probe_pass(certificates: CertificateServer) -> None:
    make_task()
    middleware = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    with this_app(certificates, MIDDLEWARE=middleware) as origin:
        assert asked(origin).is_right


def test_a_task_without_tokens_is_answered_all_the_same() -> None:
    make_task(schedule_use_oidc=False)
    with this_app(DJANGO_CLOUD_TASKS_ALLOW_UNAUTHENTICATED=True) as origin:
        assert asked(origin, service_account="", audience="").is_right


@pytest.mark.parametrize(
    ("settings", "text", "remedy"),
    [
        (
            {"DJANGO_CLOUD_TASKS_OIDC_AUDIENCE": "https://www.example.com"},
            "the token is for https://shop.example.com, and DJANGO_CLOUD_TASKS_OIDC_AUDIENCE is another there",
            "Give DJANGO_CLOUD_TASKS_OIDC_AUDIENCE, or else ENDPOINT, one value in all processes; run schedule_tasks again.",
        ),
        ({"USE_TZ": False}, "USE_TZ is False there", "Set USE_TZ = True in the settings of the web server."),
        (
            {"DJANGO_CLOUD_TASKS_OIDC_ALLOWED_EMAILS": ["other@example.com"]},
            f"the token is of {EMAIL}, which may not run tasks there",
            "Give DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT and OIDC_ALLOWED_EMAILS one value in all processes; "
            "run schedule_tasks again.",
        ),
        (
            {"DJANGO_CLOUD_TASKS_OIDC_CERTS_URL": "http://127.0.0.1:1/certs"},
            "it cannot fetch the certificates by which tokens are verified",
            "Let the web server reach the address of DJANGO_CLOUD_TASKS_OIDC_CERTS_URL; its log has the reason.",
        ),
    ],
    ids=["another audience", "times without zones", "an account that may not", "certificates out of reach"],
)
def test_a_web_server_that_would_refuse_google_says_so(
    certificates: CertificateServer, settings: dict[str, Any], text: str, remedy: str
) -> None:
    make_task()
    with this_app(certificates, **settings) as origin:
        uri = f"{origin}/tasks/{TASK}"
        assert asked(origin) == Answerer(
            is_right=False, text=f"{uri} is this app, which would refuse Google: {text}", remedy=remedy
        )


def test_a_web_server_of_another_time_or_code_says_so(certificates: CertificateServer) -> None:
    with this_app(certificates) as origin:
        assert asked(origin).text.endswith("would refuse Google: its code has no task shop.reports.Report")
        make_task()
        with override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=origin):
            found = ask_address(target(origin), timezone.now() - timedelta(minutes=1))
    assert (found.is_right, found.remedy) == (False, "Set both clocks by a time server (NTP).")


@contextmanager
def asking_with(**settings: Any) -> Iterator[None]:
    """Whoever asks has these settings, and the server that is asked has not."""
    signed = authentication.sign_probe

    def sign(*args: Any, **more: Any) -> str:
        with override_settings(**settings):
            return signed(*args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scheduled_jobs.services.monitoring.reach.sign_probe", sign)
        yield


def test_a_web_server_without_the_emulator_is_named(certificates: CertificateServer) -> None:
    make_task()
    with (
        this_app(certificates) as origin,
        asking_with(DJANGO_CLOUD_TASKS_OIDC_CERTS_URL="https://www.googleapis.com/oauth2/v1/certs"),
    ):
        found = asked(origin)
    assert found.text == (
        f"{origin}/tasks/{TASK} is this app, which would refuse Google: of it and this process one takes the tokens "
        "of Google, and the other those of the emulator"
    )
    assert found.remedy == "Give DJANGO_CLOUD_TASKS_EMULATOR_HOST one value in all processes."


def test_the_same_package_in_another_project_is_not_ours(certificates: CertificateServer) -> None:
    make_task()
    with this_app(certificates) as origin, asking_with(SECRET_KEY="of another project"):
        assert asked(origin) == Answerer(
            is_right=False,
            text=(
                f"{origin}/tasks/{TASK} is answered 401 by Elsewhere, by django-scheduled-jobs in another project, "
                "or with another SECRET_KEY"
            ),
            remedy=f"Correct {ENDPOINT} if it is another project; else give this app one SECRET_KEY wherever it runs.",
        )


# --- What stands between Google and the view, in Django -----------------------------------------------


class AsksForLogin:
    """As people write it by hand: it knows nothing of views that are exempt."""

    def __init__(self, get_response: Callable[..., Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(status=302, headers={"Location": f"/accounts/login/?next={request.path}"})


def everything(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    """The page of a single-page app, which takes every address."""
    return HttpResponse("<!doctype html><title>Shop</title>")


class WithCatchAll:
    urlpatterns = [re_path(r"^.*$", everything), *urlpatterns]


class WithCsrf:
    urlpatterns = [re_path(r"^.*$", csrf_protect(everything)), *urlpatterns]


class WithLanguage:
    @property
    def urlpatterns(self) -> Any:
        from django.conf.urls.i18n import i18n_patterns

        return i18n_patterns(*urlpatterns)


SURROUNDINGS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a login middleware": (
        {"MIDDLEWARE": [f"{__name__}.AsksForLogin"]},
        "is answered 302 by Elsewhere and led to {origin}/accounts/login/, a login page, which Google takes for "
        "success: something asks for a login before the view",
        "Let /tasks/ pass the middleware, or the server in front, that asks for the login.",
    ),
    "a redirect to https": (
        {"MIDDLEWARE": ["django.middleware.security.SecurityMiddleware"], "SECURE_SSL_REDIRECT": True},
        "is answered 301 by Elsewhere and led to {https}/tasks/shop.reports.Report: http is led to https "
        "(SECURE_SSL_REDIRECT, a middleware, or the server in front)",
        f"Set {ENDPOINT} to {{https}} and run schedule_tasks again; on a developer's machine turn that off.",
    ),
    "a host that is not allowed": (
        {"MIDDLEWARE": ["django.middleware.common.CommonMiddleware"], "ALLOWED_HOSTS": ["shop.example.com"]},
        "is answered 400 by Elsewhere: Django does not serve the host 127.0.0.1",
        "Add 127.0.0.1 to ALLOWED_HOSTS.",
    ),
    "a host that another server has put in its place": (
        {
            "MIDDLEWARE": [f"{__name__}.HandsOn"],
            "DEBUG": True,
            "USE_X_FORWARDED_HOST": True,
            "ALLOWED_HOSTS": ["127.0.0.1"],
        },
        "is answered 400 by Elsewhere: it reaches Django under another host than 127.0.0.1, which Django does not "
        "serve",
        "Let the server in front pass the Host header on as it is, or set USE_X_FORWARDED_HOST as it wants.",
    ),
    "another prefix": (
        {"ROOT_URLCONF": (path("jobs/", include("scheduled_jobs.urls")),)},
        "is answered 404 by Elsewhere: a server is there that does not know this address: another prefix, another "
        "project, or other URLs for this host (django-hosts, tenants)",
        f"Compare {ENDPOINT} and the path of the include with what the web server serves, then run schedule_tasks again.",
    ),
    "a pattern that takes everything": (
        {"ROOT_URLCONF": WithCatchAll},
        "is answered 200 by Elsewhere, and not by this app's view: Google takes that for success, whether a task has "
        "run or not",
        SUCCESS,
    ),
    "Django's CSRF page": (
        {"ROOT_URLCONF": WithCsrf},
        "is answered 403 by Elsewhere with Django's CSRF page: our view is exempt, so that another view, or a CSRF "
        "middleware of the project's own, answers",
        f"Put {ABOVE}, let /tasks/ pass that middleware, or correct {ENDPOINT} if it is another project.",
    ),
    "a language in front": (
        {"ROOT_URLCONF": WithLanguage(), "MIDDLEWARE": ["django.middleware.locale.LocaleMiddleware"]},
        "is answered 302 by Elsewhere and led to {origin}/en/tasks/shop.reports.Report: the addresses have a "
        "language in front",
        "Include scheduled_jobs.urls outside i18n_patterns, and run schedule_tasks again.",
    ),
    "a host with www in front": (
        {"MIDDLEWARE": ["django.middleware.common.CommonMiddleware"], "PREPEND_WWW": True},
        "is answered 301 by Elsewhere and led to {www}/tasks/shop.reports.Report: another host is wanted "
        "(PREPEND_WWW, or the server in front)",
        f"Set {ENDPOINT} to {{www}} and run schedule_tasks again.",
    ),
    "a middleware that raises": (
        {"MIDDLEWARE": ["tests.services.monitoring.test_reach.Raises"], "DEBUG_PROPAGATE_EXCEPTIONS": False},
        "is answered 500 by Elsewhere: the server fails before the view is reached",
        "See its log: most often a middleware raises, or the settings cannot be loaded.",
    ),
    "a middleware that raises, and a page of all settings": (
        {"MIDDLEWARE": ["tests.services.monitoring.test_reach.Raises"], "DEBUG": True},
        "is answered 500 by Elsewhere: the server fails before the view is reached",
        "See its log: most often a middleware raises, or the settings cannot be loaded.",
    ),
}


class HandsOn(AsksForLogin):
    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.META["HTTP_X_FORWARDED_HOST"] = "internal.example.com"
        request.get_host()
        raise AssertionError


class Raises(AsksForLogin):
    def __call__(self, request: HttpRequest) -> HttpResponse:
        raise LookupError("no tenant of this name")


@pytest.mark.parametrize(("settings", "text", "remedy"), SURROUNDINGS.values(), ids=SURROUNDINGS)
def test_what_django_answers_before_the_view_is_named(
    settings: dict[str, Any], text: str, remedy: str, caplog: pytest.LogCaptureFixture
) -> None:
    with this_app(**settings) as origin:
        names = {
            "origin": origin,
            "https": origin.replace("http:", "https:"),
            "www": origin.replace("//", "//www."),
        }
        found = asked(origin)
    assert found == Answerer(
        is_right=False, text=f"{origin}/tasks/{TASK} {text.format(**names)}", remedy=remedy.format(**names)
    )


class TakesTokens(AsksForLogin):
    """As a package for tokens of one's own does, which looks at every request."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.headers.get("Authorization", "").startswith("Bearer"):
            return HttpResponse('{"detail": "Given token not valid for any token type"}', status=401)
        return self.get_response(request)


class DropsHeaders(AsksForLogin):
    """A proxy that passes on what it knows: ``dropped`` it does not."""

    dropped: tuple[str, ...] = ()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        for name in list(request.META):
            if name.startswith(self.dropped):
                del request.META[name]
        return self.get_response(request)


class DropsAuthorization(DropsHeaders):
    dropped = ("HTTP_AUTHORIZATION",)


class DropsGoogles(DropsHeaders):
    dropped = ("HTTP_X_CLOUDSCHEDULER",)


class DropsAll(DropsHeaders):
    dropped = ("HTTP_X_",)


class SendsTwice(AsksForLogin):
    """Two servers in front that both set the header, which the second joins."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "HTTP_AUTHORIZATION" in request.META:
            request.META["HTTP_AUTHORIZATION"] += f", {request.META['HTTP_AUTHORIZATION']}"
        return self.get_response(request)


class SmallLetters(AsksForLogin):
    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.path_info = request.path_info.lower()
        return self.get_response(request)


class MakesGet(AsksForLogin):
    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.method = "GET"
        return self.get_response(request)


class ReadsFirst(AsksForLogin):
    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.read(1)
        return self.get_response(request)


class LetsGoogleAlone(AsksForLogin):
    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_google = request.headers["User-Agent"] == "Google-Cloud-Scheduler"
        return self.get_response(request) if is_google else HttpResponse(status=403)


@pytest.mark.parametrize(
    ("middleware", "text", "remedy"),
    [
        (
            "DropsAuthorization",
            "is this app, which would refuse Google: the Authorization header, which has the token, does not reach it",
            "Let the server in front pass it on, in Apache's mod_wsgi by WSGIPassAuthorization On.",
        ),
        (
            "DropsGoogles",
            "is this app, which would refuse Google: the header X-CloudScheduler-JobName, which names the job, does "
            "not reach it",
            "Let the server in front, or the middleware, pass the headers of the request on.",
        ),
        (
            "SendsTwice",
            "is this app, which would refuse Google: the Authorization header, which has the token, reaches it changed",
            "Let the server in front, or the middleware, pass it on once and as it is.",
        ),
        (
            "SmallLetters",
            f"is this app, which would refuse Google: the path of the request reaches it changed, and names another "
            f"task than {TASK}",
            "Let the server in front, or the middleware, pass the path on as it is, capitals and dots too.",
        ),
        (
            "MakesGet",
            "is this app, which would refuse Google: the request reaches it as another method than POST",
            "Let no server in front change or redirect it on the way: what follows a redirect becomes a GET.",
        ),
        (
            "ReadsFirst",
            "is this app, which would refuse Google: the body of the request, which has the payload, does not reach it",
            "Look for whoever reads or drops it first, and whether DATA_UPLOAD_MAX_MEMORY_SIZE is too small.",
        ),
        (
            "DropsAll",
            "is answered 401 by Elsewhere, as by this app, which the headers of the request do not reach",
            "Let the server in front, or the middleware, pass headers that begin with X- on.",
        ),
        (
            "TakesTokens",
            "is this app, but with a bearer token, as Google sends one, it is answered 401 by Elsewhere, and not by "
            "this app's view",
            "Let /tasks/ pass the middleware, or the server in front, that takes Google's token for one of its own.",
        ),
    ],
)
def test_what_keeps_googles_own_headers_from_the_view(
    certificates: CertificateServer, middleware: str, text: str, remedy: str
) -> None:
    make_task()
    with this_app(certificates, MIDDLEWARE=[f"{__name__}.{middleware}"]) as origin:
        found = asked(origin, job="reports" if middleware == "DropsGoogles" else "")
    assert found == Answerer(is_right=False, text=f"{origin}/tasks/{TASK} {text}", remedy=remedy)


def test_what_lets_google_alone_pass_lets_the_probe_pass(certificates: CertificateServer) -> None:
    make_task()
    with this_app(certificates, MIDDLEWARE=[f"{__name__}.LetsGoogleAlone"]) as origin:
        assert asked(origin).is_right


def test_older_code_that_has_some_of_the_tasks_is_named(certificates: CertificateServer) -> None:
    make_task()
    with this_app(certificates) as origin, override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=origin):
        wanted = Target(
            f"{origin}/tasks/{TASK}", TASK, "https://shop.example.com", EMAIL, tasks=[TASK, "shop.New"]
        )
        found = ask_address(wanted, timezone.now())
    assert found.text.endswith("is this app, which would refuse Google: its code has no task shop.New")


@pytest.mark.parametrize(
    ("leads_to", "text"),
    [
        ("", "itself: Django does not see that the request came by https"),
        ("?lang=de", "itself: a middleware, or the server in front, wants a cookie or a parameter first"),
    ],
)
def test_what_leads_to_itself_by_https_is_told_apart(leads_to: str, text: str) -> None:
    address = f"https://shop.example.com/tasks/{TASK}"
    got = Got(urlsplit(address), 301, {"Location": address + leads_to})
    assert cause_of(got, task=TASK)[0] == f"is answered 301 and led to {address}, {text}"


# --- Servers of other people --------------------------------------------------------------------------

HERE = "http://{HTTP_HOST}{PATH_INFO}"
ANSWERS: dict[str, tuple[Callable[..., Any], str, str]] = {
    "another server's page": (
        answering("200 OK", "<!doctype html>", Server="nginx/1.27.0"),
        "is answered 200 by nginx/1.27.0, and not by this app's view: Google takes that for success, whether a task "
        "has run or not",
        SUCCESS,
    ),
    "another project's 401": (
        answering("401 Unauthorized", '{"error": "no token"}', WWW_Authenticate="Token"),
        "is answered 401 by Elsewhere, and not by this app's view",
        f"Correct {ENDPOINT} if it is another project's server; else let /tasks/ pass what asks for a login.",
    ),
    "a password": (
        answering("401 Unauthorized", "", WWW_Authenticate='Basic realm="staging"'),
        "is answered 401 by Elsewhere: a password is asked for before the view is reached",
        "Let /tasks/ pass the server, or the middleware, that asks for it.",
    ),
    "Cloudflare before a server that is down": (
        answering("521 <none>", "", Server="cloudflare"),
        "is answered 521 by cloudflare, a status of Cloudflare's: it cannot reach the server behind it, or not by TLS",
        "Look that number up with Cloudflare; it tells name, port, certificate and server apart.",
    ),
    "Cloud Run without a free instance": (
        answering("429 Too Many Requests", "Rate exceeded.", Server="Google Frontend"),
        "is answered 429 by Google Frontend: no instance of the service was free",
        "Give the service more instances, or more requests for each of them.",
    ),
    "nginx that asks for certificates": (
        answering("400 Bad Request", "<center>No required SSL certificate was sent</center>", Server="nginx"),
        "is answered 400 by nginx: a certificate is asked for of whoever calls, and Cloud Scheduler has none",
        "Let /tasks/ pass without one (mutual TLS).",
    ),
    "Identity-Aware Proxy": (
        answering("302 Found", "", Location="https://accounts.google.com/o/oauth2/v2/auth?client_id=1"),
        "is answered 302 by Elsewhere and led to https://accounts.google.com/o/oauth2/v2/auth: Google's "
        "Identity-Aware Proxy asks for a login",
        "Let /tasks/ pass without IAP, such as by a backend service of its own.",
    ),
    "a slash": (
        answering("301 Moved", "", Location=HERE + "/"),
        "is answered 301 by Elsewhere and led to {origin}/tasks/shop.reports.Report/: a slash is added, by a pattern "
        "that has taken the address, a middleware or a server in front",
        f"Put {ABOVE}, and let nobody add slashes to /tasks/.",
    ),
    "a redirect to itself": (
        answering("301 Moved", "", Location=HERE),
        "is answered 301 by Elsewhere and led to {origin}/tasks/shop.reports.Report, itself: a middleware, or the "
        "server in front, wants a cookie or a parameter first",
        "Let /tasks/ pass it.",
    ),
    "a redirect to somewhere": (
        answering("302 Found", "", Location="/welcome?token=secret"),
        "is answered 302 by Elsewhere and led to {origin}/welcome, and not by this app's view",
        f"Set {ENDPOINT} to an address that leads nowhere else, or let /tasks/ through to Django.",
    ),
    "a redirect that paints the terminal": (
        answering("302 Found", "", Location="/\x1b[31mwelcome"),
        "is answered 302 by Elsewhere and led to {origin}/?[31mwelcome, and not by this app's view",
        f"Set {ENDPOINT} to an address that leads nowhere else, or let /tasks/ through to Django.",
    ),
    "a firewall": (
        answering("403 Forbidden", "<h1>Attention required</h1>", Server="cloudflare"),
        "is answered 403 by cloudflare, and not by this app's view",
        "Let POST to /tasks/ pass the firewall, the middleware or the server in front.",
    ),
    "a service that is not there": (
        answering("404 Not Found", "<title>404 Page not found</title>", Server="Google Frontend"),
        "is answered 404 by Google Frontend: no service is there, or its ingress lets nothing in from here",
        f"Correct {ENDPOINT} if the service has another address; Cloud Run names it as its URL.",
    ),
    "a file server": (
        answering("405 Method Not Allowed"),
        "is answered 405 by Elsewhere: what is there takes no POST, and is not this app's view",
        f"Compare {ENDPOINT} and the path of the include with what the web server serves, then run schedule_tasks again.",
    ),
    "a proxy": (
        answering("407 Proxy Authentication Required"),
        "is answered 407 by Elsewhere: a proxy asks for credentials",
        f"Set {ENDPOINT} to the address of the web server itself.",
    ),
    "a limit": (
        answering("429 Too Many Requests"),
        "is answered 429 by Elsewhere: requests are limited before the view is reached",
        "Exempt /tasks/ from the limit.",
    ),
    "a server in front of nothing": (
        answering("502 Bad Gateway"),
        "is answered 502 by Elsewhere: the server in front gets no answer from Django",
        "Start Django's server; its log, or that of the server in front, says why it does not answer.",
    ),
    "a service that is down": (
        answering("503 Service Unavailable", "", Retry_After="60"),
        "is answered 503 by Elsewhere: the service is down, overloaded or in maintenance",
        "Bring it up, and let /tasks/ pass a page that says so.",
    ),
    "a slash that Django wants": (
        answering(
            "500 Internal Server Error", "RuntimeError: … end in a slash and you have APPEND_SLASH set."
        ),
        "is answered 500 by Elsewhere: Django wants a slash at the end, so that another pattern than ours has taken "
        "the address",
        f"Put {ABOVE}.",
    ),
    "a port of TLS": (
        answering("400 Bad Request", "The plain HTTP request was sent to HTTPS port", Server="nginx"),
        "is answered 400 by nginx: port {port} speaks TLS",
        f"Write https:// in {ENDPOINT} and run schedule_tasks again.",
    ),
    "a bad request": (
        answering("400 Bad Request", "<h1>Bad Request (400)</h1>"),
        "is answered 400 by Elsewhere, and not by this app's view; most often Django does not serve the host 127.0.0.1",
        "See whether 127.0.0.1, or the host by which a server in front hands it on, is in the ALLOWED_HOSTS of the web "
        "server; its log says.",
    ),
    "a check for robots": (
        answering("503 Service Unavailable", "<title>Just a moment...</title>", Server="cloudflare"),
        "is answered 503 by cloudflare: whoever calls is to show that it is no robot, as Google cannot",
        "Let POST to /tasks/ pass that check, at Cloudflare by a rule that skips it.",
    ),
    "headers that are too long": (
        answering("400 Bad Request", "<title>400 Request Header Or Cookie Too Large</title>", Server="nginx"),
        "is answered 400 by nginx: the headers are too long for the server in front; Google's token alone has a "
        "thousand characters",
        "Raise its limit, of nginx large_client_header_buffers.",
    ),
    "a server of files": (
        answering("501 Unsupported method", Server="SimpleHTTP/0.6"),
        "is answered 501 by SimpleHTTP/0.6: what is there takes no POST, and is not this app's view",
        f"Compare {ENDPOINT} and the path of the include with what the web server serves, then run schedule_tasks again.",
    ),
    "HTTP/2 alone": (
        answering("505 HTTP Version Not Supported"),
        "is answered 505 by Elsewhere: what is there does not speak HTTP/1.1, by which Cloud Scheduler calls",
        "Let it, or the server in front, take HTTP/1.1.",
    ),
    "an answer that cannot be unpacked": (
        answering("200 OK", "no gzip at all", Content_Encoding="gzip"),
        "is answered 200 by Elsewhere, and not by this app's view: Google takes that for success, whether a task has "
        "run or not",
        SUCCESS,
    ),
    "something else": (
        answering("418 I'm a teapot", "secret body"),
        "is answered 418 by Elsewhere, and not by this app's view",
        f"Correct {ENDPOINT} if it is another server; else see the log of the web server.",
    ),
}


@pytest.mark.parametrize(("app", "text", "remedy"), ANSWERS.values(), ids=ANSWERS)
@override_settings(ALLOWED_HOSTS=["*"])
def test_what_another_server_answers_is_named(app: Any, text: str, remedy: str) -> None:
    with serving(app) as origin:
        names = {"origin": origin, "port": origin.rpartition(":")[2]}
        assert asked(origin) == Answerer(
            is_right=False, text=f"{origin}/tasks/{TASK} {text.format(**names)}", remedy=remedy
        )


def test_a_private_cloud_run_service_is_right_as_far_as_is_seen() -> None:
    with serving(GOOGLES_403) as origin:
        assert asked(origin) == Answerer(
            is_right=True,
            is_private=True,
            text=(
                f"{origin}/tasks/{TASK} is private: Google answers 403 to who has no token, and whether it lets "
                f"{EMAIL} in cannot be seen from here"
            ),
            remedy=(
                f"Give {EMAIL} roles/run.invoker on the service; the audience https://shop.example.com must be the "
                "service's URL or one of its custom audiences."
            ),
        )


# --- Nothing that answers -----------------------------------------------------------------------------


def test_a_port_on_which_nothing_listens_is_named() -> None:
    port = free_port()
    assert asked(f"http://127.0.0.1:{port}") == Answerer(
        is_right=False,
        text=f"http://127.0.0.1:{port}/tasks/{TASK} cannot be reached: nothing listens on port {port}",
        remedy=f"Start the web server, or set {ENDPOINT} to the port on which it listens (runserver: 8000).",
    )


def test_a_name_that_nobody_knows_is_named() -> None:
    assert asked("https://shop.invalid") == Answerer(
        is_right=False,
        text=f"https://shop.invalid/tasks/{TASK} cannot be reached: no address is known for the name shop.invalid",
        remedy=f"Correct {ENDPOINT}, or the DNS entry of shop.invalid.",
    )


def test_where_only_a_proxy_leads_out_no_address_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.intranet:3128")
    assert asked("https://shop.invalid") == Answerer(
        is_right=False,
        text=f"https://shop.invalid/tasks/{TASK} cannot be reached without the proxy that HTTPS_PROXY names, by which "
        "Google does not go",
        remedy="Ask from a machine that needs none, such as the web server by the admin's button; if that cannot "
        f"reach it either, correct {ENDPOINT}, or the DNS entry of shop.invalid.",
    )
    monkeypatch.setenv("NO_PROXY", "shop.invalid")
    assert "no address is known" in asked("https://shop.invalid").text


def test_a_certificate_that_nobody_trusts_is_named(tmp_path: Path) -> None:
    key = SigningKey("shop.example.com")
    (tmp_path / "both.pem").write_bytes(key.private + key.certificate.encode())
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "both.pem")
    with serving(answering("200 OK"), tls) as origin:
        found = asked(origin)
    assert (
        found.text
        == f"{origin}/tasks/{TASK} has a TLS certificate that is not trusted: self-signed certificate"
    )
    assert found.remedy == (
        "Give 127.0.0.1 a valid certificate, with the intermediate ones, of a publicly trusted authority."
    )


def test_a_port_that_speaks_another_language_is_named() -> None:
    with saying(b"SSH-2.0-OpenSSH_9.6\r\n") as address:
        plain, encrypted = asked(f"http://{address}"), asked(f"https://{address}")
    assert plain.text.startswith(
        f"http://{address}/tasks/{TASK} closes the connection without an answer in HTTP"
    )
    assert encrypted.text.startswith(f"https://{address}/tasks/{TASK} speaks no TLS that is understood: ")
    assert encrypted.remedy == (
        f"Write http:// in {ENDPOINT} if what listens on port {address[10:]} has no certificate, or its TLS port."
    )


def test_a_server_that_never_ends_its_answer_is_not_waited_for() -> None:
    waiting = threading.Event()

    def app(environ: Any, start: Any) -> Any:
        waiting.wait(20)
        start("200 OK", [])
        return [b""]

    with serving(app) as origin, override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=origin):
        begun = time.monotonic()
        found = ask_address(target(origin), timezone.now(), seconds=0.3)
        took = time.monotonic() - begun
        waiting.set()
    assert found.text.endswith("gave no answer within five seconds")
    assert took < 15


def test_a_server_that_is_slow_is_no_server_that_is_out_of_reach() -> None:
    slow = ReadTimeoutError(HTTPConnectionPool("shop.example.com"), "/", "Read timed out.")
    assert cause_of(Got(urlsplit("https://shop.example.com/tasks/x"), error=slow), task="x") == (
        "takes the connection, and gave no answer within five seconds",
        "Ask again: a service that was asleep has to start. If it stays so, see the log of the web server.",
    )


def test_a_server_that_sends_byte_after_byte_is_not_waited_for() -> None:
    ended = threading.Event()

    def app(environ: Any, start: Any) -> Iterator[bytes]:
        start("200 OK", [])
        for _ in range(100):
            yield b"."
            ended.wait(0.1)
            if ended.is_set():
                return

    with serving(app) as origin, override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=origin):
        found = ask_address(target(origin), timezone.now(), seconds=0.4)
        has_ended = ended.is_set()
        ended.set()
    assert (found.text.endswith("gave no answer within five seconds"), has_ended) == (True, False)


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254/tasks/x",
        "http://shop.example.com.evil.test/tasks/x",
        "file:///etc/passwd",
        "http://[/",
    ],
)
@override_settings(DJANGO_CLOUD_TASKS_ENDPOINT="http://shop.example.com")
def test_only_an_address_under_endpoint_is_asked(uri: str) -> None:
    assert ask_address(target("", uri=uri), timezone.now()) == Answerer(
        is_right=False,
        text=f"{uri} is no http or https address under http://shop.example.com, and was not asked",
        remedy=f"Correct {ENDPOINT} and run schedule_tasks again.",
    )
