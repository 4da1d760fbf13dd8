"""The one address that Google calls: verify, parse, call, answer. And what a monitor reads beside it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import ImproperlyConfigured, RequestDataTooBig
from django.core.handlers.wsgi import WSGIRequest
from django.db import Error, connections, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, RawPostDataException, UnreadablePostError
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.datastructures import CaseInsensitiveMapping
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt

from scheduled_jobs import authentication, exceptions, registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import TOKEN_HEADER
from scheduled_jobs.domain.payloads import without_tokens
from scheduled_jobs.logs import logger
from scheduled_jobs.services import alerts, execution, monitoring, scheduling
from scheduled_jobs.services.history import stats

JOB_NAME = "X-CloudScheduler-JobName"
SCHEDULE_TIME = "X-CloudScheduler-ScheduleTime"
NO_TOKEN = "the request carries no token, or one that does not verify"  # noqa: S105 – what is said of it
MAX_BODY = 1_000_000
"""Bytes: Cloud Scheduler's limit for a whole job is 1 MB."""
SECRET_HEADERS = {
    "authorization",
    "proxy-authorization",
    "x-serverless-authorization",
    "cookie",
    TOKEN_HEADER.lower(),
}

STATUS: Mapping[type[exceptions.ScheduledJobsError], HTTPStatus] = {
    exceptions.NotAuthenticated: HTTPStatus.UNAUTHORIZED,
    exceptions.NotAllowed: HTTPStatus.FORBIDDEN,
    exceptions.CertificatesUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    exceptions.WrongMethod: HTTPStatus.METHOD_NOT_ALLOWED,
    exceptions.UnknownTarget: HTTPStatus.NOT_FOUND,
    exceptions.TaskNotLoaded: HTTPStatus.SERVICE_UNAVAILABLE,
    exceptions.BodyTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
}
HEADERS: Mapping[HTTPStatus, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.METHOD_NOT_ALLOWED: {"Allow": "POST"},
}


class ThenTold(JsonResponse):
    """An answer, and when it has gone out, people are told what there is to tell: nobody waits for that."""

    def close(self) -> None:
        try:
            alerts.send_owed()
        finally:
            super().close()


# NotAuthenticated -> 401, NotAllowed -> 403, CertificatesUnavailable -> 503,
# WrongMethod -> 405, UnknownTarget -> 404, TaskNotLoaded -> 503, BodyTooLarge -> 413, a database that is
# gone -> 503.
@login_not_required  # or LoginRequiredMiddleware answers with the login page: a success to Google
@csrf_exempt
def tasks_endpoint(request: HttpRequest, task: str) -> HttpResponse:
    """Answer Cloud Scheduler: run the task of the path for the job of the JobName header, or say why not."""
    if (refusals := authentication.refusals_of(request.headers, task, timezone.now())) is not None:
        name = request.headers.get(JOB_NAME, "")
        refused = refusals or _refusals_of_body(request) or _refusals_of_database(task, name)
        return _error(HTTPStatus.UNAUTHORIZED, NO_TOKEN, would_refuse=refused)
    try:
        caller = authentication.verify(request, task)
        delivery = parse(request, task, caller)
        answer = execution.deliver(delivery)
    except exceptions.NotAllowed as refusal:
        execution.note_refusal(task, request.headers.get(JOB_NAME, ""), refusal.caller, timezone.now())
        return _refuse(request, refusal)
    except (exceptions.CallerRefused, exceptions.BadDelivery, exceptions.TaskNotLoaded) as refusal:
        return _refuse(request, refusal)
    except Error as error:
        logger.exception("A delivery of %s could not be decided", task)
        return _error(HTTPStatus.SERVICE_UNAVAILABLE, f"the database did not answer: {type(error).__name__}")
    now = timezone.now()
    if answer.has_queue or scheduling.is_left_behind(delivery.job, now):
        scheduling.after_delivery(delivery.job.pk)
    stats.fold_after(answer.body.get("run"))
    monitoring.watch_after_delivery(now)
    monitoring.hourly.compare()
    kind = ThenTold if alerts.is_due_here() else JsonResponse
    return kind(answer.body, status=answer.status, headers=answer.headers)


# Every statement stands for itself: a run has to be seen by others while it runs, and after it failed.
for _alias in connections:
    tasks_endpoint = transaction.non_atomic_requests(_alias)(tasks_endpoint)


