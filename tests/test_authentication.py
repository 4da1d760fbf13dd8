"""Who may call the execution view. No test here may touch the database: pytest-django forbids it."""

from __future__ import annotations

import base64
import json
import logging
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from django.core.signing import Signer
from django.test import RequestFactory
from django.utils.datastructures import CaseInsensitiveMapping
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from scheduled_jobs import authentication
from scheduled_jobs.authentication import sign_job, verify_caller
from scheduled_jobs.authentication.certificates import Certificates
from scheduled_jobs.exceptions import (
    CallerRefused,
    CertificatesUnavailable,
    NotAllowed,
    NotAuthenticated,
)
from scheduled_jobs.tasks import PeriodicTask
from tests.support.certificate_server import AUDIENCE, EMAIL, CertificateServer, SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import SettingsWrapper

TASK = "shop.tasks.Report"
JOB = "shop-tasks-Report"
OTHER = "other@test-project.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey("first")


@pytest.fixture(scope="module")
def other_key() -> SigningKey:
    return SigningKey("second")


@pytest.fixture
def server(key: SigningKey) -> Iterator[CertificateServer]:
    server = CertificateServer(key)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def served(settings: SettingsWrapper, server: CertificateServer) -> Iterator[None]:
    settings.DJANGO_CLOUD_TASKS_OIDC_CERTS_URL = server.url
    authentication.certificates.forget()
    yield
    authentication.certificates.forget()


def call(token: str | None = None, *, use_oidc: bool = True, task: str = TASK, **headers: str) -> str:
    values = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        values["Authorization"] = f"Bearer {token}"
    return verify_caller(CaseInsensitiveMapping(values), use_oidc=use_oidc, task=task, now=datetime.now(UTC))


def signed(job: str = JOB, task: str = TASK, name: str | None = None) -> dict[str, str]:
    return {
        "X_Scheduled_Jobs_Token": sign_job(job, task),
        "X_CloudScheduler_JobName": job if name is None else name,
    }


def unsigned(token: str, signature: str = "SIGNATURE_REMOVED_BY_GOOGLE") -> str:
    return ".".join([*token.split(".")[:2], signature])


def refused(error: type[CallerRefused], *args: Any, **kwargs: Any) -> str:
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    assert type(caught.value) is error
    return str(caught.value)


# --- OIDC --------------------------------------------------------------------------------------------


def test_googles_token_for_us_opens_the_door(key: SigningKey, server: CertificateServer) -> None:
    assert call(key.token()) == EMAIL
    assert call(key.token(iss="accounts.google.com")) == EMAIL
    assert server.fetches == 1


@pytest.mark.parametrize("scheme", ["bearer ", "BEARER\t", "  Bearer   "])
def test_the_scheme_is_read_in_any_case_and_with_any_space(key: SigningKey, scheme: str) -> None:
    assert call(Authorization=f"{scheme}{key.token()} ") == EMAIL


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        (
            {"aud": "https://other.example.com"},
            "the token's audience is 'https://other.example.com'; DJANGO_CLO",
        ),
        (
            {"aud": [AUDIENCE]},
            "the token's audience is ['https://shop.example.com']; DJANGO_CLOUD_TASKS_OIDC_AUD",
        ),
        (
            {"aud": None},
            "the token's audience is None; DJANGO_CLOUD_TASKS_OIDC_AUDIENCE is 'https://shop.example",
        ),
        ({"iss": "https://evil.example.com"}, "the token's issuer is 'https://evil.example.com', not Google"),
        ({"iss": None}, "the token's issuer is None, not Google"),
        ({"exp": None}, "the token has no time 'exp'"),
        ({"iat": "now"}, "the token has no time 'iat'"),
        ({"iat": True}, "the token has no time 'iat'"),
        ({"exp": float("nan")}, "the token has no time 'exp'"),
        ({"exp": 10**400}, "the token has no time 'exp'"),
        ({"exp": float("inf")}, "the token has no time 'exp'"),
    ],
)
def test_a_token_with_wrong_claims_is_401_without_a_fetch(
    key: SigningKey, server: CertificateServer, claims: dict[str, Any], text: str
) -> None:
    assert refused(NotAuthenticated, key.token(**claims)).startswith(text)
    assert server.fetches == 0


