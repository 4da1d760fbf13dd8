"""ID tokens that google-auth verifies."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from google.auth import jwt
from google.auth.transport import requests
from google.oauth2 import id_token

from scheduled_jobs.emulator.certificates import CertificateServer
from scheduled_jobs.emulator.state_file import StateFile
from scheduled_jobs.emulator.tokens import Issuer
from scheduled_jobs.exceptions import CannotStart
from tests.emulator.jobs import Clock

if TYPE_CHECKING:
    from pathlib import Path

EMAIL = "scheduler@shop.example"


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


def claims(issuer: Issuer, token: str) -> Any:
    return jwt.decode(token, certs=json.loads(issuer.certificates()), verify=True, clock_skew_in_seconds=10)


def test_the_claims_are_those_of_a_service_accounts_id_token(issuer: Issuer) -> None:
    found = claims(issuer, issuer.token(EMAIL, "https://shop.example"))
    assert found["iss"] == "https://accounts.google.com"
    assert found["aud"] == "https://shop.example"
    assert (found["email"], found["email_verified"]) == (EMAIL, True)
    assert found["azp"] == found["sub"]
    assert found["sub"].isdigit()
    assert found["exp"] - found["iat"] == 3600


def test_the_header_names_algorithm_and_key(issuer: Issuer) -> None:
    header = jwt.decode_header(issuer.token(EMAIL, "x"))
    assert (header["alg"], header["kid"]) == ("RS256", issuer.key_id)


def test_googles_library_verifies_a_token(issuer: Issuer) -> None:
    server = CertificateServer(issuer.certificates(), "127.0.0.1", 0)
    server.start()
    try:
        with requests.requests.Session() as session:
            found = id_token.verify_token(
                issuer.token(EMAIL, "shop"),
                requests.Request(session),
                audience="shop",
                certs_url=server.url,
                clock_skew_in_seconds=10,
            )
            answer = session.get(server.url)
            missing = session.get(server.url.replace("/certs", "/other"))
    finally:
        server.stop()
    assert found["email"] == EMAIL
    assert answer.headers["Cache-Control"].startswith("public, max-age=")
    assert missing.status_code == 404
    assert missing.json() == {"error": "The certificates are at /certs."}


def test_a_stopped_certificate_server_answers_no_more(issuer: Issuer) -> None:
    server = CertificateServer(issuer.certificates(), "127.0.0.1", 0)
    server.stop()
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(server.url, timeout=1)


def test_a_taken_certificate_port_is_named(issuer: Issuer) -> None:
    server = CertificateServer(b"{}", "127.0.0.1", 0)
    with pytest.raises(
        CannotStart, match=f"^port {server.port} on 127.0.0.1, for the certificates, cannot be"
    ):
        CertificateServer(b"{}", "127.0.0.1", server.port)
    server.stop()
    with pytest.raises(CannotStart, match=r"^port 65536 on 127.0.0.1, for the certificates, cannot be used"):
        CertificateServer(b"{}", "127.0.0.1", 65_536)


def test_one_token_serves_until_near_its_expiry() -> None:
    clock = Clock(datetime(2026, 10, 5, 12, tzinfo=UTC))
    issuer = Issuer(clock=clock)
    first = issuer.token(EMAIL, "a")
    clock.now += timedelta(minutes=54)
    assert issuer.token(EMAIL, "a") == first
    assert issuer.token(EMAIL, "b") != first
    assert issuer.token("other@shop.example", "a") != first
    clock.now += timedelta(minutes=1)
    assert issuer.token(EMAIL, "a") != first


def test_another_issuer_does_not_verify(issuer: Issuer) -> None:
    with pytest.raises(ValueError, match=r"Certificate for key id .* not found"):
        claims(Issuer(), issuer.token(EMAIL, "x"))


def test_with_a_state_file_older_tokens_still_verify(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.db")
    before = Issuer(file)
    file.close()
    file = StateFile(tmp_path / "state.db")
    after = Issuer(file)
    file.close()
    assert after.key_id == before.key_id
    assert claims(after, before.token(EMAIL, "x"))["email"] == EMAIL
