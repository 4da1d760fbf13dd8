"""Settings: Django's first, then the environment, then the default; read at each use."""

from __future__ import annotations

import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings

from scheduled_jobs import conf
from scheduled_jobs.backends.cloud_scheduler import CloudSchedulerBackend
from scheduled_jobs.conf import (
    CLOUD_SCHEDULER_BACKEND,
    GOOGLE_CERTS_URL,
    MEMORY_BACKEND,
    PREFIX,
    names,
    settings,
)


@pytest.fixture(autouse=True)
def _bare(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is set, neither in Django's settings nor in the environment."""
    for name in names():
        if hasattr(settings, PREFIX + name):
            delattr(settings, PREFIX + name)
        monkeypatch.delenv(PREFIX + name, raising=False)


def test_the_setting_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert settings.DELIMITER == "--"
    monkeypatch.setenv("DJANGO_CLOUD_TASKS_DELIMITER", "_")
    assert settings.DELIMITER == "_"
    with override_settings(DJANGO_CLOUD_TASKS_DELIMITER="---"):
        assert settings.DELIMITER == "---"


def test_dev_outranks_settings_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conf, "in_tests", lambda: False)
    monkeypatch.setenv("DJANGO_CLOUD_TASKS_LOCATION", "europe-west1")
    theirs = {
        "DJANGO_CLOUD_TASKS_ENDPOINT": "https://shop.example.com",
        "DJANGO_CLOUD_TASKS_OIDC_AUDIENCE": "https://shop.example.com",
        "DJANGO_CLOUD_TASKS_APP_NAME": "shop",
    }
    with override_settings(**theirs, DJANGO_CLOUD_TASKS_PUSH="off", DJANGO_CLOUD_TASKS_EAGER=True):
        with conf.dev_settings("127.0.0.1:8085", "http://127.0.0.1:8000"):
            assert (settings.EMULATOR_HOST, settings.ENDPOINT) == ("127.0.0.1:8085", "http://127.0.0.1:8000")
            assert CloudSchedulerBackend().parent == "projects/local/locations/us-central1"
            assert settings.OIDC_AUDIENCE == "http://127.0.0.1:8000"
            assert settings.OIDC_CERTS_URL == "http://127.0.0.1:8086/certs"
            assert settings.OIDC_ALLOWED_EMAILS == [settings.OIDC_SERVICE_ACCOUNT]
            assert settings.mode == "google"
            assert settings.APP_NAME == "shop"
        assert (settings.ENDPOINT, settings.LOCATION) == ("https://shop.example.com", "europe-west1")


def test_tests_have_their_own_settings_where_dev_was_exported() -> None:
    with conf.dev_settings("127.0.0.1:8085", "http://127.0.0.1:8000"):
        assert (settings.EMULATOR_HOST, settings.BACKEND) == (None, conf.MEMORY_BACKEND)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("EAGER", "1", True),
        ("EAGER", "TRUE", True),
        ("EAGER", "0", False),
        ("EAGER", "false", False),
        ("EAGER", "", False),
        ("OIDC_ALLOWED_EMAILS", "a@x.y, b@x.y,", ["a@x.y", "b@x.y"]),
        ("REDACTED_KEYS", "", ["password", "token", "secret", "key", "authorization", "credential"]),
        ("MISSED_GRACE", "90", timedelta(seconds=90)),
        ("RPC_TIMEOUT", "2.5", 2.5),
        ("WRITES_PER_MINUTE", "", None),
        ("WRITES_PER_MINUTE", "100", 100),
        ("APP_NAME", "", None),
        ("PUSH", "off", "off"),
    ],
)
def test_the_environment_is_read_by_kind(
    name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name, text)
    assert getattr(settings, name) == value


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("EAGER", "yes", "DJANGO_CLOUD_TASKS_EAGER is 'yes' in the environment; write 1, 0, true or false"),
        (
            "CONCURRENCY",
            "many",
            "DJANGO_CLOUD_TASKS_CONCURRENCY is 'many' in the environment; write a number",
        ),
        (
            "RPC_TIMEOUT",
            "soon",
            "DJANGO_CLOUD_TASKS_RPC_TIMEOUT is 'soon' in the environment; write a number of seconds",
        ),
        ("PUSH", "on", "DJANGO_CLOUD_TASKS_PUSH is 'on'; write one of 'auto', 'off'"),
    ],
)
def test_nonsense_in_the_environment_is_named(
    name: str, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PREFIX + name, text)
    with pytest.raises(ImproperlyConfigured) as refused:
        getattr(settings, name)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("EAGER", "yes", "DJANGO_CLOUD_TASKS_EAGER is 'yes'; write True or False"),
        ("CONCURRENCY", True, "DJANGO_CLOUD_TASKS_CONCURRENCY is True; write a whole number"),
        ("ENDPOINT", 5, "DJANGO_CLOUD_TASKS_ENDPOINT is 5; write a string"),
        (
            "REDACTED_KEYS",
            "password",
            "DJANGO_CLOUD_TASKS_REDACTED_KEYS is 'password'; write a list of strings",
        ),
        (
            "MISSED_GRACE",
            "5m",
            "DJANGO_CLOUD_TASKS_MISSED_GRACE is '5m'; write a timedelta or a number of seconds",
        ),
    ],
)
def test_a_setting_of_the_wrong_kind_is_named(name: str, given: object, message: str) -> None:
    with override_settings(**{PREFIX + name: given}), pytest.raises(ImproperlyConfigured) as refused:
        getattr(settings, name)
    assert str(refused.value) == message


