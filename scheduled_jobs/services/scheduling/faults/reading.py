"""What of the settings cannot be read, and what is set and read by nobody."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from difflib import SequenceMatcher, get_close_matches
from functools import cache

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from scheduled_jobs.backends import Backend
from scheduled_jobs.conf import PREFIX, SECRET, emulator_certs_url, names, settings
from scheduled_jobs.services.scheduling.faults.fault import Fault

GROUPS = ("DJANGO_CLOUD_TASKS", "SCHEDULED_JOBS", "DJANGO_SCHEDULED_JOBS")
"""Names by which other packages would have one dictionary of settings, or begin each."""
NEARLY = 0.85
"""How much of a prefix has to be ours for it to be a misspelling."""
WORDS_FOR_NOTHING = ("none", "null", "undefined", "false")
PLACEHOLDER = re.compile(r"\$\{|^\$\w|\{\{|\{\w+\}|%\(\w+\)s|<[^<>@]*>")
MOST_SHOWN = 90
THEIRS = frozenset(
    {
        "BACKUP_QUEUE_NAME", "MAXIMUM_ETA_TASK", "PROPAGATED_HEADERS", "PROPAGATED_HEADERS_KEY",
        "SUBSCRIBERS_URL_NAME", "SUBSCRIBER_EXPIRATION", "SUBSCRIBER_MAX_BACKOFF", "SUBSCRIBER_MAX_RETRIES",
        "SUBSCRIBER_MIN_BACKOFF",
    }
)  # fmt: skip
"""The settings of django-google-cloud-tasks that we have not (its django_cloud_tasks/apps.py and README)."""


def use_tz() -> Iterator[Fault]:
    if not django_settings.USE_TZ:
        yield Fault(
            25,
            "USE_TZ is False: times without a zone cannot be compared with those of Google.",
            "Set USE_TZ = True; TIME_ZONE stays as it is.",
            "error",
        )


def secret_key() -> Iterator[Fault]:
    try:
        _ = django_settings.SECRET_KEY
    except ImproperlyConfigured:
        yield Fault(
            26,
            "SECRET_KEY is empty: a header of each job is signed with it.",
            "Set it, to one value in all processes.",
        )


def unreadable(name: str) -> Fault | None:
    try:
        value = getattr(settings, name)
        derived = {"OIDC_AUDIENCE": "ENDPOINT", "OIDC_ALLOWED_EMAILS": "OIDC_SERVICE_ACCOUNT"}.get(name)
        is_derived = derived is not None and value in ((of := getattr(settings, derived)), [of])
        if not is_derived and (left := _left_in(value)) is not None:
            shown = "not shown here" if name in SECRET else short(value)
            return Fault(1, f"{PREFIX}{name} is {shown}: {left[0]}.", "" if name in SECRET else left[1])
        if name == "BACKEND" and not _is_backend(import_string(value)):
            text = f"{PREFIX}BACKEND is {value!r}, which is no backend."
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


def _is_backend(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Backend)


def short(value: object) -> str:
    """A value as it is shown and stored: whoever puts a whole key file in its place does not see it there."""
    return shown if len(shown := repr(value)) <= MOST_SHOWN else f"{shown[:MOST_SHOWN]}…"


def unknown() -> Iterator[Fault]:
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


@cache
def _endings() -> tuple[str, ...]:
    """Asked of each setting of Django and each variable of the environment, whenever Google is called."""
    return tuple(f"_{name}" for name in names())


def _looks_like_ours(key: str) -> bool:
    """Whether a name has our prefix, or one that is nearly it before a name of ours."""
    key = key.upper()
    if key.startswith(PREFIX) or key in GROUPS:
        return True
    if not key.endswith(_endings()):
        return False
    own = next(name for name in names() if key.endswith(f"_{name}"))
    prefix = key.removesuffix(own)
    return prefix[:-1] in GROUPS or SequenceMatcher(None, prefix, PREFIX).ratio() > NEARLY
