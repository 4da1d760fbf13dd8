"""Classes as people write them: what cannot be a task is said, and what can be one is taken."""

from __future__ import annotations

import abc
import functools
import sys
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, ProgrammingError
from django.test.utils import override_script_prefix
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from scheduled_jobs import registry
from scheduled_jobs.checks import check_tasks
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.scheduling.seed.declare import declare as read
from scheduled_jobs.tasks import PeriodicTask
from tests.support.declaring import declare, schedule_tasks

pytestmark = pytest.mark.usefixtures("no_tasks")


def faults(**body: Any) -> dict[str, str]:
    """What is wrong with a class that has these members."""
    members = {"__module__": "shop.tasks", "run_every": "0 9 * * *", "run": lambda self: None, **body}
    task = type("Report", (PeriodicTask,), members)
    assert registry.get("shop.tasks.Report") is task
    return read(task).faults


# --- What hides ours -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (
            "name",
            "Daily report",
            "a str here hides what every task has as name; rename it; schedule_name() names the job, and "
            "schedule_description() says what it is for",
        ),
        (
            "url",
            "https://rates.example.com",
            "a str here hides what every task has as url; rename it; the address is made of "
            "DJANGO_CLOUD_TASKS_ENDPOINT and the URLs of the project",
        ),
        (
            "job_id",
            7,
            "an int here hides what every task has as job_id; rename it; schedule_name() names the job",
        ),
        (
            "schedule",
            "@daily",
            "a str here hides what every task has as schedule; rename it; run_every is the schedule",
        ),
        ("metadata", {}, "a dict here hides what every task has as metadata; rename it"),
        (
            "request",
            property(lambda self: 1),
            "a property here hides what every task has as request; rename it",
        ),
        ("report_progress", True, "a bool here hides what every task has as report_progress; rename it"),
        ("_metadata", None, "a NoneType here hides what every task has as _metadata; rename it"),
    ],
)
def test_an_attribute_that_hides_one_of_ours_is_a_clear_error(name: str, value: Any, text: str) -> None:
    assert faults(**{name: value}) == {name: text}


def test_a_name_of_ones_own_is_an_error() -> None:
    assert faults(name=classmethod(lambda cls: "daily")) == {
        "name()": "a task is known by its dotted path, and by no other name; "
        "schedule_name() names the job, and schedule_description() says what it is for"
    }


def test_a_method_of_ours_may_be_extended() -> None:
    def schedule(cls: Any, **kwargs: Any) -> Any:
        return PeriodicTask.schedule.__func__(cls, **kwargs)  # type: ignore[attr-defined]

    assert faults(schedule=classmethod(schedule), report_progress=lambda self, *args: None) == {}


# --- Hooks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Europe/Lisbon", "it is a str; write a class method of this name that returns it"),
        (
            lambda self: "UTC",
            "it is a plain method; make it a class method: write @classmethod above it, and cls for self",
        ),
        (
            property(lambda self: "UTC"),
            "it is a property; make it a class method: write @classmethod above it, and cls for self",
        ),
    ],
)
def test_a_hook_that_cannot_be_asked_says_how_it_is_written(value: Any, text: str) -> None:
    assert faults(schedule_time_zone=value) == {"schedule_time_zone()": text}


def test_a_hook_cannot_be_async() -> None:
    async def zone(cls: Any) -> str:
        return "Europe/Lisbon"

    text = "it is async, and nobody awaits it; write def for async def"
    assert faults(schedule_time_zone=classmethod(zone)) == {"schedule_time_zone()": text}


def test_a_hook_may_be_a_static_method() -> None:
    assert faults(schedule_time_zone=staticmethod(lambda: "Europe/Lisbon")) == {}