def test_durations_may_be_numbers_and_numbers_durations() -> None:
    with override_settings(
        DJANGO_CLOUD_TASKS_MISSED_GRACE=30, DJANGO_CLOUD_TASKS_RPC_TIMEOUT=timedelta(seconds=3)
    ):
        assert timedelta(seconds=30) == settings.MISSED_GRACE
        assert settings.RPC_TIMEOUT == 3.0


@pytest.mark.parametrize("given", ["WARNING", "warning", 30, "30"])
def test_a_level_is_a_name_or_a_number(given: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with override_settings(DJANGO_CLOUD_TASKS_LOG_LEVEL=given):
        assert (settings.LOG_LEVEL, settings.log_level) == (30, 30)
    monkeypatch.setenv(PREFIX + "LOG_LEVEL", str(given))
    assert settings.LOG_LEVEL == 30
    monkeypatch.setenv(PREFIX + "LOG_LEVEL", "")
    assert settings.LOG_LEVEL is None


@pytest.mark.parametrize("given", ["LOUD", True, 0, "0", 1.5, []])
def test_what_is_no_level_is_refused_and_stops_no_run(given: object) -> None:
    with override_settings(DJANGO_CLOUD_TASKS_LOG_LEVEL=given):
        assert settings.log_level == 20
        with pytest.raises(ImproperlyConfigured) as refused:
            settings.LOG_LEVEL  # noqa: B018
    wanted = "write the name of a level, such as INFO, or None for no log"
    assert str(refused.value) == f"{PREFIX}LOG_LEVEL is {given!r}; {wanted}"


def test_none_is_the_default_where_none_means_nothing() -> None:
    with override_settings(DJANGO_CLOUD_TASKS_ENDPOINT=None, DJANGO_CLOUD_TASKS_WRITES_PER_MINUTE=None):
        assert settings.ENDPOINT == "http://localhost:8000"
        assert settings.WRITES_PER_MINUTE is None


def test_audience_and_email_follow_endpoint_and_account() -> None:
    with override_settings(
        DJANGO_CLOUD_TASKS_ENDPOINT="https://a.example", DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT="a@b.c"
    ):
        assert settings.OIDC_AUDIENCE == "https://a.example"
        assert settings.OIDC_ALLOWED_EMAILS == ["a@b.c"]
    assert settings.OIDC_ALLOWED_EMAILS == []


def test_an_empty_list_of_emails_is_nobody_and_never_everybody() -> None:
    with override_settings(
        DJANGO_CLOUD_TASKS_OIDC_ALLOWED_EMAILS=[], DJANGO_CLOUD_TASKS_OIDC_SERVICE_ACCOUNT="a@b.c"
    ):
        assert settings.OIDC_ALLOWED_EMAILS == []


def test_the_certificates_are_googles_or_the_emulators() -> None:
    assert settings.OIDC_CERTS_URL == GOOGLE_CERTS_URL
    with override_settings(DJANGO_CLOUD_TASKS_EMULATOR_HOST="127.0.0.1:8085"):
        assert settings.OIDC_CERTS_URL == "http://127.0.0.1:8086/certs"
    with (
        override_settings(DJANGO_CLOUD_TASKS_EMULATOR_HOST="localhost"),
        pytest.raises(ImproperlyConfigured, match="write host:port, such as 127.0.0.1:8085"),
    ):
        settings.OIDC_CERTS_URL  # noqa: B018


def test_tests_that_name_no_backend_get_that_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.BACKEND == MEMORY_BACKEND
    with override_settings(DJANGO_CLOUD_TASKS_EMULATOR_HOST="127.0.0.1:8085"):
        assert settings.BACKEND == MEMORY_BACKEND
    with override_settings(DJANGO_CLOUD_TASKS_BACKEND=CLOUD_SCHEDULER_BACKEND):
        assert settings.BACKEND == CLOUD_SCHEDULER_BACKEND
    monkeypatch.delattr(mail, "outbox")
    assert settings.BACKEND == CLOUD_SCHEDULER_BACKEND


def test_a_server_that_keeps_mails_in_memory_is_no_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "django.test.utils")
    assert hasattr(mail, "outbox")
    assert settings.BACKEND == CLOUD_SCHEDULER_BACKEND


def test_a_list_that_was_read_is_not_the_default_itself() -> None:
    settings.REDACTED_KEYS.append("mine")
    assert "mine" not in settings.REDACTED_KEYS


@pytest.mark.parametrize(
    ("eager", "push", "mode"),
    [(False, "auto", "google"), (False, "off", "push-off"), (True, "auto", "eager"), (True, "off", "eager")],
)
def test_only_one_mode_calls_google(eager: bool, push: str, mode: str) -> None:
    with override_settings(DJANGO_CLOUD_TASKS_EAGER=eager, DJANGO_CLOUD_TASKS_PUSH=push):
        assert settings.mode == mode


def test_push_and_eager_are_read_in_one_place() -> None:
    package = Path(conf.__file__).parent
    readers = [
        path.name
        for path in package.rglob("*.py")
        if re.search(r"settings\.(PUSH|EAGER)\b", path.read_text())
    ]
    assert readers == []
