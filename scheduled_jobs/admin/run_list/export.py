"""The run list as a file: CSV, or a JSON object a line. Masked as the screens are, and streamed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from scheduled_jobs.admin.page import RunAdmin, require, require_safe_method
from scheduled_jobs.admin.page.csv_file import CSV, MOST_EXPORTED, as_file, csv_lines, json_line
from scheduled_jobs.admin.run_list.question import ListQuestion, zone_of_list
from scheduled_jobs.services.history.run_list import run_summary, walk

FORMATS = {"csv": CSV, "jsonl": "application/jsonl"}
HEADS = (
    "run", "job", "status", "trigger", "scheduled_for", "started_at", "finished_at", "duration", "attempt",
    "payload", "result", "error", "requested_by",
)  # fmt: skip


@require_safe_method
def export_view(model_admin: RunAdmin, request: HttpRequest) -> HttpResponse:
    """The runs of the list's span, as the list is filtered, the newest first."""
    require(request, "runs")
    name = request.GET.get("format", "")
    name = name if name in FORMATS else "csv"
    runs = model_admin.get_queryset(request)
    question = ListQuestion.of(request.GET.dict(), zone_of_list(request), timezone.now(), runs)
    chunks = (map(run_summary, chunk) for chunk in walk(question.of_span, MOST_EXPORTED))
    lines = (
        csv_lines(HEADS, (map(dict.values, chunk) for chunk in chunks))
        if name == "csv"
        else ("".join(json_line(run) + "\n" for run in chunk) for chunk in chunks)
    )
    return as_file(lines, f"runs-{question.now:%Y%m%dT%H%M%SZ}.{name}", FORMATS[name])
