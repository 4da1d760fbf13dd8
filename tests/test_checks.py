"""Every misconfiguration that can be named is a system check with an id and a remedy."""

from __future__ import annotations

import sys
from datetime import timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.admin import AdminSite
from django.core import checks as django_checks
from django.test import override_settings

from scheduled_jobs import registry
from scheduled_jobs.admin import JobRunAdmin, ScheduledJobAdmin
from scheduled_jobs.checks import (
    check_admin_sites,
    check_database,
    check_deployment,
    check_settings,
    check_tasks,
    database,
)
from scheduled_jobs.conf import CLOUD_SCHEDULER_BACKEND
from scheduled_jobs.exceptions import Misconfigured
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.scheduling.faults import refuse
from tests.support.declaring import declare, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

P = "DJANGO_CLOUD_TASKS_"


@pytest.fixture(autouse=True)
def one_good_task(no_tasks: None) -> Any:
    return declare("Good")


def ids(**settings: Any) -> set[str]:
    told = {"ALERT_WEBHOOKS": ["https://chat.example.com/T0S3CR3T"]}
    with override_settings(**{P + name: value for name, value in {**told, **settings}.items()}):
        found = [*check_settings(), *check_tasks(), *check_deployment()]
    assert all(message.hint for message in found)
    return {message.id.removeprefix("scheduled_jobs.") for message in found if message.id}


def test_a_good_configuration_is_silent() -> None:
    assert ids() == set()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"CONCURRENCY": "many"}, {"E001"}),
        ({"ENDPIONT": "https://x"}, {"W014"}),
        ({"PROPAGATED_HEADERS": ["traceparent"]}, {"W015"}),
        ({"ENDPOINT": "shop.example.com"}, {"E002"}),
        ({"OIDC_CERTS_URL": "certs.example.com"}, {"E002"}),
        ({"APP_NAME": "my shop"}, {"E003", "E010"}),
        ({"DELIMITER": "::"}, {"E003", "E010"}),
        ({"DELIMITER": ""}, {"E004"}),
        ({"APP_NAME": "shop--eu"}, {"W018"}),
        ({"CONCURRENCY": 0}, {"E005"}),
        ({"LOCATION": None, "BACKEND": None, "EMULATOR_HOST": None}, set()),
        ({"LOCATION": None, "BACKEND": CLOUD_SCHEDULER_BACKEND}, {"E006"}),
        ({"OIDC_SERVICE_ACCOUNT": "scheduler"}, {"E007"}),
        ({"OIDC_SERVICE_ACCOUNT": None, "BACKEND": CLOUD_SCHEDULER_BACKEND}, {"E007"}),
        ({"ENDPOINT": None, "BACKEND": CLOUD_SCHEDULER_BACKEND}, {"E008"}),
        ({"PROJECT_ID": "projects/shop"}, {"E009"}),
        ({"ALERT_WEBHOOKS": []}, {"W048"}),
        ({"ALERT_RECIPIENTS": ["ops@shop.example"]}, {"W049"}),
        ({"ALERT_RECIPIENTS": ["ops"], "ALERT_WEBHOOKS": ["chat"], "ADMIN_URL": "x"}, {"E033", "W049"}),
        ({"OIDC_ALLOWED_EMAILS": ["other@shop.iam.gserviceaccount.com"]}, {"E012"}),
        ({"OIDC_ALLOWED_EMAILS": []}, {"W016"}),
        ({"ALLOW_UNAUTHENTICATED": True}, {"W017", "E043"}),
        ({"URL_NAME": "nowhere"}, {"E020"}),
        ({"EMULATOR_HOST": "127.0.0.1:8085"}, {"E040"}),
        ({"ENDPOINT": "http://shop.example.com"}, {"E041"}),
        ({"OIDC_CERTS_URL": "http://certs.example.com"}, {"E042"}),
        ({"OIDC_SERVICE_ACCOUNT": "123-compute@developer.gserviceaccount.com"}, {"W045"}),
    ],
)
def test_a_misconfiguration_has_its_id(settings: dict[str, Any], expected: set[str]) -> None:
    assert ids(**settings) == expected


