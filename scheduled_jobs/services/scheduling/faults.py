"""What is wrong with the settings and with the address that Google is given: the one list, in the one words.

The system checks, the commands, ``doctor`` and every push speak from it. With a fault nothing is sent: what
Google would be given could not work, or somebody would have to find out why it does not.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from difflib import SequenceMatcher, get_close_matches
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.http.request import validate_host
from django.utils.module_loading import import_string

from scheduled_jobs import registry
from scheduled_jobs.conf import DEFAULT_ENDPOINT, PREFIX, emulator_certs_url, names, settings
from scheduled_jobs.domain import addresses
from scheduled_jobs.domain.jobs import USER_AGENT
from scheduled_jobs.exceptions import InvalidDefinition, Misconfigured
from scheduled_jobs.services.scheduling import mount
from scheduled_jobs.services.scheduling.names import task_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Level = Literal["error", "fault", "advice"]

MAX_APP_NAME = 100
GROUPS = ("DJANGO_CLOUD_TASKS", "SCHEDULED_JOBS", "DJANGO_SCHEDULED_JOBS")
"""Names by which other packages would have one dictionary of settings, or begin each."""
NEARLY = 0.85
"""How much of a prefix has to be ours for it to be a misspelling."""
PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]*", re.ASCII)
LOCATION = re.compile(r"[a-z]+(-[a-z]+)+[0-9]+", re.ASCII)
APP_ENGINE_LOCATIONS = {"us-central": "us-central1", "europe-west": "europe-west1"}
"""The two locations of App Engine that other services know by another name."""
EMAIL = re.compile(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
AGENT = re.compile(r"service-\d+@|\d+@cloudservices\.")
SHARED = re.compile(r"-compute@developer\.gserviceaccount\.com$|@appspot\.gserviceaccount\.com$")
WORDS_FOR_NOTHING = ("none", "null", "undefined", "false")
PLACEHOLDER = re.compile(r"\$\{|^\$\w|\{\{|<[^<>@]*>")
MOST_SHOWN = 90
NUMBERS = {
    "WRITES_PER_MINUTE": (1, 1_000_000, ""),
    "CONCURRENCY": (1, 1_000, ""),
    "RPC_TIMEOUT": (0.1, 3_600, " of seconds"),
    "HISTORY_MAX_AGE": (1, 36_500, " of days"),
    "HISTORY_MIN_RUNS": (0, 1_000_000_000, ""),
    "MISSED_GRACE": (0, 31_536_000, " of seconds"),
}
"""Setting -> the least and the most that make sense, and what they count."""
THEIRS = frozenset(
    {
        "BACKUP_QUEUE_NAME", "MAXIMUM_ETA_TASK", "PROPAGATED_HEADERS", "PROPAGATED_HEADERS_KEY",
        "SUBSCRIBERS_URL_NAME", "SUBSCRIBER_EXPIRATION", "SUBSCRIBER_MAX_BACKOFF", "SUBSCRIBER_MAX_RETRIES",
        "SUBSCRIBER_MIN_BACKOFF",
    }
)  # fmt: skip
"""The settings of django-google-cloud-tasks that we have not (its django_cloud_tasks/apps.py and README)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and what to write instead.

    An ``error`` fails every ``manage.py check``; a ``fault`` is a warning there, an error with ``--deploy``;
    with both nothing is sent. ``advice`` never holds anything back.
    """

    number: int
    text: str
    hint: str
    level: Level = "fault"
    in_production: bool = False
    """Whether it is right on a developer's machine, and told by ``check --deploy`` alone."""

    def __str__(self) -> str:
        return f"{self.text} {self.hint}"

    @property
    def holds_back(self) -> bool:
        """Whether nothing is sent to Google with it."""
        return self.level != "advice" and not self.in_production


def faults() -> list[Fault]:
    """All that is wrong with the settings and the addresses; each cause once."""
    unreadable = [fault for name in names() if (fault := _unreadable(name)) is not None]
    # A setting that cannot be read is all that can be told of what depends on it.
    rest = unreadable or (fault for find in KINDS for fault in find())
    return [*_time_zones(), *_unknown(), *rest]


def refuse() -> None:
    """Raise Misconfigured where something holds back what would be sent to Google."""
    found = [str(fault) for fault in faults() if fault.holds_back]
    if found:
        raise Misconfigured("\n".join(found))


# --- Each setting by itself ------------------------------------------------------------------------


