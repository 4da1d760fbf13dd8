"""What ``doctor`` finds: each broken set-up by its cause, and none that hides another."""

from __future__ import annotations

import platform
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import django
import pytest
import time_machine
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings
from django.urls import include, path
from django.utils import timezone

from scheduled_jobs import authentication, registry
from scheduled_jobs.backends.memory import MemoryBackend
from scheduled_jobs.domain.plan import ELSEWHERE
from scheduled_jobs.models import LastWatch
from scheduled_jobs.services import execution, monitoring
from scheduled_jobs.services.monitoring import Target
from scheduled_jobs.services.monitoring.process import RUN_ON
from scheduled_jobs.tasks import PeriodicTask
from tests.support import full_name
from tests.support.certificate_server import EMAIL, CertificateServer, signing_key
from tests.support.console import edit_in_console
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.documents import read, rows
from tests.support.project import free_port
from tests.support.web_servers import GOOGLES_403, answering, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scheduled_jobs.services.monitoring import Finding

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

urlpatterns = [path("tasks/", include("scheduled_jobs.urls"))]
BACKEND = f"{__name__}.Scheduler"
NOBODY_WATCHES = (
    "[!] Nobody watches: a run that does not come is told to nobody. "
    'Set DJANGO_CLOUD_TASKS_BUILTIN_TASKS = ["scheduled_jobs.builtin.WatchJobs"] and run schedule_tasks; '
    "or let a timer run manage.py scheduled_jobs watch."
)
DECIDE = "Run manage.py schedule_tasks, or decide on the admin's page that compares with Google."


@pytest.fixture
def certificates() -> Iterator[CertificateServer]:
    authentication.certificates.forget()
    server = CertificateServer(signing_key("one"))
    yield server
    server.stop()
    authentication.certificates.forget()


class Scheduler(MemoryBackend):
    """One that is not known for firing nothing."""


