"""Rows and values as a terminal shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their longest cell, two spaces apart."""
    lines = [tuple(heads), *(tuple(row) for row in rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(heads))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def cell(value: Any) -> str:
    """One value in a cell; times are UTC, to the second."""
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        return f"{seconds:.1f} s" if seconds < 60 else str(value).partition(".")[0]
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, cls=DjangoJSONEncoder)
    return str(value)


def as_json(value: Any) -> str:
    """A value for machines: durations are ISO 8601, times are UTC."""
    return json.dumps(value, ensure_ascii=False, indent=2, cls=DjangoJSONEncoder)


def pluralized(number: int, noun: str) -> str:
    """How many there are: "1 job", "2 jobs"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
