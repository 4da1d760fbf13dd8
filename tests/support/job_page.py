"""The page of one job: its row, what a person reads on it, and its form as a browser sends it."""

from __future__ import annotations

import html
import re
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

from scheduled_jobs.models import ScheduledJob
from tests.support import make_job, make_task
from tests.support.people import LIST

if TYPE_CHECKING:
    from django.test import Client

    from scheduled_jobs.tasks import PeriodicTask

MASK = "•" * 8
TABS = {"change": "Overview", "settings": "Settings", "changes": "Changes"}
"""Last part of the address of each page of a job -> what its tab is called."""


class Acquirer(Enum):
    UNICRE = "unicre"
    ADYEN = "adyen"


def settle(
    self: PeriodicTask,
    batch_size: int,
    acquirer: Acquirer = Acquirer.UNICRE,
    mode: Literal["full", "light"] = "full",
    since: date | None = None,
    dry_run: bool = False,
    api_token: str = "",
) -> None:
    """The parameters of the job page's form."""


DECLARED = {"batch_size": 500, "api_token": "old-secret"}


def job(**values: Any) -> ScheduledJob:
    values = {"declared_payload": DECLARED, **values}
    return make_job(make_task(settle, name="Settle"), values.pop("name", "shop--settle"), **values)


def address(row: ScheduledJob, page: str = "change") -> str:
    return f"{LIST}{row.pk}/{page}/"


def text(content: str) -> str:
    content = re.sub(r"<(script|style).*?</\1>", "", content, flags=re.DOTALL)
    content = re.sub(r"<(?!/?(?:b|i|q|code|strong|del|ins|time|a)\b)[^>]*>", " ", content)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", "", content))).strip()


def fields(client: Client, row: ScheduledJob) -> dict[str, str]:
    """What a browser would send of the form as the page is now."""
    return read_fields(client.get(address(row, "settings")).content.decode())


def read_fields(page: str) -> dict[str, str]:
    form = page.partition('id="scheduledjob_form"')[2].partition("</form>")[0]
    found: dict[str, str] = {}
    for tag in re.findall(r"<input[^>]*>", form):
        attrs = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attrs.get("type") in ("submit", None) or "name" not in attrs:
            continue
        found[attrs["name"]] = html.unescape(attrs.get("value", ""))
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.findall(r'<option value="([^"]*)" selected', options)
        found[name] = html.unescape(chosen[0]) if chosen else ""
    for name, body in re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.DOTALL):
        found[name] = html.unescape(body)
    return found


def save(client: Client, row: ScheduledJob, button: str = "_save", **typed: str) -> Any:
    return client.post(address(row, "settings"), {**fields(client, row), button: "1", **typed})


def fresh(row: ScheduledJob) -> ScheduledJob:
    return ScheduledJob.objects.get(pk=row.pk)