def _time_zones() -> Iterator[Fault]:
    if not django_settings.USE_TZ:
        yield Fault(
            25,
            "USE_TZ is False: times without a zone cannot be compared with those of Google.",
            "Set USE_TZ = True; TIME_ZONE stays as it is.",
            "error",
        )


def _unreadable(name: str) -> Fault | None:
    try:
        value = getattr(settings, name)
        derived = {"OIDC_AUDIENCE": "ENDPOINT", "OIDC_ALLOWED_EMAILS": "OIDC_SERVICE_ACCOUNT"}.get(name)
        is_derived = derived is not None and value in ((of := getattr(settings, derived)), [of])
        if not is_derived and (left := _left_in(value)) is not None:
            return Fault(1, f"{PREFIX}{name} is {_short(value)}: {left[0]}.", left[1])
        if name == "BACKEND" and not isinstance(import_string(value), type):
            text = f"{PREFIX}BACKEND is {value!r}, which is no class."
            return Fault(1, text, "Remove it; the default is Cloud Scheduler.")
        if name == "EMULATOR_HOST" and value:
            emulator_certs_url(value)
    except ImportError as problem:
        return Fault(
            1,
            f"{PREFIX}BACKEND is {value!r}, which cannot be imported: {problem}.",
            "Remove it; the default is Cloud Scheduler.",
        )
    except ImproperlyConfigured as problem:
        if not str(problem).startswith(f"{PREFIX}{name} "):
            return None  # told of the one that this is derived from
        return Fault(1, f"{problem}.", "See docs/settings.md.")
    return None


def _left_in(value: object) -> tuple[str, str] | None:
    """What a file of variables or a template has left in a value, and what to write; None if nothing is."""
    if isinstance(value, list):
        bare = [part.strip("[]()\"'` ") for part in value]
        left = "quotation marks or brackets are part of it", f"Write {','.join(bare)}."
        return left if bare != value else None
    if not isinstance(value, str):
        return None
    # As docker run --env-file and some files of secrets leave them.
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'`":
        return "the quotation marks are part of it", f"Write {value[1:-1]} without them."
    if comment := re.search(r"\s+#", value):
        return "the comment is part of it", f"Write {value[: comment.start()]} alone."
    if value.lower() in WORDS_FOR_NOTHING:
        return "that is a word, and not nothing", "Leave it empty, or remove it."
    if PLACEHOLDER.search(value):
        return "that is a placeholder, for which nothing has been put in", "Write what it stands for."
    return None


def _short(value: object) -> str:
    """A value as it is shown and stored: whoever puts a whole key file in its place does not see it there."""
    return shown if len(shown := repr(value)) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}…"


def _unknown() -> Iterator[Fault]:
    known = {PREFIX + name for name in names()}
    places = {"the environment": os.environ, "the settings": dir(django_settings)}
    found = {key: place for place, keys in places.items() for key in keys if _looks_like_ours(key)}
    theirs = sorted(key for key in found if key.removeprefix(PREFIX) in THEIRS)
    if theirs:
        yield Fault(
            15,
            f"{', '.join(theirs)}: set for django-google-cloud-tasks, whose prefix is ours too; "
            "scheduled_jobs does not read this.",
            "Remove it once that package is gone; until then nothing need be done.",
            "advice",
        )
    for key in sorted(found.keys() - known - set(theirs)):
        name = key.upper().removeprefix(PREFIX)
        name = next((own for own in names() if name.endswith(f"_{own}")), name)
        close = get_close_matches(name, names(), n=1)
        hint = f"Write {PREFIX}{close[0]}, or remove it." if close else "Remove it; see docs/settings.md."
        if key in GROUPS:
            hint = f"Write each setting by itself, such as {PREFIX}ENDPOINT."
        yield Fault(14, f"{key} is in {found[key]}, and there is no such setting.", hint, "advice")


def _looks_like_ours(key: str) -> bool:
    """Whether a name has our prefix, or one that is nearly it before a name of ours."""
    key = key.upper()
    if key.startswith(PREFIX) or key in GROUPS:
        return True
    own = next((name for name in names() if key.endswith(f"_{name}")), None)
    if own is None:
        return False
    prefix = key.removesuffix(own)
    return prefix[:-1] in GROUPS or SequenceMatcher(None, prefix, PREFIX).ratio() > NEARLY