@pytest.mark.parametrize("host", ["shop-1a2b3c.ew.gateway.dev", "europe-west1-shop.cloudfunctions.net"])
@override_settings(ALLOWED_HOSTS=["*"])
def test_the_bare_address_of_a_gateway_is_no_audience_of_ones_own(host: str) -> None:
    assert ids(ENDPOINT=f"https://{host}") == {"W050"}
    assert ids(ENDPOINT=f"https://{host}/shop", OIDC_AUDIENCE=f"https://{host}/") == {"W050"}
    assert ids(ENDPOINT=f"https://{host}/shop") == set()
    assert ids(ENDPOINT=f"https://{host}", OIDC_AUDIENCE="https://shop.example.com") == set()
    assert ids(ENDPOINT=f"https://{host}.example.com") == set()


@override_settings(SECURE_SSL_REDIRECT=True)
def test_a_redirect_to_https_behind_a_proxy_is_advised_on() -> None:
    assert ids() == {"W047"}
    with override_settings(SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https")):
        assert ids() == set()


@override_settings(ALLOWED_HOSTS=["admin.example.com"])
def test_a_host_that_is_not_allowed_is_an_error_in_production() -> None:
    assert ids() == {"E044"}
    with override_settings(ALLOWED_HOSTS=[".example.com"]):
        assert ids() == set()


def test_without_a_secret_key_nothing_is_sent() -> None:
    with override_settings(SECRET_KEY=""):
        assert ids() == {"E026"}
        with pytest.raises(
            Misconfigured, match="^SECRET_KEY is empty: a header of each job is signed with it"
        ):
            refuse()


def test_no_task_is_a_warning(no_tasks: None) -> None:
    registry._tasks.clear()
    assert ids() == {"W010"}


BASES = """
import abc
from scheduled_jobs.tasks import PeriodicTask

class Misspelt(PeriodicTask):
    run_every = "@daily"
    def rum(self): ...

class Work:
    run_every = "@daily"
    def run(self): ...

class WrongOrder(PeriodicTask, Work): ...

class Base(PeriodicTask):
    run_every = "@daily"

class Leaf(Base):
    def run(self): ...

class Open(PeriodicTask):
    run_every = "@daily"
    @abc.abstractmethod
    def run(self): ...

class Told(PeriodicTask, abc.ABC):
    run_every = "@daily"
"""


def test_what_is_no_task_for_want_of_run_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("shop.bases")
    monkeypatch.setitem(sys.modules, "shop.bases", module)
    exec(BASES, vars(module))
    assert [message.msg for message in check_tasks()] == [
        f"shop.bases.{name} has run_every and no run(): it is taken for a base class, and makes no job."
        for name in ("Misspelt", "WrongOrder")
    ]
    registry._tasks.clear()
    assert ids() == {"W032"}


def test_a_task_without_oidc_is_a_warning_in_production() -> None:
    declare("Open", schedule_use_oidc=False)
    assert ids() == {"W046"}


def test_sqlite_that_cannot_wait_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    class Connection:
        vendor = "sqlite"
        alias = "default"
        settings_dict: dict[str, Any] = {"NAME": "db.sqlite3", "OPTIONS": {}}

    monkeypatch.setattr(database, "connections", {"default": Connection})
    assert [message.id for message in check_database()] == ["scheduled_jobs.W030"]
    Connection.settings_dict = {
        "NAME": "db.sqlite3",
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
    assert check_database() == []


def test_two_tasks_of_one_id_are_an_error_that_names_both() -> None:
    declare("One", schedule_name="same")
    declare("Two", schedule_name="same")
    (message,) = check_tasks()
    assert message.id == "scheduled_jobs.E011"
    assert message.msg == (
        "shop.tasks.Two: schedule_name(): the job id shop--same is also that of shop.tasks.One; "
        "return another name from one of them"
    )


def test_an_interval_that_googles_parser_may_not_read_is_a_warning() -> None:
    for name, run_every in {
        "Fine": timedelta(hours=17), "Five": timedelta(minutes=10_081), "Said": "every 300 minutes",
        "Long": timedelta(minutes=1010), "Hours": timedelta(days=70), "Text": "every 1020 minutes from 9:00 to 8:00",
        "Cron": "0 0 1 1 *",
    }.items():  # fmt: skip
        declare(name, run_every=run_every)
    found = {message.msg: (message.id, message.hint) for message in check_tasks()}
    known = "run_every: Google's published parser reads no number as in"
    hint = "Write up to 999 minutes, up to 999 whole hours, or a cron schedule."
    assert found == {
        f"shop.tasks.{name}: {known} 'every {number}'.": ("scheduled_jobs.W019", hint)
        for name, number in {"Long": "1010 minutes", "Hours": "1680 hours", "Text": "1020 minutes"}.items()
    }


class Formless:
    """What JSON has no form for."""


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("hc-ping.com/T0S3CR3T", "it is no http or https address, at no host"),
        ("https://hc-ping.com /T0S3CR3T", "it is no http or https address, at hc-ping.com "),
        (7, "it returned int"),
    ],
)
def test_an_address_for_check_ins_is_looked_at(address: Any, fault: str) -> None:
    declare("Checked", schedule_ping_url=address)
    [message] = [message for message in check_tasks() if message.id == "scheduled_jobs.E010"]
    assert f"schedule_ping_url(): {fault}" in str(message.msg)
    assert "T0S3CR3T" not in str(message)


