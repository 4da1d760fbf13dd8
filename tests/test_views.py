"""The address that Google calls, over Django's test client, with tokens signed by a key of our own."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest
from asgiref.sync import async_to_sync
from django.core.handlers.wsgi import WSGIRequest
from django.db import OperationalError, connection
from django.test import AsyncClient, Client, RequestFactory
from django.utils import timezone

from scheduled_jobs import authentication, views
from scheduled_jobs.domain.jobs import TOKEN_HEADER
from scheduled_jobs.emulator.tokens import Issuer
from scheduled_jobs.models import GoogleName, JobRun, ScheduledJob
from scheduled_jobs.services import execution
from scheduled_jobs.services.execution import ending, refusals, serving, statements
from scheduled_jobs.services.execution.clockwork import steady_now
from scheduled_jobs.services.execution.keeping import Kept, kept_ends
from tests.support import SLOT, make_job, make_run, make_task

if TYPE_CHECKING:
    from django.http import HttpResponse
    from pytest_django.fixtures import SettingsWrapper

    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.tasks import PeriodicTask

Status = JobRun.Status

ACCOUNT = "scheduler@test-project.iam.gserviceaccount.com"
AUDIENCE = "https://shop.example.com"
PATH = "/tasks/shop.reports.Report"
Send = Callable[..., Any]


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
def certificates(issuer: Issuer) -> Iterator[str]:
    """The address of a server that serves the certificates."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = issuer.certificates()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None: ...  # noqa: A002 – the base class's name

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/certs"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bearer(issuer: Issuer, certificates: str, settings: SettingsWrapper) -> dict[str, str]:
    """The header by which Google is known."""
    settings.DJANGO_CLOUD_TASKS_OIDC_CERTS_URL = certificates
    return {"Authorization": f"Bearer {issuer.token(ACCOUNT, AUDIENCE)}"}


@pytest.fixture
def send(bearer: dict[str, str]) -> Send:
    """POST to a task as Google does."""

    def post(
        path: str = PATH,
        body: Any = b"{}",
        *,
        name: str | None = "shop--report",
        slot: str | None = None,
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> HttpResponse:
        sent = dict(bearer)
        if name is not None:
            sent["X-CloudScheduler-JobName"] = name
        sent["X-CloudScheduler-ScheduleTime"] = slot or f"{timezone.now():%Y-%m-%dT%H:%M:00+00:00}"
        client = Client(enforce_csrf_checks=True)
        return client.generic(
            method, path, body, content_type="application/json", headers={**sent, **(headers or {})}
        )  # type: ignore[return-value]

    return post


@pytest.fixture
def job(db: None) -> ScheduledJob:
    return make_job(make_task())


# --- Who calls ------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer eyJ.not.one"}, {"Authorization": "Basic eA=="}]
)
def test_without_a_good_token_no_query_is_made(
    header: dict[str, str], job: ScheduledJob, bearer: dict[str, str], django_assert_num_queries: Any
) -> None:
    client = Client(enforce_csrf_checks=True)
    header = {**header, "X-CloudScheduler-JobName": job.name}
    with django_assert_num_queries(0):
        answers = [
            client.generic(method, path, body, headers=header)
            for method in ("POST", "GET", "PUT")
            for path in (PATH, "/tasks/no.such.Task")
            for body in (b"{}", b"[", b"x" * 1_100_000)
        ]
    assert {answer.status_code for answer in answers} == {401}
    assert {answer.content for answer in answers} == {
        b'{"error": "the request carries no token, or one that does not verify"}'
    }
    assert {answer.headers["WWW-Authenticate"] for answer in answers} == {"Bearer"}


def test_a_token_for_another_audience_is_401(job: ScheduledJob, issuer: Issuer, send: Send) -> None:
    token = issuer.token(ACCOUNT, "https://other.example.com")
    assert send(headers={"Authorization": f"Bearer {token}"}).status_code == 401


def test_a_token_of_another_account_is_403(job: ScheduledJob, issuer: Issuer, send: Send) -> None:
    other = "other@test-project.iam.gserviceaccount.com"
    refusals.minute = refusals.Minute()
    answer = send(headers={"Authorization": f"Bearer {issuer.token(other, AUDIENCE)}"})
    assert (answer.status_code, list(answer.json())) == (403, ["error"])
    job.refresh_from_db()
    assert (job.refusals, job.refused_caller, job.last_delivery_at) == (1, other, None)


