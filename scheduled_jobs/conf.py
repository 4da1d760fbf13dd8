"""The settings of the package, in one class: Django's first, then the environment, then the default.

What ``scheduled_jobs dev`` says comes before all of them, in its own process and in those that it starts.

They are read at each use, never at import, so that ``override_settings`` works. In the environment
booleans are 1, 0, true or false, lists are split at commas, durations are seconds and nothing is None.
Blanks and newlines around a value, as secret files end with, are cut off wherever it stands.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import types
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise

from scheduled_jobs.domain.addresses import as_sent, is_out_of_reach

PREFIX = "DJANGO_CLOUD_TASKS_"
DEFAULT_ENDPOINT = "http://localhost:8000"
GOOGLE_CERTS_URL = "https://www.googleapis.com/oauth2/v1/certs"
CLOUD_SCHEDULER_BACKEND = "scheduled_jobs.backends.cloud_scheduler.CloudSchedulerBackend"
LOCAL_ACCOUNT = "scheduler@local.iam.gserviceaccount.com"
MEMORY_BACKEND = "scheduled_jobs.backends.memory.MemoryBackend"
# What ``scheduled_jobs dev`` hands on to the processes that it starts: EMULATOR_HOST, a blank, ENDPOINT.
DEV_VARIABLE = "SCHEDULED_JOBS_DEV"

SECRET = {"ALERT_WEBHOOKS", "METRICS_TOKEN"}
"""Settings whose values are shown nowhere, not even where they are wrong."""
BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


class Level(int):
    """A level of ``logging``, by its name or its number."""

    @classmethod
    def read(cls, value: Any) -> Level | None:
        """The level, or None for what is none."""
        if isinstance(value, str):
            value = int(value) if value.isdecimal() else logging.getLevelNamesMapping().get(value.upper())
        is_level = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MAX_LEVEL
        return cls(value) if is_level else None

    def __repr__(self) -> str:
        return f'"{logging.getLevelName(int(self))}"'


class Settings:
    """Each attribute is the setting ``DJANGO_CLOUD_TASKS_<name>``; the value here is its default."""

    PROJECT_ID: str | None = None
    """Google Cloud project of the jobs. None: the project of the default credentials."""
    LOCATION: str | None = None
    """Cloud Scheduler location of the jobs, such as ``europe-west1``."""
    ENDPOINT: str = DEFAULT_ENDPOINT
    """Scheme and host under which Google reaches this Django app. The default is runserver's own."""
    APP_NAME: str | None = None
    """First part of every job id; keeps the jobs of two apps in one project apart."""
    DELIMITER: str = "--"
    """Stands between APP_NAME and the rest of the job id."""
    URL_NAME: str = "tasks-endpoint"
    """Name of the URL pattern of the execution view."""
    PUSH: Literal["auto", "off"] = "auto"
    """``off``: nothing is ever sent to Google."""
    EAGER: bool = False
    """``schedule_tasks`` and ``schedule()`` run the tasks here instead of talking to Google."""
    PROPAGATE_HEADERS: bool = False
    """Tasks see the request's headers, less the secret ones, in ``metadata.headers``."""
    OIDC_SERVICE_ACCOUNT: str | None = None
    """Email of the service account whose token Google sends."""
    OIDC_AUDIENCE: str | None = None
    """Audience of that token. None: ENDPOINT."""
    OIDC_ALLOWED_EMAILS: list[str] | None = None
    """Accounts that may run tasks. None: OIDC_SERVICE_ACCOUNT; an empty list: nobody."""
    OIDC_CERTS_URL: str | None = None
    """Where the certificates are fetched. None: the emulator's if EMULATOR_HOST is set, else Google's."""
    ALLOW_UNAUTHENTICATED: bool = False
    """Anyone may run the tasks with ``schedule_use_oidc = False``."""
    EMULATOR_HOST: str | None = None
    """``host:port`` of the local emulator."""
    BACKEND: str | None = None
    """Dotted path of the backend class. None: Cloud Scheduler; in tests, one in memory."""
    WRITES_PER_MINUTE: int | None = 450
    """Most writing calls in any sixty seconds; Google's quota is 500 a project. None: no limit."""
    CONCURRENCY: int = 64
    """Most calls in flight at once; one gRPC channel carries 64 well."""
    RPC_TIMEOUT: float = 10.0
    """Seconds that one call to Google may take, its retries included."""
    HISTORY_MAX_AGE: int | None = 90
    """Days for which runs are kept. None: for ever."""
    HISTORY_MIN_RUNS: int = 100
    """Runs kept of each job whatever their age."""
    HISTORY_FAILURES_MAX_AGE: int | None = 365
    """Days for which failed runs are kept, if that is longer. None: for ever."""
    BUILTIN_TASKS: list[str] = []
    """Dotted paths of the tasks of this package that are to be scheduled: a job costs money."""
    LOG_LEVEL: Level | None = Level(logging.INFO)
    """Log records of a run are kept with it from this level on. None: none are."""
    METRICS_TOKEN: str | None = None
    """What a monitor that asks for metrics or health sends as a bearer token. None: nobody is answered."""
    MISSED_GRACE: timedelta = timedelta(minutes=5)
    """How long after its time a job that has not run counts as late."""
    ALERT_RECIPIENTS: list[str] = []
    """Email addresses that are told of failed, lost and missed runs, and that it is over."""
    ALERT_WEBHOOKS: list[str] = []
    """Addresses that are sent the same as JSON. They are secrets: their host alone is shown."""
    ALERT_COOLDOWN: timedelta = timedelta(hours=6)
    """For how long a cause that was told is not told again."""
    AUTO_PAUSE_AFTER: int | None = None
    """So many scheduled times in a row that failed pause a job. None: no job is paused by itself."""
    ADMIN_URL: str | None = None
    """Where the admin is, for links in alerts. None: on the host of ENDPOINT."""
    ENVIRONMENT: str | None = None
    """A word for screens and alerts, such as ``production``."""
    REDACTED_KEYS: list[str] = ["password", "token", "secret", "key", "authorization", "credential"]
    """Payload keys that contain one of these words are masked wherever they are shown."""

    @property
    def mode(self) -> Literal["google", "push-off", "eager"]:
        """Whether Google is called, nobody, or the tasks are run here at once.

        Where that cannot be read, whoever would call Google is told so.
        """
        try:
            return "eager" if self.EAGER else "push-off" if self.PUSH == "off" else "google"
        except ImproperlyConfigured:
            return "google"

    @property
    def log_level(self) -> int | None:
        """LOG_LEVEL, or its default where that cannot be read: no run fails of it."""
        try:
            return self.LOG_LEVEL
        except ImproperlyConfigured:
            return logging.INFO

    @property
    def calls_google(self) -> bool:
        """Whether calls go to Google itself: neither to the emulator, nor to another backend."""
        is_real = self.BACKEND == CLOUD_SCHEDULER_BACKEND and not self.EMULATOR_HOST
        return is_real and self.mode == "google"

    @property
    def is_isolated(self) -> bool:
        """Whether nothing may reach the world: a project's tests are run, and name no backend."""
        return in_tests() and _read("BACKEND") is None

    def may_call(self, address: str) -> bool:
        """Whether the address may be called: a project's tests ask this machine and its network alone."""
        return not self.is_isolated or is_out_of_reach(urlsplit(address).hostname or "")

    if not TYPE_CHECKING:

        def __getattribute__(self, name: str) -> Any:
            if not name.isupper():
                return object.__getattribute__(self, name)
            value = _read(name)
            if name == "ENDPOINT":
                return as_sent(value)
            if value is None and (derive := DERIVED.get(name)) is not None:
                return derive(self)
            return value