def _endpoint() -> Iterator[Fault]:
    problem = addresses.fault_of(settings.ENDPOINT)
    if problem is not None:
        # This is stored and shown to many: not so a password that stands in it.
        shown = re.sub(r"//[^/]*@", "//…@", settings.ENDPOINT)
        yield Fault(
            2,
            f"{PREFIX}ENDPOINT is {shown!r}, not the address of a Django app: {problem}.",
            "It is the scheme and host of this app, such as https://shop.example.com.",
        )
    elif (task := _task_in_endpoint()) is not None:
        yield Fault(
            2,
            f"{PREFIX}ENDPOINT is {settings.ENDPOINT!r}, the address of one task.",
            f"Leave {task!r} out of it.",
        )
    elif settings.calls_google and addresses.is_out_of_reach(addresses.host_of(settings.ENDPOINT)):
        is_set = settings.ENDPOINT != DEFAULT_ENDPOINT
        yield Fault(
            8,
            f"{PREFIX}ENDPOINT is {settings.ENDPOINT}{'' if is_set else ', its default'}: Google cannot "
            "reach that, and is sent nothing; with it jobs go to the emulator alone.",
            "On your machine run manage.py scheduled_jobs dev. In production set "
            f"{PREFIX}ENDPOINT, such as https://shop.example.com, {PREFIX}LOCATION and "
            f"{PREFIX}OIDC_SERVICE_ACCOUNT.",
        )


def _task_in_endpoint() -> str | None:
    """What ENDPOINT has after the path of the include; None if there is nothing."""
    try:
        include = mount.path_parts()[0]
    except InvalidDefinition:
        return None
    _, found, task = urlsplit(settings.ENDPOINT).path.partition(include)
    return task if found and include != "/" else None


def _names() -> Iterator[Fault]:
    app, delimiter = settings.APP_NAME or "", settings.DELIMITER
    for name, value, allowed, what in (
        ("APP_NAME", app, r"[A-Za-z0-9_-]*", "Google allows letters, digits, hyphens and underscores."),
        ("DELIMITER", delimiter, r"[_-]*", "Use hyphens and underscores; its default is '--'."),
    ):
        if not re.fullmatch(allowed, value):
            yield Fault(3, f"{PREFIX}{name} is {value!r}, which cannot be part of a job id.", what)
            return
    if not app:
        return
    if not delimiter:
        yield Fault(
            4,
            f"{PREFIX}DELIMITER is empty, so that jobs of {app!r} cannot be told from those of an app whose "
            "name begins with it.",
            "Remove the setting; its default is '--'.",
        )
    elif delimiter in app:
        yield Fault(
            18,
            f"{PREFIX}APP_NAME is {app!r}, which has the delimiter {delimiter!r} in it: by their ids alone "
            f"its jobs are those of an app named {app.partition(delimiter)[0]!r} too.",
            f"Write another name, such as {app.replace(delimiter, '')!r}, or another {PREFIX}DELIMITER.",
            "advice",
        )
    elif len(app) > MAX_APP_NAME:
        yield Fault(
            3,
            f"{PREFIX}APP_NAME has {len(app)} characters, which leaves too few of the 500 of a job id.",
            f"Write at most {MAX_APP_NAME}.",
        )


def _numbers() -> Iterator[Fault]:
    for name, (least, most, unit) in NUMBERS.items():
        value = getattr(settings, name)
        number = value.total_seconds() if isinstance(value, timedelta) else value
        # Written so that NaN, which is neither less nor more than anything, is refused.
        if number is not None and not least <= number <= most:
            yield Fault(5, f"{PREFIX}{name} is {value}.", f"Write a number{unit} from {least} to {most:,}.")


def _location() -> Iterator[Fault]:
    location = settings.LOCATION
    if location is None:
        # Without an address for Google that is what has to be set first; it is said there.
        if settings.calls_google and not any(_endpoint()):
            yield Fault(
                6, f"{PREFIX}LOCATION is not set.", "Write a Cloud Scheduler location, such as europe-west1."
            )
    elif not settings.EMULATOR_HOST and not LOCATION.fullmatch(location):
        near = location.rpartition("/")[2].lower().replace("_", "-").strip("-")
        near = APP_ENGINE_LOCATIONS.get(near, re.sub(r"(\d)-?[a-z]$", r"\1", near))
        near = re.sub(r"^((us|europe|asia)-[a-z]+)-(\d)$", r"\1\3", near)  # as Amazon writes them
        yield Fault(
            6,
            f"{PREFIX}LOCATION is {location!r}, which is not a location of Cloud Scheduler.",
            f"Write {near}."
            if LOCATION.fullmatch(near)
            else "Write a region, such as europe-west1; gcloud scheduler locations list shows all.",
        )