def test_a_token_of_another_key_is_401(key: SigningKey, other_key: SigningKey) -> None:
    forged = SigningKey("first").token()
    assert refused(NotAuthenticated, forged) == "the token does not verify"
    assert refused(NotAuthenticated, other_key.token()) == "the token's key is none of Google's"
    assert call(key.token()) == EMAIL


def test_claims_that_were_changed_after_signing_are_401(key: SigningKey) -> None:
    header, _, signature = key.token(email=OTHER).split(".")
    claims = key.token().split(".")[1]
    assert refused(NotAuthenticated, f"{header}.{claims}.{signature}") == "the token does not verify"


def test_ten_seconds_of_clock_skew_are_borne(key: SigningKey) -> None:
    now = int(time.time())
    assert call(key.token(iat=now - 3600, exp=now - 8)) == EMAIL
    assert call(key.token(iat=now + 8)) == EMAIL
    assert refused(NotAuthenticated, key.token(exp=now - 15)).startswith("the token expired 1")
    text = refused(NotAuthenticated, key.token(iat=now + 15))
    assert text.startswith("the token is from 1")
    assert text.endswith(" s ahead; is this machine's clock right?")


def test_a_clock_less_than_two_seconds_behind_is_not_told(
    key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    now = int(time.time())
    call(key.token(iat=now + 1))
    call(key.token(iat=now - 600))
    assert caplog.messages == []


@pytest.mark.parametrize("header", [{"alg": "none"}, {"alg": "HS256"}, {"alg": "ES256"}, {"alg": ["RS256"]}])
def test_only_rs256_is_accepted(key: SigningKey, server: CertificateServer, header: dict[str, Any]) -> None:
    assert refused(NotAuthenticated, key.token(header)) == "the token is not signed with RS256"
    assert server.fetches == 0


def part(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


NO_BEARER = "the Authorization header is not one bearer token"
UNREADABLE = "the token cannot be read"
HEADER = part({"alg": "RS256", "kid": "first"})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("", "the request has no Authorization header"),
        ("Bearer", NO_BEARER),
        ("Bearer abc", NO_BEARER),
        ("Bearer a.b", NO_BEARER),
        ("Bearer a.b.c.d", NO_BEARER),
        ("Bearer a.b.", NO_BEARER),
        ("Basic a.b.c", NO_BEARER),
        ("Bearera.b.c", NO_BEARER),
        ("Bearer a.b.c, Bearer a.b.c", NO_BEARER),
        ("Bearer a.b.c Bearer a.b.c", NO_BEARER),
        ("Bearer ä.b.c", NO_BEARER),
        ("Bearer ａ.b.c", NO_BEARER),
        ("Bearer \ud800.b.c", NO_BEARER),
        ("Bearer a.b.c\x00", NO_BEARER),
        ("Bearer " + "a" * 16_384, "the Authorization header is longer than 16384 characters"),
        ("Bearer a.b.c", UNREADABLE),
        (f"Bearer {HEADER}.{part([1])}.c", UNREADABLE),
        (f"Bearer {part(b'{')}.{part({})}.c", UNREADABLE),
        (f"Bearer {HEADER}.{part(b'[' * 10_000)}.c", UNREADABLE),
        (f"Bearer {HEADER}.{part(bytes([255]))}.c", UNREADABLE),
        (f"Bearer {part({'alg': 'RS256'})}.{part({})}.c", "the token does not name its key"),
        (f"Bearer {part({'alg': 'RS256', 'kid': ['x']})}.{part({})}.c", "the token does not name its key"),
    ],
)
def test_what_is_no_token_is_401_without_a_fetch(server: CertificateServer, value: str, text: str) -> None:
    assert refused(NotAuthenticated, Authorization=value) == text
    assert server.fetches == 0


