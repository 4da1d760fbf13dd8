from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.admin.job import view
from scheduled_jobs.admin.job.form import SEEN
from scheduled_jobs.domain.payloads import redact
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob, attribution
from tests.support import make_run
from tests.support.job_page import (
    DECLARED,
    MASK,
    address,
    fields,
    fresh,
    job,
    read_fields,
    save,
    text,
)
from tests.support.pages import Page
from tests.support.people import LIST, signed_in, staff, superuser

pytestmark = pytest.mark.django_db
XSS = "<script>alert(1)</script>"
TABS = {"change": "Overview", "settings": "Settings", "changes": "Changes"}
"""Last part of the address of each page of a job -> what its tab is called."""


# --- Three truths ---------------------------------------------------------------------------------


def test_each_field_shows_the_default_the_override_and_what_google_has() -> None:
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
    assert "5, should be 3" in cell
    assert f'href="{address(row, "drift")}"' in cell
    [schedule] = re.findall(r'<label for="id_schedule_override">.*?</tr>', page, re.DOTALL)
    assert "same" in schedule


def test_an_override_says_who_set_it_when_through_what_and_why_and_that_the_code_changed_since() -> None:
    row = job()
    maria = User.objects.create_superuser("maria", first_name="Maria", last_name="Lopes")
    client = signed_in(maria)
    save(client, row, schedule_override="30 1 * * *", reason="The batch closes at 01:10")
    JobChange.record(fresh(row), {"declared_schedule": ("0 2 * * *", "15 1 * * *")})
    ScheduledJob.objects.filter(pk=row.pk).update(declared_schedule="15 1 * * *")
    [cell] = re.findall(
        r'<label for="id_schedule_override">.*?</tr>',
        client.get(address(row, "settings")).content.decode(),
        re.DOTALL,
    )
    told = text(cell)
    assert "by Maria Lopes" in told
    assert "form: The batch closes at 01:10 Reset" in told
    assert "the code’s default has changed since" in told
    assert "it was 0 2 * * * when you overrode it" in told


def test_what_was_replaced_in_google_does_not_pass_for_who_set_an_override() -> None:
    row = job()
    save(superuser("maria"), row, schedule_override="30 1 * * *")
    with attribution("rui", via="sync"):
        JobChange.record(fresh(row), {"schedule": ("5 5 * * *", "30 1 * * *")})
    page = superuser("ana").get(address(row, "settings")).content.decode()
    assert "by maria" in text(page)
    assert "by rui" not in text(page)


# --- Saving ---------------------------------------------------------------------------------------


def test_only_what_was_changed_is_written_and_the_rest_follows_the_code() -> None:
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
        ({"attempt_deadline_override": "2 h"}, "write 15 seconds to 30 minutes"),
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


def test_an_empty_description_is_an_override_and_not_lost_when_another_field_is_saved() -> None:
    row = job(declared_description="What the code says", description_override="")
    client = superuser()
    assert fields(client, row)["description_override"] == '""'
    save(client, row, retry_count_override="1")
    assert (fresh(row).description_override, fresh(row).retry_count_override) == ("", 1)
    save(client, row, description_override="")
    assert fresh(row).description_override is None
    save(client, row, description_override='""')
    assert (fresh(row).description_override, fresh(row).description) == ("", "")


def test_a_reason_that_no_database_holds_is_kept_without_what_it_cannot() -> None:
    row = job(schedule_override="5 * * * *")
    client = superuser()
    client.post(address(row), {**fields(client, row), "_reset": "schedule_override", "reason": "a\x00b"})
    assert JobChange.objects.get(field="schedule").reason == "a\N{REPLACEMENT CHARACTER}b"


def test_raw_json_that_was_typed_stays_open_and_as_it_was() -> None:
    row = job()
    typed = '{"batch_size":   7}'
    page = save(superuser(), row, "_preview", payload_raw=typed).content.decode()
    assert read_fields(page)["payload_raw"].strip() == typed
    assert '<details class="sj-raw" open>' in page
    assert '<details class="sj-raw">' in superuser("ana").get(address(row, "settings")).content.decode()


