"""One line where a command can do nothing: no database, no tables, or a setting that cannot be read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError
from django.db import Error, InternalError, OperationalError

from scheduled_jobs.exceptions import Misconfigured
from scheduled_jobs.models.writer import writer
from scheduled_jobs.services import monitoring


@contextmanager
def refused_in_a_line() -> Iterator[None]:
    """Raise CommandError for what nobody needs a traceback of."""
    try:
        yield
    except (ImproperlyConfigured, Misconfigured) as error:
        raise CommandError(str(error)) from error
    except Error as error:
        alias = writer()
        try:
            missing = monitoring.not_applied()
        except Error as silence:
            raise CommandError(f"The database {alias!r} does not answer: {_line(silence)}") from error
        if not missing and isinstance(error, (OperationalError, InternalError)):
            # Such as one that takes no writes, or is locked: nothing that a line of ours could do better.
            raise CommandError(
                f"The database {alias!r} refuses: {_line(error)}. "
                "manage.py scheduled_jobs doctor may say why."
            ) from error
        if not missing:
            raise
        option = "" if alias == "default" else f" --database {alias}"
        raise CommandError(
            f"The database {alias!r} lacks migrations of scheduled_jobs ({', '.join(missing)}): "
            f"run manage.py migrate{option}."
        ) from error


def _line(error: Error) -> str:
    return " ".join(str(error).split()).rstrip(".")
