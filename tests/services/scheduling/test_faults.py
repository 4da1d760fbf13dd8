"""Settings that somebody can have written, what is said of them, and what to write instead."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import override_settings
from django.utils.translation import gettext_lazy

from scheduled_jobs import registry
from scheduled_jobs.builtin import PruneHistory
from scheduled_jobs.conf import CLOUD_SCHEDULER_BACKEND, settings
from scheduled_jobs.exceptions import Misconfigured
from scheduled_jobs.services.scheduling.faults import Fault, faults, refuse
from tests.support.declaring import declare

P = "DJANGO_CLOUD_TASKS_"
ACCOUNT = "jobs@shop.iam.gserviceaccount.com"


@pytest.fixture(autouse=True)
def one_task(no_tasks: None) -> Any:
    return declare("One")


def found(**values: Any) -> list[Fault]:
    with override_settings(**{P + name: value for name, value in values.items()}):
        return [fault for fault in faults() if not fault.in_production]


def said(**values: Any) -> str:
    """The one thing that is said, without the prefix of the settings."""
    (fault,) = found(**values)
    return str(fault).replace(P, "")


# --- Addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "problem"),
    [
        ("shop.example.com", "it has no scheme; write https://shop.example.com"),
        ("shop.example.com:8000/x", "it has no scheme; write https://shop.example.com:8000/x"),
        ("//shop.example.com", "it has no scheme; write https://shop.example.com"),
        ("", "it is empty"),
        (
            "ftp://shop.example.com",
            "ftp is no scheme that Cloud Scheduler calls; write https://shop.example.com",
        ),
        (
            "https://shop.example.com?a=b",
            "it has a query or a fragment; write what stands before the ? or the #",
        ),
        (
            "https://shop.example.com/#",
            "it has a query or a fragment; write what stands before the ? or the #",
        ),
        (
            "https://me:secret@shop.example.com",
            "it has a user in it; write the host alone, and let the service account identify the caller",
        ),
        (
            "https://shop.example.com:80000",
            "its host or its port is none; a port is a number from 1 to 65535",
        ),
        ("https://shop.example.com:0", "its port is 0; a port is a number from 1 to 65535"),
        ("https:/shop.example.com", "it has no scheme; write https://shop.example.com"),
        ("https//shop.example.com", "it has no scheme; write https://shop.example.com"),
        ("http.example.com", "it has no scheme; write https://http.example.com"),
        ("https://http://shop.example.com", "it has a scheme twice; write http://shop.example.com"),
        ("https://shop example.com", "it has a blank in it; remove that"),
        ("https://shop.example.com\n/tasks", "it has the character '\\n' in it; remove that"),
        ("https://shop.example.com\ufeff", "it has the character '\\ufeff' in it; remove that"),
        ("https://shop\u200b.example.com", "it has the character '\\u200b' in it; remove that"),
        (
            "http://my_shop:8000",
            "'my_shop' is no host that Django answers; use letters, digits, hyphens and dots",
        ),
        (
            "https://127.1",
            "'127.1' is no host that Django answers; use letters, digits, hyphens and dots",
        ),
        ("https://shop.example.com/a/../tasks", "its path has '/..' in it; remove that"),
        ("https://shop.example.com//tasks", "its path has '//' in it; remove that"),
        ("https://", "'' is no host that Django answers; use letters, digits, hyphens and dots"),
    ],
)
def test_what_is_no_address_of_an_app_is_named(endpoint: str, problem: str) -> None:
    shown = endpoint.replace("me:secret@", "…@")
    assert said(ENDPOINT=endpoint) == (
        f"ENDPOINT is {shown!r}, not the address of a Django app: {problem}. It is the scheme and host of "
        "this app, such as https://shop.example.com."
    )


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://localhost:9000", "http://127.0.0.1", "http://10.1.2.3:8000", "http://192.168.0.7", "http://web:8000",
        "http://[::1]:8000", "https://shop.local", "https://shop.localhost", "http://0.0.0.0:8000",
        "https://shop.lan",
    ],
)  # fmt: skip
def test_an_address_out_of_googles_reach_is_for_the_emulator(endpoint: str) -> None:
    assert said(ENDPOINT=endpoint, BACKEND=CLOUD_SCHEDULER_BACKEND).startswith(
        f"ENDPOINT is {endpoint}: Google cannot reach that, and is sent nothing; with it jobs go to the "
        "emulator alone. On your machine run manage.py scheduled_jobs dev. In production set ENDPOINT, "
    )
    assert found(ENDPOINT=endpoint, EMULATOR_HOST="127.0.0.1:8085") == []


def test_a_default_endpoint_is_never_given_to_google() -> None:
    nothing = dict.fromkeys(("ENDPOINT", "LOCATION", "PROJECT_ID", "OIDC_SERVICE_ACCOUNT"))
    with override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=None):
        assert said(**nothing, BACKEND=CLOUD_SCHEDULER_BACKEND).startswith(
            "ENDPOINT is http://localhost:8000, its default: Google cannot reach that, and is sent nothing;"
        )
    with override_settings(
        DJANGO_CLOUD_TASKS_ENDPOINT=None, DJANGO_CLOUD_TASKS_BACKEND=CLOUD_SCHEDULER_BACKEND
    ):
        with pytest.raises(Misconfigured, match="and is sent nothing"):
            refuse()
        with override_settings(DJANGO_CLOUD_TASKS_EMULATOR_HOST="127.0.0.1:8085"):
            refuse()


def test_the_address_of_a_task_is_no_endpoint() -> None:
    assert said(ENDPOINT="https://shop.example.com/tasks/shop.tasks.One") == (
        "ENDPOINT is 'https://shop.example.com/tasks/shop.tasks.One', the address of one task. "
        "Leave 'shop.tasks.One' out of it."
    )


@pytest.mark.parametrize("name", ["ENDPOINT", "LOCATION", "OIDC_SERVICE_ACCOUNT", "APP_NAME", "BACKEND"])
def test_quotation_marks_that_a_file_has_left_are_named(name: str) -> None:
    assert said(**{name: '"x"'}) == (
        f"{name} is '\"x\"': the quotation marks are part of it. Write x without them."
    )


@pytest.mark.parametrize(
    ("name", "value", "left"),
    [
        ("ENDPOINT", "https://shop.io # here", "the comment is part of it. Write https://shop.io alone."),
        ("OIDC_AUDIENCE", "None", "that is a word, and not nothing. Leave it empty, or remove it."),
        ("APP_NAME", "null", "that is a word, and not nothing. Leave it empty, or remove it."),
        ("EMULATOR_HOST", "False", "that is a word, and not nothing. Leave it empty, or remove it."),
        ("OIDC_AUDIENCE", "${URL}", "that is a placeholder, for which nothing has been put in. Write what it stands for."),
        ("ENDPOINT", "https://shop.example.com/{path}", "that is a placeholder, for which nothing has been put in. Write what it stands for."),
        ("ENVIRONMENT", "%(stage)s", "that is a placeholder, for which nothing has been put in. Write what it stands for."),
        ("PROJECT_ID", "<my-project>", "that is a placeholder, for which nothing has been put in. Write what it stands for."),
    ],
)  # fmt: skip
def test_what_a_file_or_a_template_has_left_is_named(name: str, value: str, left: str) -> None:
    assert said(**{name: value}) == f"{name} is {value!r}: {left}"


def test_lists_in_other_forms_than_commas_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(P + "REDACTED_KEYS", '["password", "token"]')
    assert said() == (
        "REDACTED_KEYS is ['[\"password\"', '\"token\"]']: quotation marks or brackets are part of it. Write "
        "password,token."
    )
    monkeypatch.delenv(P + "REDACTED_KEYS")
    assert said(OIDC_SERVICE_ACCOUNT=ACCOUNT, OIDC_ALLOWED_EMAILS=[f"{ACCOUNT};a@b.io"]) == (
        f"OIDC_ALLOWED_EMAILS has '{ACCOUNT};a@b.io' in it: not an email address. Write {ACCOUNT},a@b.io."
    )


def test_a_key_file_in_place_of_an_account_is_not_shown() -> None:
    text = said(OIDC_SERVICE_ACCOUNT='{"type": "service_account", ' + " " * 60 + '"private_key": "SECRET"}')
    assert "which is not an email address" in text
    assert "SECRET" not in text


def test_a_lazy_text_is_a_text() -> None:
    with override_settings(**{P + "ENDPOINT": gettext_lazy("https://shop.example.com/")}):
        assert settings.ENDPOINT == "https://shop.example.com"


# --- Google's names --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("location", "remedy"),
    [
        ("europe_west1", "Write europe-west1."),
        ("europe-west1-b", "Write europe-west1."),
        ("us-east-1", "Write us-east1."),
        ("us-central1a", "Write us-central1."),
        ("EUROPE-WEST1", "Write europe-west1."),
        ("projects/shop/locations/europe-west1", "Write europe-west1."),
        ("us-central", "Write us-central1."),
        ("europe-west", "Write europe-west1."),
        ("EU", "Write a region, such as europe-west1; gcloud scheduler locations list shows all."),
        ("us", "Write a region, such as europe-west1; gcloud scheduler locations list shows all."),
        ("global", "Write a region, such as europe-west1; gcloud scheduler locations list shows all."),
        ("europe west1", "Write a region, such as europe-west1; gcloud scheduler locations list shows all."),
    ],
)
def test_what_is_no_location_is_named(location: str, remedy: str) -> None:
    assert said(LOCATION=location) == (
        f"LOCATION is {location!r}, which is not a location of Cloud Scheduler. {remedy}"
    )


@pytest.mark.parametrize(
    "location",
    ["europe-west1", "us-central1", "northamerica-northeast2", "asia-southeast1", " me-central2\n"],
)
def test_every_region_is_a_location(location: str) -> None:
    assert found(LOCATION=location) == []


@pytest.mark.parametrize(
    ("project", "problem"),
    [
        ("projects/shop", "not the id of a Google Cloud project. Write shop."),
        ("projects/shop/locations/x", "not the id of a Google Cloud project. Write shop."),
        ("Shop", "not the id of a Google Cloud project. Write shop."),
        (
            "764086051850",
            "the number of a project. Write its id; gcloud projects describe 764086051850 "
            "--format='value(projectId)' shows it.",
        ),
        (
            "My Shop",
            "not the id of a Google Cloud project. It has small letters, digits and hyphens; gcloud projects "
            "list shows yours.",
        ),
    ],
)
def test_what_is_no_project_is_named(project: str, problem: str) -> None:
    assert said(PROJECT_ID=project) == f"PROJECT_ID is {project!r}, which is {problem}"


def test_a_project_of_a_domain_is_one() -> None:
    assert found(PROJECT_ID="example.com:shop") == found(PROJECT_ID="shop-1") == []


YOURS = (
    " Write the email of a service account of yours, such as scheduler@my-project.iam.gserviceaccount.com; "
    "gcloud iam service-accounts list shows them."
)


@pytest.mark.parametrize(
    ("account", "problem"),
    [
        ("scheduler", f"which is not an email address.{YOURS}"),
        (f"\ufeff{ACCOUNT}", f"which is not an email address.{YOURS}"),
        ("me@gmail.com", f"which is not a service account.{YOURS}"),
        (
            "service-123@gcp-sa-cloudscheduler.iam.gserviceaccount.com",
            f"which is an agent of Google's own, for which no token is made for you.{YOURS}",
        ),
        (
            "service-123@serverless-robot-prod.iam.gserviceaccount.com",
            f"which is an agent of Google's own, for which no token is made for you.{YOURS}",
        ),
        (
            "123@cloudservices.gserviceaccount.com",
            f"which is an agent of Google's own, for which no token is made for you.{YOURS}",
        ),
        (f"serviceAccount:{ACCOUNT}", f"not its address as Google writes it. Write {ACCOUNT}."),
        (f"projects/-/serviceAccounts/{ACCOUNT}", f"not its address as Google writes it. Write {ACCOUNT}."),
        (ACCOUNT.upper(), f"not its address as Google writes it. Write {ACCOUNT}."),
    ],
)
def test_what_is_no_service_account_of_ones_own_is_named(account: str, problem: str) -> None:
    assert said(OIDC_SERVICE_ACCOUNT=account) == f"OIDC_SERVICE_ACCOUNT is {account!r}, {problem}"


@pytest.mark.parametrize("account", [ACCOUNT, "shop@appspot.gserviceaccount.com", f" {ACCOUNT}\n"])
def test_a_service_account_of_ones_own_is_right(account: str) -> None:
    assert found(OIDC_SERVICE_ACCOUNT=account) == []


def test_the_account_is_wanted_only_where_a_task_wants_a_token() -> None:
    google = {"BACKEND": CLOUD_SCHEDULER_BACKEND, "OIDC_SERVICE_ACCOUNT": None}
    assert said(**google).startswith(
        "OIDC_SERVICE_ACCOUNT is not set: there is no account to send a token for."
    )
    declare("One", schedule_use_oidc=False)
    assert found(**google) == []


def test_accounts_that_are_allowed_have_to_have_the_one_that_calls() -> None:
    assert said(OIDC_SERVICE_ACCOUNT=ACCOUNT, OIDC_ALLOWED_EMAILS=["x@shop.iam.gserviceaccount.com"]) == (
        f"OIDC_ALLOWED_EMAILS does not have {ACCOUNT} in it, the account that the jobs call with: each call "
        "would be answered 403. Add it, or remove the setting; its default is OIDC_SERVICE_ACCOUNT."
    )
    assert said(OIDC_SERVICE_ACCOUNT=ACCOUNT, OIDC_ALLOWED_EMAILS=[f"serviceAccount:{ACCOUNT}"]) == (
        f"OIDC_ALLOWED_EMAILS has 'serviceAccount:{ACCOUNT}' in it: not an email address. Write {ACCOUNT}."
    )
    assert found(OIDC_SERVICE_ACCOUNT=ACCOUNT, OIDC_ALLOWED_EMAILS=["other@x.y", f" {ACCOUNT} "]) == []


# --- Names, numbers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (
            {"APP_NAME": "my shop"},
            "APP_NAME is 'my shop', which cannot be part of a job id. Google allows letters, digits, hyphens "
            "and underscores.",
        ),
        (
            {"DELIMITER": "x"},
            "DELIMITER is 'x', which cannot be part of a job id. Use hyphens and underscores; its default is '--'.",
        ),
        (
            {"APP_NAME": "a" * 101},
            "APP_NAME has 101 characters, which leaves too few of the 500 of a job id. Write at most 100.",
        ),
        (
            {"APP_NAME": "shop-eu", "DELIMITER": "-"},
            "APP_NAME is 'shop-eu', which has the delimiter '-' in it: by their ids alone its jobs are those of "
            "an app named 'shop' too. Write another name, such as 'shopeu', or another DELIMITER.",
        ),
        ({"OIDC_AUDIENCE": "a\tb"}, "OIDC_AUDIENCE is 'a\\tb', which has the character '\\t' in it. Remove that."),
        (
            {"OIDC_CERTS_URL": "www.googleapis.com/certs"},
            "OIDC_CERTS_URL is 'www.googleapis.com/certs', which is not an address. Remove it; the default is "
            "Google's address.",
        ),
        (
            {"EMULATOR_HOST": "http://127.0.0.1:8085"},
            "EMULATOR_HOST is 'http://127.0.0.1:8085'; write host:port, such as 127.0.0.1:8085. See "
            "docs/settings.md.",
        ),
        (
            {"EMULATOR_HOST": "127.0.0.1"},
            "EMULATOR_HOST is '127.0.0.1'; write host:port, such as 127.0.0.1:8085. See docs/settings.md.",
        ),
        (
            {"BACKEND": "shop.backends.Missing"},
            "BACKEND is 'shop.backends.Missing', which cannot be imported: No module named 'shop'. Remove it; "
            "the default is Cloud Scheduler.",
        ),
        (
            {"BACKEND": "scheduled_jobs.backends.memory"},
            "BACKEND is 'scheduled_jobs.backends.memory', which is no backend. Remove it; the default is Cloud "
            "Scheduler.",
        ),
        (
            {"BACKEND": "builtins.int"},
            "BACKEND is 'builtins.int', which is no backend. Remove it; the default is Cloud Scheduler.",
        ),
        (
            {"PROJECT_ID": "abc", "BACKEND": CLOUD_SCHEDULER_BACKEND},
            "PROJECT_ID is 'abc', which is not the id of a Google Cloud project. It has 6 to 30 characters; gcloud "
            "projects list shows yours.",
        ),
        (
            {"METRICS_TOKEN": "ä" * 20},
            "METRICS_TOKEN can be guessed, or has characters in it that no monitor can send. Write 16 letters and "
            "digits or more, such as openssl rand -hex 32 prints.",
        ),
        (
            {"OIDC_CERTS_URL": "https://accounts.google.com/.well-known/openid-configuration"},
            "OIDC_CERTS_URL is 'https://accounts.google.com/.well-known/openid-configuration', where Google has other "
            "keys than the certificates of its tokens. Remove it; the default is Google's address.",
        ),
        (
            {"OIDC_CERTS_URL": "https://www.googleapis.com/oauth2/v3/certs"},
            "OIDC_CERTS_URL is 'https://www.googleapis.com/oauth2/v3/certs', where Google has other keys than the "
            "certificates of its tokens. Remove it; the default is Google's address.",
        ),
        ({"CONCURRENCY": 0}, "CONCURRENCY is 0. Write a number from 1 to 1,000."),
        ({"WRITES_PER_MINUTE": -1}, "WRITES_PER_MINUTE is -1. Write a number from 1 to 1,000,000."),
        ({"RPC_TIMEOUT": 0}, "RPC_TIMEOUT is 0.0. Write a number of seconds from 0.1 to 3,600."),
        ({"RPC_TIMEOUT": float("nan")}, "RPC_TIMEOUT is nan. Write a number of seconds from 0.1 to 3,600."),
        ({"RPC_TIMEOUT": timedelta(days=1)}, "RPC_TIMEOUT is 86400.0. Write a number of seconds from 0.1 to 3,600."),
        ({"HISTORY_MAX_AGE": 0}, "HISTORY_MAX_AGE is 0. Write a number of days from 1 to 36,500."),
        ({"HISTORY_MIN_RUNS": -5}, "HISTORY_MIN_RUNS is -5. Write a number from 0 to 1,000,000,000."),
        (
            {"MISSED_GRACE": timedelta(minutes=-5)},
            "MISSED_GRACE is -1 day, 23:55:00. Write a number of seconds from 0 to 31,536,000.",
        ),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_meant_is_named(values: dict[str, Any], text: str) -> None:
    assert said(**values) == text


def test_what_has_no_limit_has_none() -> None:
    assert found(WRITES_PER_MINUTE=None, HISTORY_MAX_AGE=None, MISSED_GRACE=0, HISTORY_MIN_RUNS=0) == []


# --- Names that there are not ----------------------------------------------------------------------


def test_a_misspelt_name_is_told_wherever_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(P + "EMULATORHOST", "127.0.0.1:8085")
    monkeypatch.setenv(P + "QQQ", "1")
    assert [str(fault) for fault in found(ENDPIONT="https://x")] == [
        f"{P}EMULATORHOST is in the environment, and there is no such setting. Write {P}EMULATOR_HOST, or "
        "remove it.",
        f"{P}ENDPIONT is in the settings, and there is no such setting. Write {P}ENDPOINT, or remove it.",
        f"{P}QQQ is in the environment, and there is no such setting. Remove it; see docs/settings.md.",
    ]
    refuse()


@pytest.mark.parametrize(
    "prefix",
    [
        "django_cloud_tasks_",
        "DJANGO_CLOUD_TASK_",
        "DJANGO_CLOUDTASKS_",
        "DJANGO_CLOUD_TASKS__",
        "DJANGO_CLOUD_TSAKS_",
        "SCHEDULED_JOBS_",
    ],
)
def test_a_misspelt_prefix_is_told(prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{prefix}ENDPOINT", "https://shop.example.com")
    assert [str(fault) for fault in found()] == [
        f"{prefix}ENDPOINT is in the environment, and there is no such setting. Write {P}ENDPOINT, or remove it."
    ]


def test_settings_in_one_dictionary_are_told() -> None:
    with override_settings(DJANGO_CLOUD_TASKS={"ENDPOINT": "https://shop.example.com"}):
        assert [str(fault) for fault in found()] == [
            "DJANGO_CLOUD_TASKS is in the settings, and there is no such setting. Write each setting by itself, "
            f"such as {P}ENDPOINT."
        ]


def test_the_settings_of_the_package_with_our_prefix_are_told_as_its(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(P + "PROPAGATED_HEADERS", "traceparent")
    assert said(SUBSCRIBERS_URL_NAME="subscriptions-endpoint", MAXIMUM_ETA_TASK=60) == (
        "MAXIMUM_ETA_TASK, PROPAGATED_HEADERS, SUBSCRIBERS_URL_NAME: set for django-google-cloud-tasks, whose "
        "prefix is ours too; scheduled_jobs does not read this. Remove it once that package is gone; until "
        "then nothing need be done."
    )
    refuse()


# --- Where they stand ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("ENDPOINT", " https://shop.example.com/\r\n", "https://shop.example.com"),
        ("PROJECT_ID", "shop\n", "shop"),
        ("APP_NAME", " shop ", "shop"),
        ("PUSH", "off\n", "off"),
        ("OIDC_SERVICE_ACCOUNT", f"{ACCOUNT}\n", ACCOUNT),
        ("LOCATION", " \n", None),
    ],
)
def test_blanks_around_a_value_are_cut_off(
    name: str, given: str, value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with override_settings(**{P + name: given}):
        assert getattr(settings, name) == value
        delattr(django_settings, P + name)
        monkeypatch.setenv(P + name, given)
        assert getattr(settings, name) == value


def test_one_cause_is_told_once() -> None:
    # What cannot be read is all that is told: nothing is known of what depends on it.
    assert [fault.number for fault in found(EAGER="perhaps", ENDPOINT="nowhere")] == [1]
    # The address is what has to be set first.
    nothing = dict.fromkeys(("ENDPOINT", "LOCATION", "PROJECT_ID", "OIDC_SERVICE_ACCOUNT"))
    assert [fault.number for fault in found(**nothing, BACKEND=CLOUD_SCHEDULER_BACKEND)] == [8]


@pytest.mark.parametrize("mode", [{"EAGER": True}, {"PUSH": "off"}])
def test_where_google_is_not_called_nothing_has_to_be_set(mode: dict[str, Any]) -> None:
    nothing = dict.fromkeys(("ENDPOINT", "LOCATION", "PROJECT_ID", "OIDC_SERVICE_ACCOUNT"))
    assert found(**nothing, **mode, BACKEND=CLOUD_SCHEDULER_BACKEND, URL_NAME="nowhere") == []


def test_several_faults_are_a_line_each() -> None:
    wrong = {P + "LOCATION": "EU", P + "PROJECT_ID": "projects/shop"}
    with override_settings(**wrong), pytest.raises(Misconfigured) as refused:
        refuse()
    assert str(refused.value).replace(P, "").splitlines() == [
        "PROJECT_ID is 'projects/shop', which is not the id of a Google Cloud project. Write shop.",
        "LOCATION is 'EU', which is not a location of Cloud Scheduler. Write a region, such as europe-west1; "
        "gcloud scheduler locations list shows all.",
    ]


# --- What is more -----------------------------------------------------------------------------------


def test_a_builtin_task_that_there_is_not_is_told() -> None:
    registry.register(PruneHistory)
    assert said(BUILTIN_TASKS=["scheduled_jobs.builtin.PruneHistory", "PruneAll"]) == (
        "BUILTIN_TASKS has 'PruneAll' in it: no task of this package. "
        "There is scheduled_jobs.builtin.PruneHistory."
    )


def test_whom_alerts_reach_is_asked() -> None:
    assert said(ALERT_RECIPIENTS=["ops@shop.example", "ops"]) == (
        "ALERT_RECIPIENTS has 'ops' in it: not an email address. "
        "Write addresses alone, such as ops@shop.example."
    )
    assert said(ADMIN_URL="shop.example.com/admin") == (
        "ADMIN_URL is 'shop.example.com/admin', not the address of an admin: it has no scheme; write "
        "https://shop.example.com/admin. It is where people open the admin, such as "
        "https://shop.example.com/admin/."
    )
    assert said(AUTO_PAUSE_AFTER=0) == "AUTO_PAUSE_AFTER is 0. Write a number from 1 to 1,000."


@pytest.mark.parametrize(
    "hooks",
    [
        "https://chat.example.com/T0S3CR3T",
        ["'https://chat.example.com/T0S3CR3T'"],
        ["ftp://chat.example.com/T0S3CR3T"],
        ["https://chat.example.com/T0S3CR3T x"],
        ["//T0S3CR3T"],
    ],
)
def test_an_address_of_a_webhook_is_never_shown(hooks: Any) -> None:
    (fault,) = found(ALERT_WEBHOOKS=hooks)
    assert "T0S3CR3T" not in str(fault)
    assert fault.holds_back


@pytest.mark.parametrize("token", ["hunter2", "a token of many words"])
def test_a_token_for_metrics_is_long_and_never_shown(token: str) -> None:
    assert said(METRICS_TOKEN=token) == (
        "METRICS_TOKEN can be guessed, or has characters in it that no monitor can send. "
        "Write 16 letters and digits or more, such as openssl rand -hex 32 prints."
    )
    assert found(METRICS_TOKEN="0123456789abcdef") == []