def test_a_payload_that_is_overridden_says_of_the_rest_that_it_is_as_the_code_says() -> None:
    row = job(payload_override={**DECLARED, "batch_size": 800})
    page = superuser().get(address(row, "settings")).content.decode()
    assert "As the code says: &quot;full&quot;" in page
    assert (
        "Follows the code: &quot;full&quot;"
        in superuser("ana").get(address(job(name="b"), "settings")).content.decode()
    )


def test_a_reset_keeps_what_else_was_typed_on_the_page() -> None:
    row = job(schedule_override="5 * * * *")
    response = save(superuser(), row, "_x", _reset="schedule_override", description_override="Typed")
    assert response.status_code == 200
    typed = read_fields(response.content.decode())
    assert typed["description_override"] == "Typed"
    assert typed["schedule_override"] == ""
    assert fresh(row).description_override is None


# --- The payload ----------------------------------------------------------------------------------


def test_typed_parameters_become_the_payload_and_secrets_are_kept() -> None:
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


def test_a_secret_is_never_on_the_page_and_an_empty_field_keeps_it() -> None:
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


def test_a_mask_in_raw_json_keeps_the_secret_and_a_new_secret_replaces_it() -> None:
    row = job(payload_override={"batch_size": 800, "api_token": "s3cret"})
    client = superuser()
    save(client, row, payload_raw=f'{{"batch_size": 1, "api_token": "{MASK}"}}')
    assert fresh(row).payload_override == {"batch_size": 1, "api_token": "s3cret"}
    save(client, row, p_api_token="n3w")
    assert fresh(row).payload_override == {"batch_size": 1, "api_token": "n3w"}


def test_a_secret_that_was_typed_is_not_shown_again_and_cannot_be_lost_silently() -> None:
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


def test_a_task_that_is_not_in_the_code_has_raw_json_only() -> None:
    row = job()
    registry._tasks.pop(row.task)
    page = text(superuser().get(address(row, "settings")).content.decode())
    assert f"{row.task} is not in the code of this process" in page


# --- Two at once ----------------------------------------------------------------------------------


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


# --- The preview ----------------------------------------------------------------------------------


def test_the_preview_button_shows_what_will_happen_and_saves_nothing() -> None:
    row = job()
    ScheduledJob.objects.filter(pk=row.pk).update(declared_schedule="30 1 * * *")
    response = save(
        superuser(), row, "_preview", schedule_override="30 1,13 * * *", viewer_zone="America/New_York"
    )
    told = text(response.content.decode())
    assert "Preview of your edit, not saved yet" in told
    assert "7 runs become 14" in told
    assert "America/New_York (you)" in told
    assert response.cookies["sj_zone"].value == "America/New_York"
    assert fresh(row).schedule_override is None


def test_the_script_gets_the_preview_alone() -> None:
    row = job()
    client = superuser()
    response = client.post(address(row, "preview"), {"schedule_override": "every 2 hours"})
    assert response.status_code == 200
    assert "<html" not in response.content.decode()
    assert client.get(address(row, "preview")).status_code == 403
    wrong = client.post(address(row, "preview"), {"schedule_override": "0 0 30 2 *"})
    assert "0 0 30 2 *" in text(wrong.content.decode())


# --- Runs, facts, changes -------------------------------------------------------------------------


def test_the_page_opens_with_a_sentence_and_links_its_runs() -> None:
    now = timezone.now()
    row = job(
        last_run_at=now - timedelta(hours=2), last_status="succeeded", last_duration=timedelta(seconds=41)
    )
    run = make_run(
        row, "succeeded", scheduled_for=now - timedelta(hours=2), started_at=now - timedelta(hours=2),
        duration=timedelta(seconds=41), result={"settled": 3, "token": "s3cret"},
    )  # fmt: skip
    page = superuser().get(address(row)).content.decode()
    told = text(page)
    assert "Healthy. The last run succeeded 2 h ago in 41 s. The next one is due" in told
    assert f'href="/admin/scheduled_jobs/jobrun/{run.pk}/change/"' in page
    assert '"settled": 3' in told
    assert '"token": "••••••••"' in told
    assert "s3cret" not in page
    assert "Duration of the last 1 run. Median 41 s, p95 41 s. 1 succeeded." in page