def test_claims_that_recurse_as_deep_as_python_goes_are_401(key: SigningKey) -> None:
    for depth in range(880, 1000, 5):
        claims = b'{"x":' + b"[" * depth + b"]" * depth + b',"aud":"' + AUDIENCE.encode() + b'"}'
        assert refused(NotAuthenticated, f"{HEADER}.{part(claims)}.c")


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60), st.text(max_size=60), st.booleans())
def test_no_header_ends_in_anything_but_a_refusal(authorization: str, token: str, use_oidc: bool) -> None:
    with pytest.raises(NotAuthenticated):
        call(
            use_oidc=use_oidc,
            Authorization=authorization,
            X_Scheduled_Jobs_Token=token,
            X_CloudScheduler_JobName=JOB,
        )


# --- Whose token -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({"email": OTHER}, f"{OTHER} may not run tasks here; see DJANGO_CLOUD_TASKS_OIDC_ALLOWED_EMAILS"),
        (
            {"email": EMAIL.upper()},
            f"{EMAIL.upper()} may not run tasks here; see DJANGO_CLOUD_TASKS_OIDC_ALLOW",
        ),
        ({"email": None}, "the token names no account"),
        ({"email": ""}, "the token names no account"),
        ({"email": [EMAIL]}, "the token names no account"),
        ({"email_verified": None}, f"the token does not say that {EMAIL} is verified"),
        ({"email_verified": False}, f"the token does not say that {EMAIL} is verified"),
        ({"email_verified": "true"}, f"the token does not say that {EMAIL} is verified"),
        ({"email_verified": 1}, f"the token does not say that {EMAIL} is verified"),
    ],
)
def test_a_genuine_token_of_another_account_is_403(
    key: SigningKey, claims: dict[str, Any], text: str
) -> None:
    assert refused(NotAllowed, key.token(**claims)).startswith(text)


def test_a_token_of_another_account_that_does_not_verify_is_401() -> None:
    assert refused(NotAuthenticated, SigningKey("first").token(email=OTHER))


def test_an_empty_list_of_emails_is_nobody(key: SigningKey, settings: SettingsWrapper) -> None:
    settings.DJANGO_CLOUD_TASKS_OIDC_ALLOWED_EMAILS = []
    assert refused(NotAllowed, key.token())


def test_without_a_service_account_nobody_is_allowed(key: SigningKey, settings: SettingsWrapper) -> None:
    settings.DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT = None
    assert refused(NotAllowed, key.token())


def test_the_list_of_emails_is_what_counts_where_it_is_set(
    key: SigningKey, settings: SettingsWrapper
) -> None:
    settings.DJANGO_CLOUD_TASKS_OIDC_ALLOWED_EMAILS = [OTHER]
    assert call(key.token(email=OTHER)) == OTHER
    assert refused(NotAllowed, key.token())


def test_the_audience_is_the_setting_where_it_is_set(key: SigningKey, settings: SettingsWrapper) -> None:
    settings.DJANGO_CLOUD_TASKS_OIDC_AUDIENCE = "shop"
    assert call(key.token(aud="shop")) == EMAIL
    assert refused(NotAuthenticated, key.token())


def test_a_last_slash_makes_no_other_audience(key: SigningKey, settings: SettingsWrapper) -> None:
    assert call(key.token(aud=AUDIENCE + "/")) == EMAIL
    settings.DJANGO_CLOUD_TASKS_OIDC_AUDIENCE = AUDIENCE + "/"
    assert call(key.token(aud=AUDIENCE)) == EMAIL


def test_an_empty_audience_is_nobodys(key: SigningKey, settings: SettingsWrapper) -> None:
    settings.DJANGO_CLOUD_TASKS_OIDC_AUDIENCE = ""
    assert refused(NotAuthenticated, key.token(aud=""))


