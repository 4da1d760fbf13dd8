"""The run list as a file."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

from scheduled_jobs.admin.run_list import export
from scheduled_jobs.models import JobRun
from scheduled_jobs.services.history import run_list
from tests.support import make_run
from tests.support.run_pages import NOW, RUNS, failed

if TYPE_CHECKING:
    from django.test import Client

    from scheduled_jobs.models import ScheduledJob

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]


def exported(client: Client, query: str = "") -> str:
    with time_machine.travel(NOW, tick=False):
        answer: Any = client.get(f"{RUNS}export/{query}")
        assert answer.status_code == 200
        assert answer.streaming
        return b"".join(answer).decode()


def test_a_file_has_the_runs_of_the_list_secrets_masked(client: Client, job: ScheduledJob) -> None:
    run = failed(
        job, payload={"n": 1, "api_token": "geheim"}, result={"password": "geheim"}, requested_by="=rui"
    )
    old = make_run(job, JobRun.Status.SUCCEEDED, started_at=NOW - timedelta(days=2))
    text = exported(client, "?status=failed&format=csv")
    assert "geheim" not in text
    [line] = csv.DictReader(io.StringIO(text))
    assert line == {
        "run": str(run.pk), "job": "shop--report", "status": "failed", "trigger": "schedule",
        "scheduled_for": "2026-10-22T13:00:00Z", "started_at": "2026-10-22T13:00:01Z",
        "finished_at": "2026-10-22T13:00:05.200Z", "duration": "P0DT00H00M04.200000S", "attempt": "1",
        "payload": '{"n": 1, "api_token": "••••••••"}', "result": '{"password": "••••••••"}',
        "error": "KeyError: 'PT-LIS-2'\nsecond line", "requested_by": "'=rui",
    }  # fmt: skip
    [found] = map(json.loads, exported(client, "?format=jsonl").splitlines())
    assert (found["run"], found["payload"]["api_token"], found["attempt"]) == (run.pk, "••••••••", 1)
    both = exported(client, "?format=jsonl&span=7d").splitlines()
    assert [json.loads(each)["run"] for each in both] == [run.pk, old.pk]


def test_what_a_spreadsheet_would_calculate_is_marked(client: Client, job: ScheduledJob) -> None:
    for error in ("=1+1", "+1", "-1", "@x", "\tx", "\rx", "x=1"):
        failed(job, scheduled_for=None, error=error)
    cells = [line["error"] for line in csv.DictReader(io.StringIO(exported(client), newline=""))]
    assert sorted(cells) == sorted(["'=1+1", "'+1", "'-1", "'@x", "'\tx", "'\rx", "x=1"])


def test_a_file_is_read_chunk_by_chunk_up_to_its_most(
    client: Client, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(7):
        failed(job, scheduled_for=None)
    monkeypatch.setattr(run_list, "CHUNK", 2)
    assert len(exported(client, "?format=jsonl").splitlines()) == 7
    monkeypatch.setattr(export, "MOST_EXPORTED", 5)
    assert len(exported(client, "?format=jsonl&q=keyerror").splitlines()) == 5
    page = client.get(f"{RUNS}?status=failed").content.decode()
    assert f'href="{RUNS}export/?status=failed&amp;format=csv"' in page
