"""The run list as a file: CSV, or a JSON object a line. Masked as the screens are, and streamed."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils import timezone

from scheduled_jobs.admin.page import require, require_safe_method
from scheduled_jobs.admin.run_list.question import ListQuestion
from scheduled_jobs.models import JobRun
from scheduled_jobs.services.history.run_list import run_summary, walk

if TYPE_CHECKING:
    from scheduled_jobs.admin.page.permissions import RunAdmin

MOST_EXPORTED = 100_000
"""Runs of a file; with a shorter span, none is left out."""
FORMATS = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}
HEADS = (
    "run", "job", "status", "trigger", "scheduled_for", "started_at", "finished_at", "duration", "attempt",
    "payload", "result", "error", "requested_by",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would calculate."""


@require_safe_method
def export_view(model_admin: RunAdmin, request: HttpRequest) -> HttpResponse:
    """The runs of the list's span, as the list is filtered, the newest first."""
    require(request, "runs")
    name = request.GET.get("format", "")
    name = name if name in FORMATS else "csv"
    runs = model_admin.get_queryset(request)
    question = ListQuestion.of(request.GET.dict(), timezone.get_current_timezone_name(), timezone.now(), runs)
    chunks = walk(question.of_span, MOST_EXPORTED)
    lines = _csv_chunks(chunks) if name == "csv" else _json_chunks(chunks)
    answer: Any = StreamingHttpResponse(lines, content_type=FORMATS[name])
    answer["Content-Disposition"] = f'attachment; filename="runs-{question.now:%Y%m%dT%H%M%SZ}.{name}"'
    return answer  # type: ignore[no-any-return]


def _json_chunks(chunks: Iterator[list[JobRun]]) -> Iterator[str]:
    for chunk in chunks:
        yield "".join(_json(run_summary(run)) + "\n" for run in chunk)


def _csv_chunks(chunks: Iterator[list[JobRun]]) -> Iterator[str]:
    writer: Any = csv.writer(_Echo())
    yield writer.writerow(HEADS)
    for chunk in chunks:
        yield "".join(writer.writerow(map(_cell, run_summary(run).values())) for run in chunk)


class _Echo:
    """What a CSV writer writes to: each line comes back from ``writerow``."""

    def write(self, line: str) -> str:
        return line


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, cls=DjangoJSONEncoder)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        # As in JSON, without the quotes of a time or a duration.
        value = _json(value).strip('"')
    return f"'{value}" if value.startswith(FORMULA) else value