# --- Tokens whose signature the front end has removed ------------------------------------------------


def test_an_unsigned_token_is_believed_beside_our_header(key: SigningKey, server: CertificateServer) -> None:
    now = int(time.time())
    assert call(unsigned(key.token(iat=now + 6)), **signed()) == EMAIL
    assert server.fetches == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X_CloudScheduler_JobName": JOB},
        {"X_Scheduled_Jobs_Token": sign_job(JOB, TASK)},
        signed(name="another-job"),
        signed(name=f"{JOB},{JOB}"),
        signed(job="another-job", name=JOB),
        signed(task="shop.tasks.Other"),
        {**signed(), "X_Scheduled_Jobs_Token": sign_job(JOB, TASK) + "x"},
        {**signed(), "X_Scheduled_Jobs_Token": f"{sign_job(JOB, TASK)},{sign_job(JOB, TASK)}"},
        {**signed(), "X_Scheduled_Jobs_Token": "ä:ö:ü"},
        {**signed(), "X_Scheduled_Jobs_Token": "a:\ud800:b"},
        {**signed(), "X_CloudScheduler_JobName": "\ud800"},
        {**signed(), "X_Scheduled_Jobs_Token": f"{JOB}:{TASK}"},
        {**signed(), "X_Scheduled_Jobs_Token": Signer(salt="another").sign(f"{JOB}:{TASK}")},
        {**signed(), "X_Scheduled_Jobs_Token": sign_job(JOB, TASK) + " " * 20_000},
    ],
)
def test_an_unsigned_token_needs_the_header_of_its_job(key: SigningKey, headers: dict[str, str]) -> None:
    assert refused(NotAuthenticated, unsigned(key.token()), **headers) == (
        "the front end removed the token's signature, and X-Scheduled-Jobs-Token is not this job's"
    )


@pytest.mark.parametrize(
    ("claims", "error"),
    [
        ({"aud": "https://other.example.com"}, NotAuthenticated),
        ({"iss": "https://evil.example.com"}, NotAuthenticated),
        ({"exp": 1}, NotAuthenticated),
        ({"email": OTHER}, NotAllowed),
        ({"email_verified": "true"}, NotAllowed),
        ({"email": None}, NotAllowed),
    ],
)
def test_an_unsigned_token_still_needs_the_right_claims(
    key: SigningKey, claims: dict[str, Any], error: type[CallerRefused]
) -> None:
    assert refused(error, unsigned(key.token(**claims)), **signed())


@pytest.mark.parametrize("text", ["signature_removed_by_google", "SIGNATURE_REMOVED_BY_GOOGLE2", "SIGNATURE"])
def test_no_other_text_stands_for_a_removed_signature(key: SigningKey, text: str) -> None:
    assert refused(NotAuthenticated, unsigned(key.token(), text), **signed()).startswith(
        "the token does not veri"
    )


# --- The signed header -------------------------------------------------------------------------------


def test_without_oidc_the_signed_header_opens_the_door(server: CertificateServer) -> None:
    assert call(use_oidc=False, **signed()) == ""
    assert call("not.a.token", use_oidc=False, **signed()) == ""
    assert server.fetches == 0


def test_for_a_task_without_oidc_a_valid_token_does_too(key: SigningKey) -> None:
    assert call(key.token(), use_oidc=False) == EMAIL
    assert refused(NotAllowed, key.token(email=OTHER), use_oidc=False)


def test_for_a_task_without_oidc_nothing_is_401() -> None:
    assert refused(NotAuthenticated, use_oidc=False) == "the request has no Authorization header"
    assert refused(NotAuthenticated, use_oidc=False, **signed(name="another-job"))
    assert refused(NotAuthenticated, use_oidc=False, **signed(task="shop.tasks.Other"))


