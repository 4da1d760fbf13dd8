"""The public doors of the package, as the lessons use them: a terminal, the admin, Google's console and a deploy."""

from __future__ import annotations

import io
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client

from scheduled_jobs import registry
from tests.support import full_name
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.people import LIST, signed_in, staff

if TYPE_CHECKING:
    from datetime import datetime

    from scheduled_jobs.models import JobRun, ScheduledJob
    from scheduled_jobs.testing import CloudScheduler

__all__ = [
    "LIST",
    "change",
    "console_pause",
    "console_set",
    "declare",
    "deliver",
    "forget",
    "job_page",
    "live",
    "page_of",
    "press",
    "row",
    "run_page",
    "schedule_tasks",
    "signed_in",
    "staff",
    "superuser",
    "terminal",
    "text_of",
]

ACCOUNT, AUDIENCE = "scheduler@test-project.iam.gserviceaccount.com", "https://shop.example.com"


# --- A deploy ---------------------------------------------------------------------------------------


def forget(*names: str) -> None:
    """Remove tasks of shop.tasks from the code."""
    for name in names:
        registry._tasks.pop(f"shop.tasks.{name}")


# --- A terminal -------------------------------------------------------------------------------------


def terminal(*words: str) -> str:
    """``manage.py scheduled_jobs …``."""
    out = io.StringIO()
    call_command("scheduled_jobs", *words, stdout=out)
    return out.getvalue()


# --- The admin --------------------------------------------------------------------------------------


class _Forms(HTMLParser):
    """The forms of a page: name -> value, as a browser would send them."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self.area = self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "form":
            self.forms.append({})
        elif not self.forms:
            return
        elif tag == "input" and name and given.get("type") != "submit":
            if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self.forms[-1][name] = given.get("value") or ""
        elif tag == "textarea":
            self.area = name
            self.forms[-1][name] = ""
        elif tag == "select":
            self.select = name
            self.forms[-1][name] = ""
        elif tag == "option" and "selected" in given:
            self.forms[-1][self.select] = given.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self.area = ""

    def handle_data(self, data: str) -> None:
        if self.area:
            # HTML drops the line break right after the tag.
            self.forms[-1][self.area] += data.removeprefix("\n")


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.silent = False

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.silent = tag in ("script", "style")
        self.words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        self.silent = False

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.words.append(data)


def text_of(page: str) -> str:
    """What a page says, in one line."""
    reader = _Words()
    reader.feed(page)
    return " ".join("".join(reader.words).split())


def page_of(client: Client, address: str) -> str:
    """The page at an address, which must be there."""
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


def job_page(job: ScheduledJob, page: str = "change") -> str:
    """The address of a job's page: change, settings, changes, pause, resume, run-now, drift."""
    return f"{LIST}{job.pk}/{page}/"


def run_page(run: JobRun) -> str:
    """The address of a run's page."""
    return f"/admin/scheduled_jobs/jobrun/{run.pk}/change/"


def press(client: Client, address: str, button: str = "_save", *, field: str = "reason", **typed: str) -> Any:
    """Open a page, type into the form that has ``field``, press a button; returns the page that follows."""
    reader = _Forms()
    reader.feed(page_of(client, address))
    form = next(form for form in reader.forms if field in form)
    return client.post(address, {**form, **typed, button: "1"}, follow=True)


def change(job: ScheduledJob, **typed: str) -> ScheduledJob:
    """Change a job in its form, as a superuser, and read it anew."""
    answer = press(superuser(), job_page(job, "settings"), **typed)
    assert "Nothing was saved" not in answer.content.decode(), text_of(answer.content.decode())
    job.refresh_from_db()
    return job


def superuser(name: str = "maria") -> Client:
    """A superuser of this name, signed in."""
    user = User.objects.filter(username=name).first()
    return signed_in(user or User.objects.create_superuser(name, "", "secret"))


# --- Google -----------------------------------------------------------------------------------------


def live(google: CloudScheduler, name: str) -> dict[str, Any]:
    """What Google has of a task of shop.tasks, its state included."""
    job = google.jobs[f"shop--shop-tasks-{name}"]
    return {**job.values, "state": job.state}


def console_set(google: CloudScheduler, job: ScheduledJob, mask: str, **values: Any) -> None:
    """Somebody edits a job in Google's console."""
    message = google.store.get_job(full_name(job))
    for name, value in values.items():
        setattr(message, name, value)
    google.store.update_job(message, [mask])


def console_pause(google: CloudScheduler, job: ScheduledJob) -> None:
    """Somebody pauses a job in Google's console."""
    google.store.pause_job(full_name(job))


def deliver(google: CloudScheduler, job: ScheduledJob, slot: datetime, **headers: str) -> Any:
    """One request of Google's for a slot, whenever it arrives."""
    sent = {
        "Authorization": f"Bearer {google.issuer.token(ACCOUNT, AUDIENCE)}",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": job.name,
        "X-CloudScheduler-ScheduleTime": slot.isoformat(),
    }
    return Client(enforce_csrf_checks=True, raise_request_exception=False).post(
        f"/tasks/{job.task}", b"{}", content_type="application/json", headers={**sent, **headers}
    )