def _read(name: str) -> Any:
    """A setting as it stands where it is found first; None is what may follow from others."""
    key = PREFIX + name
    if _dev and name in (dev := in_dev()):
        return _checked(key, dev[name], _hints()[name])
    if (value := _of_django(key)) is not NOWHERE:
        return _checked(key, value, _hints()[name])
    text = os.environ.get(key)
    if text is not None:
        return _parsed(key, text.strip(), _hints()[name])
    default = getattr(Settings, name)
    return list(default) if isinstance(default, list) else default


NOWHERE = object()
_absent: dict[str, tuple[Any, int]] = {}
"""Settings that Django's do not have, with those and how many they are: to be told so costs an exception."""


def _of_django(key: str) -> Any:
    source, size = _absent.get(key, (None, 0))
    if source is not None and source is _wrapped() and len(vars(source)) == size:
        return NOWHERE
    value = getattr(django_settings, key, NOWHERE)
    if value is NOWHERE:
        source = _wrapped()
        _absent[key] = source, len(vars(source))
    return value


def _wrapped() -> Any:
    """Django's settings themselves: others wherever a test overrides any."""
    return django_settings.__dict__["_wrapped"]


DERIVED: dict[str, typing.Callable[[Settings], Any]] = {
    # The emulator takes any: whoever tries the package need set nothing.
    "PROJECT_ID": lambda s: "local" if s.EMULATOR_HOST else None,
    "LOCATION": lambda s: "us-central1" if s.EMULATOR_HOST else None,
    "OIDC_SERVICE_ACCOUNT": lambda s: LOCAL_ACCOUNT if s.EMULATOR_HOST else None,
    "OIDC_AUDIENCE": lambda s: s.ENDPOINT,
    "OIDC_ALLOWED_EMAILS": lambda s: [account] if (account := s.OIDC_SERVICE_ACCOUNT) else [],
    "OIDC_CERTS_URL": lambda s: emulator_certs_url(s.EMULATOR_HOST) if s.EMULATOR_HOST else GOOGLE_CERTS_URL,
    "BACKEND": lambda _: MEMORY_BACKEND if in_tests() else CLOUD_SCHEDULER_BACKEND,
}


