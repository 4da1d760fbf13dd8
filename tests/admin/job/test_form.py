"""The form of a job's overrides: how what is typed is read, and what is shown again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scheduled_jobs.models import JobChange, ScheduledJob
from tests.support.job_page import (
    DECLARED,
    MASK,
    TABS,
    address,
    fields,
    fresh,
    job,
    read_fields,
    save,
    text,
)
from tests.support.people import superuser

pytestmark = pytest.mark.django_db


def test_an_empty_description_is_an_override() -> None:
    row = job(declared_description="What the code says", description_override="")
    client = superuser()
    assert fields(client, row)["description_override"] == '""'
    save(client, row, retry_count_override="1")
    assert (fresh(row).description_override, fresh(row).retry_count_override) == ("", 1)
    save(client, row, description_override="")
    assert fresh(row).description_override is None
    save(client, row, description_override='""')
    assert (fresh(row).description_override, fresh(row).description) == ("", "")


def test_raw_json_that_was_typed_stays_open_and_as_it_was() -> None:
    row = job()
    typed = '{"batch_size":   7}'
    page = save(superuser(), row, "_preview", payload_raw=typed).content.decode()
    assert read_fields(page)["payload_raw"].strip() == typed
    assert '<details class="sj-fold" open>' in page
    assert '<details class="sj-fold">' in superuser("ana").get(address(row, "settings")).content.decode()


def test_typed_parameters_become_the_payload() -> None:
    row = job()
    response = save(
        superuser(),
        row,
        p_batch_size="800",
        p_acquirer='"adyen"',
        p_mode='"light"',
        p_since="2026-12-31",
        p_dry_run="true",
    )
    assert response.status_code == 302, text(response.content.decode())
    assert fresh(row).payload_override == {
        "batch_size": 800,
        "api_token": "old-secret",
        "acquirer": "adyen",
        "mode": "light",
        "since": "2026-12-31",
        "dry_run": True,
    }


def test_a_secret_is_on_no_page_and_an_empty_field_keeps_it() -> None:
    row = job(payload_override={"batch_size": 800, "api_token": "s3cret"})
    client = superuser()
    for tab in TABS:
        page = client.get(address(row, tab)).content.decode()
        assert "s3cret" not in page
        assert "old-secret" not in page
    assert MASK in client.get(address(row, "settings")).content.decode()
    save(client, row, p_batch_size="900")
    assert fresh(row).payload_override == {"batch_size": 900, "api_token": "s3cret"}
    assert "s3cret" not in client.get(address(row, "changes")).content.decode()


def test_a_mask_in_raw_json_keeps_the_secret() -> None:
    row = job(payload_override={"batch_size": 800, "api_token": "s3cret"})
    client = superuser()
    save(client, row, payload_raw=f'{{"batch_size": 1, "api_token": "{MASK}"}}')
    assert fresh(row).payload_override == {"batch_size": 1, "api_token": "s3cret"}
    save(client, row, p_api_token="n3w")
    assert fresh(row).payload_override == {"batch_size": 1, "api_token": "n3w"}


def test_a_typed_secret_is_not_shown_again_nor_lost_silently() -> None:
    row = job(payload_override={"batch_size": 800, "api_token": "s3cret"})
    client = superuser()
    response = save(client, row, payload_raw='{"batch_size": "x", "api_token": "n3w"}')
    page = response.content.decode()
    assert "n3w" not in page
    again = client.post(address(row), {**read_fields(page), "_save": "1"})
    assert again.status_code == 200
    assert fresh(row).payload_override == {"batch_size": 800, "api_token": "s3cret"}


def test_fields_and_raw_json_are_not_both_changed() -> None:
    row = job()
    response = save(superuser(), row, p_batch_size="1", payload_raw='{"batch_size": 2}')
    assert "Both this and the fields above were changed (batch_size); change one of them." in text(
        response.content.decode()
    )


def test_emptied_parameters_follow_the_code_again() -> None:
    row = job(payload_override={**DECLARED, "batch_size": 800})
    save(superuser(), row, p_batch_size="")
    assert fresh(row).payload_override is None


@pytest.mark.parametrize(
    ("typed", "payload"),
    [
        ({"p_since": "null"}, {**DECLARED, "since": None}),
        ({"p_batch_size": "+7"}, {**DECLARED, "batch_size": 7}),
        ({"p_api_token": '""'}, {**DECLARED, "api_token": ""}),
        ({"payload_raw": '{"batch_size": 3}'}, {"batch_size": 3}),
        ({"payload_raw": ""}, None),
    ],
)
def test_what_is_typed_is_read_as_it_is_meant(typed: dict[str, str], payload: Any) -> None:
    row = job()
    response = save(superuser(), row, **typed)
    assert response.status_code == 302, text(response.content.decode())
    assert fresh(row).payload_override == payload


def test_a_page_that_is_saved_untouched_changes_nothing() -> None:
    row = job()
    values = {
        "description_override": "  by hand\nsecond ", "schedule_override": "@daily", "time_zone_override": "UTC",
        "min_backoff_override": timedelta(seconds=5), "payload_override": {"batch_size": 1, "mode": "full"},
    }  # fmt: skip
    ScheduledJob.objects.filter(pk=row.pk).update(**values)
    client = superuser()
    sent = {
        name: value.replace("\n", "") for name, value in fields(client, row).items() if name != "payload_raw"
    }
    assert client.post(address(row), {**sent, "_save": "1"}).status_code == 302
    assert {name: getattr(fresh(row), name) for name in values} == values
    assert not JobChange.objects.exists()
