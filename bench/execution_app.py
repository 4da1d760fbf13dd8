"""The Django of ``bench.execution``: the view that Google calls, and beside it a bare one.

gunicorn bench.execution_app:application        both, over the database of BENCH_DATABASE (JSON)
python -m bench.execution_app fill              makes the tables and the jobs
python -m bench.execution_app statements        prints the statements of a delivery, as JSON
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import django
from django.conf import settings

from bench.web import ACCOUNT, ADDRESS, ENDPOINT, TASK, headers, name_of

with suppress(ImportError):  # as for the tests: the driver of MySQL and MariaDB that needs no compiler
    import pymysql

    pymysql.install_as_MySQLdb()

JOBS = 256
SLOT = datetime(2026, 1, 5, tzinfo=UTC)

settings.configure(
    SECRET_KEY="only-for-the-bench",
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "scheduled_jobs",
        "bench",
    ],
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    DATABASES={"default": json.loads(os.environ["BENCH_DATABASE"])},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    USE_TZ=True,
    LOGGING={"version": 1, "disable_existing_loggers": False},
    DJANGO_CLOUD_TASKS_ENDPOINT=ENDPOINT,
    DJANGO_CLOUD_TASKS_APP_NAME="bench",
    DJANGO_CLOUD_TASKS_PROJECT_ID="bench",
    DJANGO_CLOUD_TASKS_LOCATION="here",
    DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT=ACCOUNT,
    DJANGO_CLOUD_TASKS_OIDC_CERTS_URL=os.environ.get("BENCH_CERTS", ""),
    DJANGO_CLOUD_TASKS_PUSH="off",
)
# Whoever starts it as a program and whoever imports it mean the same module, hence the same models.
sys.modules["bench.execution_app"] = sys.modules[__name__]
django.setup()

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402 – only with settings
from django.db import connection, models  # noqa: E402
from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils import timezone  # noqa: E402
from django.views.decorators.csrf import csrf_exempt  # noqa: E402

from scheduled_jobs.services.execution import ending  # noqa: E402
from scheduled_jobs.tasks import PeriodicTask  # noqa: E402


class Work(PeriodicTask):
    """Does nothing unless it is told to, so that what is measured is ours; what it does is on record."""

    run_every = "* * * * *"

    def schedule_retries(self) -> int:
        """As by default at Google's."""
        return 5

    def run(self, *, region: str = "", seconds: float = 0, error: str = "", marks: str = "") -> str:
        """Take this long; ``marks`` are "begun", "done" or both: each leaves a row at its time."""
        if "begun" in marks:
            self._mark("begun")
        if seconds:  # to sleep for no time gives up the processor
            time.sleep(seconds)
        if error:
            raise ValueError(error)
        if "done" in marks:
            self._mark("done")
        return region

    def _mark(self, status: str) -> None:
        Row.objects.create(
            status=status,
            started_at=self.metadata.scheduled_for,
            payload={"job": self.metadata.job_name, "process": os.getpid()},
        )


Work.__module__ = "bench.execution_app"


class Row(models.Model):  # noqa: DJ008 – nobody is shown one
    """What a bare view writes."""

    status = models.CharField(max_length=20)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    payload = models.JSONField()
    result = models.JSONField(null=True)

    class Meta:
        app_label = "bench"


@csrf_exempt
def bare(request: HttpRequest) -> JsonResponse:
    """One INSERT and one UPDATE by the ORM, and no token."""
    row = Row.objects.create(status="running", started_at=timezone.now(), payload=json.loads(request.body))
    row.status, row.finished_at, row.result = "succeeded", timezone.now(), None
    row.save(update_fields=["status", "finished_at", "result"])
    return JsonResponse({"status": "executed", "result": None, "run": row.pk})


urlpatterns = [path("bare/", bare), path("tasks/", include("scheduled_jobs.urls"))]
application = WSGIHandler()

if waits := os.environ.get("BENCH_WAITS"):
    # Whoever tries what comes after the waits does not wait for them: seconds, split at blanks.
    ending.DELAYS = tuple(map(float, waits.split()))


def fill() -> None:
    """The tables, and jobs as they are after a sync."""
    from django.core.management import call_command

    from scheduled_jobs.models import ScheduledJob

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Row)
    ScheduledJob.objects.bulk_create(
        ScheduledJob(
            name=name_of(number),
            task=TASK,
            declared_schedule="* * * * *",
            declared_payload={"region": "emea"},
            sync_state="synced",
        )
        for number in range(JOBS)
    )


def statements(token: str) -> dict[str, Any]:
    """The statements of one delivery among many, and how many the one with the most has."""
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client, found = Client(), []
    for slot in range(100):
        with CaptureQueriesContext(connection) as queries:
            sent = headers(0, SLOT - timedelta(minutes=slot + 1), token)
            answer = client.post(ADDRESS, {"region": "emea"}, content_type="application/json", headers=sent)
        assert answer.json()["status"] == "executed", answer.content
        found.append([query["sql"] for query in queries])
    usual = sorted(found, key=_count)[len(found) // 2]
    return {
        "statements": _count(usual),
        "most": max(map(_count, found)),
        "round_trips": len(usual),
        "of_one": [" ".join(sql.split())[:100] for sql in usual],
    }


def _count(queries: list[str]) -> int:
    """Statements, without what begins and ends a transaction."""
    return sum(sql not in ("BEGIN", "BEGIN IMMEDIATE", "COMMIT") for sql in queries)


if __name__ == "__main__":
    if sys.argv[1] == "fill":
        fill()
    else:
        sys.stdout.write(json.dumps(statements(os.environ["BENCH_TOKEN"])))