def _for_monitors(answer: Callable[[datetime], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """A page for whoever sends METRICS_TOKEN; without that setting there is none. It asks for no session."""

    def view(request: HttpRequest) -> HttpResponse:
        if not (token := _metrics_token()):
            return _error(HTTPStatus.NOT_FOUND, "METRICS_TOKEN is not set")
        sent = request.headers.get("Authorization", "")
        if not constant_time_compare(sent, f"Bearer {token}"):
            return _error(HTTPStatus.UNAUTHORIZED, "the request does not carry METRICS_TOKEN as bearer token")
        if request.method != "GET":
            response = _error(HTTPStatus.METHOD_NOT_ALLOWED, f"{request.method} is not allowed; send GET")
            response.headers["Allow"] = "GET"
            return response
        try:
            return answer(timezone.now())
        except Error as error:
            logger.exception("A monitor could not be answered")
            text = f"the database did not answer: {type(error).__name__}"
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, text)

    return login_not_required(never_cache(view))


def _metrics_token() -> str | None:
    try:
        return settings.METRICS_TOKEN
    except ImproperlyConfigured:  # which the checks tell
        return None


@_for_monitors
def show_metrics(now: datetime) -> HttpResponse:
    """How the jobs are, for Prometheus."""
    return HttpResponse(monitoring.metrics(now), content_type="text/plain; version=0.0.4; charset=utf-8")


@_for_monitors
def show_health(now: datetime) -> HttpResponse:
    """200 where no job wants somebody, 503 where one does, and which."""
    report = monitoring.health_report(now)
    status = HTTPStatus.OK if report["status"] == "ok" else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse(report, status=status)


def parse(request: HttpRequest, task: str, caller: str) -> execution.Delivery:
    """The delivery of a verified request. Raises BadDelivery, in the order: method, task, job, body."""
    if request.method != "POST":
        raise exceptions.WrongMethod(f"{request.method} is not allowed; send POST")
    name = request.headers.get(JOB_NAME, "")
    schedule_time = request.headers.get(SCHEDULE_TIME)
    job, seen = None, None
    if name:
        job, seen = execution.job_of_task(task, name, schedule_time, timezone.now())
        if execution.kept_ends.write_few():  # the database has just answered
            seen = None
    # Nothing is imported for the path of a request: it has to be the task of a job that is there.
    task_class = registry.get(task) if job is None else registry.find(job.task)
    if task_class is None:
        raise exceptions.UnknownTarget(f"Task {task} not found")
    if job is None:
        known = f"Job {name} not found" if name else f"Job not found: the request has no {JOB_NAME} header"
        raise exceptions.UnknownTarget(known)
    try:
        body = _body(request)
    except exceptions.BodyTooLarge:
        execution.note_delivery(job.pk, timezone.now())
        raise
    return execution.Delivery(
        job=job,
        task=task_class,
        body=body,
        schedule_time=schedule_time,
        request=request,
        headers=_shown_headers(request),
        caller=caller,
        seen=seen,
    )


def _refusals_of_body(request: HttpRequest) -> list[str]:
    """Whether this app's own question does not arrive as it was sent: its method, or its body."""
    if request.method != "POST":
        return ["method"]
    try:
        return [] if _body(request) == authentication.PROBE_BODY else ["body"]
    except exceptions.BodyTooLarge:
        return ["body"]


def _refusals_of_database(task: str, name: str) -> list[str]:
    """Why a job of this app's own question would not run: "job", "tables", "database" or "writes"."""
    if not name:
        return []
    try:
        if execution.job_of_task(task, name)[0] is None:
            return ["job"]
    except Error:
        return ["tables" if execution.lacks_tables() else "database"]
    try:
        execution.write_nothing()
    except Error:
        return ["writes"]
    return []


def _body(request: HttpRequest) -> bytes | None:
    """The body; None unless as many bytes arrive here as were announced. Raises BodyTooLarge."""
    too_large = f"the body is larger than {MAX_BODY} bytes"
    announced = request.META.get("CONTENT_LENGTH") or ""
    length = int(announced) if announced.isdecimal() and len(announced) < 19 else None
    if length is not None and length > MAX_BODY:
        raise exceptions.BodyTooLarge(too_large)
    if announced and length is None:
        return None
    try:
        body = request.body
    except RequestDataTooBig as error:
        raise exceptions.BodyTooLarge("the body is larger than DATA_UPLOAD_MAX_MEMORY_SIZE") from error
    except (UnreadablePostError, RawPostDataException):  # broken off, or read by a middleware
        return None
    if len(body) > MAX_BODY:
        raise exceptions.BodyTooLarge(too_large)
    if length is not None:
        return body if len(body) == length else None
    # WSGI gives nothing of a body without a length, so that a payload would become an empty one.
    in_chunks = "Transfer-Encoding" in request.headers and isinstance(request, WSGIRequest)
    return None if in_chunks else body


def _shown_headers(request: HttpRequest) -> Mapping[str, str]:
    """What a task may see of the headers, whatever their case: nothing that opens a door."""
    if not settings.PROPAGATE_HEADERS:
        return {}
    return CaseInsensitiveMapping(
        {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in SECRET_HEADERS and "eyJ" not in value
        }
    )


def _refuse(request: HttpRequest, refusal: exceptions.ScheduledJobsError) -> HttpResponse:
    status = STATUS[type(refusal)]
    text = without_tokens(str(refusal))  # what could not be verified may be quoted there
    logger.warning("%s %s is answered %d: %s", request.method, request.path, status, text)
    if status == HTTPStatus.UNAUTHORIZED:
        # One text for all, so that nobody learns here which tasks there are.
        return _error(status, NO_TOKEN)
    return _error(status, text)


def _error(status: HTTPStatus, text: str, **more: Any) -> HttpResponse:
    return JsonResponse({"error": text, **more}, status=status, headers=HEADERS.get(status, {}))
