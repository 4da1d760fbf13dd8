"""The table of a job's fields: the code's default, the override, and what Google has."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.domain.payloads import redact
from scheduled_jobs.models import JobChange, ScheduledJob, attribution
from tests.support import make_job, make_task
from tests.support.job_page import (
    DECLARED,
    address,
    fields,
    fresh,
    job,
    save,
    text,
)
from tests.support.people import signed_in, superuser

pytestmark = pytest.mark.django_db


def test_a_field_shows_the_default_the_override_and_google() -> None:
    row = job(
        declared_retry_count=3,
        live={"schedule": "0 * * * *", "retry_count": 5, "state": "ENABLED"},
        live_seen_at=timezone.now(),
        sync_state="drifted",
    )
    page = superuser().get(address(row, "settings")).content.decode()
    [cell] = re.findall(r'<label for="id_retry_count_override">.*?</tr>', page, re.DOTALL)
    assert "<code>3</code>" in cell
    assert 'placeholder="Follows the code"' in cell
    assert "5 should be 3" in text(cell)
    assert f'href="{address(row, "drift")}"' in cell
    [schedule] = re.findall(r'<label for="id_schedule_override">.*?</tr>', page, re.DOTALL)
    assert "same" in schedule


def test_an_override_says_who_set_it_and_what_the_code_did_since(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAE_VERSION", "2026.10.2")
    row = job()
    maria = User.objects.create_superuser("maria", first_name="Maria", last_name="Lopes")
    client = signed_in(maria)
    save(client, row, schedule_override="30 1 * * *", reason="The batch closes at 01:10")
    JobChange.record(fresh(row), {"declared_schedule": ("0 2 * * *", "15 1 * * *")})
    ScheduledJob.objects.filter(pk=row.pk).update(declared_schedule="15 1 * * *")
    [cell] = re.findall(
        r'<label for="id_schedule_override">.*?</tr>.*?</tr>',
        client.get(address(row, "settings")).content.decode(),
        re.DOTALL,
    )
    told = text(cell)
    assert "by Maria Lopes" in told
    assert "form: The batch closes at 01:10 Reset" in told
    assert "the code changed since, on" in told
    assert "was 0 2 * * * in release 2026.10.2" in told


def test_who_replaced_it_in_google_has_not_set_the_override() -> None:
    row = job()
    save(superuser("maria"), row, schedule_override="30 1 * * *")
    with attribution("rui", via="sync"):
        JobChange.record(fresh(row), {"schedule": ("5 5 * * *", "30 1 * * *")})
    page = superuser("ana").get(address(row, "settings")).content.decode()
    assert "by maria" in text(page)
    assert "by rui" not in text(page)


def test_the_rest_of_an_own_payload_is_as_the_code_says() -> None:
    row = job(payload_override={**DECLARED, "batch_size": 800})
    page = superuser().get(address(row, "settings")).content.decode()
    assert "As the code says: &quot;full&quot;" in page
    assert (
        "Follows the code: &quot;full&quot;"
        in superuser("ana").get(address(job(name="b"), "settings")).content.decode()
    )


def test_a_task_that_is_not_in_the_code_has_raw_json_only() -> None:
    row = job()
    registry._tasks.pop(row.task)
    page = text(superuser().get(address(row, "settings")).content.decode())
    assert f"{row.task} is not in the code of this process" in page


def test_of_a_run_that_takes_nothing_no_json_is_asked_for() -> None:
    def run(self: Any) -> None: ...

    def run_with_more(self: Any, **kwargs: Any) -> None: ...

    rows = [make_job(make_task(takes, name=takes.__name__), takes.__name__) for takes in (run, run_with_more)]
    client = superuser()
    nothing, more = (text(client.get(address(row, "settings")).content.decode()) for row in rows)
    assert "run() takes no parameter." in nothing
    assert "No parameter is known here; see the JSON." in more


def test_a_payload_of_many_keys_is_masked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []

    def counted(value: Any, keys: Any) -> Any:
        sizes.append(len(value) if isinstance(value, dict) else 1)
        return redact(value, keys)

    monkeypatch.setattr("scheduled_jobs.admin.words.values.redact", counted)
    row = job(payload_override={f"key{n}": n for n in range(1_000)})
    page = text(superuser().get(address(row, "settings")).content.decode())
    assert "and 902 more" in page
    assert sum(sizes) < 6 * 1_000


@pytest.mark.parametrize("saved", [[1, 2], "text", 5, True])
def test_an_override_that_is_no_object_is_shown_and_mended(saved: Any) -> None:
    row = job(payload_override=saved, live={"payload": {}}, live_seen_at=timezone.now())
    client = superuser()
    assert json.dumps(saved) in fields(client, row)["payload_raw"].replace("\n", "").replace(
        "  ", ""
    ).replace(",", ", ")
    assert save(client, row, payload_raw='{"batch_size": 3}').status_code == 302
    assert fresh(row).payload_override == {"batch_size": 3}


def test_what_only_the_code_decides_is_shown_as_rows() -> None:
    row = make_job(make_task(missed_grace=timedelta(minutes=20), failure_tolerance=3))
    page = superuser().get(address(row, "settings")).content.decode()
    rows = {
        text(label): [text(cell) for cell in re.findall(r"<td.*?>(.*?)</td>", cells, re.DOTALL)]
        for label, cells in re.findall(
            r'<tr role="row">\s*<th scope="row" role="rowheader">(.*?)</th>(.*?)</tr>', page, re.DOTALL
        )
    }
    by_code = ["set in the code only", "not known to Google"]
    assert rows["Missed after"] == ["20 min", *by_code]
    assert rows["Failure told after"] == ["3 failures in a row", *by_code]
    assert rows["Recovery told after"] == ["the first success", *by_code]