def _project() -> Iterator[Fault]:
    project = settings.PROJECT_ID
    if project is None or PROJECT.fullmatch(project):
        return
    last = project.rstrip("/").removeprefix("projects/").partition("/")[0].lower()
    if project.isdigit():
        what, hint = "the number of a project", (
            f"Write its id; gcloud projects describe {project} --format='value(projectId)' shows it."
        )  # fmt: skip
    else:
        what = "not the id of a Google Cloud project"
        hint = (
            f"Write {last}."
            if PROJECT.fullmatch(last)
            else "It has small letters, digits and hyphens; gcloud projects list shows yours."
        )
    yield Fault(9, f"{PREFIX}PROJECT_ID is {project!r}, which is {what}.", hint)


def _account() -> Iterator[Fault]:
    account = settings.OIDC_SERVICE_ACCOUNT
    if account is None:
        if settings.calls_google and _has_tokens() and not any(_endpoint()):
            yield Fault(
                7,
                f"{PREFIX}OIDC_SERVICE_ACCOUNT is not set: there is no account to send a token for.",
                "Write the email of a service account, such as scheduler@my-project.iam.gserviceaccount.com, "
                "or schedule_use_oidc = False in every task.",
            )
        return
    if settings.EMULATOR_HOST and EMAIL.fullmatch(account):
        return
    near = re.sub(r"^(serviceaccount:|mailto:|projects/[^/]*/serviceaccounts/)", "", account.lower())
    near = near.removeprefix("<").removesuffix(">")
    if AGENT.match(near):
        what = "an agent of Google's own, for which no token is made for you"
    elif not EMAIL.fullmatch(near):
        what = "not an email address"
    elif not near.endswith(".gserviceaccount.com"):
        what = "not a service account"
    elif near != account:
        yield Fault(
            7,
            f"{PREFIX}OIDC_SERVICE_ACCOUNT is {account!r}, not its address as Google writes it.",
            f"Write {near}.",
        )
        return
    else:
        return
    yield Fault(
        7,
        f"{PREFIX}OIDC_SERVICE_ACCOUNT is {_short(account)}, which is {what}.",
        "Write the email of a service account of yours, such as "
        "scheduler@my-project.iam.gserviceaccount.com; gcloud iam service-accounts list shows them.",
    )


def _allowed() -> Iterator[Fault]:
    account, allowed = settings.OIDC_SERVICE_ACCOUNT, settings.OIDC_ALLOWED_EMAILS or []
    if wrong := [email for email in allowed if not EMAIL.fullmatch(email) and email != account]:
        yield Fault(
            12,
            f"{PREFIX}OIDC_ALLOWED_EMAILS has {', '.join(map(_short, wrong))} in it: not an email address.",
            f"Write {','.join(near)}."
            if (near := [found[0] for text in wrong for found in EMAIL.finditer(text)])
            else "Write the addresses of service accounts; none stands for all.",
        )
    elif account is None or account in allowed or not _has_tokens() or settings.mode != "google":
        return
    elif allowed:
        yield Fault(
            12,
            f"{PREFIX}OIDC_ALLOWED_EMAILS does not have {account} in it, the account that the jobs call "
            "with: each call would be answered 403.",
            f"Add it, or remove the setting; its default is {PREFIX}OIDC_SERVICE_ACCOUNT.",
        )
    else:
        yield Fault(
            16,
            "Nobody may run tasks: OIDC_ALLOWED_EMAILS is empty.",
            f"Remove it: the default is {PREFIX}OIDC_SERVICE_ACCOUNT.",
            "advice",
        )


def _texts() -> Iterator[Fault]:
    for name in ("OIDC_AUDIENCE", "OIDC_CERTS_URL"):
        value = getattr(settings, name)
        if name == "OIDC_AUDIENCE" and value == settings.ENDPOINT:
            continue
        if (odd := addresses.odd_character(value)) is not None:
            yield Fault(3, f"{PREFIX}{name} is {value!r}, which has {odd} in it.", "Remove that.")
    if str(settings.OIDC_CERTS_URL).rstrip("/").endswith("/oauth2/v3/certs"):
        yield Fault(
            2,
            f"{PREFIX}OIDC_CERTS_URL is {settings.OIDC_CERTS_URL!r}, which has JSON Web Keys, no "
            "certificates.",
            "Remove it; the default is Google's address.",
        )
    if not str(settings.OIDC_CERTS_URL).startswith(("http://", "https://")):
        yield Fault(
            2,
            f"{PREFIX}OIDC_CERTS_URL is {settings.OIDC_CERTS_URL!r}, which is not an address.",
            "Remove it; the default is Google's address.",
        )