def test_an_account_of_several_lines_is_logged_in_one(
    job: ScheduledJob, issuer: Issuer, send: Send, caplog: pytest.LogCaptureFixture
) -> None:
    token = issuer.token("eve@example.com\nall is well", AUDIENCE)
    assert send(headers={"Authorization": f"Bearer {token}"}).status_code == 403
    assert "eve@example.com\\nall is well may not run tasks here" in caplog.text


def test_certificates_that_cannot_be_fetched_are_503(
    job: ScheduledJob, send: Send, settings: SettingsWrapper
) -> None:
    settings.DJANGO_CLOUD_TASKS_OIDC_CERTS_URL = "http://127.0.0.1:9/certs"
    answer = send()
    assert (answer.status_code, list(answer.json())) == (503, ["error"])
    assert not JobRun.objects.exists()


def test_the_signed_header_opens_the_door_of_a_task_without_oidc(db: None) -> None:
    task = make_task(schedule_use_oidc=False)
    job = make_job(task)
    headers = {
        TOKEN_HEADER: authentication.sign_job(job.name, task.name()),
        "X-CloudScheduler-JobName": job.name,
    }
    answer = Client().post(PATH, b"{}", content_type="application/json", headers=headers)
    assert answer.json()["status"] == "executed"


# --- What is called -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_post_is_allowed(method: str, job: ScheduledJob, send: Send) -> None:
    answer = send("/tasks/no.such.Task", method=method)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_an_unknown_task_is_404(job: ScheduledJob, send: Send) -> None:
    answer = send("/tasks/no.such.Task")
    assert (answer.status_code, answer.json()) == (404, {"error": "Task no.such.Task not found"})


def test_an_unknown_job_is_404_before_the_body_is_looked_at(job: ScheduledJob, send: Send) -> None:
    answer = send(name="shop--other", body=b"x" * 1_100_000)
    assert (answer.status_code, answer.json()) == (404, {"error": "Job shop--other not found"})


def test_a_job_that_is_not_named_is_404(job: ScheduledJob, send: Send) -> None:
    answer = send(name=None)
    assert answer.status_code == 404
    assert answer.json() == {"error": "Job not found: the request has no X-CloudScheduler-JobName header"}


@pytest.mark.parametrize("name", ["shop--report,shop--other", "SHOP--REPORT", "shop--second"])
def test_a_job_of_another_task_or_of_another_spelling_is_404(
    name: str, job: ScheduledJob, send: Send
) -> None:
    make_job(make_task(name="Second"), name="shop--second")
    assert send(name=name).status_code == 404
    assert not JobRun.objects.exists()


def test_an_operators_second_job_of_the_task_is_that_job(job: ScheduledJob, send: Send) -> None:
    second = make_job(make_task(), name="shop--second", origin="operator")
    send(name="shop--second")
    assert JobRun.objects.get().job == second


def name_in_google(identifier: str, job: ScheduledJob, **values: Any) -> None:
    name = f"projects/p/locations/l/jobs/{identifier}"
    GoogleName.objects.create(name=name, identifier=identifier, job=job, **values)


def test_a_former_name_of_the_job_still_reaches_it(job: ScheduledJob, send: Send) -> None:
    name_in_google("shop--old", job)
    assert send(name="shop--old").json()["status"] == "executed"
    assert JobRun.objects.get().job == job


def test_a_name_taken_by_another_reaches_the_job_that_had_it(job: ScheduledJob, send: Send) -> None:
    other = make_job(make_task(name="Other"), name="shop--old")
    name_in_google("shop--old", other, former_job=job)
    assert send(name="shop--old").json()["status"] == "executed"


def test_a_former_name_of_another_tasks_job_is_404(job: ScheduledJob, send: Send) -> None:
    other = make_job(make_task(name="Other"), name="shop--other")
    name_in_google("shop--old", other)
    assert send(name="shop--old").status_code == 404


# --- The body -------------------------------------------------------------------------------------


