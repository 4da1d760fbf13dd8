"""The spans of runs, as OpenTelemetry's own SDK exports them."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.test import RequestFactory
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from scheduled_jobs.contrib.opentelemetry import receivers
from scheduled_jobs.models import JobRun
from scheduled_jobs.services import execution
from tests.contrib.arriving import deliver, disconnect
from tests.support import SLOT, make_job, make_run, make_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opentelemetry.sdk.trace import ReadableSpan

    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db(transaction=True)

TRACE, SPAN = "6b1f" * 8, "e09a" * 4


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    AppConfig.create("scheduled_jobs.contrib.opentelemetry").ready()
    yield exporter
    disconnect(receivers.UID)


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def test_a_run_is_a_span_and_what_it_does_lies_below(spans: InMemorySpanExporter, monkeypatch: Any) -> None:
    monkeypatch.setenv("K_REVISION", "shop-00042-abc")

    async def run(self: PeriodicTask) -> None:
        trace.get_tracer("shop").start_span("query").end()

    task = make_task(run)
    deliver(make_job(task), task)
    below, span = spans.get_finished_spans()
    assert below.parent is not None
    assert below.parent.span_id == span.context.span_id
    assert (span.name, span.kind, span.parent) == ("run shop.reports.Report", SpanKind.SERVER, None)
    assert span.status.status_code == StatusCode.UNSET
    assert attributes(span) == {
        "faas.trigger": "timer",
        "faas.cron": "0 * * * *",
        "faas.invocation_id": str(JobRun.objects.get().pk),
        "faas.time": SLOT.isoformat(),
        "code.function.name": "shop.reports.Report.run",
        "faas.version": "shop-00042-abc",
        "scheduled_jobs.job": "shop--report",
        "scheduled_jobs.attempt": 1,
        "scheduled_jobs.trigger": "schedule",
        "scheduled_jobs.status": "succeeded",
    }
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize(("flags", "exported"), [("01", 1), ("00", 0)])
def test_it_joins_the_trace_of_googles_request(
    flags: str, exported: int, spans: InMemorySpanExporter
) -> None:
    request = RequestFactory().post("/", headers={"traceparent": f"00-{TRACE}-{SPAN}-{flags}"})
    task = make_task()
    deliver(make_job(task), task, request=request)
    found = spans.get_finished_spans()
    assert len(found) == exported
    for span in found:
        assert span.parent is not None
        assert (f"{span.context.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE, SPAN)


def test_where_a_span_is_open_already_it_lies_below_that(spans: InMemorySpanExporter) -> None:
    request = RequestFactory().post("/", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
    task = make_task()
    job = make_job(task)
    with trace.get_tracer("server").start_as_current_span("POST") as server:
        deliver(job, task, request=request)
        assert trace.get_current_span() is server
    span, _server = spans.get_finished_spans()
    assert span.parent is not None
    assert (span.parent.span_id, span.kind) == (server.get_span_context().span_id, SpanKind.INTERNAL)


def test_a_failure_is_an_error_with_its_exception(spans: InMemorySpanExporter) -> None:
    def run(self: PeriodicTask, *, password: str) -> None:
        raise ConnectionError(f"refused {password}")

    task = make_task(run)
    deliver(make_job(task), task, body=b'{"password": "geheim-7"}')
    [span] = spans.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (
        StatusCode.ERROR,
        "ConnectionError: refused ••••••••",
    )
    assert attributes(span)["error.type"] == "ConnectionError"
    [event] = span.events
    told = dict(event.attributes or {})
    assert (event.name, told["exception.type"]) == ("exception", "ConnectionError")
    assert told["exception.message"] == "refused ••••••••"
    assert told["exception.stacktrace"] == JobRun.objects.get().traceback
    assert "geheim" not in span.to_json()


def test_a_run_of_another_process_has_its_span_there(spans: InMemorySpanExporter) -> None:
    make_run(make_job(make_task()), JobRun.Status.RUNNING, scheduled_for=SLOT)
    execution.expire(SLOT + timedelta(hours=1))
    assert spans.get_finished_spans() == ()


def test_a_tracer_that_breaks_fails_no_run(
    spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(trace, "get_tracer", broken)
    task = make_task()
    assert deliver(make_job(task), task).status == 200


def test_without_the_api_the_app_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", None)
    with pytest.raises(ImproperlyConfigured) as refused:
        AppConfig.create("scheduled_jobs.contrib.opentelemetry").ready()
    assert str(refused.value) == (
        "scheduled_jobs.contrib.opentelemetry is in INSTALLED_APPS, and opentelemetry-api is not "
        "installed: run pip install 'django-scheduled-jobs[opentelemetry]', or take the app out"
    )