def _open_door() -> Iterator[Fault]:
    if settings.ALLOW_UNAUTHENTICATED:
        yield Fault(
            17,
            f"{PREFIX}ALLOW_UNAUTHENTICATED is on: anyone who can reach this app can run the tasks with "
            "schedule_use_oidc = False.",
            "Remove it; the signed header that each job carries lets Cloud Scheduler in.",
            "advice",
        )


# --- The address -----------------------------------------------------------------------------------


def _address() -> Iterator[Fault]:
    if settings.mode != "google":
        return
    try:
        urls = mount.resolver()
        before, after = mount.path_parts()
    except InvalidDefinition as problem:
        yield Fault(20, f"{problem}: Google has no address to call.", _include_hint())
        return
    language = django_settings.LANGUAGE_CODE
    if mount.path_parts(mount.other_language()) != (before, after):
        yield Fault(
            21,
            f"The address of tasks depends on the language: it is {before} in {language}.",
            "Include scheduled_jobs.urls outside of i18n_patterns, and under a path that is not translated.",
        )
        return
    if before == "/" and len(urls.url_patterns) > 1:
        yield Fault(
            22,
            "scheduled_jobs.urls is included at the root of the site, among other pages.",
            'Give it a path of its own: path("tasks/", include("scheduled_jobs.urls")).',
        )
        return
    if (other := mount.answers(before + mount.PROBE + after)) is not None:
        yield Fault(
            23,
            f"{before} is answered by {other}, which stands before scheduled_jobs.urls.",
            'Move path("tasks/", include("scheduled_jobs.urls")) up, to the beginning of the URLs.',
        )


def _script_name() -> Iterator[Fault]:
    script = (django_settings.FORCE_SCRIPT_NAME or "").strip("/")
    path = urlsplit(settings.ENDPOINT).path
    if script and path and settings.mode == "google":
        yield Fault(
            24,
            f"{PREFIX}ENDPOINT ends in {path}, and FORCE_SCRIPT_NAME is "
            f"{django_settings.FORCE_SCRIPT_NAME!r}: both name the path under which the site is mounted.",
            f"Write {settings.ENDPOINT.removesuffix(path)} as {PREFIX}ENDPOINT.",
        )


def _middleware() -> Iterator[Fault]:
    """What is seen in the settings to answer before the view does."""
    if settings.mode != "google" or addresses.fault_of(settings.ENDPOINT) is not None:
        return
    try:
        path = urlsplit(task_url(mount.PROBE)).path
    except InvalidDefinition:
        return
    endpoint, host = settings.ENDPOINT, addresses.host_of(settings.ENDPOINT)
    common, security = (
        f"django.middleware.{name}" in django_settings.MIDDLEWARE
        for name in ("common.CommonMiddleware", "security.SecurityMiddleware")
    )
    exempt = (re.search(text, path.lstrip("/")) for text in django_settings.SECURE_REDIRECT_EXEMPT)
    redirects = security and django_settings.SECURE_SSL_REDIRECT and endpoint.startswith("http://")
    # With the emulator it is a developer's machine, and dev makes ENDPOINT itself.
    here = "Set {} to False on a developer's machine." if settings.EMULATOR_HOST else ""
    if redirects and not any(exempt):
        yield Fault(
            27,
            f"SECURE_SSL_REDIRECT is on, and {PREFIX}ENDPOINT is {endpoint}: each call would be "
            "redirected, and no task run.",
            here.format("SECURE_SSL_REDIRECT") or f"Write an https:// address as {PREFIX}ENDPOINT.",
        )
    if common and django_settings.PREPEND_WWW and not host.startswith("www."):
        yield Fault(
            27,
            f"PREPEND_WWW is on, and {PREFIX}ENDPOINT is {endpoint}: each call would be redirected, and no "
            "task run.",
            here.format("PREPEND_WWW")
            or f"Write {endpoint.replace('://', '://www.', 1)} as {PREFIX}ENDPOINT.",
        )
    agents = django_settings.DISALLOWED_USER_AGENTS if common else ()
    for pattern in agents:
        if re.search(pattern, USER_AGENT):
            yield Fault(
                27,
                f"DISALLOWED_USER_AGENTS has {getattr(pattern, 'pattern', pattern)!r} in it, by which Cloud "
                "Scheduler is answered 403.",
                f"Leave {USER_AGENT!r} out of it.",
            )


