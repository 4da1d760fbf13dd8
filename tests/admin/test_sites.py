"""Admin sites that have jobs without their runs, runs without their jobs, or the other site's name."""

from __future__ import annotations

import re
from weakref import WeakSet

import pytest
from django.contrib import admin
from django.test import override_settings
from django.urls import include, path

from scheduled_jobs.admin import JobRunAdmin, ScheduledJobAdmin
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.alerts import links
from tests.support.people import superuser
from tests.support.requests import GETS, NOBODY, POSTS, data_of, send, undone

pytestmark = [pytest.mark.django_db, pytest.mark.uncounted]
PAGES = [action for action in GETS if NOBODY not in action.needs and action.answer == 200]
DEEDS = [action for action in POSTS if action.name in ("run now", "pausing", "dealing with a matter")]


class Urls:
    """The jobs on one site, the runs on one; the first is called as Django's own is, which has both."""

    def __init__(self, jobs: str, runs: str) -> None:
        sites = {"admin": admin.AdminSite(), "ops": admin.AdminSite("ops")}
        sites[jobs].register(ScheduledJob, ScheduledJobAdmin)
        sites[runs].register(JobRun, JobRunAdmin)
        self.urlpatterns = [path(f"{name}/", site.urls) for name, site in sites.items()]
        self.urlpatterns.append(path("tasks/", include("scheduled_jobs.urls")))


@pytest.mark.parametrize(("jobs", "runs"), [("admin", "ops"), ("ops", "admin"), ("ops", "ops")])
def test_a_site_leads_to_what_it_has(
    jobs: str, runs: str, desk: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("django.contrib.admin.sites.all_sites", WeakSet())  # no other test knows of these
    client = superuser()
    here = {
        **desk,
        "jobs": f"/{jobs}/scheduled_jobs/scheduledjob/",
        "runs": f"/{runs}/scheduled_jobs/jobrun/",
    }
    with override_settings(ROOT_URLCONF=Urls(jobs, runs)):
        for action in (*PAGES, *DEEDS):
            is_of_runs = here["runs"] in action.address.format(**here)
            # The permissions are those of the site's class: where it has none, nobody may.
            refused = jobs != runs and (bool(action.needs) if is_of_runs else "runs" in action.needs)
            with undone():
                data = data_of(action, here) if action.method == "post" and not refused else {}
                answer = send(client, action, here, data)
            assert answer.status_code == (403 if refused else action.answer), action.name
            html = "" if answer.streaming else answer.content.decode()
            led_to = {*re.findall('(?:href|action)="(/[^"?]*)', html), answer.get("Location", "/")}
            led_to -= {url for url in led_to if url.startswith("/static/")} | {"/"}
            assert {url.split("/")[1] for url in led_to} <= {runs if is_of_runs else jobs}, action.name
            lacking = "/scheduledjob/" if is_of_runs else "/jobrun/"
            assert jobs == runs or not [url for url in led_to if lacking in url], action.name
        for name in {jobs, runs}:
            assert client.get(f"/{name}/").status_code == 200
        assert client.get(f"/{jobs}/scheduled_jobs/").status_code == 200
        assert links.page("scheduledjob_change", 7).endswith(f"/{jobs}/scheduled_jobs/scheduledjob/7/change/")
        assert links.page("jobrun_changelist").endswith(here["runs"])
