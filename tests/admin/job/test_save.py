"""What a POST of a job's settings does: save, preview, reset; and what keeps it from it."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.utils import timezone

from scheduled_jobs.admin.job import view
from scheduled_jobs.admin.job.form import SEEN
from scheduled_jobs.models import JobChange, ScheduledJob
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
from tests.support.people import signed_in, superuser

pytestmark = pytest.mark.django_db


def test_only_what_was_changed_is_written() -> None:
    row = job()
    response = save(superuser(), row, max_backoff_override="1 h 30 min", reason="Slow bank")
    assert response.status_code == 302
    saved = fresh(row)
    assert saved.max_backoff_override == timedelta(minutes=90)
    assert saved.schedule_override is None
    assert saved.payload_override is None
    change = JobChange.objects.get()
    assert (change.field, change.via, change.reason) == ("max_backoff", "form", "Slow bank")
    assert LogEntry.objects.get().change_message == "Set: max backoff. Slow bank"


def test_saving_what_stands_there_changes_nothing() -> None:
    row = job(payload_override={"batch_size": 800, "api_token": "s3cret"}, schedule_override="5 * * * *")
    save(superuser(), row)
    assert fresh(row).revision == row.revision
    assert not JobChange.objects.exists()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"schedule_override": "61 * * * *"}, "61"),
        ({"time_zone_override": "Mars/Olympus"}, "Mars/Olympus"),
        ({"retry_count_override": "9"}, "9 is not a retry count: write a whole number from 0 to 5"),
        ({"retry_count_override": "two"}, "“two” is not a whole number; write one, such as 3."),
        (
            {"min_backoff_override": "soon"},
            "“soon” is not a length of time: “soon” is no number with a unit. "
            "Write it as 30 s, 10 min or 1 h 30 min.",
        ),
        ({"attempt_deadline_override": "2 h"}, "write 15 seconds to 30 minutes; Google waits no longer."),
        ({"p_batch_size": "many"}, "batch_size: "),
        ({"p_since": "yesterday"}, "since: "),
        ({"payload_raw": "{"}, "the body is not JSON"),
        ({"payload_raw": '{"nothing": 1}'}, "nothing: run() takes no such parameter"),
    ],
)
def test_an_error_stands_on_the_page_and_nothing_is_saved(typed: dict[str, str], message: str) -> None:
    row = job()
    response = save(superuser(), row, **typed)
    assert response.status_code == 200
    said = text(response.content.decode())
    assert "Nothing was saved" in said
    assert message in said
    assert fresh(row).revision == row.revision


def test_all_faults_are_listed_on_top_with_links() -> None:
    answer = save(
        superuser(), job(), schedule_override="61 * * * *", retry_count_override="9", p_batch_size="many"
    )
    page = answer.content.decode()
    listed = page.partition('class="sj-faults"')[2].partition("</ul>")[0]
    assert re.findall(r'<li><a href="#([^"]+)">([^<]+)</a>: ([^<]{0,24})', html.unescape(listed)) == [
        ("id_schedule_override", "Schedule", "'61' is not a minute (0-"),
        ("id_retry_count_override", "Retry count", "9 is not a retry count: "),
        ("id_p_batch_size", "Payload", "batch_size: 'many' is no"),
    ]
    for field in ("id_schedule_override", "id_retry_count_override", "id_p_batch_size"):
        assert f'id="{field}"' in page


def test_a_reset_is_a_button_of_its_field_and_leaves_the_others() -> None:
    row = job(schedule_override="5 * * * *", description_override="Mine")
    client = superuser()
    assert 'name="_reset" value="schedule_override"' in client.get(address(row, "settings")).content.decode()
    save(client, row, "_x", _reset="schedule_override", reason="Back to normal")
    saved = fresh(row)
    assert saved.schedule_override is None
    assert saved.description_override == "Mine"
    change = JobChange.objects.get()
    assert (change.field, change.new, change.reason) == ("schedule", None, "Back to normal")


def test_a_reason_is_kept_without_what_no_database_holds() -> None:
    row = job(schedule_override="5 * * * *")
    client = superuser()
    client.post(address(row), {**fields(client, row), "_reset": "schedule_override", "reason": "a\x00b"})
    assert JobChange.objects.get(field="schedule").reason == "a\N{REPLACEMENT CHARACTER}b"


def test_a_reset_keeps_what_else_was_typed_on_the_page() -> None:
    row = job(schedule_override="5 * * * *")
    response = save(superuser(), row, "_x", _reset="schedule_override", description_override="Typed")
    assert response.status_code == 200
    typed = read_fields(response.content.decode())
    assert typed["description_override"] == "Typed"
    assert typed["schedule_override"] == ""
    assert fresh(row).description_override is None


def test_a_reset_says_that_the_rest_is_not_saved() -> None:
    row = job(retry_count_override=1)
    answer = save(superuser(), row, "_x", _reset="retry_count_override", description_override="typed")
    assert "Your other changes are not saved yet." in answer.content.decode()
    assert fresh(row).description_override is None


def test_a_field_that_does_not_exist_is_not_reset() -> None:
    row = job()
    response = superuser().post(address(row), {"_reset": "paused"}, follow=True)
    assert "There is no field paused to reset." in text(response.content.decode())


def test_a_reset_of_what_follows_the_code_is_in_no_log() -> None:
    row = job()
    answer = superuser().post(address(row), {"_reset": "retry_count_override", "seen": "{}"}, follow=True)
    assert LogEntry.objects.count() == 0
    client = signed_in(User.objects.get(username="maria"))
    answer = client.post(address(row), {**fields(client, row), "_reset": "retry_count_override"}, follow=True)
    assert "Retry count follows the code already." in answer.content.decode()
    assert LogEntry.objects.count() == 0


def test_the_preview_button_saves_nothing() -> None:
    row = job()
    ScheduledJob.objects.filter(pk=row.pk).update(declared_schedule="30 1 * * *")
    response = save(superuser(), row, "_preview", schedule_override="30 1,13 * * *")
    told = text(response.content.decode())
    assert "Preview, not saved yet" in told
    assert (
        "Will change: schedule, At 01:30, every day → At 01:30 and 13:30, every day; "
        "7 runs a week become 14. Google is told on saving."
    ) in told
    assert fresh(row).schedule_override is None


def test_the_settings_are_also_taken_where_the_overview_is() -> None:
    row = job()
    client = superuser()
    answer = client.post(address(row), {**fields(client, row), "retry_count_override": "3", "_save": "1"})
    assert (answer.status_code, answer.headers["Location"]) == (302, address(row, "settings"))
    assert fresh(row).retry_count_override == 3
    wrong = client.post(address(row), {**fields(client, row), "retry_count_override": "two", "_save": "1"})
    assert wrong.status_code == 200
    assert read_fields(wrong.content.decode())["retry_count_override"] == "two"


def test_a_job_that_is_being_deleted_is_not_saved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = job()
    client = superuser()
    typed = {**fields(client, row), "_save": "1", "retry_count_override": "3"}

    def found_just_before(*_: object) -> ScheduledJob:
        stale = fresh(row)
        ScheduledJob.objects.update(deleting_at=timezone.now())
        return stale

    monkeypatch.setattr(view, "find_job", found_just_before)
    answer = client.post(address(row), typed)
    assert [str(message) for message in get_messages(answer.wsgi_request)] == [
        "This job is being deleted; nothing was saved."
    ]
    assert fresh(row).retry_count_override is None


def test_a_job_that_is_deleted_while_it_is_saved_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    row = job()
    client = superuser()
    sent = fields(client, row)

    def find(request: Any, object_id: str, *verbs: str) -> ScheduledJob:
        found = ScheduledJob.objects.get(pk=object_id)
        ScheduledJob.objects.filter(pk=object_id).delete()
        return found

    monkeypatch.setattr("scheduled_jobs.admin.job.view.find_job", find)
    answer = client.post(address(row), {**sent, "retry_count_override": "2"})
    assert answer.status_code == 404


# --- Two people who edit a job at once: the second is told, and decides ---------------------------


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
