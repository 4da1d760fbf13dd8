"""What answers at the address that Google calls: one POST without a token, which our view must refuse."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import certifi
import urllib3
from urllib3 import exceptions as failures

from scheduled_jobs.authentication import JOB_NAME, PROBE_HEADER, sign_probe
from scheduled_jobs.conf import PREFIX, settings
from scheduled_jobs.domain.jobs import lies_under
from scheduled_jobs.services.monitoring.answers import Got, cause_of
from scheduled_jobs.services.monitoring.asking import begin

if TYPE_CHECKING:
    from datetime import datetime
    from urllib.parse import SplitResult

SECONDS = 5.0
"""In all: looking up the name, connecting and answering."""
MOST_READ = 65_536


@dataclass(frozen=True)
class Target:
    """What Google calls, as it has it: an address, and what its token will say."""

    uri: str
    task: str
    audience: str
    service_account: str
    job: str = ""
    """The job's id, where it is in Google."""


@dataclass(frozen=True)
class Answerer:
    """Who answers there: ``is_right`` if the view does, or Google itself before a private service."""

    is_right: bool
    text: str
    remedy: str = ""
    is_private: bool = False
    """Whether Google's own front end answered, so that the view was not reached from here."""


def ask_address(target: Target, now: datetime, *, seconds: float = SECONDS) -> Answerer:
    """Send one POST without a token to the address, follow nothing, and say what answered. Never raises.

    Only an address under ENDPOINT is asked: nobody makes this server call another one.
    """
    parts = _split(target.uri)
    if parts is None or not lies_under(target.uri, settings.ENDPOINT):
        return Answerer(
            is_right=False,
            text=f"{target.uri} is no http or https address under {settings.ENDPOINT}, and was not asked",
            remedy=f"Correct {PREFIX}ENDPOINT and run schedule_tasks again.",
        )
    probe = sign_probe(target.audience, target.service_account, now)
    try:
        answer = begin(lambda: _post(target, probe, parts, seconds))(seconds)
    except TimeoutError as error:
        answer = Got(parts, error=error)
    return _described(answer, target)


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        has_host = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and has_host else None


def _post(target: Target, probe: str, asked: SplitResult, seconds: float) -> Got:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "django-scheduled-jobs",
        PROBE_HEADER: probe,
        **({JOB_NAME: target.job} if target.job else {}),
    }
    # No proxy of the environment is used: Google's request passes none of ours. The authorities that are
    # trusted are the public ones, as Google trusts them.
    with urllib3.PoolManager(ca_certs=certifi.where(), cert_reqs=ssl.CERT_REQUIRED) as pool:
        try:
            answer = pool.request(
                "POST", target.uri, body=b"{}", headers=headers, redirect=False, retries=False,
                timeout=urllib3.Timeout(total=seconds), preload_content=False,
            )  # fmt: skip
            body = answer.read(MOST_READ).decode("utf-8", "replace")
            answer.close()
        except (failures.HTTPError, OSError, ValueError) as error:
            return Got(asked, error=error)
        return Got(asked, answer.status, answer.headers, body)


# --- What an answer means ---------------------------------------------------------------------------


def _described(got: Got, target: Target) -> Answerer:
    if got.status == 401 and isinstance(would_refuse := got.json.get("would_refuse"), list):
        return _ours(target, would_refuse)
    if got.status == 403 and got.is_googles and "does not have permission" in got.body:
        return Answerer(
            is_right=True,
            is_private=True,
            text=(
                f"{target.uri} is private: Google answers 403 to who has no token, and whether it lets "
                f"{target.service_account or 'the account of the token'} in cannot be seen from here"
            ),
            remedy=PRIVATE.format(account=target.service_account, audience=target.audience),
        )
    text, remedy = cause_of(got, task=target.task)
    return Answerer(is_right=False, text=f"{target.uri} {text}", remedy=remedy)


def _ours(target: Target, would_refuse: list[Any]) -> Answerer:
    """The view answered, and has read what Google's token will say."""
    facts = vars(target) | {"account": target.service_account or "no account"}
    for fault, (text, remedy) in REFUSALS.items():
        if fault in would_refuse:
            return Answerer(
                is_right=False,
                text=f"{target.uri} is this app, which would refuse Google: {text.format_map(facts)}",
                remedy=remedy,
            )
    return Answerer(is_right=True, text=f"{target.uri} is this app, and asks for a token as it must")


AGAIN = "run schedule_tasks again"
PRIVATE = (
    "Give {account} roles/run.invoker on the service; the audience {audience} must be the service's URL "
    "or one of its custom audiences."
)
REFUSALS = {
    "task": (
        "its code has no task {task}",
        "Deploy the code that has it to the web server too, and restart that.",
    ),
    "job": (
        "its database has no job {job}",
        "Give all processes one database (DATABASES), and run schedule_tasks with it.",
    ),
    "database": (
        "its database does not answer",
        "Look into the log of the web server, and whether it reaches the database.",
    ),
    "audience": (
        f"the token is for {{audience}}, and {PREFIX}OIDC_AUDIENCE is another there",
        f"Give {PREFIX}OIDC_AUDIENCE, or else ENDPOINT, one value in all processes; {AGAIN}.",
    ),
    "account": (
        "the token is of {account}, which may not run tasks there",
        f"Give {PREFIX}OIDC_SERVICE_ACCOUNT and OIDC_ALLOWED_EMAILS one value in all processes; {AGAIN}.",
    ),
    "emulator": (
        "of it and this process one takes the tokens of Google, and the other those of the emulator",
        f"Give {PREFIX}EMULATOR_HOST one value in all processes.",
    ),
    "clock": (
        "its clock and this machine's are more than ten seconds apart",
        "Set both clocks by a time server (NTP).",
    ),
    "certificates": (
        "it cannot fetch the certificates by which tokens are verified",
        f"Let the web server reach the address of {PREFIX}OIDC_CERTS_URL; its log has the reason.",
    ),
}
"""What the view finds wrong with the token that Google will send: what is the matter, and the remedy."""
