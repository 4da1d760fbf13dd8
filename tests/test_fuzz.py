"""A few hundred hostile requests at the view: nox -s fuzz has twenty thousand of them."""

from __future__ import annotations

import json
import logging
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest

from bench.hostile import Enemy
from scheduled_jobs import authentication
from scheduled_jobs.models import JobRun
from tests.support import make_job, make_task
from tests.support.certificate_server import CertificateServer, SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_django.fixtures import SettingsWrapper

    from scheduled_jobs.tasks import PeriodicTask

PATH = "/tasks/shop.reports.Report"
NUMBER = 300
SEED = 1


@pytest.fixture
def key(settings: SettingsWrapper) -> Iterator[SigningKey]:
    key = SigningKey("one")
    server = CertificateServer(key)
    authentication.certificates.forget()
    settings.DJANGO_CLOUD_TASKS_OIDC_CERTS_URL = server.url
    yield key
    server.stop()
    authentication.certificates.forget()


@pytest.mark.uncounted
@pytest.mark.django_db
def test_hostile_requests_run_nothing_and_break_nothing(
    key: SigningKey, caplog: pytest.LogCaptureFixture
) -> None:
    def run(self: PeriodicTask, *, region: str = "", seconds: float = 0, error: str = "") -> str:
        if error:
            raise ValueError(error)
        return region

    make_job(make_task(run))
    make_job(make_task(run), name="shop--second", origin="operator")
    enemy = Enemy(
        Random(SEED),
        path=PATH,
        names=["shop--report", "shop--second"],
        good=lambda: key.token(),
        signed=lambda claims: key.token(**claims),
    )
    handler, runs, statuses = WSGIHandler(), 0, set()
    handler.load_middleware()
    caplog.set_level(logging.INFO, "scheduled_jobs")
    for number in range(NUMBER):
        hostile = enemy.request()
        answer: Any = handler.get_response(WSGIRequest(hostile.environ()))
        before, runs = runs, JobRun.objects.count()
        fault = hostile.fault_in(answer.status_code, answer.content, has_run=runs > before)
        assert not fault, (number, fault, hostile)
        statuses.add(answer.status_code)
    assert {200, 400, 401, 403, 404, 405} <= statuses
    rows = JobRun.objects.values("error", "traceback", "context", "requested_by", "log", "result")
    assert "eyJ" not in json.dumps(list(rows))
    ours = [record.getMessage() for record in caplog.records if record.name == "scheduled_jobs"]
    assert [line for line in ours if "eyJ" in line or not line.isprintable()] == []