def test_for_a_task_with_oidc_the_signed_header_is_not_enough() -> None:
    assert refused(NotAuthenticated, **signed()) == "the request has no Authorization header"


def test_a_former_job_id_opens_the_door_for_its_deliveries() -> None:
    former = signed(job="old-name")
    assert call(use_oidc=False, **former) == ""


def test_a_header_signed_with_a_former_key_still_opens_the_door(settings: SettingsWrapper) -> None:
    headers = signed()
    former = settings.SECRET_KEY
    settings.SECRET_KEY = "n" * 50
    assert refused(NotAuthenticated, use_oidc=False, **headers)
    settings.SECRET_KEY_FALLBACKS = [former]
    assert call(use_oidc=False, **headers) == ""


def test_the_signed_header_is_the_same_at_every_sync() -> None:
    assert sign_job(JOB, TASK) == sign_job(JOB, TASK)
    assert sign_job(JOB, TASK).startswith(f"{JOB}:{TASK}:")
    assert Signer(salt="scheduled_jobs.endpoint").unsign(sign_job(JOB, TASK)) == f"{JOB}:{TASK}"


def test_allow_unauthenticated_opens_tasks_without_oidc(settings: SettingsWrapper) -> None:
    settings.DJANGO_CLOUD_TASKS_ALLOW_UNAUTHENTICATED = True
    assert call(use_oidc=False) == ""
    assert refused(NotAuthenticated)


# --- The view's way in -------------------------------------------------------------------------------


def post(task: str, method: str = "post", **headers: str) -> str:
    request = getattr(RequestFactory(), method)("/tasks/x", headers=headers)
    return authentication.verify(request, task)


def test_a_request_is_judged_by_the_task_of_its_path(key: SigningKey) -> None:
    class Open(PeriodicTask):
        run_every = "0 9 * * *"
        schedule_use_oidc = False

        def run(self) -> None: ...

    class Guarded(PeriodicTask):
        run_every = "0 9 * * *"

        def run(self) -> None: ...

    def headers(task: str) -> dict[str, str]:
        return {"X-Scheduled-Jobs-Token": sign_job(JOB, task), "X-CloudScheduler-JobName": JOB}

    assert post(Open.name(), **headers(Open.name())) == ""
    with pytest.raises(NotAuthenticated):
        post(Guarded.name(), **headers(Guarded.name()))
    assert post(Guarded.name(), Authorization=f"Bearer {key.token()}") == EMAIL


def test_strangers_learn_nothing_of_which_tasks_there_are() -> None:
    class Known(PeriodicTask):
        run_every = "0 9 * * *"

        def run(self) -> None: ...

    texts = set()
    for task in (Known.name(), "no.such.Task"):
        for method in ("get", "post", "put"):
            with pytest.raises(NotAuthenticated) as caught:
                post(task, method, **{"X-Scheduled-Jobs-Token": sign_job(JOB, "no.such.Task")})
            texts.add(str(caught.value))
    assert texts == {"the request has no Authorization header"}


def test_a_verified_caller_of_an_unknown_task_gets_a_404(key: SigningKey) -> None:
    assert post("no.such.Task", Authorization=f"Bearer {key.token()}") == EMAIL


def test_a_skewed_clock_is_a_warning_in_the_log(key: SigningKey, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="scheduled_jobs"):
        post("no.such.Task", Authorization=f"Bearer {key.token()}")
        assert caplog.messages == []
        post("no.such.Task", Authorization=f"Bearer {key.token(iat=int(time.time()) + 6)}")
    (message,) = caplog.messages
    assert message.startswith("The clock of this machine is ")
    assert message.endswith(" seconds behind the one that Google's tokens are made by")


def test_no_refusal_repeats_the_token(key: SigningKey) -> None:
    for token in (
        key.token(aud="x"),
        SigningKey("first").token(),
        key.token(email=OTHER),
        key.token({"alg": "x"}),
    ):
        with pytest.raises(CallerRefused) as caught:
            call(token)
        assert "eyJ" not in str(caught.value)
        assert caught.value.__cause__ is None