@pytest.mark.parametrize(("tab", "title"), TABS.items())
def test_each_page_links_the_others_and_says_which_it_is(tab: str, title: str) -> None:
    row = job(schedule_override="5 * * * *", retry_count_override=1)
    page = Page(superuser().get(address(row, tab)).content.decode())
    links = [e for e in page.of("a") if e.is_within(**{"class": "sj-tabs"})]
    assert [(link.attrs["href"], " ".join(link.text.split())) for link in links] == [
        (address(row), "Overview"),
        (address(row, "settings"), "Settings 2 overridden"),
        (address(row, "changes"), "Changes"),
    ]
    [current] = [link for link in links if link.attrs.get("aria-current") == "page"]
    assert current.text.split()[0] == title


def test_the_overview_tells_what_lies_ahead_and_the_changes_what_was() -> None:
    row = job(live_seen_at=timezone.now())
    client = superuser()
    save(client, row, schedule_override="5 * * * *", reason="Because")
    changes = text(client.get(address(row, "changes")).content.decode())
    assert "maria set schedule the code’s default → 5 * * * * form Because" in changes
    assert "Next ten runs as saved" in client.get(address(row)).content.decode()


def test_the_history_of_djangos_leads_to_the_changes() -> None:
    row = job()
    answer = superuser().get(address(row, "history"))
    assert (answer.status_code, answer.headers["Location"]) == (302, address(row, "changes"))


def test_the_settings_are_also_taken_where_the_overview_is() -> None:
    row = job()
    client = superuser()
    answer = client.post(address(row), {**fields(client, row), "retry_count_override": "3", "_save": "1"})
    assert (answer.status_code, answer.headers["Location"]) == (302, address(row, "settings"))
    assert fresh(row).retry_count_override == 3
    wrong = client.post(address(row), {**fields(client, row), "retry_count_override": "two", "_save": "1"})
    assert wrong.status_code == 200
    assert read_fields(wrong.content.decode())["retry_count_override"] == "two"


def test_a_program_that_has_seen_no_page_writes_what_it_names() -> None:
    row = job(schedule_override="5 * * * *")
    answer = superuser().post(address(row), {"retry_count_override": "3", "reason": "Script"})
    assert answer.status_code == 302
    assert (fresh(row).schedule_override, fresh(row).retry_count_override) == ("5 * * * *", 3)
    assert [change.field for change in JobChange.objects.all()] == ["retry_count"]


@pytest.mark.parametrize("tab", TABS)
def test_markup_in_names_payloads_and_results_is_text(tab: str) -> None:
    row = job(
        declared_description=XSS, payload_override={"batch_size": XSS}, declared_payload={XSS: XSS},
        pause_reason=XSS, paused=True, sync_error=XSS, sync_state="failed", live={"payload": {XSS: 1}},
        live_seen_at=timezone.now(),
    )  # fmt: skip
    make_run(row, "failed", error=XSS, result={XSS: XSS}, requested_by=XSS, reason=XSS)
    with attribution(XSS, via="form", reason=XSS):
        JobChange.record(row, {"payload": ({XSS: 1}, {XSS: 2}), XSS: (XSS, XSS)})
    page = superuser().get(address(row, tab)).content.decode()
    assert XSS not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(("tab", "queries"), [("change", 8), ("settings", 6), ("changes", 5)])
def test_each_page_asks_for_what_it_shows_however_long_the_past(
    tab: str, queries: int, django_assert_num_queries: Any
) -> None:
    client = superuser()
    small = job(schedule_override="5 * * * *")
    for n in (1, 30):
        for _n in range(n):
            make_run(small, "succeeded", duration=timedelta(seconds=1))
            JobChange.record(small, {"schedule": (None, "5 * * * *")})
        with django_assert_num_queries(queries):
            client.get(address(small, tab))


# --- Permissions ----------------------------------------------------------------------------------