@pytest.mark.django_db(transaction=True)
def test_hooks_are_not_asked_in_the_language_of_a_visitor(google: Any) -> None:
    """The job would drift with whoever looked at it last."""

    def here(cls: Any) -> Any:
        return format_lazy(
            "{} {} {} {}",
            gettext_lazy("January"),
            translation.get_language(),
            timezone.get_current_timezone_name(),
            reverse("admin:index"),
        )

    members = {
        "__module__": "shop.tasks",
        "run_every": "0 9 * * *",
        "run": lambda self: None,
        "schedule_description": classmethod(here),
        "schedule_headers": classmethod(lambda cls: {"X-Here": str(here(cls))}),
    }
    task = type("Report", (PeriodicTask,), members)
    with translation.override("de"), timezone.override("Asia/Tokyo"), override_script_prefix("/shop/"):
        job = task.schedule()
    live = google.store.get_job(google.remote_name(job.name))
    here_is = "January en-us UTC /admin/"
    assert (job.description, live.http_target.headers["X-Here"]) == (here_is, here_is)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (
            "run_every",
            classmethod(lambda cls: "@daily"),
            "it is a classmethod; write it as a value of the class, such as run_every = …",
        ),
        (
            "schedule_paused",
            lambda self: True,
            "it is a plain method; write it as a value of the class, such as schedule_paused = …",
        ),
        (
            "overlap",
            property(lambda self: "skip"),
            "it is a property; write it as a value of the class, such as overlap = …",
        ),
    ],
)
def test_a_value_that_is_a_method_says_how_it_is_written(name: str, value: Any, text: str) -> None:
    assert faults(**{name: value}) == {name: text}


def test_a_hook_that_would_end_the_process_is_at_fault() -> None:
    def leave(cls: Any) -> Any:
        sys.exit("no licence")

    assert faults(schedule_headers=classmethod(leave)) == {
        "schedule_headers()": "it raised SystemExit: no licence"
    }


@pytest.mark.django_db
@pytest.mark.parametrize("error", [OperationalError, ProgrammingError, InterfaceError])
def test_a_hook_that_asks_a_database_does_not_hold_back_migrate(google: Any, error: type[Exception]) -> None:
    """On a new machine the table that it reads is not there before migrate, which runs the checks first."""

    def ask(cls: Any) -> Any:
        raise error("no such table: shop_region")

    declare("Good")
    faults(schedule_time_zone=classmethod(ask))
    [message] = check_tasks()
    assert (message.id, message.msg) == (
        "scheduled_jobs.W013",
        f"shop.tasks.Report: schedule_time_zone(): it raised {error.__name__}: no such table: shop_region",
    )
    assert message.hint == (
        "It asks the database, which may answer once migrate has run; schedule_tasks asks again."
    )
    assert schedule_tasks().lines == ["[+] Job created: shop.tasks.Good", f"[!] Job failed: {message.msg}"]


# --- What cannot be made ---------------------------------------------------------------------------


def test_a_class_whose_init_wants_arguments_is_an_error() -> None:
    def init(self: PeriodicTask, region: str, *, dry: bool = False) -> None: ...

    assert faults(__init__=init) == {
        "__init__()": "a task is made without arguments, and this is missing a required argument: 'region'; "
        "give it a default"
    }
    assert faults(__init__=lambda self, region="emea", *args, **kwargs: None) == {}


def test_a_class_with_something_left_abstract_is_an_error() -> None:
    class Export(PeriodicTask, abc.ABC):
        run_every = "0 9 * * *"

        @abc.abstractmethod
        def rows(self) -> list[str]: ...

        @abc.abstractmethod
        def target(self) -> str: ...

        def run(self) -> None: ...

    class Customers(Export):
        def rows(self) -> list[str]:
            return []

    assert list(registry.tasks()) == [Customers]
    assert read(Customers).faults == {
        "__init__()": "the class leaves target abstract; write what is missing, "
        "or list abc.ABC among the bases of what is only a base class"
    }


def abstract(self: Any) -> Any:
    """As ``abc.abstractmethod`` marks it."""


abc.abstractmethod(abstract)
BASE = "list abc.ABC among the bases of what is only a base class"


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            {"rows": abstract},
            {"__init__()": f"the class leaves rows abstract; write what is missing, or {BASE}"},
        ),
        ({"abstract": True}, {"abstract": "it makes no base class of a task; list abc.ABC among its bases"}),
        (
            {"Meta": type("Meta", (), {"abstract": True})},
            {"abstract": "it makes no base class of a task; list abc.ABC among its bases"},
        ),
        (
            {"run_every": None},
            {"run_every": f"it is missing; write run_every = '0 9 * * *' or another schedule, or {BASE}"},
        ),
    ],
)
def test_a_base_class_by_other_signs_is_told_ours(body: dict[str, Any], told: dict[str, str]) -> None:
    """Python looks for abstract methods with abc.ABC alone; Celery and Django have marks of their own."""
    assert faults(**body) == told


# --- run -------------------------------------------------------------------------------------------


def generator(self: PeriodicTask) -> Any:
    yield 1


async def async_generator(self: PeriodicTask) -> Any:
    yield 1


YIELDS = (
    "it contains yield, so that calling it only makes a generator, and its body never runs; "
    "collect what it yields in a list, and return that"
)


