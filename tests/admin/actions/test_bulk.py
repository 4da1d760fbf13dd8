from __future__ import annotations

import inspect
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.admin.actions import bulk
from scheduled_jobs.admin.actions.bulk_actions import BULK_ACTIONS, MAX_RUNS
from scheduled_jobs.admin.page.same_as_shown import token_of
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob, job_queryset
from scheduled_jobs.services.scheduling.push import on_commit
from tests.support import make_job, make_task
from tests.support.people import LIST, signed_in, staff

if TYPE_CHECKING:
    from django.test import Client

    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("google")]


def job(name: str = "Report", **values: Any) -> ScheduledJob:
    return make_job(make_task(name=name), f"shop--{name.lower()}", **values)


def operator(*verbs: str) -> Client:
    return signed_in(staff("view", *verbs, name="rui"))


def hidden(html: str, name: str) -> list[str]:
    return re.findall(rf'<input type="hidden" name="{name}" value="([^"]*)">', html)


def ask(client: Client, action: str, *jobs: ScheduledJob, query: str = "", **more: str) -> str:
    """The page that an action leads to."""
    fields = {"action": action, "_selected_action": [row.pk for row in jobs], "index": "0", **more}
    response = client.post(LIST + query, fields)
    assert response.status_code == 200, response.status_code
    return response.content.decode().replace("<wbr>", "")


def confirm(client: Client, html: str, query: str = "", **fields: Any) -> Any:
    """Press the button of the page that was asked for."""
    names = ("action", "index", "select_across", "seen", "_selected_action")
    data = {name: hidden(html, name) for name in names}
    return client.post(LIST + query, {**data, "confirmed": "yes", **fields}, follow=True)