def test_a_viewer_sees_values_and_no_control_and_every_post_is_refused() -> None:
    row = job(schedule_override="5 * * * *", payload_override={"batch_size": 800})
    viewer = signed_in(staff("view"))
    page = viewer.get(address(row)).content.decode()
    main = page.partition('id="content-main"')[2].partition("<footer")[0]
    assert "5 * * * *" in main
    for control in ("<form", "<input", "<button", "<select", "<textarea", "run-now/", "pause/", "drift/"):
        assert control not in main, control
    for button in ({"_save": "1"}, {"_preview": "1"}, {"_reset": "schedule_override"}, {"_take": "schedule"}):
        assert viewer.post(address(row), {"schedule_override": "", **button}).status_code == 403
    assert viewer.post(address(row, "preview"), {}).status_code == 403
    assert viewer.post(address(row, "delete"), {}).status_code == 403
    assert viewer.post(f"{LIST}add/", {}).status_code == 403
    assert fresh(row).schedule_override == "5 * * * *"


def test_links_to_run_and_pause_are_shown_to_those_who_may() -> None:
    row = job()
    page = signed_in(staff("view", "run")).get(address(row)).content.decode()
    assert address(row, "run-now") in page
    assert address(row, "pause") not in page


def test_a_job_of_the_code_cannot_be_deleted_and_the_page_says_why_and_what_to_do() -> None:
    row = job()
    client = superuser()
    told = text(client.get(address(row)).content.decode())
    assert "it cannot be deleted here: remove the class, deploy, and it is retired" in told
    assert "comes from the code and cannot be deleted here" in text(
        client.get(address(row, "delete")).content.decode()
    )
    assert client.post(address(row, "delete")).status_code == 403
    assert JobRun.objects.count() == 0


# --- Words of the audit and of the state ----------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "old", "new", "told"),
    [
        ("job", None, "shop--settle", "created the job"),
        ("paused", False, True, "paused the job"),
        ("paused", True, False, "resumed the job"),
        ("retired", False, True, "retired the job: its class is gone from the code"),
        ("retired", True, False, "brought the job back"),
        ("deleting", False, True, "asked for the job to be deleted"),
        ("run", None, 7, "asked for run #7"),
        ("run", 7, 8, "changed run #7"),
        ("sync", "drifted", "pending", "asked for a sync with Google"),
        ("schedule", "5 * * * *", None, "reset schedule to the code’s default"),
        (
            "declared_min_backoff",
            "P0DT00H00M05S",
            "P0DT00H01M00S",
            "changed the default of shortest wait 5 s",
        ),
        ("payload", {"a": 1, "b": 2}, {"a": 3}, "set payload a 1 → 3, b 2 → nothing"),
        ("name", "old", "new", "changed name old → new"),
    ],
)
def test_every_change_is_told_in_words(field: str, old: Any, new: Any, told: str) -> None:
    row = job()
    with attribution("rui", via="cli", reason="Why not"):
        JobChange.record(row, {field: (old, new)})
    page = text(superuser().get(address(row, "changes")).content.decode())
    assert f"rui {told}" in page
    assert "command line Why not" in page


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "New. It has not run yet."),
        ({"paused": True, "pause_reason": "Legal", "paused_by": "rui"}, "Paused by rui, until somebody resumes it."),
        ({"retired_at": "now"}, "Retired. Its class is gone from the code"),
        ({"failures_in_a_row": 3, "last_status": "failed", "last_run_at": "now"}, "The last 3 runs failed"),
        ({"last_status": "missed", "last_run_at": "now"}, "Missed. The last run was missed, now."),
        ({"last_status": "running", "last_run_at": "now"}, "A run started now and has not ended yet."),
        ({"sync_state": "failed", "sync_error": "Quota is used up."}, "Not in Google: Quota is used up."),
        ({"sync_state": "drifted", "live_seen_at": "now"}, "Google has no such job"),
        (
            {"sync_state": "drifted", "live_seen_at": "now", "live": {"payload": {}, "state": "PAUSED"}},
            "the payload is another one there; it is paused there and enabled here",
        ),
    ],
)  # fmt: skip
def test_the_state_is_told_in_sentences(values: dict[str, Any], told: str) -> None:
    now = timezone.now()
    row = job(**{name: now if value == "now" else value for name, value in values.items()})
    assert told in text(superuser().get(address(row)).content.decode())


