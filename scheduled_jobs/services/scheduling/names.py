"""The names by which jobs are known to Google, and whose they are."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from scheduled_jobs.conf import settings
from scheduled_jobs.domain import jobs as domain
from scheduled_jobs.domain.addresses import SAFE
from scheduled_jobs.domain.plan import Ownership
from scheduled_jobs.exceptions import InvalidDefinition
from scheduled_jobs.services.scheduling import mount


@dataclass(frozen=True, slots=True)
class App:
    """What the settings say of this app's jobs, read once for many of them."""

    app_name: str | None
    delimiter: str
    service_account: str
    audience: str
    url_parts: tuple[str, str] | None
    """What stands before and after the task's path in its address; None if there is no such URL."""
    url_fault: str = ""

    def job_id(self, name: str) -> str:
        """The id of a job of this app."""
        return domain.make_job_id(name, app_name=self.app_name, delimiter=self.delimiter)

    def url(self, path: str) -> str:
        """The address to which Google sends the requests of a task's jobs; raises InvalidDefinition."""
        if self.url_parts is None:
            raise InvalidDefinition(self.url_fault)
        before, after = self.url_parts
        return before + quote(path, safe=SAFE) + after


def this_app() -> App:
    """What the settings say now."""
    parts, fault = None, ""
    try:
        before, after = mount.path_parts()
        parts = (mount.site() + before, after)
    except InvalidDefinition as error:
        fault = str(error)
    return App(
        app_name=settings.APP_NAME,
        delimiter=settings.DELIMITER,
        service_account=settings.OIDC_SERVICE_ACCOUNT or "",
        audience=settings.OIDC_AUDIENCE or "",
        url_parts=parts,
        url_fault=fault,
    )


def job_id(name: str) -> str:
    """The id of a job of this app."""
    return this_app().job_id(name)


def task_url(path: str) -> str:
    """The address to which Google sends the requests of a task's jobs; raises InvalidDefinition."""
    return this_app().url(path)


def ownership() -> Ownership:
    """By what this app's jobs are known."""
    return Ownership(settings.APP_NAME, settings.DELIMITER, mount.site())
