"""How the app asks its own view, from outside, whether it would receive Google's token."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from django.conf import settings as django_settings
from django.core.signing import BadSignature, Signer

from scheduled_jobs import registry
from scheduled_jobs.authentication.caller import (
    AUTHORIZATION,
    CLOCK_SKEW,
    JOB_NAME,
    MAX_TOKEN,
    certificates,
)  # fmt: skip
from scheduled_jobs.conf import GOOGLE_CERTS_URL, settings
from scheduled_jobs.domain.addresses import same_audience
from scheduled_jobs.exceptions import CertificatesUnavailable

PROBE_HEADER = "X-Scheduled-Jobs-Probe"
PROBE_BODY = b"{}"
PROBE_SALT = "scheduled_jobs.probe"


def sign_probe(
    audience: str,
    email: str,
    now: datetime,
    *,
    task: str = "",
    job: str = "",
    authorization: str = "",
    tasks: Collection[str] = (),
) -> str:
    """The value of the header by which this app asks its own view how it would receive Google's token.

    It opens nothing: what it says is only what the token is going to say, which headers are sent with it, and
    which other tasks are asked about.
    """
    claims = {
        "aud": audience,
        "email": email,
        "iat": now.timestamp(),
        "emulated": _is_emulated(),
        "task": task,
        "job": job,
        "authorization": authorization,
        "tasks": [*tasks],
    }
    return Signer(salt=PROBE_SALT).sign_object(claims, compress=True)


def refusals_of(headers: Mapping[str, str], task: str, now: datetime) -> list[str] | None:
    """Why the token that a probe describes would be refused here; None where there is no probe.

    "key" where it is not of this app; else "path", or some of "task", "task …" for each of the others that
    is not here, "zones", "headers", "authorization", "token", "audience", "account", "emulator", "clock" and
    "certificates".
    """
    signed = headers.get(PROBE_HEADER, "")
    if not signed or len(signed) > MAX_TOKEN or not signed.isascii():
        return None
    try:
        claims = Signer(salt=PROBE_SALT).unsign_object(signed)
    except BadSignature:
        return ["key"]
    if claims["task"] not in ("", task):
        return ["path"]
    task_class = registry.get(task)
    if task_class is None:
        return ["task"]
    wrong = {f"task {name}": registry.get(name) is None for name in claims["tasks"]}
    wrong["zones"] = not django_settings.USE_TZ
    wrong["headers"] = headers.get(JOB_NAME, "") != claims["job"]
    if registry.uses_oidc(task_class) is not False:
        wrong |= _wrong_with_token(claims, headers, now)
    return [name for name, is_wrong in wrong.items() if is_wrong]


def _wrong_with_token(
    claims: Mapping[str, Any], headers: Mapping[str, str], now: datetime
) -> dict[str, bool]:
    sent, arrived = claims["authorization"], headers.get(AUTHORIZATION, "")
    return {
        "authorization": sent != "" and arrived == "",
        "token": sent != "" and arrived not in ("", sent),
        "audience": not same_audience(claims["aud"], settings.OIDC_AUDIENCE or ""),
        "account": claims["email"] not in (settings.OIDC_ALLOWED_EMAILS or ()),
        "emulator": claims["emulated"] != _is_emulated(),
        "clock": abs(claims["iat"] - now.timestamp()) > CLOCK_SKEW,
        "certificates": not _are_certificates_there(),
    }


def _is_emulated() -> bool:
    """Whether the tokens that are taken here are of another maker than Google, such as the emulator."""
    return settings.OIDC_CERTS_URL != GOOGLE_CERTS_URL


def _are_certificates_there() -> bool:
    try:
        certificates.for_key(settings.OIDC_CERTS_URL or "", "")
    except CertificatesUnavailable:
        return False
    return True
