"""The tools that a project's own tests are given."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.http import HttpResponse
from django.test import override_settings

from scheduled_jobs.models import JobRun
from scheduled_jobs.testing import running_cloud_scheduler
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest

    from scheduled_jobs.testing import CloudScheduler

pytestmark = pytest.mark.usefixtures("no_tasks")
ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.django_db(transaction=True)
def test_a_day_can_be_played_in_a_moment(cloud_scheduler: CloudScheduler) -> None:
    declare("Nightly", "30 3 * * *", run=lambda self: {"at": self.metadata.scheduled_for.isoformat()})
    schedule_tasks()
    answers = cloud_scheduler.advance(timedelta(days=2))
    assert [answer.status_code for answer in answers] == [200, 200]
    runs = list(JobRun.objects.order_by("pk"))
    assert [run.scheduled_for.strftime("%H:%M") for run in runs if run.scheduled_for] == ["03:30", "03:30"]
    assert [run.started_at for run in runs] == [run.scheduled_for for run in runs]
    assert runs[1].scheduled_for - runs[0].scheduled_for == timedelta(days=1)


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_asked_for_is_delivered(cloud_scheduler: CloudScheduler) -> None:
    declare("Nightly", "30 3 * * *")
    schedule_tasks()
    run = row("Nightly").run_now(by="maria")
    (answer,) = cloud_scheduler.deliver_forced()
    assert answer.json() == {"status": "executed", "result": None, "run": run.pk}
    run.refresh_from_db()
    assert (run.status, run.requested_by) == ("succeeded", "maria")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "mounted",
    [
        {"FORCE_SCRIPT_NAME": "/shop"},
        {"DJANGO_CLOUD_TASKS_ENDPOINT": "https://shop.example.com/shop"},
        {"DJANGO_CLOUD_TASKS_ENDPOINT": "https://shop.example.com/tasks"},
    ],
    ids=str,
)
def test_what_is_mounted_below_a_path_is_delivered_as_its_server_does(
    cloud_scheduler: CloudScheduler, mounted: dict[str, str]
) -> None:
    with override_settings(**mounted):
        declare("Nightly", "30 3 * * *")
        schedule_tasks()
        assert [answer.status_code for answer in cloud_scheduler.advance(timedelta(days=1))] == [200]


class OfTheHost:
    """As the middlewares of django-hosts and django-tenants do, which know a site by its host."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.get_host() != "shop.example.com":
            return HttpResponse("No tenant of this name", status=404)
        return self.get_response(request)


@pytest.mark.django_db(transaction=True)
@override_settings(
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", f"{__name__}.OfTheHost"],
    SECURE_SSL_REDIRECT=True,
    DJANGO_CLOUD_TASKS_ENDPOINT="https://shop.example.com",
)
def test_a_delivery_goes_to_scheme_and_host_of_its_address(cloud_scheduler: CloudScheduler) -> None:
    declare("Nightly", "30 3 * * *")
    schedule_tasks()
    day = timedelta(days=1)
    with override_settings(ALLOWED_HOSTS=["testserver", ".example.com"]):
        assert [answer.status_code for answer in cloud_scheduler.advance(day)] == [200]
    # A host that the settings of the tests do not let in is not asked for.
    with override_settings(ALLOWED_HOSTS=["testserver"]):
        assert [answer.status_code for answer in cloud_scheduler.advance(day)] == [404]


def test_the_clock_begins_at_a_full_minute(cloud_scheduler: CloudScheduler) -> None:
    assert (cloud_scheduler.now.second, cloud_scheduler.now.microsecond) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_calls_can_be_made_to_fail(cloud_scheduler: CloudScheduler) -> None:
    declare("Nightly")
    cloud_scheduler.faults.refuse("CreateJob", "PERMISSION_DENIED", "no", times=9)
    assert schedule_tasks().code == 1
    assert cloud_scheduler.jobs == {}


@pytest.mark.django_db(transaction=True)
@override_settings(DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=5)
def test_saves_wait_for_no_quota(cloud_scheduler: CloudScheduler) -> None:
    declare("Nightly", "30 3 * * *")
    schedule_tasks()
    job = row("Nightly")
    for minute in range(12):
        job.schedule_override = f"{minute} 3 * * *"
        job.save()
    written = [call.method for call in cloud_scheduler.faults.calls if call.method == "UpdateJob"]
    assert len(written) == 12
    assert row("Nightly").sync_state == "synced"


def test_the_clock_starts_where_it_is_set() -> None:
    moment = datetime(2027, 3, 14, 6, tzinfo=UTC)
    with running_cloud_scheduler(moment) as scheduler:
        from django.utils import timezone

        assert timezone.now() == moment
        scheduler.advance(timedelta(hours=1))
        assert timezone.now() == moment + timedelta(hours=1)


def test_the_tools_load_without_django_and_without_pytest() -> None:
    code = "import sys, scheduled_jobs.testing; print({'django', 'pytest'} & set(sys.modules))"
    plugin = "import sys, scheduled_jobs.testing.plugin; print({'django'} & set(sys.modules))"
    for program in (code, plugin):
        assert subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True) == "set()\n"
