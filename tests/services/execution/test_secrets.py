"""No text about a run has a secret of its payload in it, whatever the task says and wherever it is stored."""

from __future__ import annotations

import base64
import html
import json
import logging
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import pytest
from django.db import Error
from pydantic import AfterValidator

from scheduled_jobs.domain.payloads import MASK
from scheduled_jobs.exceptions import DiscardTask
from scheduled_jobs.models import JobRun
from scheduled_jobs.services.execution import ending
from scheduled_jobs.services.history.run_list import run_summary
from tests.services.execution.calling import deliver
from tests.support import make_job, make_task

if TYPE_CHECKING:
    from collections.abc import Callable

    from scheduled_jobs.services.execution import Answer
    from scheduled_jobs.tasks import PeriodicTask

pytestmark = pytest.mark.django_db

SECRET = "p@ss w\"o'rd/é&<7>"
SPELLED = {
    "as it is": SECRET,
    "repr": repr(SECRET),
    "JSON": json.dumps(SECRET),
    "an address": quote(SECRET),
    "HTML": html.escape(SECRET),
    "base64": base64.b64encode(f"shop:{SECRET}".encode()).decode(),
}
HEADER = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJnb29nbGUifQ.c2lnbmF0dXJl"


def _refuse(value: str) -> str:
    raise ValueError(f"no account has {value}")


Account = Annotated[str, AfterValidator(_refuse)]


def run_with(run: Callable[..., Any], payload: dict[str, Any] | None = None) -> tuple[Answer, str]:
    """The answer to a delivery of this payload, and all that is stored of its run, its payload left out."""
    task = make_task(run)
    job = make_job(task)
    answer = deliver(job, task, body=json.dumps(payload or {}).encode())
    row = JobRun.objects.values().get()
    del row["payload"]
    job.refresh_from_db()
    return answer, json.dumps([row, job.last_error, job.last_error_key], default=str, ensure_ascii=False)


def assert_none_in(text: str) -> None:
    for name, spelled in {**SPELLED, "token": "eyJ"}.items():
        for form in (spelled, json.dumps(spelled, ensure_ascii=False)[1:-1]):
            assert form not in text, (name, text)


@pytest.mark.parametrize("kind", [ValueError, DiscardTask])
def test_a_task_that_quotes_its_secret_in_an_error(
    kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def run(self: PeriodicTask, password: str = "") -> None:
        self.report_progress(1, 2, f"logging in with {SPELLED['an address']} {HEADER}")
        raise kind("; ".join(SPELLED.values()) + HEADER)

    answer, stored = run_with(run, {"password": SECRET})
    assert MASK in stored
    assert_none_in(stored + caplog.text + json.dumps(answer.body))
    shown = run_summary(JobRun.objects.get())
    assert_none_in(json.dumps(shown, ensure_ascii=False, default=str))


def test_a_secret_that_is_the_default_of_a_parameter(caplog: pytest.LogCaptureFixture) -> None:
    def run(self: PeriodicTask, api_token: str = SECRET, login: Any = ("ana", {"key": SECRET})) -> None:
        raise ValueError("; ".join(SPELLED.values()))

    _answer, stored = run_with(run)
    assert_none_in(stored + caplog.text)


def test_a_secret_in_the_headers_of_the_job(caplog: pytest.LogCaptureFixture) -> None:
    def run(self: PeriodicTask) -> None:
        raise ValueError(f"{self.schedule_headers()} in emea")

    task = make_task(run, schedule_headers=classmethod(lambda cls: {"X-Api-Key": SECRET, "X-Region": "emea"}))
    deliver(make_job(task), task)
    error = JobRun.objects.get().error
    assert error == f"ValueError: {{'X-Api-Key': '{MASK}', 'X-Region': 'emea'}} in emea"
    assert_none_in(error + caplog.text)


def test_a_secret_in_a_result() -> None:
    def run(self: PeriodicTask, password: str, pin_token: int) -> Any:
        return {"said": list(SPELLED.values()), "sent": HEADER, "pin": pin_token, "n": 4712, SECRET: 1}

    answer, stored = run_with(run, {"password": SECRET, "pin_token": 4711})
    assert_none_in(stored + json.dumps(answer.body))
    kept = JobRun.objects.get().result
    assert kept == answer.body["result"]
    assert (kept["pin"], kept["n"], kept["sent"], kept[MASK]) == (MASK, 4712, "[token]", 1)


def test_a_secret_in_the_note_of_a_result_that_is_not_kept() -> None:
    def run(self: PeriodicTask, password: str) -> Any:
        return type(password, (), {})()

    _answer, stored = run_with(run, {"password": "open-sesame"})
    assert "The result was not kept" in stored
    assert "open-sesame" not in stored


def test_a_secret_in_the_refusal_of_a_payload() -> None:
    def run(self: PeriodicTask, password: Account) -> None: ...

    answer, stored = run_with(run, {"password": SECRET})
    assert answer.status == 400
    assert MASK in answer.body["error"]
    assert_none_in(stored + json.dumps(answer.body, ensure_ascii=False))


def test_a_secret_that_the_database_quotes_stays_out_of_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write = ending._write

    def refused(run: JobRun, values: dict[str, Any]) -> bool:
        monkeypatch.setattr(ending, "_write", write)
        raise Error(f"Failing row contains ({json.dumps(run.payload)})")

    monkeypatch.setattr(ending, "_write", refused)
    with caplog.at_level(logging.WARNING, "scheduled_jobs"):
        run_with(lambda self, password: None, {"password": SECRET})
    assert "could not be written: Failing row contains" in caplog.text
    assert_none_in(caplog.text)
