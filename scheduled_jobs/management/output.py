"""Standard output of our commands: any terminal can show it, and nobody need read it to its end."""

from __future__ import annotations

import codecs
import json
import os
import sys
from typing import Any, TextIO

from django.core.management.base import BaseCommand

ESCAPED = "scheduled_jobs.escaped"
"""What becomes of characters that an encoding has not: escaped as in JSON, so that JSON stays JSON."""


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


codecs.register_error(ESCAPED, _escaped)


class Output:
    """A stream that takes any line, also when its reader is gone, as with ``| head -1``."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_read = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> None:
        """Write it at once; the work goes on where nobody reads."""
        if not self._is_read:
            return
        try:
            try:
                self._stream.write(text)
            except UnicodeEncodeError as error:
                self._stream.write(text.encode(error.encoding, ESCAPED).decode(error.encoding))
            self._stream.flush()
        except BrokenPipeError:
            self._is_read = False
            if self._stream is sys.stdout:
                # Python flushes it once more at its end, and would fail loudly.
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def flush(self) -> None:
        """Nothing: each line is written at once."""


class Command(BaseCommand):
    """A command with such an output."""

    def __init__(self, stdout: Any = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(Output(stdout or sys.stdout), *args, **kwargs)  # type: ignore[arg-type]

    def execute(self, *args: Any, **options: Any) -> str | None:
        """As Django's."""
        if options.get("stdout"):
            options["stdout"] = Output(options["stdout"])
        return super().execute(*args, **options)