def test_a_parameter_that_cannot_be_checked_is_a_warning() -> None:
    def run(self: Any, day: Unimported = 0, place: Formless | None = None) -> None:  # type: ignore[name-defined] # noqa: F821
        """As written by someone who has imported a name under TYPE_CHECKING."""

    declare("Loose", run=run)
    unresolved, formless = check_tasks()
    assert unresolved.id == formless.id == "scheduled_jobs.W011"
    assert unresolved.msg == (
        "shop.tasks.Loose: day of run(): its annotation 'Unimported' cannot be resolved "
        "(name 'Unimported' is not defined), so any JSON is accepted."
    )
    assert unresolved.hint == "Import the names in it at the top of the module, not under TYPE_CHECKING."
    assert formless.msg.startswith("shop.tasks.Loose: place of run(): its annotation ")
    assert formless.hint == "Annotate it with a type that has a form in JSON."


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "body",
    [
        {"run_every": "61 * * * *"},
        {"run_every": timedelta(seconds=90)},
        {"run_every": None},
        {"schedule_time_zone": "Europe/Lissabon"},
        {"schedule_body_payload": {"region": {1, 2}}},
        {"schedule_name": "a b"},
        {"schedule_headers": {"Host": "x"}},
        {"schedule_retries": 9},
        {"schedule_attempt_deadline": timedelta(seconds=1)},
    ],
    ids=lambda body: next(iter(body)),
)
def test_the_check_and_the_command_use_the_same_words(google: MemoryBackend, body: dict[str, Any]) -> None:
    declare("Bad", **{"run_every": "0 9 * * *", **body})
    (message,) = check_tasks()
    assert message.id == "scheduled_jobs.E010"
    assert message.msg.startswith("shop.tasks.Bad: ")
    (line,) = (line for line in schedule_tasks().lines if line.startswith("[!]"))
    assert line == "[!] Job failed: " + " ".join(message.msg.split())


def test_the_checks_are_bound() -> None:
    registered = {*django_checks.registry.registry.get_checks(include_deployment_checks=True)}
    assert {
        check_settings,
        check_tasks,
        check_admin_sites,
        check_database,
        check_deployment,
    } <= registered
    assert check_deployment not in django_checks.registry.registry.get_checks()


def test_a_fault_is_a_warning_and_with_deploy_an_error() -> None:
    told = ["https://chat.example.com/T0S3CR3T"]
    with override_settings(
        DJANGO_CLOUD_TASKS_ENDPOINT="shop.example.com", DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS=told
    ):
        [plain] = django_checks.run_checks(tags=["scheduled_jobs"])
        [deployed] = django_checks.run_checks(tags=["scheduled_jobs"], include_deployment_checks=True)
    assert (plain.id, plain.level) == ("scheduled_jobs.W002", django_checks.WARNING)
    assert (deployed.id, deployed.level) == ("scheduled_jobs.E002", django_checks.ERROR)
    assert plain.msg == deployed.msg


def test_a_site_with_jobs_and_without_their_runs_is_told() -> None:
    site = AdminSite(name="backoffice")
    assert check_admin_sites() == []
    site.register(ScheduledJob, ScheduledJobAdmin)
    (message,) = check_admin_sites()
    assert (message.id, message.msg, message.hint) == (
        "scheduled_jobs.W031",
        "The admin site 'backoffice' has no JobRun: its pages show no run, no error and no figure.",
        "Register JobRun there too, with scheduled_jobs.admin.JobRunAdmin.",
    )
    site.register(JobRun, JobRunAdmin)
    assert check_admin_sites() == []
