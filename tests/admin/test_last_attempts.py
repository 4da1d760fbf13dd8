"""Google's own word on every screen: what its last attempt met, where, and what to do about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from google.cloud import scheduler_v1

from scheduled_jobs.models import JobRun, LastList, ScheduledJob
from scheduled_jobs.services.monitoring import process
from scheduled_jobs.services.scheduling import drift
from tests.support import ask, full_name, make_run
from tests.support.console import tried
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.pages import text_of
from tests.support.people import LIST, signed_in, staff, superuser

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.test import Client

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

MADE = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)
NINE = datetime(2026, 11, 23, 9, tzinfo=UTC)
NOW = NINE + timedelta(minutes=20)
ADDRESS = "https://shop.example.com/tasks/shop.tasks.One"
UNAVAILABLE = (
    "Nothing answered at that address, or something answered 503, perhaps this app itself while its database was "
    "away. Does the address reach this server? If not, set DJANGO_CLOUD_TASKS_ENDPOINT and run schedule_tasks."
)
DOCTOR = "python manage.py scheduled_jobs doctor asks this very address and says what answers."


@pytest.fixture
def job(google: MemoryBackend) -> Iterator[ScheduledJob]:
    with time_machine.travel(MADE, tick=False):
        declare("One", "0 * * * *")
        declare("Two", "0 * * * *")
        schedule_tasks()
    with time_machine.travel(NOW):
        yield row("One")


@pytest.fixture
def unreachable(google: MemoryBackend, job: ScheduledJob) -> ScheduledJob:
    tried(google, job, NINE, 14)
    drift.record(drift.look(job.pk))
    return row("One")


def page(client: Client, job: ScheduledJob, name: str = "change") -> str:
    return said(client.get(f"{LIST}{job.pk}/{name}/"))


def said(answer: Any) -> str:
    return " ".join(text_of(answer.content.decode()).split())


def test_a_job_that_nobody_reaches_says_so_on_every_screen(unreachable: ScheduledJob) -> None:
    client = superuser()
    text = page(client, unreachable)
    assert "Unreachable. It has not run yet." in text
    assert (
        "Google got no usable answer Google says last attempt 2026-11-23 09:00:00 UTC: got no usable answer "
        f"(UNAVAILABLE, code 14) Address {ADDRESS} What to do {UNAVAILABLE} {DOCTOR}"
    ) in text
    text = said(client.get(LIST))
    assert "Google got no usable answer: 1 of 2 jobs does not run" in text
    assert "Google’s last attempt, 09:00, got no usable answer" in text
    assert "Unreachable nothing ever arrived" in text
    for url in (f"{LIST}plan/", f"{LIST}{unreachable.pk}/drift/"):
        assert "Google got no usable answer" in said(client.get(url))


def test_one_cause_is_one_banner_with_what_the_addresses_share(
    google: MemoryBackend, unreachable: ScheduledJob
) -> None:
    tried(google, row("Two"), NINE + timedelta(minutes=5), 14)
    client = superuser()
    client.post(f"{LIST}ask/")
    assert (
        "Google got no usable answer: 2 of 2 jobs do not run Google says last attempts 09:00 to 09:05 UTC: got no "
        "usable answer (UNAVAILABLE, code 14) Address https://shop.example.com/tasks/… , the same for all of them"
    ) in said(client.get(LIST))


def test_a_success_that_is_none_of_ours_is_told(google: MemoryBackend, job: ScheduledJob) -> None:
    """A login page after a redirect answers 200: to Google that is a success."""
    tried(google, job, NINE, 0)
    client = superuser()
    client.post(f"{LIST}{job.pk}/ask/")
    text = page(client, job)
    assert "No run here. It has not run yet." in text
    assert "Google reports success, but nothing ran here Google says last attempt" in text
    assert "often a login page after a redirect" in text


def test_a_delivery_ends_it(unreachable: ScheduledJob) -> None:
    ScheduledJob.objects.update(last_delivery_at=NOW, last_run_at=NOW, last_status="succeeded")
    client = superuser()
    for text in (page(client, unreachable), said(client.get(LIST))):
        assert "Unreachable" not in text
        assert "What to do" not in text
    told = f"Google’s last attempt: 09:00:00 , got no usable answer , at {ADDRESS}"
    assert told in page(client, unreachable)


def test_what_google_says_while_a_run_goes_on_is_not_of_it(google: MemoryBackend, job: ScheduledJob) -> None:
    """Whoever watches asks at the full minute, when runs have just begun."""
    tried(google, job, NINE, 13)
    with time_machine.travel(NINE + timedelta(seconds=2), tick=False):
        drift.record(drift.look(job.pk))
    begun = {"last_run_at": NINE, "last_delivery_at": NINE, "last_status": "succeeded"}
    ScheduledJob.objects.update(**begun, last_duration=timedelta(seconds=5))
    asked = f"Google’s last attempt: 09:00:00 , went on when Google was asked , at {ADDRESS}"
    client = superuser()
    assert asked in page(client, job)
    ScheduledJob.objects.update(last_duration=timedelta(seconds=1))
    assert "09:00:00 , was answered 500" in page(client, job)


def test_a_run_that_is_going_on_is_no_accusation(unreachable: ScheduledJob) -> None:
    make_run(unreachable, JobRun.Status.RUNNING)
    client = superuser()
    for text in (page(client, unreachable), said(client.get(LIST))):
        assert "What to do" not in text


def test_a_late_job_says_since_when_and_why(google: MemoryBackend, job: ScheduledJob) -> None:
    # Not even tried: Google is late itself, or the job was changed there.
    google.store._entry(full_name(job)).job.schedule_time.FromDatetime(NINE + timedelta(hours=1))
    client = superuser()
    late = "The run of 08:00 has not arrived, 1 h 20 min after its time."
    assert f"Late. {late} “Ask Google” tells what its attempt met." in page(client, job)
    client.post(f"{LIST}ask/")
    assert f"Late. {late} Google had not tried it, as seen now." in page(client, job)
    text = said(client.get(LIST))
    assert "Late expected 08:00" in text
    assert late in text


# --- A run that waits -------------------------------------------------------------------------------------


def test_a_queued_run_says_what_googles_attempt_met(google: MemoryBackend, job: ScheduledJob) -> None:
    run = ask(job, sent_at=NINE - timedelta(seconds=1), created_at=NINE - timedelta(seconds=2))
    tried(google, job, NINE, 14)
    client = superuser()
    address = f"/admin/scheduled_jobs/jobrun/{run.pk}/change/"
    assert "Google was asked 20 min 1 s ago and has not delivered it." in said(client.get(address))
    client.post(f"{LIST}{job.pk}/ask/")
    text = said(client.get(address))
    assert "Queued for 20 min" in text
    assert f"Google’s last attempt, 09:00, got no usable answer at {ADDRESS}." in text
    assert "Google’s attempt failed 09:00:00.0, UNAVAILABLE" in text
    assert f"What to do {UNAVAILABLE} {DOCTOR}" in text


def test_an_attempt_before_a_run_was_asked_for_is_not_its_own(
    google: MemoryBackend, unreachable: ScheduledJob
) -> None:
    run = ask(unreachable, sent_at=NOW - timedelta(minutes=5), created_at=NOW - timedelta(minutes=5))
    text = said(superuser().get(f"/admin/scheduled_jobs/jobrun/{run.pk}/change/"))
    assert "Google was asked 5 min ago and has not delivered it." in text
    assert "What to do" not in text


# --- What any look has seen, every screen knows ----------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "words", "sentence"),
    [
        ("PAUSED", "paused in Google", "the job is paused in Google"),
        ("DISABLED", "disabled in Google", "Google has disabled the job"),
    ],
)
def test_what_the_plan_has_seen_the_list_and_the_job_know(
    google: MemoryBackend, job: ScheduledJob, state: str, words: str, sentence: str
) -> None:
    ScheduledJob.objects.update(last_delivery_at=NOW, last_run_at=NOW, last_status="succeeded")
    google.store.set_state(full_name(job), scheduler_v1.Job.State[state])
    client = superuser()
    assert words not in said(client.get(LIST))
    client.get(f"{LIST}plan/")
    assert f"Stopped {words}" in said(client.get(LIST))
    assert f"No run lies ahead: {sentence}, as last seen there." in page(client, job)


def test_a_pause_made_in_google_is_explained_on_the_job(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.pause_job(full_name(job))
    client = superuser()
    client.post(f"{LIST}{job.pk}/ask/")
    text = page(client, job)
    assert (
        "Paused in Google, but not here Google says state PAUSED, seen now Who somebody with access to the Google "
        "console; Cloud Audit Logs has the name What to do Keep the pause, which becomes one here with your "
        "reason, or switch the job on again. Compare and decide…"
    ) in text
    assert text.count("Compare and decide…") == 1
    drift.adopt(drift.look(job.pk), ["state"], by="maria", reason="migration")
    assert "but not here" not in page(client, job)


def test_a_job_that_google_disabled_is_explained_without_a_guess(
    google: MemoryBackend, job: ScheduledJob
) -> None:
    google.store.set_state(full_name(job), scheduler_v1.Job.State.DISABLED)
    client = superuser()
    client.post(f"{LIST}{job.pk}/ask/")
    assert (
        "Google has disabled this job Google says state DISABLED, seen now What to do Look at its log in "
        "the Google console, delete it there, and send it again: Google gets it anew."
    ) in page(client, job)


def test_no_other_page_asks_google(google: MemoryBackend, job: ScheduledJob) -> None:
    google.store.faults.calls.clear()
    client = superuser()
    for name in ("change", "settings", "changes", "run-now", "pause"):
        page(client, job, name)
    client.get(LIST)
    assert google.store.faults.calls == []


# --- Ask Google -------------------------------------------------------------------------------------------


def asked(client: Client, url: str) -> str:
    answer = client.post(url, follow=True)
    [message] = answer.context["messages"]
    return str(message)


def test_asking_google_about_all_jobs_says_what_was_seen(google: MemoryBackend, job: ScheduledJob) -> None:
    client = superuser()
    assert asked(client, f"{LIST}ask/") == "Google was asked about 2 jobs."
    tried(google, job, NINE, 14)
    google.store.pause_job(full_name(row("Two")))
    assert asked(client, f"{LIST}ask/") == (
        "Google was asked about 2 jobs. Of 1, what it tried last did not arrive here. 1 differs: compare and decide."
    )
    assert LastList.objects.get().at > NOW


def test_asking_google_about_one_job_says_what_was_seen(google: MemoryBackend, job: ScheduledJob) -> None:
    client, url = superuser(), f"{LIST}{job.pk}/ask/"
    assert asked(client, url) == "Google was asked just now. It has not tried yet."
    tried(google, job, NINE, 14)
    assert asked(client, url) == (
        f"Google was asked just now. Google’s last attempt, 09:00, got no usable answer at {ADDRESS}."
    )
    ScheduledJob.objects.update(last_delivery_at=NINE)
    assert asked(client, url) == (
        "Google was asked just now. Google’s last attempt, 09:00, got no usable answer."
    )
    google.store.delete_job(full_name(job))
    assert asked(client, url) == "Google was asked just now. It has no such job."


def test_google_that_cannot_be_asked_says_why(google: MemoryBackend, job: ScheduledJob) -> None:
    client = superuser()
    for method, url in (("ListJobs", f"{LIST}ask/"), ("GetJob", f"{LIST}{job.pk}/ask/")):
        google.store.faults.refuse(method, "PERMISSION_DENIED", "no right to look", times=9)
        assert asked(client, url).startswith("Google could not be asked: no right to look")


def test_the_button_is_for_those_who_may_compare(job: ScheduledJob) -> None:
    may, may_not = signed_in(staff("view", "sync")), signed_in(staff("view", "change", name="vera"))
    for url in (LIST, f"{LIST}{job.pk}/change/"):
        assert '/ask/"' in may.get(url).content.decode()
        assert '/ask/"' not in may_not.get(url).content.decode()


def test_calls_that_are_refused_here_are_told_on_page_and_by_doctor(job: ScheduledJob) -> None:
    client = superuser()
    refused = {"refused_at": NOW, "refusals": 3, "refused_caller": "eve@example.com"}
    ScheduledJob.objects.update(**refused, last_delivery_at=NINE)
    page = text_of(client.get(f"{LIST}{job.pk}/change/").content.decode())
    assert "Calls of this job are refused here (403)" in page
    assert "Seen here the token of eve@example.com is genuine, and it may not run tasks here; last at" in page
    (finding,) = process.examine_refusals(ScheduledJob.objects.all(), NOW)
    assert finding.line == (
        "[!] The token of eve@example.com is genuine, and it may not run tasks here (403): "
        "shop--shop-tasks-One, shop--shop-tasks-Two. If the jobs are to call by this account, name it in "
        "DJANGO_CLOUD_TASKS_OIDC_ALLOWED_EMAILS; else run manage.py schedule_tasks, by which they call by "
        "the right one. If you do not know it, somebody else has tried."
    )
    for changed in (
        {"last_delivery_at": NOW},
        {"last_delivery_at": None, "refused_at": NOW - timedelta(days=1)},
    ):
        ScheduledJob.objects.update(**changed)
        assert list(process.examine_refusals(ScheduledJob.objects.all(), NOW)) == []
        assert "(403)" not in text_of(client.get(f"{LIST}{job.pk}/change/").content.decode())
