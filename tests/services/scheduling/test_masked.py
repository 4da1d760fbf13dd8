"""No secret is in any output: lines, JSON, errors on rows, logs, the audit."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest
from django.core import serializers

from scheduled_jobs.models import JobChange, ScheduledJob
from tests.support import full_name
from tests.support.declaring import declare, row, schedule_tasks

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]

PASSWORD, NESTED, HEADER, NEW = "hunter2-payload", "hunter2-nested", "hunter2-header", "hunter2-new"


def test_no_output_of_a_sync_has_a_secret_in_it(
    google: MemoryBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    outputs: list[str] = []

    def everything() -> None:
        for options in ({"dry_run": True}, {"check": True}, {"json": True, "dry_run": True}, {}):
            outputs.append(schedule_tasks(**options))

    body = {"password": PASSWORD, "smtp": [{"api_key": NESTED}], "region": "emea"}
    declare("One", schedule_body_payload=body, schedule_headers={"X-Auth": HEADER})
    everything()
    # A changed secret, a changed header, and a console's edit of both.
    declare("One", schedule_body_payload={**body, "password": NEW}, schedule_headers={"X-Auth": NEW})
    everything()
    message = google.store.get_job(full_name(row("One")))
    message.http_target.body = json.dumps({"password": PASSWORD}).encode()
    message.http_target.headers["X-Auth"] = HEADER
    google.store.update_job(message, ["http_target"])
    everything()
    # A payload that does not fit run(), and one that the code may not declare.
    declare("One", schedule_body_payload={"password": NEW}, run=takes_a_number)
    everything()
    # Google's refusal, which echoes what it was sent.
    declare("One", schedule_body_payload={"password": PASSWORD}, schedule_headers={"X-Auth": HEADER})
    echo = f'Invalid value at job.http_target: "X-Auth: {HEADER}", {{"password": "{PASSWORD}"}}'
    google.store.faults.refuse("UpdateJob", "INVALID_ARGUMENT", echo, times=20)
    everything()
    job = row("One")
    assert job.sync_state == "failed"
    outputs += [job.sync_error, caplog.text]
    outputs += [json.dumps(change.old) + json.dumps(change.new) for change in visible_changes()]
    text = "\n".join(outputs)
    assert "region" in text
    assert "Invalid value at job.http_target" in text
    for secret in (PASSWORD, NESTED, HEADER, NEW):
        assert secret not in text, secret


def test_header_values_are_nowhere_in_the_database(google: MemoryBackend) -> None:
    declare("One", schedule_headers={"X-Auth": HEADER})
    schedule_tasks()
    assert len(list(google.list(timeout=1))) == 1
    stored = serializers.serialize("json", [*ScheduledJob.objects.all(), *JobChange.objects.all()])
    assert HEADER not in stored


def takes_a_number(self: object, password: int) -> None:
    """Does nothing."""


def visible_changes() -> list[JobChange]:
    """The audit of what is not a payload: screens mask payloads themselves."""
    return list(JobChange.objects.exclude(field__endswith="payload").exclude(field="payload"))