def said(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def fields_of(row: ScheduledJob) -> dict[str, tuple[Any, Any]]:
    return {change.field: (change.old, change.new) for change in JobChange.objects.filter(job=row)}


# --- Pause ----------------------------------------------------------------------------------------


def test_a_bulk_pause_says_how_many_and_when_each_would_run() -> None:
    rows = [job("A"), job("B", paused=True, pause_reason="old"), job("C", retired_at=timezone.now())]
    html = ask(operator("pause"), "pause_jobs", *rows)
    assert "Pause 2 jobs?" in html
    assert "1 of the selection is retired or being deleted, and stays as it is." in html
    assert "shop.reports.A" in html
    assert re.search(r"in \d+ (min|s|h)[^<]*UTC", html)
    assert "paused: old" in html
    assert "resuming starts nothing" in html


def test_all_are_paused_and_every_audit_tells_it() -> None:
    rows = [job("A"), job("B")]
    client = operator("pause")
    response = confirm(client, ask(client, "pause_jobs", *rows), reason="Warehouse moves", until_mode="open")
    assert said(response) == ["2 jobs are paused."]
    for row in rows:
        row.refresh_from_db()
        assert (row.paused, row.pause_reason, row.paused_until) == (True, "Warehouse moves", None)
        assert row.paused_by == "rui"
        changes = JobChange.objects.filter(job=row)
        assert {change.via for change in changes} == {"bulk"}
        assert {change.actor_id for change in changes} == {str(User.objects.get(username="rui").pk)}
        assert {change.reason for change in changes} == {"Warehouse moves"}
        assert fields_of(row)["paused"] == (False, True)
    entries = LogEntry.objects.order_by("object_repr")
    assert [(entry.object_repr, entry.get_change_message()) for entry in entries] == [
        ("shop--a", "Paused."),
        ("shop--b", "Paused."),
    ]


def test_nothing_is_paused_without_a_reason() -> None:
    row = job()
    client = operator("pause")
    response = confirm(client, ask(client, "pause_jobs", row), reason="  ", until_mode="open")
    assert "Say why the jobs are paused." in response.content.decode()
    row.refresh_from_db()
    assert not row.paused


def test_a_bulk_pause_may_have_an_end_in_the_zone_of_the_site() -> None:
    row = job()
    client = operator("pause")
    until = datetime(2099, 1, 2, 3, 4, 5, tzinfo=UTC)
    confirm(
        client,
        ask(client, "pause_jobs", row),
        reason="x",
        until_mode="until",
        until_0="2099-01-02",
        until_1="03:04:05",
    )
    row.refresh_from_db()
    assert row.paused_until == until


@pytest.mark.parametrize(
    ("date", "time", "message"),
    [
        ("", "", "Say until when, date and time, or choose an open end."),
        ("2001-01-01", "00:00", "This time is past; a pause ends in the future."),
        ("soon", "now", "Enter a valid date."),
    ],
)
def test_an_end_that_is_none_is_refused_beside_its_field(date: str, time: str, message: str) -> None:
    row = job()
    client = operator("pause")
    page = ask(client, "pause_jobs", row)
    response = confirm(client, page, reason="x", until_mode="until", until_0=date, until_1=time)
    assert message in response.content.decode()
    row.refresh_from_db()
    assert not row.paused


def test_an_end_that_was_typed_but_not_chosen_is_asked_about() -> None:
    row = job()
    client = operator("pause")
    page = ask(client, "pause_jobs", row)
    answer = confirm(client, page, reason="x", until_mode="open", until_0="2099-01-02", until_1="03:04:05")
    assert (
        "An end is filled in, and no end is chosen: choose “Until a time”, or clear the date."
        in answer.content.decode()
    )
    row.refresh_from_db()
    assert row.paused is False


# --- Resume, reset, push, run ---------------------------------------------------------------------


def test_resuming_many_tells_who_paused_and_fires_nothing(google: MemoryBackend) -> None:
    paused = job("A", paused=True, pause_reason="Moves", paused_by="ana", paused_at=timezone.now())
    client = operator("pause")
    html = ask(client, "resume_jobs", paused, job("B"))
    assert "Resume 1 job?" in html
    assert "1 of the selection is not paused, and stays as it is." in html
    assert "by ana, now, “Moves”" in html
    assert "Nothing starts now" in html
    response = confirm(client, html, reason="done")
    assert said(response) == ["1 job is resumed."]
    paused.refresh_from_db()
    assert not paused.paused
    assert fields_of(paused)["paused"] == (True, False)
    assert {change.reason for change in JobChange.objects.all()} == {"done"}
    assert JobRun.objects.count() == 0


def test_a_reset_shows_what_changes_and_removes_all_overrides() -> None:
    row = job("A", schedule_override="5 * * * *", retry_count_override=3)
    client = operator("change")
    html = ask(client, "reset_jobs", row, job("B"))
    assert "Reset all overrides of 1 job?" in html
    assert "1 of the selection has nothing to reset, or is being deleted." in html
    assert "schedule: 5 * * * * → 0 * * * *; retry count: 3 → 0" in html
    response = confirm(client, html, reason="Sale is over")
    assert said(response) == ["1 job follows the code again."]
    row.refresh_from_db()
    assert not row.is_overridden
    assert fields_of(row) == {"schedule": ("5 * * * *", None), "retry_count": (3, None)}
    assert {change.reason for change in JobChange.objects.all()} == {"Sale is over"}


def test_a_bulk_reset_leaves_an_own_job_its_schedule() -> None:
    row = job("A", origin="operator", schedule_override="5 * * * *", retry_count_override=3)
    client = operator("change")
    confirm(client, ask(client, "reset_jobs", row))
    row.refresh_from_db()
    assert (row.schedule_override, row.retry_count_override) == ("5 * * * *", None)


def test_secrets_in_payloads_are_masked_on_the_pages() -> None:
    row = job("A", payload_override={"api_token": "hush", "region": "emea"})
    client = operator("change", "run")
    for action in ("reset_jobs", "run_jobs"):
        html = ask(client, action, row)
        assert "hush" not in html
        assert "emea" in html
        assert "••••••••" in html


@pytest.mark.django_db(transaction=True)
def test_a_bulk_push_makes_google_equal(google: MemoryBackend) -> None:
    rows = [job("A"), job("B", sync_state="failed", sync_error="Quota is used up.")]
    client = operator("sync")
    html = ask(client, "sync_jobs", *rows)
    assert "Send 2 jobs to Google?" in html
    assert "Not sent: Quota is used up." in html
    assert "never" in html
    response = confirm(client, html, reason="after the outage")
    assert said(response) == ["2 jobs are being sent; the list of jobs tells if one could not be."]
    assert {live.name for live in google.list(timeout=5)} == {"shop--a", "shop--b"}
    assert list(ScheduledJob.objects.values_list("sync_state", flat=True)) == ["synced", "synced"]
    assert fields_of(rows[1])["sync"] == ("failed", "pending")


@pytest.mark.django_db(transaction=True)
def test_what_a_push_overwrites_in_google_is_kept_in_the_audit() -> None:
    row = job("A")
    ScheduledJob.objects.all().push()
    row.refresh_from_db()
    live = {**(row.live or {}), "description": "of the console", "state": "PAUSED"}
    ScheduledJob.objects.update(sync_state="drifted", live=live)
    JobChange.objects.all().delete()
    client = operator("sync")
    html = ask(client, "sync_jobs", row)
    assert "overwritten, and kept in the job's changes." in html
    confirm(client, html)
    assert fields_of(row) == {
        "sync": ("drifted", "pending"),
        "description": ("of the console", ""),
        "state": ("PAUSED", "ENABLED"),
    }


def test_one_run_each_is_asked_for_with_the_payload_in_force() -> None:
    rows = [job("A", payload_override={"region": "emea"}), job("B", paused=True, pause_reason="x")]
    client = operator("run")
    html = ask(client, "run_jobs", *rows)
    assert "Run 2 jobs now?" in html
    assert "{&quot;region&quot;: &quot;emea&quot;}" in html
    assert "A paused job runs too" in html
    response = confirm(client, html, reason="stock count")
    assert said(response) == ["2 runs are queued; they start when Google calls."]
    runs = JobRun.objects.order_by("job__name")
    assert [(run.payload, run.requested_by, run.reason) for run in runs] == [
        ({"region": "emea"}, "rui", "stock count"),
        ({}, "rui", "stock count"),
    ]
    assert {change.via for change in JobChange.objects.all()} == {"bulk"}


def test_too_many_runs_at_once_are_refused() -> None:
    client = operator("run")
    task = make_task(name="Many")
    html = ask(client, "run_jobs", *[make_job(task, f"shop--many-{n}") for n in range(MAX_RUNS + 1)])
    assert "That is more than 100 at once." in html
    assert 'name="confirmed"' not in html
    confirm(client, html)
    assert JobRun.objects.count() == 0


def test_what_one_job_refuses_is_done_with_the_others() -> None:
    def run(self: Any, region: str) -> None: ...

    good = job("A")
    bad = make_job(make_task(run, name="Picky"), "shop--picky")
    client = operator("run")
    response = confirm(client, ask(client, "run_jobs", good, bad))
    messages = said(response)
    assert messages[0] == "1 run is queued; it starts when Google calls."
    assert messages[1].startswith("Not done with shop.reports.Picky: region")
    assert [run.job for run in JobRun.objects.all()] == [good]
    assert LogEntry.objects.count() == 1


def test_many_failures_are_summed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(self: Any, region: str) -> None: ...

    monkeypatch.setattr(bulk, "MAX_MESSAGES", 1)
    rows = [make_job(make_task(run, name=f"P{n}"), f"p{n}") for n in range(3)]
    client = operator("run")
    messages = said(confirm(client, ask(client, "run_jobs", *rows)))
    assert len(messages) == 2
    assert messages[1] == "2 more were not done."


# --- The selection --------------------------------------------------------------------------------


def test_all_jobs_of_a_filter_can_be_chosen_beyond_the_page() -> None:
    for number in range(3):
        job(f"A{number}", sync_state="drifted")
    other = job("B", sync_state="synced")
    client = operator("pause")
    query = "?google=drifted"
    first = ScheduledJob.objects.get(name="shop--a0")
    html = ask(client, "pause_jobs", first, query=query, select_across="1")
    assert "Pause 3 jobs?" in html
    confirm(client, html, query=query, reason="x", until_mode="open")
    assert ScheduledJob.objects.filter(paused=True).count() == 3
    other.refresh_from_db()
    assert not other.paused


def test_a_selection_that_has_changed_is_shown_again() -> None:
    rows = [job("A"), job("B")]
    client = operator("pause")
    html = ask(client, "pause_jobs", rows[0], select_across="1")
    job("C")
    response = confirm(client, html, reason="x", until_mode="open")
    text = response.content.decode()
    assert "The selected jobs have changed since they were shown. Nothing was done" in text
    assert "Pause 3 jobs?" in text
    assert not ScheduledJob.objects.filter(paused=True).exists()
    confirm(client, text, reason="x", until_mode="open")
    assert ScheduledJob.objects.filter(paused=True).count() == 3


def test_where_there_is_nothing_to_do_the_page_says_so() -> None:
    client = operator("pause")
    html = ask(client, "resume_jobs", job())
    assert "There is nothing to do." in html
    assert 'name="confirmed"' not in html
    assert said(confirm(client, html)) == []


def test_a_page_names_the_first_and_counts_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MAX_ROWS", 2)
    html = ask(operator("pause"), "pause_jobs", *[job(name) for name in "ABCD"])
    assert "Pause 4 jobs?" in html
    assert "and 2 more" in html
    assert "shop.reports.C" not in html


@pytest.mark.parametrize(
    ("name", "verb"),
    [("pause_jobs", "pause"), ("resume_jobs", "pause"), ("reset_jobs", "change"), ("sync_jobs", "sync")],
)
def test_many_jobs_take_as_many_statements_as_few(name: str, verb: str) -> None:
    client = operator(verb)
    taken = []
    for names in (
        "V",
        "AB",
        "CDEFGHIJKLMNOPQRSTU",
    ):  # the first finds the content types, the others have them
        rows = [job(one, paused=name == "resume_jobs", retry_count_override=2) for one in names]
        html = ask(client, name, *rows)
        with CaptureQueriesContext(connection) as statements:
            confirm(client, html, reason="x", until_mode="open")
        taken.append(len(statements))
        assert JobChange.objects.filter(job__in=rows).count() >= len(rows)
    assert taken[1] == taken[2]


def test_more_jobs_than_a_statement_names_are_changed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_queryset, "IN_ONE_STATEMENT", 2)
    rows = [job(name) for name in "ABCDE"]
    client = operator("pause")
    confirm(client, ask(client, "pause_jobs", *rows), reason="x", until_mode="open")
    assert ScheduledJob.objects.filter(paused=True).count() == 5
    assert JobChange.objects.filter(field="paused", reason="x", via="bulk").count() == 5