def test_a_body_over_a_megabyte_is_413_before_it_is_read(job: ScheduledJob, bearer: dict[str, str]) -> None:
    class Unreadable:
        def read(self, *args: Any) -> bytes:
            raise AssertionError("the body was read")

    request = RequestFactory().post(
        PATH, headers={**bearer, "X-CloudScheduler-JobName": job.name}, CONTENT_LENGTH="1000001"
    )
    request._stream = Unreadable()  # type: ignore[attr-defined]

    answer = views.tasks_endpoint(request, "shop.reports.Report")

    assert (answer.status_code, json.loads(answer.content)) == (
        413,
        {"error": "the body is larger than 1000000 bytes"},
    )
    assert not JobRun.objects.exists()
    # It has arrived all the same: nobody need look for it at another address.
    job.refresh_from_db()
    assert job.last_delivery_at is not None


def test_a_body_that_hides_its_length_is_413(
    job: ScheduledJob, send: Send, settings: SettingsWrapper
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = None
    request = RequestFactory().post(PATH)
    request._body = b"x" * 1_000_001  # type: ignore[attr-defined]
    request.META["CONTENT_LENGTH"] = ""
    with pytest.raises(views.exceptions.BodyTooLarge, match="the body is larger than 1000000 bytes"):
        views._body(request)


def test_a_body_over_djangos_own_limit_is_413(
    job: ScheduledJob, send: Send, settings: SettingsWrapper
) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    answer = send(body=b'{"region": "emea"}')
    assert (answer.status_code, answer.json()) == (
        413,
        {"error": "the body is larger than DATA_UPLOAD_MAX_MEMORY_SIZE"},
    )


def test_a_large_payload_under_the_limit_is_run(job: ScheduledJob, send: Send) -> None:
    answer = send(body=json.dumps({"text": "x" * 900_000}).encode())
    assert answer.json()["status"] == "executed"


def test_a_body_that_is_no_object_is_400_and_leaves_a_failed_run(job: ScheduledJob, send: Send) -> None:
    answer = send(body=b"[1]")
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert JobRun.objects.get().status == Status.FAILED


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b'{"region": "em', {"CONTENT_LENGTH": "30"}),
        (b"", {"CONTENT_LENGTH": "30"}),
        (b"", {"HTTP_TRANSFER_ENCODING": "chunked"}),
        (b'{"region": "emea"}', {"CONTENT_LENGTH": "eighteen"}),
    ],
    ids=["cut off", "nothing came", "in chunks, which WSGI does not hand on", "no number"],
)
def test_a_body_that_did_not_arrive_is_no_empty_payload(
    job: ScheduledJob, bearer: dict[str, str], sent: bytes, said: dict[str, str]
) -> None:
    environ = RequestFactory().post(PATH, headers={**bearer, "X-CloudScheduler-JobName": job.name}).environ
    request = WSGIRequest({**environ, "wsgi.input": BytesIO(sent), "CONTENT_LENGTH": "", **said})
    answer = views.tasks_endpoint(request, "shop.reports.Report")
    error = "the body did not arrive as it was announced"
    assert (answer.status_code, json.loads(answer.content)) == (400, {"error": error})
    assert JobRun.objects.get().error == f"InvalidPayload: {error}"


def test_a_body_that_a_middleware_has_read_is_no_empty_payload(
    job: ScheduledJob, bearer: dict[str, str]
) -> None:
    headers = {**bearer, "X-CloudScheduler-JobName": job.name}
    request = RequestFactory().post(PATH, b'{"region": "emea"}', "application/json", headers=headers)
    request.read(1)
    answer = views.tasks_endpoint(request, "shop.reports.Report")
    assert (answer.status_code, JobRun.objects.get().status) == (400, "failed")


def test_a_payload_of_forty_thousand_faults_gets_a_short_answer(db: None, send: Send) -> None:
    def run(self: PeriodicTask) -> None: ...

    make_job(make_task(run))
    answer = send(body=json.dumps({f"key{n}": n for n in range(40_000)} | {"k" * 100_000: 1}).encode())
    assert answer.status_code == 400
    assert answer.json()["error"].endswith("; and 39981 more")
    assert max(len(answer.content), len(JobRun.objects.get().error)) < 20_000


# --- The run --------------------------------------------------------------------------------------


def test_a_natural_run_end_to_end(job: ScheduledJob, send: Send) -> None:
    first = send(body=b'{"region": "emea"}', slot="2026-11-20T01:00:00-08:00")
    again = send(body=b'{"region": "emea"}', slot="2026-11-20T01:00:00-08:00")

    run = JobRun.objects.get()
    assert (first.status_code, first.json()) == (
        200,
        {"status": "executed", "result": {"region": "emea"}, "run": run.pk},
    )
    assert (again.status_code, again.json()) == (200, {"status": "duplicate", "run": run.pk})
    assert (run.status, run.context["caller"], run.deliveries) == (Status.SUCCEEDED, ACCOUNT, 2)


