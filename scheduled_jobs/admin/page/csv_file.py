"""A list as a file of comma-separated values: streamed, and a spreadsheet calculates nothing in it."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse, StreamingHttpResponse

CSV = "text/csv; charset=utf-8"
MOST_EXPORTED = 100_000
"""Rows of a file: of runs, a shorter span leaves none out."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would calculate."""


def as_file(lines: Iterable[str], name: str, content_type: str = CSV) -> HttpResponse:
    """What a browser saves under a name."""
    answer: Any = StreamingHttpResponse(lines, content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer  # type: ignore[no-any-return]


def csv_lines(heads: Sequence[str], chunks: Iterable[Iterable[Iterable[Any]]]) -> Iterator[str]:
    """The lines of the rows, a chunk at a time; a value that is no text stands as in JSON."""
    writer: Any = csv.writer(_Echo())
    yield writer.writerow(heads)
    for chunk in chunks:
        yield "".join(writer.writerow(map(_cell, row)) for row in chunk)


def json_line(value: Any) -> str:
    """A value on one line."""
    return json.dumps(value, ensure_ascii=False, cls=DjangoJSONEncoder)


class _Echo:
    """What a CSV writer writes to: each line comes back from ``writerow``."""

    def write(self, line: str) -> str:
        return line


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        # As in JSON, without the quotes of a time or a duration.
        value = json_line(value).strip('"')
    return f"'{value}" if value.startswith(FORMULA) else value
