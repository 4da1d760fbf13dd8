"""The plan and the comparison of one job, decided about as in a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from django.test import Client

    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.models import ScheduledJob


def synced_job(google: MemoryBackend) -> ScheduledJob:
    """The job of shop.tasks.One, as Google has it, and nothing said of the calls that made it so."""
    declare(
        "One", "0 9 * * *", schedule_retries=3, schedule_body_payload={"limit": 500, "api_token": "geheim"}
    )
    schedule_tasks()
    google.store.faults.calls.clear()
    return row("One")


def drift_url(job: ScheduledJob) -> str:
    return f"/admin/scheduled_jobs/scheduledjob/{job.pk}/drift/"


def chosen(html: str) -> dict[str, str]:
    return dict(re.findall(r'type="radio" name="d_([^"]+)" id="[^"]+" value="(\w+)"\s+checked', html))


def decide(client: Client, url: str, reason: str = "", **wanted: str) -> Any:
    """Open the page, choose, and send the form as it was shown; ``one="push"`` chooses for shop-tasks-One."""
    html = client.get(url).content.decode()
    tokens = dict(re.findall(r'name="s_([^"]+)" value="([^"]+)"', html))
    data = {f"s_{key}": token for key, token in tokens.items()}
    data |= {f"d_{key}": value for key, value in chosen(html).items()}
    for name, value in wanted.items():
        [key] = [key for key in tokens if key.lower().endswith(name) or key == name.removeprefix("_")]
        data[f"d_{key}"] = value
    return client.post(url, {**data, "reason": reason})