def test_a_slot_that_is_being_run_says_when_to_come_again(job: ScheduledJob, send: Send) -> None:
    now = timezone.now().replace(microsecond=0)
    running = make_run(job, Status.RUNNING, scheduled_for=now, started_at=now)
    answer = send(slot=now.isoformat())
    assert (answer.status_code, answer.json()) == (409, {"status": "running", "run": running.pk})
    assert answer.headers["Retry-After"] == "30"


def test_a_failed_run_shows_no_traceback(db: None, send: Send) -> None:
    def run(self: PeriodicTask) -> None:
        raise ValueError("secret of the house")

    make_job(make_task(run))
    answer = send()
    assert (answer.status_code, answer.json()) == (
        500,
        {"status": "failed", "run": JobRun.objects.get().pk},
    )


def test_a_natural_delivery_costs_at_most_four_statements(
    job: ScheduledJob, send: Send, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job with what decides, START, END with the facts of the job; the savepoints are the test's."""
    monkeypatch.setattr(views.stats, "fold_after", lambda run: None)  # every fiftieth does more
    send(slot="2026-11-19T01:00:00-08:00")
    is_one = connection.vendor == "postgresql"
    with django_assert_num_queries((3 if is_one else 4 + 2) + 2 * 2):
        send(slot="2026-11-20T01:00:00-08:00")


@pytest.mark.django_db(transaction=True)
def test_atomic_requests_does_not_hold_a_run_in_a_transaction(
    send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(self: PeriodicTask) -> None:
        assert not connection.in_atomic_block
        raise ValueError("no")

    monkeypatch.setitem(connection.settings_dict, "ATOMIC_REQUESTS", True)
    make_job(make_task(run))
    assert send().status_code == 500
    assert JobRun.objects.get().error == "ValueError: no"


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_gone_before_the_start_is_503(send: Send, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*args: Any, **kwargs: Any) -> None:
        raise OperationalError("could not connect to server")

    make_job(make_task())
    monkeypatch.setattr(statements, "insert", gone)
    answer = send()
    assert (answer.status_code, answer.json()) == (
        503,
        {"error": "the database did not answer: OperationalError"},
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("failures", "status"), [(1, 200), (2, 503)])
def test_a_stale_connection_is_noticed_at_the_look_up_of_the_job(
    failures: int, status: int, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = [OperationalError("server closed the connection")] * failures
    find = serving._find

    def stale(*args: Any) -> Any:
        if left:
            raise left.pop()
        return find(*args)

    make_job(make_task())
    monkeypatch.setattr(serving, "_find", stale)
    assert send().status_code == status


def test_in_a_transaction_a_lost_connection_is_not_opened_anew(
    job: ScheduledJob, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(*args: Any) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(serving, "_find", stale)
    assert send().status_code == 503
    assert ScheduledJob.objects.exists()


def test_an_end_that_was_kept_is_written_at_the_next_request(
    job: ScheduledJob, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = timezone.now()
    run = make_run(job, Status.RUNNING, trigger=JobRun.Trigger.MANUAL, started_at=now)
    values = {"status": Status.SUCCEEDED, "finished_at": now}
    kept = Kept(run.pk, partial(ending._write, run, values), try_at=steady_now())
    monkeypatch.setattr(kept_ends, "_kept", [kept])

    assert send().json()["status"] == "executed"
    run.refresh_from_db()
    assert run.status == Status.SUCCEEDED


def test_what_follows_a_delivery_is_done_once_it_is_answered(
    job: ScheduledJob, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[int, str]] = []
    monkeypatch.setattr(
        views.scheduling,
        "after_delivery",
        lambda pk: done.append((pk, JobRun.objects.latest().status)),
    )
    send()
    assert done == []  # nothing is due
    ScheduledJob.objects.update(edited_at=SLOT)
    send()
    send(name="shop--other")
    assert done == [(job.pk, "succeeded")]


# --- What a task sees, and what nobody does -------------------------------------------------------


@pytest.fixture
def seen(db: None) -> list[PeriodicTask]:
    """The instances that ran."""
    seen: list[PeriodicTask] = []

    def run(self: PeriodicTask) -> None:
        seen.append(self)

    make_job(make_task(run))
    return seen


def test_headers_are_shown_where_wanted_and_never_a_key(
    seen: list[PeriodicTask], send: Send, settings: SettingsWrapper
) -> None:
    headers = {
        "X-Tenant": "emea",
        "Cookie": "sessionid=1",
        "Proxy-Authorization": "Basic x",
        "X-Serverless-Authorization": "Bearer x",
        "X-Goog-Iap-Jwt-Assertion": "eyJ.x.y",
        TOKEN_HEADER: "signed",
    }
    send(headers=headers)
    settings.DJANGO_CLOUD_TASKS_PROPAGATE_HEADERS = True
    send(headers=headers, slot="2026-11-20T01:00:00-08:00")

    without, shown = seen
    assert dict(without.metadata.headers) == {}
    assert sorted(shown.metadata.headers) == [
        "Content-Length",
        "Content-Type",
        "X-Cloudscheduler-Jobname",
        "X-Cloudscheduler-Scheduletime",
        "X-Tenant",
    ]
    assert shown.metadata.headers["x-tenant"] == "emea"
    assert shown.request is not None
    assert shown.request.META["HTTP_X_TENANT"] == "emea"


def test_nothing_of_the_token_is_kept_or_logged(
    db: None, send: Send, settings: SettingsWrapper, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DJANGO_CLOUD_TASKS_PROPAGATE_HEADERS = True
    caplog.set_level(logging.DEBUG)

    def run(self: PeriodicTask) -> None:
        assert self.request is not None
        raise ValueError(f"{dict(self.metadata.headers)} {self.request.headers['Authorization']}")

    make_job(make_task(run))
    assert send().status_code == 500
    send("/tasks/no.such.Task")
    send(body=b"[")
    send(headers={"Authorization": "Bearer eyJhbGciOiJSUzI1NiJ9"})

    kept = [str(row) for row in JobRun.objects.values()]
    assert len(kept) == 2
    assert "Bearer [token]" in kept[0] + kept[1]
    assert "eyJ" not in "".join(kept) + caplog.text


def test_an_async_server_runs_plain_and_async_tasks_alike(db: None, bearer: dict[str, str]) -> None:
    async def run(self: PeriodicTask) -> str:
        await asyncio.sleep(0)
        self.report_progress(1, 1, "done")
        return "awaited"

    job = make_job(make_task(run))
    headers = {**bearer, "X-CloudScheduler-JobName": job.name}
    answer = async_to_sync(AsyncClient().post)(PATH, b"{}", content_type="application/json", headers=headers)
    assert answer.json()["result"] == "awaited"
    assert JobRun.objects.get().progress_message == "done"


class WritesOnly:
    """A router that knows no database to read from: a replica lags."""

    def db_for_read(self, model: type[Any], **hints: Any) -> str:
        raise AssertionError(f"{model.__name__} was read from a replica")


def test_all_is_read_from_the_database_that_is_written_to(
    job: ScheduledJob, send: Send, settings: SettingsWrapper
) -> None:
    settings.DATABASE_ROUTERS = [WritesOnly()]
    try:
        assert send().json()["status"] == "executed"
        assert send(slot="2999-01-01T00:00:00Z").json()["status"] == "executed"
        ScheduledJob.objects.using("default").update(paused=True, pause_reason="x")
        assert send(slot="2999-01-01T00:00:00Z").json()["status"] == "skipped"
    finally:
        settings.DATABASE_ROUTERS = []


@pytest.mark.django_db(transaction=True)
def test_what_was_asked_for_while_a_run_went_on_is_sent_by_its_end(
    google: MemoryBackend, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else may come for long: the job runs once a day."""
    monkeypatch.setattr(serving, "SHORT", timedelta(0))  # as if the run had taken its time
    asked: list[JobRun] = []

    def run(self: PeriodicTask) -> None:
        now = timezone.now()
        asked.extend(execution.backfill(job, now - timedelta(hours=3), now - timedelta(hours=1)))
        assert [run.sent for run in asked] == [0, 0]

    job = make_job(make_task(run))
    assert send().json()["status"] == "executed"
    states = JobRun.objects.filter(trigger="backfill").order_by("pk").values_list("status", "sent")
    assert list(states) == [("queued", 1), ("queued", 0)]