def test_markup_stays_text_on_the_pages() -> None:
    evil = "<script>alert(1)</script>"
    row = job("A", paused=True, pause_reason=evil, paused_by=evil, sync_error=evil)
    ScheduledJob.objects.filter(pk=row.pk).update(task=evil, payload_override={"note": evil})
    client = operator("pause", "change", "sync", "run")
    for action in BULK_ACTIONS:
        assert evil not in ask(client, action.name, row)


# --- Who may --------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", BULK_ACTIONS, ids=lambda action: action.name)
@pytest.mark.parametrize("verb", ["view", "change", "pause", "run", "sync"])
def test_every_action_needs_its_own_permission(action: Any, verb: str) -> None:
    row = job("A", paused=action.name == "resume_jobs", schedule_override="5 * * * *")
    client = operator(verb)
    data = {"action": action.name, "_selected_action": [row.pk], "index": "0"}
    response = client.post(LIST, data)
    assert response.status_code == (200 if verb == action.verb else 403)
    confirmed = client.post(
        LIST,
        {
            **data,
            "confirmed": "yes",
            "seen": token_of([(row.pk, row.revision)], 0),
            "reason": "y",
            "until_mode": "open",
        },
    )
    assert confirmed.status_code == (302 if verb == action.verb else 403)
    assert JobChange.objects.exists() == (verb == action.verb)


