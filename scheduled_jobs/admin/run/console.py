"""Where Google's console shows what belongs to a run; nowhere, where jobs do not go to Google itself."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from django.core.exceptions import ImproperlyConfigured

from scheduled_jobs.conf import settings
from scheduled_jobs.models import JobRun

CONSOLE = "https://console.cloud.google.com"
AROUND = timedelta(minutes=1)


def trace_url(trace: str) -> str:
    """The trace in Cloud Trace; empty where the project is not known to be Google's."""
    if not (project := _project()):
        return ""
    return f"{CONSOLE}/traces/list?{urlencode({'project': project, 'tid': trace})}"


def logs_url(run: JobRun) -> str:
    """What Cloud Logging has of the run's request, or else of its time."""
    if run.started_at is None or not (project := _project()):
        return ""
    if trace := run.context.get("trace"):
        asked = f'trace="projects/{project}/traces/{trace}"'
    else:
        end = run.finished_at or run.started_at
        since, until = (f"{at:%Y-%m-%dT%H:%M:%SZ}" for at in (run.started_at - AROUND, end + AROUND))
        asked = f'timestamp>="{since}"\ntimestamp<="{until}"'
    return f"{CONSOLE}/logs/query;query={quote(asked, safe='')}?{urlencode({'project': project})}"


def scheduler_logs_url(job: str, at: datetime) -> str:
    """What Cloud Logging has of Google's own attempts at a job of this id, about a time."""
    if not (project := _project()):
        return ""
    since, until = (f"{edge:%Y-%m-%dT%H:%M:%SZ}" for edge in (at - AROUND, at + AROUND))
    asked = "\n".join(
        (
            'resource.type="cloud_scheduler_job"',
            f'resource.labels.job_id="{job}"',
            f'timestamp>="{since}"',
            f'timestamp<="{until}"',
        )
    )
    return f"{CONSOLE}/logs/query;query={quote(asked, safe='')}?{urlencode({'project': project})}"


def _project() -> str:
    try:
        return (settings.PROJECT_ID or "") if settings.calls_google else ""
    except ImproperlyConfigured:  # which the checks tell
        return ""