@pytest.mark.parametrize("values", [{"retired_at": 1}, {"paused": True}, {"paused": True, "paused_until": 1}])
def test_what_lies_ahead_of_a_job_that_rests(values: dict[str, Any]) -> None:
    then = timezone.now() + timedelta(days=3)
    row = job(**{name: then if value == 1 and name != "paused" else value for name, value in values.items()})
    page = text(superuser().get(address(row)).content.decode())
    wanted = "The first runs after the pause." if "paused_until" in values else "No run lies ahead"
    assert wanted in page


def test_the_chart_of_fast_runs_on_one_day_has_milliseconds_and_times() -> None:
    row = job()
    for hour in range(1, 13):
        at = datetime(2026, 10, 22, hour, tzinfo=UTC)
        make_run(row, "succeeded", scheduled_for=at, started_at=at, duration=timedelta(milliseconds=30))
    page = text(superuser().get(address(row)).content.decode())
    assert "20 ms" in page
    assert "40 ms" in page
    assert "01:00 03:00" in page


def test_the_chart_has_a_mark_for_every_outcome() -> None:
    row = job()
    for status in JobRun.Status:
        lasted = timedelta(seconds=40) if status in ("succeeded", "failed", "timed_out") else None
        make_run(row, status, duration=lasted)
    page = superuser().get(address(row) + "?last=200").content.decode()
    chart = page.partition('class="sj-svg"')[2].partition("</svg>")[0]
    for mark in ("m-ok", "m-bad", "m-lost", "m-miss", "m-skip", "m-run", "m-foot"):
        assert f'class="{mark}"' in chart, mark
    assert chart.count("<title>") == len(JobRun.Status)


def test_a_job_that_somebody_deletes_at_the_same_moment_is_not_saved(
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


def test_a_field_that_does_not_exist_is_not_reset() -> None:
    row = job()
    response = superuser().post(address(row), {"_reset": "paused"}, follow=True)
    assert "There is no field paused to reset." in text(response.content.decode())


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


# --- Payloads that nobody would type ---------------------------------------------------------------


def test_a_payload_of_many_keys_is_masked_once_and_not_once_for_every_key(
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
def test_an_override_that_is_no_object_is_shown_as_what_it_is_and_can_be_mended(saved: Any) -> None:
    row = job(payload_override=saved, live={"payload": {}}, live_seen_at=timezone.now())
    client = superuser()
    assert json.dumps(saved) in fields(client, row)["payload_raw"].replace("\n", "").replace(
        "  ", ""
    ).replace(",", ", ")
    assert save(client, row, payload_raw='{"batch_size": 3}').status_code == 302
    assert fresh(row).payload_override == {"batch_size": 3}


# --- What is said where one would look --------------------------------------------------------------


def test_all_faults_are_listed_on_top_with_links_to_their_fields() -> None:
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


def test_a_reset_says_of_what_else_was_typed_that_it_is_not_saved() -> None:
    row = job(retry_count_override=1)
    answer = save(superuser(), row, "_x", _reset="retry_count_override", description_override="typed")
    assert "Your other changes are not saved yet." in answer.content.decode()
    assert fresh(row).description_override is None


def test_who_comes_back_to_a_job_that_was_deleted_is_led_to_the_list() -> None:
    row = job()
    ScheduledJob.objects.all().delete()
    answer = superuser().get(address(row), follow=True)
    assert answer.redirect_chain == [(LIST, 302)]
    assert "There is no such job." in answer.content.decode()


# --- What stands there and was not typed ------------------------------------------------------------


def test_a_page_that_is_saved_untouched_changes_nothing_however_the_values_came_there() -> None:
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


def test_a_reset_of_what_follows_the_code_already_says_so_and_is_in_no_log() -> None:
    row = job()
    answer = superuser().post(address(row), {"_reset": "retry_count_override", "seen": "{}"}, follow=True)
    assert LogEntry.objects.count() == 0
    client = signed_in(User.objects.get(username="maria"))
    answer = client.post(address(row), {**fields(client, row), "_reset": "retry_count_override"}, follow=True)
    assert "Retry count follows the code already." in answer.content.decode()
    assert LogEntry.objects.count() == 0


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
