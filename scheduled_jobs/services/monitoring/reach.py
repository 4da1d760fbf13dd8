"""What answers at the address that Google calls: one POST without a token, which our view must refuse."""

from __future__ import annotations

import ssl
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

import certifi
import urllib3
from urllib3 import exceptions as failures

from scheduled_jobs.asking import begin
from scheduled_jobs.authentication import JOB_NAME, PROBE_BODY, PROBE_HEADER, sign_probe
from scheduled_jobs.conf import PREFIX, settings
from scheduled_jobs.domain.jobs import USER_AGENT, lies_under
from scheduled_jobs.services.monitoring.answers import Got, cause_of
from scheduled_jobs.services.monitoring.findings import some

SECONDS = 5.0
"""In all: looking up the name, connecting and answering."""
MOST_READ = 65_536
BEARER = "Bearer django-scheduled-jobs.asks.itself"
"""No token of anybody's: it shows whether what Google sends reaches the view."""


@dataclass(frozen=True)
class Target:
    """What Google calls, as it has it: an address, and what its token will say."""

    uri: str
    task: str
    audience: str
    service_account: str
    job: str = ""
    """The job's id, where it is in Google."""
    tasks: Collection[str] = ()
    """Others that the same server has to have."""


@dataclass(frozen=True)
class Answerer:
    """Who answers there: ``is_right`` if the view does, or Google itself before a private service."""

    is_right: bool
    text: str
    remedy: str = ""
    refuses: str = field(default="", compare=False)
    """What of Google's token the view would refuse, of ``REFUSALS``."""
    is_private: bool = False
    """Whether Google's own front end answered, so that the view was not reached from here."""


def ask_address(target: Target, now: datetime, *, seconds: float = SECONDS) -> Answerer:
    """Send a POST without a token to the address, follow nothing, and say what answered. Never raises.

    Where this app has answered, another follows that carries what looks like a token, as Google's does.
    Only an address under ENDPOINT is asked: nobody makes this server call another one.
    """
    parts = _split(target.uri)
    if parts is None or not lies_under(target.uri, settings.ENDPOINT):
        return Answerer(
            is_right=False,
            text=f"{target.uri} is no http or https address under {settings.ENDPOINT}, and was not asked",
            remedy=f"Correct {PREFIX}ENDPOINT and run schedule_tasks again.",
        )
    found = _described(_ask(target, now, parts, seconds), target)
    if not found.is_right or found.is_private or not target.service_account:
        return found
    got = _ask(target, now, parts, seconds, BEARER)
    if _is_ours(got):
        return _described(got, target)
    text, _ = cause_of(got, task=target.task)
    return Answerer(
        is_right=False,
        text=f"{target.uri} is this app, but with a bearer token, as Google sends one, it {text}",
        remedy=TAKEN.format(mount=parts.path.removesuffix(target.task)),
    )


def _ask(target: Target, now: datetime, parts: SplitResult, seconds: float, authorization: str = "") -> Got:
    probe = sign_probe(
        target.audience, target.service_account, now,
        task=target.task, job=target.job, authorization=authorization, tasks=target.tasks,
    )  # fmt: skip
    # As Google's own request says who it is: something may let it alone pass, or nobody of that name.
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "X-CloudScheduler": "true",
        PROBE_HEADER: probe,
        **({JOB_NAME: target.job} if target.job else {}),
        **({"Authorization": authorization} if authorization else {}),
    }
    try:
        return begin(lambda: _post(target.uri, headers, parts, seconds))(seconds)
    except TimeoutError as error:
        return Got(parts, error=error)


def _split(uri: str) -> SplitResult | None:
    try:
        parts = urlsplit(uri)
        has_host = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and has_host else None