@pytest.fixture
def run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests are known to be run on what they run on."""
    versions = (
        ".".join(version.split(".")[:2]) for version in (django.__version__, platform.python_version())
    )
    monkeypatch.setitem(RUN_ON, tuple(versions), ("SQLite", "PostgreSQL", "MariaDB"))  # type: ignore[arg-type]


@pytest.fixture
def origin(
    google: MemoryBackend, certificates: CertificateServer, settings: Any, run_here: None
) -> Iterator[str]:
    """This app at an address of its own, with one job that is as it must be."""
    settings.DJANGO_CLOUD_TASKS_BACKEND = BACKEND
    settings.ROOT_URLCONF = __name__
    settings.MIDDLEWARE = []
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.DJANGO_CLOUD_TASKS_OIDC_CERTS_URL = certificates.url
    with serving(uses_database=True) as origin:
        settings.DJANGO_CLOUD_TASKS_ENDPOINT = origin
        declare("One")
        schedule_tasks()
        yield origin


def told(*topics: str) -> list[str]:
    """The lines about these topics; those that stop a job end in a star."""
    return [line_of(found) for found in monitoring.examine() if found.topic in topics]


def wrong() -> list[str]:
    """All lines about what is wrong, but that nobody watches, which is so in all of these."""
    found = [finding for finding in monitoring.examine() if not finding.is_ok]
    assert {finding.line for finding in found if finding.topic == "watch"} <= {NOBODY_WATCHES}
    return [line_of(finding) for finding in found if finding.topic != "watch"]


def line_of(finding: Finding) -> str:
    return finding.line + (" *" if finding.stops else "")


def test_of_a_set_up_that_is_right_every_line_says_so(origin: str) -> None:
    found = monitoring.examine()
    assert [finding.line for finding in found if not finding.is_ok] == [NOBODY_WATCHES]
    assert [finding.topic for finding in found] == [
        "settings", "tasks", "database", "migrations", "google", "jobs", "attempts", "address", "certificates",
        "clock", "watch", "versions",
    ]  # fmt: skip
    assert not any(finding.stops for finding in found)
    lines = {finding.topic: finding.line for finding in found}
    assert lines["tasks"] == "[ok] 1 task: shop.tasks.One."
    assert (
        lines["google"]
        == f"[ok] The backend {BACKEND} answers: jobs in projects/test-project/locations/europe-west1: 1."
    )
    assert lines["jobs"] == "[ok] Google has every job as it is wanted here."
    assert lines["attempts"] == "[ok] No last attempt of Google is known to have missed this app."
    assert (
        lines["address"]
        == f"[ok] {origin}/tasks/shop.tasks.One is this app, and asks for a token as it must."
    )
    assert lines["clock"] == "[ok] The clock of this machine is right."


def test_whether_anybody_watches_is_told_with_the_line_to_add(origin: str, settings: Any) -> None:
    assert told("watch") == [NOBODY_WATCHES]
    named = settings.DJANGO_CLOUD_TASKS_BUILTIN_TASKS = ["scheduled_jobs.builtin.PruneHistory"]
    assert (
        'Set DJANGO_CLOUD_TASKS_BUILTIN_TASKS = ["scheduled_jobs.builtin.PruneHistory", ' in told("watch")[0]
    )
    settings.DJANGO_CLOUD_TASKS_BUILTIN_TASKS = [*named, "scheduled_jobs.builtin.WatchJobs"]
    at = timezone.now().replace(microsecond=0) - timedelta(days=1, minutes=1)
    LastWatch.objects.create(at=at)
    assert told("watch") == [
        f"[!] Nobody watches since {at:%Y-%m-%d %H:%M} UTC: a run that does not come is told to nobody. "
        "scheduled_jobs.builtin.WatchJobs is named: run schedule_tasks, and see on its page why it does not run."
    ]
    LastWatch.objects.update(at=at + timedelta(hours=1))
    assert told("watch") == [
        f"[ok] Somebody watches for runs that do not come, last {at + timedelta(hours=1):%Y-%m-%d %H:%M:%S} UTC."
    ]


# --- Settings -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        (
            "PUSH",
            "off",
            '[!] Pushes are off (DJANGO_CLOUD_TASKS_PUSH = "off"): nothing is sent to Google. Remove '
            "DJANGO_CLOUD_TASKS_PUSH and run schedule_tasks. *",
        ),
        (
            "EAGER",
            True,
            "[!] Tasks run in schedule_tasks alone (DJANGO_CLOUD_TASKS_EAGER): nothing is sent to Google. Remove "
            "DJANGO_CLOUD_TASKS_EAGER and run schedule_tasks. *",
        ),
    ],
)
def test_a_mode_in_which_nothing_is_sent_is_named(origin: str, name: str, value: Any, line: str) -> None:
    with override_settings(**{f"DJANGO_CLOUD_TASKS_{name}": value}):
        assert wrong() == [line]


def test_a_scheduler_that_fires_nothing_is_named(origin: str) -> None:
    with override_settings(DJANGO_CLOUD_TASKS_BACKEND="scheduled_jobs.backends.memory.MemoryBackend"):
        assert wrong() == [
            "[!] Jobs are kept in the memory of this process (DJANGO_CLOUD_TASKS_BACKEND), and nobody fires them. Remove "
            "DJANGO_CLOUD_TASKS_BACKEND; the default is Cloud Scheduler. *"
        ]


def test_a_fault_of_a_task_is_told_in_the_words_of_the_check(origin: str) -> None:
    declare("Two", "every full moon")
    declare("Three", schedule_time_zone="Berlin")
    three, two = told("settings")
    assert two.startswith("[!] shop.tasks.Two: run_every: ")
    assert two.endswith(" *")
    assert "did you mean 'Europe/Berlin'? Change schedule_time_zone() of the class;" in three


def test_a_task_whose_name_is_no_method_is_the_one_cause(origin: str) -> None:
    members = {"run_every": "@daily", "run": print, "__module__": "shop.tasks", "name": "Daily report"}
    type("Named", (PeriodicTask,), members)
    lines = wrong()
    assert len(lines) == 1
    assert lines[0].startswith("[!] shop.tasks.Named: name: a str here hides what every task has as name;")
    assert not any("cannot be looked at" in line for line in lines)


def test_a_fault_of_a_setting_is_told_in_the_words_of_the_check(origin: str) -> None:
    with override_settings(DJANGO_CLOUD_TASKS_LOCATION="europe_west1"):
        assert wrong() == [
            "[!] DJANGO_CLOUD_TASKS_LOCATION is 'europe_west1', which is not a location of Cloud Scheduler. Write "
            "europe-west1. *"
        ]


@pytest.mark.usefixtures("run_here")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUSH", "perhaps"),
        ("EAGER", "yes"),
        ("RPC_TIMEOUT", "soon"),
        ("EMULATOR_HOST", "8085"),
        ("BACKEND", "no.such"),
    ],
)
def test_a_setting_that_cannot_be_read_is_the_one_message(name: str, value: str) -> None:
    declare("One")
    with override_settings(**{f"DJANGO_CLOUD_TASKS_{name}": value}):
        (line,) = wrong()
    assert line.startswith(f"[!] DJANGO_CLOUD_TASKS_{name} is {value!r}")
    assert line.endswith(" *")


def test_advice_about_a_setting_stops_nothing(origin: str) -> None:
    with override_settings(DJANGO_CLOUD_TASKS_ENDPONT="https://shop.example.com"):
        (line,) = wrong()
    assert line.endswith("there is no such setting. Write DJANGO_CLOUD_TASKS_ENDPOINT, or remove it.")


def test_times_without_a_zone_are_named(origin: str) -> None:
    with override_settings(USE_TZ=False):
        (line,) = told("settings")
        others = [finding.text for finding in monitoring.examine() if "cannot be looked at" in finding.text]
    assert line.startswith("[!] USE_TZ is False: ")
    assert line.endswith(" *")
    assert others == []


# --- Database -----------------------------------------------------------------------------------------


def test_a_migration_that_is_not_applied_is_named(origin: str) -> None:
    recorder = MigrationRecorder(connection)
    recorder.record_unapplied("scheduled_jobs", "0001_initial")
    try:
        assert wrong() == ["[!] Not applied, 1 migration: 0001_initial. Run manage.py migrate. *"]
    finally:
        recorder.record_applied("scheduled_jobs", "0001_initial")


def test_a_question_that_fails_hides_no_other(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Any:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("scheduled_jobs.services.monitoring.process.examine_database", fail)
    assert told("database", "migrations", "google", "address") == [
        "[!] The database cannot be looked at: ZeroDivisionError: a bug. *",
        f"[ok] The backend {BACKEND} answers: jobs in projects/test-project/locations/europe-west1: 1.",
        f"[ok] {origin}/tasks/shop.tasks.One is this app, and asks for a token as it must.",
    ]


def test_what_the_tests_are_run_on_is_what_the_page_says() -> None:
    lines = rows(read("docs/compatibility.md"), 5)
    databases = [name.split()[0] for name in ("SQLite", "PostgreSQL 15", "MariaDB 10.11")]
    filled = {
        (line[0], line[1]): [name for name, cell in zip(databases, line[2:], strict=True) if cell]
        for line in lines
    }
    for versions, run in RUN_ON.items():
        assert set(run) <= set(filled[versions]), versions


def test_what_no_test_has_run_on_is_told(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.python_version", lambda: "3.14.0")
    (line,) = told("versions")
    assert line.endswith(
        "the tests of this package have not been run on these together. docs/compatibility.md says on which they have."
    )


# --- Google -------------------------------------------------------------------------------------------

LOCATION = "projects/test-project/locations/europe-west1"
REFUSALS = {
    "the API is off": (
        "PERMISSION_DENIED",
        "Cloud Scheduler API has not been used in project test-project before or it is disabled.",
        "Enable the API: gcloud services enable cloudscheduler.googleapis.com --project=test-project, wait a minute and "
        "run schedule_tasks again.",
    ),
    "credentials that have expired": (
        "UNAVAILABLE",
        "Getting metadata from plugin failed with error: Reauthentication is needed.",
        "Log in again: gcloud auth application-default login; on a server, use a service account.",
    ),
    "no credentials": (
        "UNAUTHENTICATED",
        "Your default credentials were not found.",
        "Find credentials: gcloud auth application-default login on your machine, a service account on the server, or "
        "DJANGO_CLOUD_TASKS_EMULATOR_HOST for the local emulator.",
    ),
    "another location": (
        "NOT_FOUND",
        f"Location {LOCATION} was not found.",
        "Check DJANGO_CLOUD_TASKS_LOCATION (europe-west1): gcloud scheduler locations list --project=test-project shows "
        "those there are.",
    ),
    "no right to list": (
        "PERMISSION_DENIED",
        "The caller does not have permission.",
        "Grant the account that makes this call roles/cloudscheduler.admin in test-project, and "
        f"roles/iam.serviceAccountUser (iam.serviceAccounts.actAs) on {EMAIL}.",
    ),
}


@pytest.mark.parametrize(("code", "message", "remedy"), REFUSALS.values(), ids=REFUSALS)
def test_what_google_refuses_is_named_with_its_remedy(
    origin: str, google: MemoryBackend, code: str, message: str, remedy: str
) -> None:
    google.store.faults.refuse("ListJobs", code, message, times=9)
    assert wrong() == [f"[!] The backend {BACKEND} could not be asked for its jobs: {message} {remedy} *"]


def test_a_google_that_never_answers_is_not_waited_for(
    origin: str, google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduled_jobs.services.monitoring.doctor.SECONDS", 0.2)
    google.store.faults.latency = 2
    assert told("google") == [
        f"[!] The backend {BACKEND} gave no answer within 0 seconds. See whether this machine reaches it. *"
    ]


def test_an_emulator_that_is_not_there_is_one_line() -> None:
    port = free_port()
    declare("One")
    with override_settings(
        DJANGO_CLOUD_TASKS_EMULATOR_HOST=f"127.0.0.1:{port}",
        DJANGO_CLOUD_TASKS_BACKEND="scheduled_jobs.backends.cloud_scheduler.CloudSchedulerBackend",
        DJANGO_CLOUD_TASKS_OIDC_CERTS_URL=None,
    ):
        (line,) = told("google", "certificates")
    assert line.startswith(
        f"[!] The emulator at 127.0.0.1:{port} could not be asked for its jobs: failed to connect"
    )
    assert line.endswith(
        f". No emulator listens at 127.0.0.1:{port}: start manage.py run_scheduler_emulator, or scheduled_jobs dev. *"
    )


# --- The jobs -----------------------------------------------------------------------------------------


def test_a_push_that_failed_is_told_with_its_reason(origin: str, google: MemoryBackend) -> None:
    declare("Two")
    denied = "The principal lacks IAM permission iam.serviceAccounts.actAs."
    google.store.faults.refuse("CreateJob", "PERMISSION_DENIED", denied, times=9)
    schedule_tasks()
    assert wrong() == [
        f"[!] The last push of shop--shop-tasks-Two failed: {denied} Grant the account that makes this call "
        "roles/iam.serviceAccountUser (which holds iam.serviceAccounts.actAs) on "
        f"{EMAIL}; see that it exists. When that is fixed, run manage.py schedule_tasks. *"
    ]


def test_a_job_that_google_has_not_is_named(origin: str, google: MemoryBackend) -> None:
    declare("Two")
    google.store.delete_job(full_name(row("One")))
    assert told("jobs") == [
        "[!] Not in Google, 2 jobs: shop.tasks.One, shop.tasks.Two. Run manage.py schedule_tasks. *"
    ]


@pytest.mark.parametrize(
    ("values", "line"),
    [
        (
            {"http_target__oidc_token__audience": "https://www.example.com"},
            "[!] shop.tasks.One: the audience of Google's token is https://www.example.com, and by the settings {origin}. "
            "Run manage.py schedule_tasks, with one value of DJANGO_CLOUD_TASKS_OIDC_AUDIENCE in all processes.",
        ),
        (
            {"http_target__oidc_token__service_account_email": "other@example.com"},
            f"[!] shop.tasks.One: the account of Google's token is other@example.com, and by the settings {EMAIL}. "
            "Run manage.py schedule_tasks, with one value of DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT in all processes.",
        ),
        (
            {"http_target__uri": "{origin}/jobs/shop.tasks.One"},
            "[!] shop.tasks.One: Google calls {origin}/jobs/shop.tasks.One, and by the settings it is "
            f"{{origin}}/tasks/shop.tasks.One. {DECIDE}",
        ),
    ],
    ids=["audience", "account", "address"],
)
def test_what_was_changed_in_the_console_is_named(
    origin: str, google: MemoryBackend, values: dict[str, str], line: str
) -> None:
    changed = {name: value.format(origin=origin) for name, value in values.items()}
    edit_in_console(google, row("One"), "http_target", **changed)
    lines = told("jobs", "address")
    assert lines[0] == f"{line.format(origin=origin)} *"
    assert len(lines) == (2 if "http_target__uri" in values else 1)  # that the view refuses is the same cause


def test_the_address_that_google_has_is_the_one_asked(origin: str, google: MemoryBackend) -> None:
    edit_in_console(google, row("One"), "http_target", http_target__uri=f"{origin}/jobs/shop.tasks.One")
    assert told("address")[0].startswith(f"[!] {origin}/jobs/shop.tasks.One is answered 404")


def test_a_web_server_with_another_database_is_named(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduled_jobs.services.execution.job_of_task", lambda task, name: (None, None))
    assert told("address") == [
        f"[!] {origin}/tasks/shop.tasks.One is this app, which would refuse Google: its database has no job "
        "shop--shop-tasks-One. Give all processes one database (DATABASES), and run schedule_tasks with it. *"
    ]


def test_a_web_server_without_its_database_is_named(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(task: str, name: str) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr("scheduled_jobs.services.execution.job_of_task", fail)
    (line,) = told("address")
    assert "would refuse Google: its database does not answer. Look into the log of the web server" in line


def test_a_web_server_whose_database_is_empty_is_named(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(task: str, name: str) -> None:
        raise OperationalError("no such table: scheduled_jobs_scheduledjob")

    monkeypatch.setattr("scheduled_jobs.services.execution.job_of_task", fail)
    assert not execution.lacks_tables()
    with monkeypatch.context() as patch:
        patch.setattr(type(connection.introspection), "table_names", lambda *args, **more: ["auth_user"])
        assert execution.lacks_tables()
    monkeypatch.setattr("scheduled_jobs.services.execution.lacks_tables", lambda: True)
    (line,) = told("address")
    assert "would refuse Google: its database has no tables of this app. Run manage.py migrate" in line


def test_a_database_that_takes_no_writes_is_named(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith("UPDATE"):
            raise OperationalError("attempt to write a readonly database")
        return execute(sql, *args)

    with connection.execute_wrapper(refuse), pytest.raises(OperationalError):
        execution.write_nothing()
    with connection.execute_wrapper(refuse):
        lines = told("database", "address")
    (line,) = [line for line in lines if line.startswith("[!]")]
    assert line.startswith(
        "[!] The database 'default' takes no writes: attempt to write a readonly database. Let the"
    )

    def fail() -> None:
        raise OperationalError("attempt to write a readonly database")

    monkeypatch.setattr("scheduled_jobs.views.execution.write_nothing", fail)
    wanted = Target(f"{origin}/tasks/shop.tasks.One", "shop.tasks.One", origin, EMAIL, job=row("One").name)
    found = monitoring.ask_address(wanted, datetime.now(UTC))
    assert found.text.endswith("would refuse Google: its database takes no writes")


def test_another_database_than_that_of_the_jobs_is_one_cause(origin: str) -> None:
    with override_settings(DJANGO_CLOUD_TASKS_PUSH="off"):
        row("One").delete()
    assert wrong() == [
        "[!] Google has the jobs of this app, and the database that is asked here has none: another made them. "
        "Give all processes one database (DATABASES), or run schedule_tasks with this one. *"
    ]


def test_jobs_that_were_pushed_with_another_secret_key(origin: str) -> None:
    declare("Two")
    with override_settings(SECRET_KEY="of the job that deploys"):
        schedule_tasks()
    assert told("jobs") == [
        "[!] The header X-Scheduled-Jobs-Token of shop.tasks.One in Google was made with another SECRET_KEY: without an "
        "OIDC token, and on a private Cloud Run service, it lets no call in; so also shop.tasks.Two. Give all "
        "processes that push one SECRET_KEY; if it was changed on purpose, run manage.py schedule_tasks."
    ]


def test_jobs_of_another_address_are_one_line(origin: str, settings: Any) -> None:
    declare("Two")
    schedule_tasks()
    settings.DJANGO_CLOUD_TASKS_ENDPOINT = "http://127.0.0.1:1"
    (line,) = told("jobs")
    assert line.startswith(
        "[!] shop.tasks.One (so also shop.tasks.Two): Google has a job of this id, but it points at "
    )


def test_a_silenced_check_with_which_nothing_is_sent_is_told(origin: str, settings: Any) -> None:
    settings.SILENCED_SYSTEM_CHECKS = ["scheduled_jobs.W006"]
    settings.DJANGO_CLOUD_TASKS_LOCATION = "EU"
    (line,) = told("settings")
    assert line.startswith(
        "[!] DJANGO_CLOUD_TASKS_LOCATION is 'EU', which is not a location of Cloud Scheduler. "
    )


def test_a_payload_that_django_would_not_read_is_not_sent(origin: str, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    declare("Two", schedule_body_payload={"region": "emea"})
    schedule_tasks()
    assert told("jobs") == [
        "[!] shop.tasks.Two: the payload has 17 bytes and DATA_UPLOAD_MAX_MEMORY_SIZE is 10: each call would be "
        "answered 413; raise it. *"
    ]


def test_differences_of_one_cause_are_one_line(origin: str, settings: Any) -> None:
    declare("Two", run_every="0 9 * * *")
    schedule_tasks()
    settings.DJANGO_CLOUD_TASKS_APP_NAME = "store"
    assert told("jobs") == [
        "[!] shop.tasks.One is shop--shop-tasks-One in Google, and by the settings store--shop-tasks-One; so also "
        "shop.tasks.Two. Correct DJANGO_CLOUD_TASKS_PROJECT_ID, LOCATION or APP_NAME if this process has the wrong "
        "one; else run manage.py schedule_tasks, which moves the job. *"
    ]
    settings.DJANGO_CLOUD_TASKS_APP_NAME = "shop"
    settings.DJANGO_CLOUD_TASKS_LOCATION = "europe-west3"
    (line,) = told("jobs")
    assert line.startswith(
        "[!] shop.tasks.One is in projects/test-project/locations/europe-west1 in Google, and by the settings in "
        "projects/test-project/locations/europe-west3; so also shop.tasks.Two. Correct "
    )


def test_a_job_that_nothing_wants_is_told_with_what_deletes_it(origin: str) -> None:
    declare("Two")
    schedule_tasks()
    del registry._tasks["shop.tasks.Two"]
    told_first = [line for line in told("jobs") if "Two" in line]
    with override_settings(DJANGO_CLOUD_TASKS_PUSH="off"):
        row("Two").delete()
    orphan = [line for line in told("jobs") if "Two" in line]
    text = "[!] Google has shop--shop-tasks-Two, which nothing here wants. Run manage.py schedule_tasks"
    assert (told_first, orphan) == ([f"{text}."], [f"{text} --yes to delete it."])


def test_an_address_elsewhere_is_told_and_not_asked(origin: str, google: MemoryBackend) -> None:
    with serving(answering("200 OK")) as elsewhere:
        edit_in_console(
            google, row("One"), "http_target", http_target__uri=f"{elsewhere}/tasks/shop.tasks.One"
        )
        lines = told("jobs", "address")
    assert lines == [
        f"[!] shop.tasks.One: Google has a job of this id, but it points at {elsewhere}/tasks/shop.tasks.One, {ELSEWHERE}. *",
        f"[ok] {origin}/tasks/shop.tasks.One is this app, and asks for a token as it must.",
    ]


def test_pauses_here_and_in_google_are_told_apart(origin: str, google: MemoryBackend) -> None:
    declare("Two")
    schedule_tasks()
    row("Two").pause(reason="Stocktaking")
    google.store.pause_job(full_name(row("One")))
    assert told("jobs") == [
        "[ok] Paused here, 1 job: shop--shop-tasks-Two.",
        f"[!] shop.tasks.One is PAUSED in Google, and ENABLED here. {DECIDE} *",
    ]


def test_a_difference_that_stops_nothing_stops_nothing(origin: str, google: MemoryBackend) -> None:
    edit_in_console(google, row("One"), "description", description="Edited")
    assert wrong() == [f"[!] shop.tasks.One differs in Google: description. {DECIDE}"]


def test_a_method_that_our_view_does_not_take_stops_the_job(origin: str, google: MemoryBackend) -> None:
    edit_in_console(google, row("One"), "http_target", http_target__http_method=4)  # PUT
    assert wrong() == [f"[!] shop.tasks.One differs in Google: http_method. {DECIDE} *"]


@pytest.mark.usefixtures("google", "run_here")
def test_without_a_task_there_is_nothing_that_could_run() -> None:
    line = told("settings")[0]
    assert line.startswith("[!] No task was found. Derive a class from scheduled_jobs.tasks.PeriodicTask in ")
    assert line.endswith(" *")


# --- Google's last attempts ---------------------------------------------------------------------------

HOUR = timedelta(hours=1)


def made_and_tried(google: MemoryBackend, code: int) -> None:
    """A job made some hours ago, whose last attempt by Google met this; nothing has arrived here."""
    now = datetime.now(UTC)
    with time_machine.travel(now - 5 * HOUR):
        declare("Two", "0 * * * *")
        schedule_tasks()
    entry = google.store._entry(full_name(row("Two")))
    google.store.attempt_started(entry, now - HOUR)
    google.store.attempt_finished(entry, code, None)


def test_an_attempt_that_did_not_arrive_is_told(origin: str, google: MemoryBackend) -> None:
    made_and_tried(google, 14)
    assert wrong() == [
        "[!] Google's last attempt got no usable answer, and did not arrive here: shop--shop-tasks-Two. Nothing "
        "answered at that address, or something answered 503, perhaps this app itself while its database was away. "
        "Does the address reach this server? If not, set DJANGO_CLOUD_TASKS_ENDPOINT and run schedule_tasks. *"
    ]


def test_a_success_without_a_run_here_is_told(origin: str, google: MemoryBackend) -> None:
    made_and_tried(google, 0)
    (line,) = wrong()
    assert line.startswith(
        "[!] Google's last attempt got a success (2xx), and did not arrive here: shop--shop-tasks-Two."
    )


def test_a_job_that_google_was_to_fire_long_ago_is_told(origin: str) -> None:
    row("One").__class__.objects.update(late_since=datetime.now(UTC) - HOUR)
    assert told("attempts") == [
        "[!] Google was to fire shop--shop-tasks-One, and nothing has arrived here. What is told of Google and of the "
        "address may say why. *"
    ]


def test_a_private_service_that_lets_nobody_in_is_named(google: MemoryBackend, settings: Any) -> None:
    with serving(GOOGLES_403) as origin:
        settings.DJANGO_CLOUD_TASKS_ENDPOINT = origin
        made_and_tried(google, 7)
        attempt, address = told("attempts", "address")
    assert attempt.startswith(
        "[!] Google's last attempt was refused (403, as others report), and did not arrive here"
    )
    assert address == (
        f"[!] {origin}/tasks/shop.tasks.Two is private: Google answers 403 to who has no token, and whether it lets "
        f"{EMAIL} in cannot be seen from here. Give {EMAIL} roles/run.invoker on the service; the audience {origin} "
        "must be the service's URL or one of its custom audiences. *"
    )


# --- Certificates and clock ---------------------------------------------------------------------------


def test_certificates_out_of_reach_are_named(origin: str, certificates: CertificateServer) -> None:
    certificates.status = 503
    assert told("certificates", "clock") == [
        f"[!] The certificates at {certificates.url} cannot be fetched: HTTP 503. Let this machine reach them, or "
        "correct DJANGO_CLOUD_TASKS_OIDC_CERTS_URL. *"
    ]


@pytest.mark.usefixtures("origin")
def test_a_proxy_between_us_and_certificates_is_named(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{free_port()}")
    settings.DJANGO_CLOUD_TASKS_OIDC_CERTS_URL = "https://certificates.invalid/certs"
    assert told("certificates", "clock") == [
        "[!] The certificates at https://certificates.invalid/certs cannot be fetched: ProxyError. Correct "
        "HTTPS_PROXY, the proxy by which they are fetched, or name their host in NO_PROXY. *"
    ]


@pytest.mark.parametrize(("ahead", "which"), [(60, "slow"), (-60, "fast")])
def test_a_clock_that_is_off_by_a_minute_is_named(
    origin: str, certificates: CertificateServer, ahead: int, which: str
) -> None:
    """Of the server that gives certificates, the clock goes ``ahead`` of ours."""
    certificates.server_time = lambda: datetime.now(UTC) + timedelta(seconds=ahead)
    (line,) = told("clock")
    found = re.fullmatch(
        rf"\[!\] The clock of this machine is (\d+) seconds {which}\. Set it by a time server \(NTP\)\. \*",
        line,
    )
    assert found is not None
    assert abs(int(found[1]) - 60) <= 1


def test_a_clock_that_is_off_by_some_seconds_stops_nothing(
    origin: str, certificates: CertificateServer
) -> None:
    certificates.server_time = lambda: datetime.now(UTC) - timedelta(seconds=9)
    assert [finding.stops for finding in monitoring.examine() if finding.topic == "clock"] == [False]
    certificates.headers["Age"] = "9"
    assert told("clock") == ["[ok] The clock of this machine is right."]


def test_a_fault_of_a_setting_is_told_once_and_stops_all(origin: str) -> None:
    with override_settings(DJANGO_CLOUD_TASKS_ENDPOINT="shop.example.com"):
        assert wrong() == [
            "[!] DJANGO_CLOUD_TASKS_ENDPOINT is 'shop.example.com', not the address of a Django app: it has no "
            "scheme; write https://shop.example.com. It is the scheme and host of this app, such as "
            "https://shop.example.com. *"
        ]