def test_only_what_is_allowed_is_offered() -> None:
    job()
    html = operator("pause").get(LIST).content.decode()
    offered = re.findall(r'<option value="(\w+)"', html)
    assert offered == ["pause_jobs", "resume_jobs"]


def test_an_action_that_there_is_not_is_refused() -> None:
    row = job()
    data = {"action": "delete_selected", "_selected_action": [row.pk], "index": "0"}
    assert operator("pause", "delete").post(LIST, data).status_code == 403


def test_a_viewer_is_refused_every_post() -> None:
    assert operator().post(LIST, {}).status_code == 403


def test_a_form_of_another_site_is_refused() -> None:
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(staff("view", "pause"))
    data = {"action": "pause_jobs", "_selected_action": [job().pk], "index": "0"}
    assert client.post(LIST, data).status_code == 403


@pytest.mark.django_db(transaction=True)
def test_a_bulk_pause_holds_while_google_does_not_answer(google: MemoryBackend) -> None:
    row = job()
    client = operator("pause")
    google.store.faults.refuse("GetJob", "PERMISSION_DENIED", "no", times=100)
    google.store.faults.refuse("CreateJob", "PERMISSION_DENIED", "no", times=100)
    response = confirm(client, ask(client, "pause_jobs", row), reason="x", until_mode="open")
    row.refresh_from_db()
    assert (row.paused, row.sync_state) == (True, "failed")
    assert "not sent to Google" in response.content.decode(), "the page that follows tells it"