def _post(uri: str, headers: dict[str, str], asked: SplitResult, seconds: float) -> Got:
    body = ""
    # No proxy of the environment is used: Google's request passes none of ours. The authorities that are
    # trusted are the public ones, as Google trusts them.
    with urllib3.PoolManager(ca_certs=certifi.where(), cert_reqs=ssl.CERT_REQUIRED) as pool:
        try:
            answer = pool.request(
                "POST", uri, body=PROBE_BODY, headers=headers, redirect=False, retries=False,
                # A little less than is waited for in all: it knows whether connecting or answering took long.
                timeout=urllib3.Timeout(total=0.9 * seconds), preload_content=False,
            )  # fmt: skip
            with suppress(failures.DecodeError):  # compressed in a way that nobody reads
                body = answer.read(MOST_READ).decode("utf-8", "replace")
            answer.close()
        except (failures.HTTPError, OSError, ValueError) as error:
            return Got(asked, error=error)
        return Got(asked, answer.status, answer.headers, body)


# --- What an answer means ---------------------------------------------------------------------------


def _described(got: Got, target: Target) -> Answerer:
    if _is_ours(got):
        return _ours(target, got.json["would_refuse"])
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


def _is_ours(got: Got) -> bool:
    would_refuse = got.json.get("would_refuse")
    return got.status == 401 and isinstance(would_refuse, list) and would_refuse != ["key"]


def _ours(target: Target, would_refuse: list[Any]) -> Answerer:
    """The view answered, and has read what Google's token will say."""
    others = [name for name in target.tasks if f"task {name}" in would_refuse]
    facts = vars(target) | {"account": target.service_account or "no account"}
    if others:
        facts |= {"task": some(others)}
        would_refuse = ["task"]
    for fault, (text, remedy) in REFUSALS.items():
        if fault in would_refuse:
            return Answerer(
                is_right=False,
                text=f"{target.uri} is this app, which would refuse Google: {text.format_map(facts)}",
                remedy=remedy,
                refuses=fault,
            )
    return Answerer(is_right=True, text=f"{target.uri} is this app, and asks for a token as it must")


AGAIN = "run schedule_tasks again"
TAKEN = (
    "Let {mount} pass the middleware, or the server in front, that takes Google's token for one of its own."
)
PRIVATE = (
    "Give {account} roles/run.invoker on the service; the audience {audience} must be the service's URL "
    "or one of its custom audiences."
)
WRITABLE = (
    "Let the user of this app write there (with SQLite the file and its folder), or name the server that is "
    "written to in DATABASES."
)
REFUSALS = {
    "path": (
        "the path of the request reaches it changed, and names another task than {task}",
        "Let the server in front, or the middleware, pass the path on as it is, capitals and dots too.",
    ),
    "method": (
        "the request reaches it as another method than POST",
        "Let no server in front change or redirect it on the way: what follows a redirect becomes a GET.",
    ),
    "task": (
        "its code has no task {task}",
        "Deploy the code that has it to the web server, with its app in INSTALLED_APPS, and restart that.",
    ),
    "zones": ("USE_TZ is False there", "Set USE_TZ = True in the settings of the web server."),
    "job": (
        "its database has no job {job}",
        "Give all processes one database (DATABASES), and run schedule_tasks with it.",
    ),
    "headers": (
        "the header X-CloudScheduler-JobName, which names the job, does not reach it",
        "Let the server in front, or the middleware, pass the headers of the request on.",
    ),
    "authorization": (
        "the Authorization header, which has the token, does not reach it",
        "Let the server in front pass it on, in Apache's mod_wsgi by WSGIPassAuthorization On.",
    ),
    "token": (
        "the Authorization header, which has the token, reaches it changed",
        "Let the server in front, or the middleware, pass it on once and as it is.",
    ),
    "body": (
        "the body of the request, which has the payload, does not reach it",
        "Look for whoever reads or drops it first, and whether DATA_UPLOAD_MAX_MEMORY_SIZE is too small.",
    ),
    "tables": (
        "its database has no tables of this app",
        "Run manage.py migrate with the settings of the web server, or give all processes one database.",
    ),
    "writes": ("its database takes no writes", WRITABLE),
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