@pytest.mark.parametrize(
    ("run", "text"),
    [
        (generator, YIELDS),
        (async_generator, YIELDS),
        (staticmethod(generator), YIELDS),
        (property(lambda self: 1), "it is a property; write a method"),
        (None, "it is a NoneType; write a method"),
        ({"region": "emea"}, "it is a dict; write a method"),
        (lambda: None, "it does not take the task; write self as its first parameter"),
        (lambda *, region=1: None, "it does not take the task; write self as its first parameter"),
        (
            lambda region: None,
            "its first parameter, which is the task itself, is called region; call it self",
        ),
    ],
)
def test_a_run_that_cannot_be_run_is_an_error(run: Any, text: str) -> None:
    assert faults(run=run) == {"run()": text}


@pytest.mark.parametrize(
    "run",
    [
        classmethod(lambda cls, region="emea": None),
        staticmethod(lambda region="emea": None),
        lambda self, region="emea": None,
        lambda *args, **kwargs: None,
        functools.partialmethod(lambda self, dry, region="emea": None, dry=True),
        print,
    ],
)
def test_a_run_of_another_kind_is_taken(run: Any) -> None:
    assert faults(run=run) == {}


# --- Everywhere the same words ---------------------------------------------------------------------


@pytest.mark.django_db
def test_the_check_and_the_command_say_it_and_the_rest_is_applied(google: Any) -> None:
    declare("Good")
    faults(name="Daily report", schedule=3, run=generator)

    said = {message.msg for message in check_tasks() if message.id == "scheduled_jobs.E010"}
    assert said == {
        "shop.tasks.Report: name: a str here hides what every task has as name; rename it; "
        "schedule_name() names the job, and schedule_description() says what it is for",
        "shop.tasks.Report: schedule: an int here hides what every task has as schedule; rename it; "
        "run_every is the schedule",
        f"shop.tasks.Report: run(): {YIELDS}",
    }
    output = schedule_tasks()
    assert output.code == 1
    assert output.lines[0] == "[+] Job created: shop.tasks.Good"
    assert output.lines[1].startswith("[!] Job failed: shop.tasks.Report: ")
    assert [job.task for job in ScheduledJob.objects.all()] == ["shop.tasks.Good"]


# --- OIDC ------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("form", [classmethod, staticmethod, property, lambda plain: plain])
@pytest.mark.parametrize("wanted", [True, False])
def test_whether_a_token_is_sent_may_be_a_method(google: Any, form: Any, wanted: bool) -> None:
    body = {"run_every": "0 9 * * *", "run": lambda self: None, "__module__": "shop.tasks"}
    given = (lambda: wanted) if form is staticmethod else (lambda self: wanted)
    task: Any = type("Report", (PeriodicTask,), {**body, "schedule_use_oidc": form(given)})

    assert read(task).faults == {}
    assert schedule_tasks().lines == ["[+] Job created: shop.tasks.Report"]
    [job] = google.list(timeout=1)
    assert bool(job.values["oidc_service_account"]) is wanted


def test_a_method_that_does_not_tell_is_an_error() -> None:
    assert faults(schedule_use_oidc=classmethod(lambda cls: "yes")) == {
        "schedule_use_oidc": "'yes' is neither True nor False"
    }


def test_a_patience_that_is_none_is_an_error() -> None:
    assert faults(missed_grace=300, failure_tolerance=0, recovery_tolerance=property(lambda self: 1)) == {
        "missed_grace": "300 is not a timedelta; write one, such as timedelta(minutes=10)",
        "failure_tolerance": "0 is not between 1 and 1,000; write 1 to be told of each",
        "recovery_tolerance": (
            "it is a property; write it as a value of the class, such as recovery_tolerance = …"
        ),
    }


# --- A unit test -----------------------------------------------------------------------------------


def test_a_task_that_a_unit_test_runs_knows_what_an_eager_one_does() -> None:
    def run(self: PeriodicTask) -> Any:
        self.report_progress(1, 2, "half")
        return self.metadata, self._metadata, self.request

    task = declare("Report", run=run)()
    metadata, same, request = task.run()

    assert metadata is same is task.metadata
    assert (metadata.task, metadata.job_name, metadata.trigger) == (
        "shop.tasks.Report",
        "shop--shop-tasks-Report",
        "eager",
    )
    assert (metadata.attempt, metadata.run_id, metadata.deadline, metadata.headers) == (1, None, None, {})
    assert metadata.scheduled_for.utcoffset() is not None
    assert request is None