@pytest.mark.django_db(transaction=True)
def test_all_jobs_of_a_bulk_action_are_pushed_together(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushes: list[list[int]] = []
    push = on_commit.push_jobs
    monkeypatch.setattr(
        on_commit, "push_jobs", lambda pks, **more: (pushes.append(list(pks)), push(pks, **more))
    )
    rows = [job("A"), job("B"), job("C")]
    client = operator("pause")
    confirm(client, ask(client, "pause_jobs", *rows), reason="x", until_mode="open")
    assert pushes == [[row.pk for row in rows]]
    assert {live.state for live in google.list(timeout=5)} == {"PAUSED"}


def test_of_a_paused_job_it_is_said_that_nothing_is_scheduled(google: MemoryBackend) -> None:
    now = timezone.now()
    still = job("Still", paused=True, pause_reason="x", paused_at=now)
    ends = job("Ends", paused=True, pause_reason="x", paused_at=now, paused_until=now + timedelta(days=400))
    page = ask(operator("run"), "run_jobs", still, ends)
    assert "<td>paused</td>" in page
    assert "in 400 days" in page


def test_a_bulk_run_leaves_out_what_has_no_class_here(google: MemoryBackend) -> None:
    here, gone = job("Here"), job("Gone")
    registry._tasks.pop(gone.task)
    page = ask(operator("run"), "run_jobs", here, gone)
    assert "Run 1 job now?" in page
    assert "1 of the selection is retired, being deleted or without its class, and cannot run." in page


def test_an_override_set_meanwhile_is_not_reset_unseen(google: MemoryBackend) -> None:
    row = job(retry_count_override=1)
    client = operator("change")
    page = ask(client, "reset_jobs", row)
    row.retry_count_override = 5
    row.save()
    again = confirm(client, page, reason="old").content.decode()
    assert "5 → 0" in again
    assert ScheduledJob.objects.get(pk=row.pk).retry_count_override == 5
    confirm(client, again, reason="old")
    assert ScheduledJob.objects.get(pk=row.pk).retry_count_override is None


def test_a_bulk_run_that_is_sent_twice_runs_each_job_once(google: MemoryBackend) -> None:
    jobs = [job("A"), job("B")]
    client = operator("run")
    page = ask(client, "run_jobs", *jobs)
    confirm(client, page, reason="x")
    again = confirm(client, page, reason="x").content.decode()
    assert "Run 2 jobs now?" in again
    assert JobRun.objects.count() == 2


# --- What changes meanwhile, and what was left in Google --------------------------------------------


def test_an_end_that_passes_under_the_lock_is_past(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    row = job()
    client = operator("pause")
    page = ask(client, "pause_jobs", row)
    locked = bulk.token_of

    def wait_for_the_lock(*shown: Any) -> str:
        if any(frame.function == "apply_to_all" for frame in inspect.stack()):
            late.shift(timedelta(hours=2))
        return locked(*shown)

    monkeypatch.setattr(bulk, "token_of", wait_for_the_lock)
    end = {"until_mode": "until", "until_0": "2026-10-22", "until_1": "14:00:00"}
    with time_machine.travel(datetime(2026, 10, 22, 13, 8, tzinfo=UTC), tick=False) as late:
        answer = confirm(client, page, reason="x", **end)
    assert "This time is past; a pause ends in the future." in answer.content.decode()
    row.refresh_from_db()
    assert not row.paused


def test_who_was_overtaken_can_confirm_what_is_shown_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = job("A"), job("B")
    client = operator("pause")
    page = ask(client, "pause_jobs", one, other)

    def overtaken(*_: Any) -> bool:
        one.pause(reason="of somebody else")
        return False

    with monkeypatch.context() as patch:
        patch.setattr(bulk, "apply_to_all", overtaken)
        again = confirm(client, page, reason="mine", until_mode="open").content.decode()
    assert "The selected jobs have changed since they were shown." in again
    assert "paused: of somebody else" in again
    assert said(confirm(client, again, reason="mine", until_mode="open")) == ["2 jobs are paused."]


def test_what_the_code_has_no_default_for_is_not_reset() -> None:
    def settle(self: Any, batch_size: int) -> None:
        """A task that cannot run without a number."""

    values = {"origin": "operator", "schedule_override": "5 * * * *", "payload_override": {"batch_size": 1}}
    own = make_job(make_task(settle, name="Settle"), "shop--own", **values)
    also = make_job(make_task(settle, name="Also"), "shop--also", retry_count_override=2, **values)
    html = ask(operator("change"), "reset_jobs", own, also)
    assert "Reset all overrides of 1 job?" in html
    assert "1 of the selection has nothing to reset, or is being deleted." in html
    assert "shop--own" not in html


@time_machine.travel(datetime(2026, 10, 22, 13, 8, tzinfo=UTC), tick=False)
def test_a_bulk_reset_says_the_next_run_as_it_will_be() -> None:
    row = job("A", schedule_override="45 17 * * *")
    html = ask(operator("change"), "reset_jobs", row)
    assert f"schedule: 45 17 * * * → {row.declared_schedule}" in html
    assert "in 52 min, 14:00 UTC" in html
