"""Who calls the execution view: verify or raise. No database, and no work before the cheap checks.

A call is genuine by its OIDC token, which google-auth verifies. A private Cloud Run service has verified it
already and hands it on without its signature: it is then believed only beside the signed header that we put
on every job. A task with ``schedule_use_oidc = False`` is satisfied with that header alone.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from django.core.signing import BadSignature, Signer
from django.http import HttpRequest
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.authentication.certificates import Certificates
from scheduled_jobs.authentication.clock import NOTABLE, By, Skew, clocks
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.addresses import same_audience
from scheduled_jobs.domain.jobs import TOKEN_HEADER
from scheduled_jobs.exceptions import NotAllowed, NotAuthenticated

AUTHORIZATION = "Authorization"
JOB_NAME = "X-CloudScheduler-JobName"
SALT = "scheduled_jobs.endpoint"
ISSUERS = ("https://accounts.google.com", "accounts.google.com")
REMOVED_SIGNATURE = "SIGNATURE_REMOVED_BY_GOOGLE"
"""What a private Cloud Run service puts in place of the signature of a token that it has verified.

https://cloud.google.com/run/docs/authenticating/service-to-service
"""
MAX_TOKEN = 16_384
"""Characters; Google's tokens have about a thousand."""
CLOCK_SKEW = 10
"""Seconds that Google's clock and ours may be apart."""
MAX_SECONDS = 10**11
"""Times of tokens lie before this second since 1970, in the year 5138."""

_BEARER = re.compile(r"\s*bearer\s+([\w-]+)\.([\w-]+)\.([\w-]+)\s*", re.IGNORECASE | re.ASCII)

certificates = Certificates()
"""Those of this process."""


class _Token(NamedTuple):
    text: str
    key_id: str
    claims: Mapping[str, Any]
    is_signature_removed: bool


def sign_job(job_id: str, task: str) -> str:
    """The value of the header by which a delivery of this job for this task is known to be ours.

    It has no timestamp: a value that changes would be a difference at every sync.
    """
    return Signer(salt=SALT).sign(f"{job_id}:{task}")


def verify(request: HttpRequest, task: str) -> str:
    """The email of who calls the task of this dotted path; empty where no token was needed.

    Raises NotAuthenticated, NotAllowed or CertificatesUnavailable. A task that does not exist is guarded
    like any other, so that nobody learns here which there are.
    """
    task_class = registry.get(task)
    use_oidc = task_class is None or registry.uses_oidc(task_class) is not False
    return verify_caller(request.headers, use_oidc=use_oidc, task=task, now=timezone.now())


def verify_caller(headers: Mapping[str, str], *, use_oidc: bool, task: str, now: datetime) -> str:
    """The email of who calls. ``headers`` are case-insensitive, as ``request.headers``; ``now`` is aware.

    Raises NotAuthenticated for no token or a wrong one, NotAllowed for a genuine token whose account may
    not run tasks here, CertificatesUnavailable if that cannot be told now.
    """
    if not use_oidc and (settings.ALLOW_UNAUTHENTICATED or _is_signed_for(headers, task)):
        return ""
    token = _read_token(headers)
    _check_claims(token.claims, now)
    if not token.is_signature_removed:
        _verify_signature(token)
    elif not _is_signed_for(headers, task):
        raise NotAuthenticated(
            f"the front end removed the token's signature, and {TOKEN_HEADER} is not this job's"
        )
    email = _allowed_email(token.claims)
    ahead = token.claims["iat"] - now.timestamp()
    if ahead > NOTABLE:
        clocks.note(Skew(By.TOKENS, ahead), now)
    return email


# --- The signed header -------------------------------------------------------------------------------


def _is_signed_for(headers: Mapping[str, str], task: str) -> bool:
    """Whether the request carries the header that was made for its job and this task."""
    signed = headers.get(TOKEN_HEADER, "")
    name = headers.get(JOB_NAME, "")
    if not signed or not name or len(signed) > MAX_TOKEN or not signed.isascii():
        return False
    try:
        value = Signer(salt=SALT).unsign(signed)
    except BadSignature:
        return False
    return value == f"{name}:{task}"


