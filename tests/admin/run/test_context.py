"""Which code ran it, where, and where Google's console has more of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.conf import CLOUD_SCHEDULER_BACKEND
from scheduled_jobs.models import JobRun, ScheduledJob
from tests.support import make_run
from tests.support.pages import in_one_line, text_of
from tests.support.run_pages import NOW, SLOT, failed, page

if TYPE_CHECKING:
    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]

TRACE = "6b1f" * 8
CONSOLE = "https://console.cloud.google.com"
CONTEXT = {"host": "shop-7c9d", "trace": TRACE, "span": "e09a" * 4}
LOG = "2026-10-22T13:00:01.120Z INFO shop.stock: 18,220 rows"


@pytest.fixture
def run(job: ScheduledJob) -> JobRun:
    return failed(job, log=LOG, code_version="shop-00042-abc", context=CONTEXT)


@pytest.fixture
def at_google(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_BACKEND = CLOUD_SCHEDULER_BACKEND
    settings.DJANGO_CLOUD_TASKS_PROJECT_ID = "shop-prod-eu"


def test_the_context_names_release_host_and_trace(client: Client, run: JobRun) -> None:
    html = page(client, run)
    facts = " ".join(text_of(html[html.index('data-part="facts"') :]).split())
    assert f"Release shop-00042-abc Host shop-7c9d Trace {TRACE}" in facts
    assert CONSOLE not in html


@pytest.mark.usefixtures("at_google")
def test_with_google_trace_and_log_lead_to_its_console(client: Client, run: JobRun) -> None:
    html = in_one_line(page(client, run))
    trace = f"{CONSOLE}/traces/list?project=shop-prod-eu&amp;tid={TRACE}"
    assert f'<a href="{trace}" class="sj-mono">{TRACE}</a>' in html
    asked = f"trace%3D%22projects%2Fshop-prod-eu%2Ftraces%2F{TRACE}%22"
    logs = f"{CONSOLE}/logs/query;query={asked}?project=shop-prod-eu"
    assert f'<a href="{logs}">In Cloud Logging</a>' in html


@pytest.mark.usefixtures("at_google")
def test_without_a_trace_it_is_the_time_that_is_asked_for(client: Client, job: ScheduledJob) -> None:
    run = failed(job, log=LOG, started_at=SLOT, finished_at=SLOT + timedelta(minutes=2))
    asked = "timestamp%3E%3D%222026-10-22T12%3A59%3A00Z%22%0Atimestamp%3C%3D%222026-10-22T13%3A03%3A00Z%22"
    assert f'{CONSOLE}/logs/query;query={asked}?project=shop-prod-eu"' in page(client, run)
    html = page(client, make_run(job, JobRun.Status.QUEUED, log=LOG, created_at=NOW))
    assert "In Cloud Logging" not in html


def test_a_line_tells_the_time_of_the_jobs_zone_and_its_logger(client: Client, run: JobRun) -> None:
    html = in_one_line(page(client, run))
    assert '<td class="t">14:00:01.120</td>' in html
    assert '<span class="text">18,220 rows</span><span class="sj-mod">shop.stock</span>' in html