# --- What is right on a developer's machine only -----------------------------------------------------


def _production() -> Iterator[Fault]:
    endpoint = settings.ENDPOINT
    if settings.EMULATOR_HOST:
        yield Fault(
            40,
            f"{PREFIX}EMULATOR_HOST is {settings.EMULATOR_HOST!r}: jobs would go to the local emulator.",
            "Remove it from the settings and the environment of production.",
            in_production=True,
        )
    if addresses.fault_of(endpoint) is None:
        if endpoint.startswith("http://"):
            yield Fault(
                41,
                f"{PREFIX}ENDPOINT is {endpoint!r}: tokens would cross the network unencrypted.",
                "Write an https:// address.",
                in_production=True,
            )
        host = addresses.host_of(endpoint)
        if not validate_host(f"[{host}]" if ":" in host else host, django_settings.ALLOWED_HOSTS):
            yield Fault(
                44,
                f"ALLOWED_HOSTS does not have {host} in it, the host of {PREFIX}ENDPOINT: each call would be "
                "answered 400.",
                f"Add {host!r} to ALLOWED_HOSTS.",
                in_production=True,
            )
    if not str(settings.OIDC_CERTS_URL).startswith("https://"):
        yield Fault(
            42,
            f"{PREFIX}OIDC_CERTS_URL is {settings.OIDC_CERTS_URL!r}: anyone on the way could forge tokens.",
            "Remove it; the default is Google's address.",
            in_production=True,
        )
    if settings.ALLOW_UNAUTHENTICATED:
        yield Fault(
            43, f"{PREFIX}ALLOW_UNAUTHENTICATED is on in production.", "Remove it.", in_production=True
        )
    if django_settings.SECURE_SSL_REDIRECT and not django_settings.SECURE_PROXY_SSL_HEADER:
        yield Fault(
            47,
            "SECURE_SSL_REDIRECT is on without SECURE_PROXY_SSL_HEADER: behind a proxy that ends TLS, as on "
            "Cloud Run, each call is redirected to where it came to.",
            'On Cloud Run set SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https").',
            "advice",
            in_production=True,
        )
    account = settings.OIDC_SERVICE_ACCOUNT or ""
    if SHARED.search(account):
        yield Fault(
            45,
            f"{account} is the default account of the whole project: any of its services can run the tasks.",
            "Make a service account for the jobs of this app alone.",
            "advice",
            in_production=True,
        )
    if tasks := [registry.dotted_path(task) for task in registry.tasks() if not _uses_oidc(task)]:
        yield Fault(
            46,
            f"{', '.join(tasks)}: schedule_use_oidc is False, so that the signed header alone lets Google "
            "in; everyone with cloudscheduler.jobs.get can read it.",
            "Prefer OIDC tokens.",
            "advice",
            in_production=True,
        )


def _has_tokens() -> bool:
    return any(_uses_oidc(task) for task in registry.tasks())


def _uses_oidc(task: type[registry.Task]) -> bool:
    try:
        return registry.uses_oidc(task)
    except Exception:  # noqa: BLE001 – the user's code, whose fault is told of the task
        return True


def _include_hint() -> str:
    try:
        found = [":".join([*(n.namespace for n in above if n.namespace), str(view.name)])
                 for above, view in mount.includes(mount.resolver())]  # fmt: skip
    except (InvalidDefinition, ImproperlyConfigured, ImportError):
        return "Mend that first: until then no page of the project is answered."
    if settings.URL_NAME in found:
        return "Include scheduled_jobs.urls under a path without parameters: there is nothing to fill in."
    if found:
        return f"Set {PREFIX}URL_NAME to {found[0]!r}, the name under which scheduled_jobs.urls is included."
    return 'Add path("tasks/", include("scheduled_jobs.urls")) to your URLs.'


KINDS: tuple[Callable[[], Iterable[Fault]], ...] = (
    _endpoint, _names, _numbers, _project, _location, _account, _allowed, _texts, _open_door,
    _address, _script_name, _middleware, _production,
)  # fmt: skip
