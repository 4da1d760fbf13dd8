"""The address of the run list, filtered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.contrib.admin import ModelAdmin, site
from django.contrib.admin.sites import AdminSite

from scheduled_jobs.admin.page import run_list_url
from scheduled_jobs.models import JobRun

RUNS = "/admin/scheduled_jobs/jobrun/"


def test_a_link_to_the_run_list_names_its_filters() -> None:
    shown = site.get_model_admin(JobRun)
    assert run_list_url(shown) == RUNS
    assert run_list_url(shown, job=7, status="failing") == f"{RUNS}?job=7&status=failing"
    at = datetime(2026, 10, 22, 14, tzinfo=UTC)
    hour = run_list_url(shown, how="retry", start=at, end=at + timedelta(hours=1))
    assert hour == f"{RUNS}?how=retry&start=2026-10-22T14%3A00%3A00Z&end=2026-10-22T15%3A00%3A00Z"
    slow = run_list_url(shown, over=timedelta(minutes=1), late=timedelta(seconds=0.5), twice=True)
    assert slow == f"{RUNS}?over=60&late=0.5&twice=1"
    assert run_list_url(shown, error_key="KeyError &", q="a b") == f"{RUNS}?error=KeyError+%26&q=a+b"


def test_a_site_without_runs_has_no_such_link() -> None:
    assert run_list_url(ModelAdmin(JobRun, AdminSite("other")), job=7) == ""
