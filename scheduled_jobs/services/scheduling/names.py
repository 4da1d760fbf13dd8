"""The names by which jobs are known to Google, and whose they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.urls import NoReverseMatch, reverse

from scheduled_jobs.conf import settings
from scheduled_jobs.domain import jobs as domain
from scheduled_jobs.domain.plan import Ownership
from scheduled_jobs.exceptions import InvalidDefinition

if TYPE_CHECKING:
    from scheduled_jobs.tasks import PeriodicTask


def job_id_of(task: type[PeriodicTask]) -> str:
    """The id of a task's job in Google."""
    return job_id(task.schedule_name())


def job_id(name: str) -> str:
    """The id of a job of this app."""
    return domain.job_id(name, app_name=settings.APP_NAME, delimiter=settings.DELIMITER)


def task_url(path: str) -> str:
    """The address to which Google sends the requests of a task's jobs; raises InvalidDefinition."""
    try:
        return settings.ENDPOINT.rstrip("/") + reverse(settings.URL_NAME, args=[path])
    except NoReverseMatch as error:
        raise InvalidDefinition(
            f"no URL is named {settings.URL_NAME!r}; "
            'add path("tasks/", include("scheduled_jobs.urls")) to your URLs'
        ) from error


def ownership() -> Ownership:
    """By what this app's jobs are known."""
    return Ownership(settings.APP_NAME, settings.DELIMITER, settings.ENDPOINT)
