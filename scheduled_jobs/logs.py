"""The one log of the package, and in it that of the runs that fail."""

from __future__ import annotations

import logging
import re
from typing import Any

from scheduled_jobs.domain.payloads import without_tokens

_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class OneLine(logging.Filter):
    """Writes out what would end a line or fits into no file, and leaves out tokens, in what a record quotes.

    Much of it comes from requests. Django does the first with what it logs of one since CVE-2025-48432.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(_in_one_line(arg) for arg in record.args)
        return True


def _in_one_line(arg: Any) -> Any:
    if arg is None or isinstance(arg, (int, float)):
        return arg
    text = str(arg)
    plain = without_tokens(_BREAKS.sub(lambda found: found[0].encode("unicode_escape").decode(), text))
    return arg if plain == text else plain


logger = logging.getLogger("scheduled_jobs")
failures = logger.getChild("runs")
"""For the failures of tasks, with the exception; they are not this package's own."""
for _each in (logger, failures):  # a filter does not see what comes from below
    _each.addFilter(OneLine())