def in_tests() -> bool:
    """Whether Django's test environment is set up, as every test runner does.

    The outbox alone is there as well after a mail that a server without a mail server keeps in memory.
    """
    return hasattr(mail, "outbox") and "django.test.utils" in sys.modules


def in_dev() -> dict[str, Any]:
    """The settings that ``scheduled_jobs dev`` makes, whatever the project's say; empty anywhere else.

    Tests that are started in a terminal where they were exported have their own.
    """
    host, _, endpoint = _dev.partition(" ")
    return {} if not host or in_tests() else {**DEV, "EMULATOR_HOST": host, "ENDPOINT": endpoint}


# What is None follows from EMULATOR_HOST and ENDPOINT.
DEV = {
    "PROJECT_ID": None,
    "LOCATION": None,
    "OIDC_SERVICE_ACCOUNT": None,
    "OIDC_AUDIENCE": None,
    "OIDC_ALLOWED_EMAILS": None,
    "OIDC_CERTS_URL": None,
    "PUSH": "auto",
    "EAGER": False,
}


@contextmanager
def dev_settings(emulator_host: str, endpoint: str) -> Iterator[None]:
    """Inside the block, and in every process started there, these come before settings and environment."""
    global _dev  # noqa: PLW0603 – what is set, and what processes that are started are told
    _dev = os.environ[DEV_VARIABLE] = f"{emulator_host} {endpoint}"
    try:
        yield
    finally:
        _dev = ""
        del os.environ[DEV_VARIABLE]


_dev = os.environ.get(DEV_VARIABLE, "")


