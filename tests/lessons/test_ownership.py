"""Whose jobs are whose, and what is done about jobs that were made elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import override_settings

from scheduled_jobs.domain.jobs import JobSpec
from tests.lessons.doors import declare, forget, live, row, schedule_tasks, terminal

if TYPE_CHECKING:
    from scheduled_jobs.testing import CloudScheduler

HERE = "https://shop.example.com/tasks/shop.tasks.Digest"


def foreign(google: CloudScheduler, name: str, mark: str = "", uri: str = HERE) -> None:
    """A job that somebody else has made."""
    headers = {"X-Scheduled-Jobs": mark} if mark else {}
    google.backend.create(JobSpec(name, "0 1 * * *", "UTC", uri, headers=headers), timeout=1)


def test_jobs_of_an_app_that_begins_alike_are_never_touched(google: CloudScheduler) -> None:
    """django-cloud-tasks 2.21.0: "shop" deleted "shop-admin--Nightly" and "shopping--Digest"."""
    foreign(google, "shop-admin--Nightly", "1; app=shop-admin")
    foreign(google, "shopping--Digest", "1; app=shopping")
    foreign(google, "shop--made-by-hand")
    foreign(google, "shop--of-another-app", "1; app=shop-admin")
    foreign(google, "shop--of-the-copy", "1; app=shop", "https://staging.example.com/tasks/x")
    before = google.jobs
    for name in ("Digest", "Other", "Third"):
        declare(name)
    schedule_tasks(yes=True)
    forget("Digest", "Other")
    schedule_tasks(yes=True)
    with override_settings(DJANGO_CLOUD_TASKS_APP_NAME="sho"):
        schedule_tasks(yes=True)
    assert {name: job for name, job in google.jobs.items() if name in before} == before
    assert set(google.jobs) - set(before) == {"sho--shop-tasks-Third"}


def test_without_the_delimiter_the_app_name_is_no_prefix(google: CloudScheduler) -> None:
    """django-cloud-tasks 2.21.0: the delimiter is left out of the match."""
    foreign(google, "shop-tasks-Other", "1; app=shop")
    declare("Digest")
    assert schedule_tasks(yes=True).lines == ["[+] Job created: shop.tasks.Digest"]
    assert sorted(google.jobs) == ["shop--shop-tasks-Digest", "shop-tasks-Other"]


def test_a_job_made_elsewhere_is_taken_over_only_when_asked(google: CloudScheduler) -> None:
    """hashicorp/terraform-provider-google #24894: what was made by hand is reset, or in the way for ever."""
    foreign(google, "shop--shop-tasks-Digest")
    declare("Digest")
    output = schedule_tasks()
    assert output.code == 1
    assert output.lines[0].startswith("[!] Job failed: shop.tasks.Digest: ")
    assert output.lines[0].endswith("--adopt takes it over")
    assert live(google, "Digest")["schedule"] == "0 1 * * *"
    assert schedule_tasks(adopt=True).code == 0
    assert live(google, "Digest")["schedule"] == "0 9 * * *"
    assert schedule_tasks().lines == []


@pytest.mark.parametrize("verb", ["save", "pause", "delete", "run"])
def test_nothing_done_in_a_copy_reaches_the_original(google: CloudScheduler, verb: str) -> None:
    """hashicorp/terraform-provider-google #7286: one environment resets the jobs of another."""
    declare("Digest")
    schedule_tasks()
    before = google.jobs
    with override_settings(DJANGO_CLOUD_TASKS_ENDPOINT="https://staging.example.com"):
        job = row("Digest")
        if verb == "save":
            job.description_override = "A copy"
            job.save()
        elif verb == "pause":
            terminal("pause", "shop.tasks.Digest", "--reason", "a copy")
        elif verb == "run":
            assert job.run_now().status == "failed"
        else:
            job.delete()
        schedule_tasks(yes=True)
    assert google.jobs == before
    assert google.deliver_forced() == []
