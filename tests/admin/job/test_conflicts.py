"""Two people who edit a job at once: the second is told, and decides."""

from __future__ import annotations

import pytest

from scheduled_jobs.admin.job.form import SEEN
from scheduled_jobs.models import JobChange
from tests.support.job_page import (
    DECLARED,
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


def test_the_second_of_two_who_edit_at_once_is_told_and_decides() -> None:
    row = job()
    maria, rui = superuser("maria"), superuser("rui")
    opened = fields(rui, row)
    save(maria, row, schedule_override="5 * * * *", reason="Earlier")
    typed = {**opened, "schedule_override": "10 * * * *", "description_override": "Rui's", "_save": "1"}
    refused = rui.post(address(row), typed)
    told = text(refused.content.decode())
    assert "Nothing was saved: somebody else has changed this job since you opened the page." in told
    assert "5 * * * * by maria" in told
    assert "10 * * * * Take maria’s" in told
    assert fresh(row).schedule_override == "5 * * * *"
    again = read_fields(refused.content.decode())
    assert again["schedule_override"] == "10 * * * *"
    assert again["description_override"] == "Rui's"
    assert rui.post(address(row), {**again, "_save": "1"}).status_code == 302
    assert fresh(row).schedule_override == "10 * * * *"
    assert fresh(row).description_override == "Rui's"


def test_the_second_may_take_what_the_first_has_saved() -> None:
    row = job()
    maria, rui = superuser("maria"), superuser("rui")
    opened = fields(rui, row)
    save(maria, row, schedule_override="5 * * * *")
    refused = rui.post(address(row), {**opened, "schedule_override": "10 * * * *", "_save": "1"})
    taken = rui.post(address(row), {**read_fields(refused.content.decode()), "_take": "schedule"})
    assert read_fields(taken.content.decode())["schedule_override"] == "5 * * * *"
    assert fresh(row).schedule_override == "5 * * * *"


def test_a_preview_does_not_make_an_old_page_newer() -> None:
    row = job()
    maria, rui = superuser("maria"), superuser("rui")
    opened = fields(rui, row)
    save(maria, row, schedule_override="5 * * * *")
    shown = rui.post(address(row), {**opened, "schedule_override": "10 * * * *", "_preview": "1"})
    rui.post(address(row), {**read_fields(shown.content.decode()), "_save": "1"})
    assert fresh(row).schedule_override == "5 * * * *"


def test_what_the_second_did_not_touch_is_not_taken_back() -> None:
    row = job()
    maria, rui = superuser("maria"), superuser("rui")
    opened = fields(rui, row)
    save(maria, row, p_batch_size="800")
    refused = rui.post(address(row), {**opened, "p_dry_run": "true", "_save": "1"})
    again = read_fields(refused.content.decode())
    assert again["p_batch_size"] == "800"
    assert rui.post(address(row), {**again, "_save": "1"}).status_code == 302
    assert fresh(row).payload_override == {**DECLARED, "batch_size": 800, "dry_run": True}


def test_a_reset_of_what_somebody_else_has_changed_is_refused() -> None:
    row = job(schedule_override="5 * * * *")
    maria, rui = superuser("maria"), superuser("rui")
    opened = fields(rui, row)
    save(maria, row, schedule_override="7 * * * *")
    response = rui.post(address(row), {**opened, "_reset": "schedule_override"})
    assert "Nothing was saved" in text(response.content.decode())
    assert fresh(row).schedule_override == "7 * * * *"


def test_a_page_that_remembers_nothing_is_refused() -> None:
    row = job(schedule_override="5 * * * *")
    for seen in ("", "[]", "no json"):
        response = superuser(f"m{seen}").post(
            address(row), {"schedule_override": "", SEEN: seen, "_save": "1"}
        )
        assert response.status_code == 200
    assert fresh(row).schedule_override == "5 * * * *"


def test_a_program_that_has_seen_no_page_writes_what_it_names() -> None:
    row = job(schedule_override="5 * * * *")
    answer = superuser().post(address(row), {"retry_count_override": "3", "reason": "Script"})
    assert answer.status_code == 302
    assert (fresh(row).schedule_override, fresh(row).retry_count_override) == ("5 * * * *", 3)
    assert [change.field for change in JobChange.objects.all()] == ["retry_count"]


def test_a_reset_does_not_hide_that_another_field_is_contested() -> None:
    row = job(schedule_override="5 * * * *")
    maria, rui = superuser("maria"), superuser("rui")
    opened = fields(rui, row)
    save(maria, row, description_override="Maria's")
    typed = {**opened, "_reset": "schedule_override", "description_override": "Rui's"}
    told = text(rui.post(address(row), typed).content.decode())
    assert "Nothing was saved: somebody else has changed this job" in told
    assert "Maria's by maria" in told
    assert (fresh(row).schedule_override, fresh(row).description_override) == ("5 * * * *", "Maria's")


def test_a_reset_goes_on_where_others_changed_what_one_has_not() -> None:
    row = job(schedule_override="5 * * * *")
    maria, rui = superuser("maria"), superuser("rui")
    opened = fields(rui, row)
    save(maria, row, description_override="Maria's")
    assert rui.post(address(row), {**opened, "_reset": "schedule_override"}).status_code == 302
    assert (fresh(row).schedule_override, fresh(row).description_override) == (None, "Maria's")