def emulator_certs_url(host: str) -> str:
    """Where the emulator at ``host`` (``host:port``) serves its certificates: on the next port."""
    name, _, port = host.rpartition(":")
    if not re.fullmatch(r"[\w.-]+|\[[0-9a-fA-F:.]+\]", name) or not (
        port.isdigit() and 0 < int(port) < 65535
    ):
        raise ImproperlyConfigured(
            f"{PREFIX}EMULATOR_HOST is {host!r}; write host:port, such as 127.0.0.1:8085"
        )
    return f"http://{name}:{int(port) + 1}/certs"


def names() -> list[str]:
    """The names of all settings, without their prefix, in the order of their definition."""
    return [name for name in _hints() if name.isupper()]


def _hints() -> dict[str, Any]:
    global _cached_hints  # noqa: PLW0603 – typing's answer never changes and costs 50 µs
    if _cached_hints is None:
        _cached_hints = typing.get_type_hints(Settings)
    return _cached_hints


_cached_hints: dict[str, Any] | None = None


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)


def _parsed(key: str, text: str, hint: Any) -> Any:
    """The value of an environment variable."""
    kinds = _alternatives(hint)
    if text == "":
        return None if type(None) in kinds else _default_of(key)
    kind = kinds[0]
    if kind is bool:
        if text.lower() not in BOOLEANS:
            raise ImproperlyConfigured(f"{key} is {text!r} in the environment; write 1, 0, true or false")
        return BOOLEANS[text.lower()]
    if kind == list[str]:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind in (int, float, timedelta):
        try:
            number = float(text) if kind is not int else int(text)
        except ValueError:
            unit = " of seconds" if kind is not int else ""
            nothing = ", or leave it empty for no limit" if type(None) in kinds else ""
            raise ImproperlyConfigured(
                f"{key} is {text!r} in the environment; write a number{unit}{nothing}"
            ) from None
        return _checked(key, number, hint)
    return _checked(key, text, hint)


def _default_of(key: str) -> Any:
    return getattr(Settings, key.removeprefix(PREFIX))


def _checked(key: str, value: Any, hint: Any) -> Any:
    """The value of a Django setting, or ImproperlyConfigured saying what it must be."""
    kinds = _alternatives(hint)
    if isinstance(value, Promise):
        value = str(value)  # gettext_lazy and its kin, of which it shows nowhere that they are no string
    if isinstance(value, str):
        value = value.strip()
        if not value and type(None) in kinds:
            return None
    if value is None:
        return None if type(None) in kinds else _default_of(key)
    kind = kinds[0]
    if typing.get_origin(kind) is Literal:
        choices = typing.get_args(kind)
        if value not in choices:
            raise ImproperlyConfigured(f"{key} is {value!r}; write one of {', '.join(map(repr, choices))}")
        return value
    if kind == list[str]:
        if isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(v, str) for v in value):
            return [part.strip() for part in value if part.strip()]
        raise ImproperlyConfigured(f"{key} is {_shown(key, value)}; write a list of strings")
    if kind in (timedelta, float) and (seconds := _seconds(value)) is not None:
        return seconds if kind is float else timedelta(seconds=seconds)
    if kind is Level and (level := Level.read(value)) is not None:
        return level
    if kind is Level or not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise ImproperlyConfigured(f"{key} is {_shown(key, value)}; write {WANTED[kind]}")
    return value


def _shown(key: str, value: Any) -> str:
    return "of another kind" if key.removeprefix(PREFIX) in SECRET else repr(value)


def _seconds(value: Any) -> float | None:
    """A duration in seconds; None for what is none, or is longer than any."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) <= MAX_SECONDS else None


MAX_LEVEL = 1_000
MAX_SECONDS = 10**12
WANTED = {
    bool: "True or False",
    int: "a whole number",
    float: "a number of seconds",
    str: "a string",
    timedelta: "a timedelta or a number of seconds",
    Level: "the name of a level, such as INFO, or None for no log",
}

settings = Settings()