# --- Certificates ------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def certificates(clock: Clock) -> Certificates:
    return Certificates(clock)


def test_the_emulators_certificates_come_without_a_proxy(
    key: SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert call(key.token()) == EMAIL


def test_a_thousand_garbage_tokens_cost_one_fetch(key: SigningKey, server: CertificateServer) -> None:
    claims = key.token().split(".")[1]
    for number in range(1000):
        header = part({"alg": "RS256", "kid": f"invented-{number}"})
        assert refused(NotAuthenticated, f"{header}.{claims}.{part(b'signature')}")
    assert server.fetches == 1
    assert call(key.token()) == EMAIL
    assert server.fetches == 1


@pytest.mark.parametrize(
    "headers", [{}, {"Cache-Control": "public, max-age=19000"}, {"Cache-Control": "no-store"}]
)
def test_within_a_minute_nothing_is_fetched_twice(
    certificates: Certificates, clock: Clock, server: CertificateServer, headers: dict[str, str]
) -> None:
    server.headers = headers
    for number in range(60):
        clock.now = 1000.0 + number
        certificates.for_key(server.url, "first")
        certificates.for_key(server.url, f"invented-{number}")
    assert server.fetches == 1


def test_certificates_are_kept_as_long_as_their_headers_say(
    certificates: Certificates, clock: Clock, server: CertificateServer
) -> None:
    server.headers = {"Cache-Control": "public, max-age=19000"}
    for minutes in range(0, 300, 5):
        clock.now = 1000.0 + 60 * minutes
        assert "first" in certificates.for_key(server.url, "first")
    assert server.fetches == 1


def test_without_headers_they_are_fetched_again_after_a_minute(
    certificates: Certificates, clock: Clock, server: CertificateServer
) -> None:
    certificates.for_key(server.url, "first")
    clock.now += 60
    certificates.for_key(server.url, "first")
    assert server.fetches == 2


def test_a_new_key_is_found_past_the_cache_after_a_minute(
    certificates: Certificates, clock: Clock, server: CertificateServer, other_key: SigningKey
) -> None:
    server.headers = {"Cache-Control": "public, max-age=19000"}
    certificates.for_key(server.url, "first")
    server.serve(other_key)
    clock.now += 59
    assert "second" not in certificates.for_key(server.url, "second")
    clock.now += 1
    assert "second" in certificates.for_key(server.url, "second")
    assert server.fetches == 2
    clock.now += 59
    assert "first" not in certificates.for_key(server.url, "first")
    assert server.fetches == 2


def test_a_new_key_is_looked_for_right_after_another(
    certificates: Certificates, clock: Clock, server: CertificateServer, other_key: SigningKey
) -> None:
    server.headers = {"Cache-Control": "public, max-age=19000"}
    certificates.for_key(server.url, "first")
    clock.now += 60
    certificates.for_key(server.url, "first")
    server.serve(other_key)
    clock.now += 1
    assert "second" in certificates.for_key(server.url, "second")
    assert server.fetches == 2


def test_a_flood_over_an_hour_costs_one_fetch_a_minute(
    certificates: Certificates, clock: Clock, server: CertificateServer
) -> None:
    server.headers = {"Cache-Control": "public, max-age=19000"}
    for second in range(3600):
        clock.now = 1000.0 + second
        certificates.for_key(server.url, f"invented-{second}")
    assert server.fetches == 60


def test_deliveries_that_come_at_once_share_one_fetch(key: SigningKey, server: CertificateServer) -> None:
    server.delay = 0.2
    token = key.token()
    with ThreadPoolExecutor(8) as pool:
        callers = list(pool.map(lambda _: call(token), range(8)))
    assert callers == [EMAIL] * 8
    assert server.fetches == 1


def test_certificates_that_cannot_be_fetched_are_503(
    key: SigningKey, server: CertificateServer, settings: SettingsWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    server.status = 500
    url = server.url
    assert refused(CertificatesUnavailable, key.token()) == (
        f"the certificates at {url} cannot be fetched: HTTP 500"
    )
    settings.DJANGO_CLOUD_TASKS_OIDC_CERTS_URL = "http://127.0.0.1:9/certs"
    assert refused(CertificatesUnavailable, key.token()) == (
        "the certificates at http://127.0.0.1:9/certs cannot be fetched: ConnectionError"
    )
    assert caplog.messages[-1].startswith(
        "The certificates at http://127.0.0.1:9/certs cannot be fetched: HTTPConn"
    )


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (b"<html>", "the document is not a JSON object"),
        (b"[]", "the document is not a JSON object"),
        (b"[" * 100_000, "the document is not a JSON object"),
        (
            b'{"keys": []}',
            "the document holds JSON Web Keys; use the X.509 form, such as Google's /oauth2/v1/certs",
        ),
        (b"{}", "the document holds no certificate"),
        (b'{"first": "-----BEGIN CERTIFICATE-----", "second": 1}', "the document holds no certificate"),
    ],
)
def test_a_document_without_certificates_is_not_kept_for_hours(
    certificates: Certificates, clock: Clock, server: CertificateServer, document: bytes, reason: str
) -> None:
    good, server.document = server.document, document
    server.headers = {"Cache-Control": "public, max-age=19000"}
    with pytest.raises(CertificatesUnavailable) as refusal:
        certificates.for_key(server.url, "first")
    assert str(refusal.value) == f"the certificates at {server.url} cannot be fetched: {reason}"
    server.document = good
    clock.now += 5
    assert list(certificates.for_key(server.url, "first")) == ["first"]


