"""The span of a run. Attributes are named by the semantic conventions, where these have a name for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import context, trace
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from scheduled_jobs import signals
from scheduled_jobs.models import JobRun

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.util.types import AttributeValue

SPAN = "_scheduled_jobs_span"
"""The attribute of a run that keeps its span."""
UID = "scheduled_jobs.contrib.opentelemetry"


def connect_spans() -> None:
    """Listen from now on."""
    signals.run_started.connect(begin_span, sender=JobRun, dispatch_uid=UID)
    signals.run_finished.connect(end_span, sender=JobRun, dispatch_uid=UID)


def begin_span(run: JobRun, **_: Any) -> None:
    """Begin the span; what the task does is below it."""
    is_within = trace.get_current_span().get_span_context().is_valid
    span = trace.get_tracer("scheduled_jobs").start_span(
        f"run {run.job.task}",
        context=None if is_within else _trace_of_request(run),
        kind=SpanKind.INTERNAL if is_within else SpanKind.SERVER,
        attributes=_attributes(run),
    )
    vars(run)[SPAN] = span
    # It is in force until the context ends, which is the run's own.
    context.attach(trace.set_span_in_context(span))


def end_span(run: JobRun, **_: Any) -> None:
    """End the span, with how the run ended."""
    if (span := vars(run).pop(SPAN, None)) is None:
        return  # another process had it
    span.set_attribute("scheduled_jobs.status", run.status)
    if run.status in JobRun.FAILING:
        if run.exception is not None:
            kind = type(run.exception)
            name = f"{kind.__module__}.{kind.__qualname__}"
            span.set_attribute("error.type", name.removeprefix("builtins."))
            span.record_exception(run.exception, attributes={"exception.stacktrace": run.traceback})
        span.set_status(Status(StatusCode.ERROR, run.error.partition("\n")[0]))
    span.end()


def _trace_of_request(run: JobRun) -> Context | None:
    """That of Google's request, where nothing in this process has read it; None without one."""
    found = run.context
    if "trace" not in found or "span" not in found:
        return None
    sampled = TraceFlags.SAMPLED if found.get("sampled") else TraceFlags.DEFAULT
    remote = SpanContext(
        int(found["trace"], 16), int(found["span"], 16), is_remote=True, trace_flags=TraceFlags(sampled)
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(remote))


def _attributes(run: JobRun) -> dict[str, AttributeValue]:
    job = run.job
    found: dict[str, AttributeValue] = {
        "faas.trigger": "timer" if run.trigger == JobRun.Trigger.SCHEDULE else "other",
        "faas.cron": job.schedule or "",
        "faas.invocation_id": str(run.pk),
        "code.function.name": f"{job.task}.run",
        "scheduled_jobs.job": job.name,
        "scheduled_jobs.attempt": run.attempt,
        "scheduled_jobs.trigger": run.trigger,
    }
    if run.scheduled_for is not None:
        found["faas.time"] = run.scheduled_for.isoformat()
    if run.code_version:
        found["faas.version"] = run.code_version
    return found