# --- The token ---------------------------------------------------------------------------------------


def _read_token(headers: Mapping[str, str]) -> _Token:
    """The token of the request, not verified in any way but its form."""
    text = headers.get(AUTHORIZATION, "")
    if not text:
        raise NotAuthenticated(f"the request has no {AUTHORIZATION} header")
    if len(text) > MAX_TOKEN:
        raise NotAuthenticated(f"the {AUTHORIZATION} header is longer than {MAX_TOKEN} characters")
    match = _BEARER.fullmatch(text)
    if match is None:
        raise NotAuthenticated(f"the {AUTHORIZATION} header is not one bearer token")
    header, claims = _part(match[1]), _part(match[2])
    if header.get("alg") != "RS256":
        raise NotAuthenticated("the token is not signed with RS256")
    key_id = header.get("kid")
    if not isinstance(key_id, str) or not key_id:
        raise NotAuthenticated("the token does not name its key")
    return _Token(".".join(match.groups()), key_id, claims, match[3] == REMOVED_SIGNATURE)


def _decoded(encoded: str) -> bytes:
    return base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))


def _part(encoded: str) -> dict[str, Any]:
    try:
        value = json.loads(_decoded(encoded))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise NotAuthenticated("the token cannot be read")
    return value


def _check_claims(claims: Mapping[str, Any], now: datetime) -> None:
    """Raise NotAuthenticated unless the token was made by Google, for us, and for now."""
    audience, issuer = claims.get("aud"), claims.get("iss")
    own = settings.OIDC_AUDIENCE
    if not own or not isinstance(audience, str) or not same_audience(audience, own):
        raise NotAuthenticated(
            f"the token's audience is {_short(audience)}; DJANGO_CLOUD_TASKS_OIDC_AUDIENCE is {own!r}"
        )
    if issuer not in ISSUERS:
        raise NotAuthenticated(f"the token's issuer is {_short(issuer)}, not Google")
    issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
    seconds = now.timestamp()
    if issued > seconds + CLOCK_SKEW:
        raise NotAuthenticated(
            f"the token is from {issued - seconds:.0f} s ahead; is this machine's clock right?"
        )
    if expires < seconds - CLOCK_SKEW:
        raise NotAuthenticated(f"the token expired {seconds - expires:.0f} s ago")


def _short(value: Any) -> str:
    return repr(value)[:200]


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    # The bound keeps out NaN, and integers that no float can hold.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < MAX_SECONDS:
        raise NotAuthenticated(f"the token has no time {name!r}")
    return value


def _verify_signature(token: _Token) -> None:
    """Verify the very text that the claims were read from, by google-auth's verifier of the key it names."""
    certificate = certificates.for_key(settings.OIDC_CERTS_URL or "", token.key_id).get(token.key_id)
    if certificate is None:
        raise NotAuthenticated("the token's key is none of Google's")
    signed, _, signature = token.text.rpartition(".")
    try:
        if _verifier(certificate).verify(signed.encode(), _decoded(signature)):
            return
    except ValueError:
        pass
    raise NotAuthenticated("the token does not verify")


@lru_cache(maxsize=32)
def _verifier(certificate: str) -> Any:
    """To read a certificate costs more than to verify a token with it."""
    from google.auth import crypt  # 0.1 s to import

    return crypt.RSAVerifier.from_string(certificate)  # type: ignore[no-untyped-call]


def _allowed_email(claims: Mapping[str, Any]) -> str:
    email = claims.get("email")
    if not isinstance(email, str) or not email:
        raise NotAllowed("the token names no account")
    if claims.get("email_verified") is not True:
        raise NotAllowed(f"the token does not say that {email} is verified", email)
    if email not in (settings.OIDC_ALLOWED_EMAILS or ()):
        raise NotAllowed(f"{email} may not run tasks here; see DJANGO_CLOUD_TASKS_OIDC_ALLOWED_EMAILS", email)
    return email