def test_a_server_that_sends_byte_by_byte_holds_nobody_for_long(
    certificates: Certificates, server: CertificateServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[Certificates.__module__], "TIMEOUT", 0.2)
    server.pause_between_bytes = 0.05
    with pytest.raises(CertificatesUnavailable, match="the document takes longer than"):
        certificates.for_key(server.url, "first")


def test_one_certificate_that_is_none_spoils_no_other(
    certificates: Certificates, key: SigningKey, server: CertificateServer
) -> None:
    server.document = json.dumps({"other": "garbage", "first": key.certificate}).encode()
    assert list(certificates.for_key(server.url, "first")) == ["first"]


def test_after_a_failure_the_next_fetch_waits_five_seconds(
    certificates: Certificates, clock: Clock, server: CertificateServer
) -> None:
    server.status = 503
    for _ in range(100):
        with pytest.raises(CertificatesUnavailable):
            certificates.for_key(server.url, "first")
    assert server.fetches == 1
    server.status = 200
    clock.now += 5
    assert "first" in certificates.for_key(server.url, "first")
    assert server.fetches == 2


def test_an_invented_key_shuts_out_no_known_one(
    certificates: Certificates, clock: Clock, server: CertificateServer
) -> None:
    server.headers = {"Cache-Control": "public, max-age=19000"}
    certificates.for_key(server.url, "first")
    server.status = 503
    clock.now += 60
    for _ in range(2):
        with pytest.raises(CertificatesUnavailable):
            certificates.for_key(server.url, "invented")
        assert "first" in certificates.for_key(server.url, "first")
        assert "first" in certificates.for_key(server.url, "invented")
        clock.now += 5
    assert server.fetches == 3


def test_another_address_is_another_set_of_certificates(
    certificates: Certificates, server: CertificateServer, other_key: SigningKey
) -> None:
    second = CertificateServer(other_key)
    try:
        assert list(certificates.for_key(server.url, "first")) == ["first"]
        assert list(certificates.for_key(second.url, "second")) == ["second"]
        assert list(certificates.for_key(server.url, "first")) == ["first"]
    finally:
        second.stop()
