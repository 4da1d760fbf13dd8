"""The pages of one job: what each shows and asks for, and to whom."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from scheduled_jobs.models import JobChange, JobRun, ScheduledJob, attribution
from tests.support import make_run
from tests.support.job_page import (
    TABS,
    address,
    fresh,
    job,
    save,
    text,
)
from tests.support.pages import Page
from tests.support.people import LIST, signed_in, staff, superuser

pytestmark = pytest.mark.django_db
XSS = "<script>alert(1)</script>"
PARTS = {
    "schedule": "Preview, not saved yet Every hour Every 2 hours, counted from the last run",
    "payload": '"batch_size": 7',
    "failure": "Google tries again after 5 s and 10 s, then gives up: 3 attempts in all, within 10 min",
    "will": "Will change: schedule,",
}
"""Part of the settings that a script replaces -> what stands in it."""


@pytest.mark.parametrize(("tab", "title"), TABS.items())
def test_each_page_links_the_others_and_says_which_it_is(tab: str, title: str) -> None:
    row = job(schedule_override="5 * * * *", retry_count_override=1)
    JobChange.record(row, {"schedule": (None, "5 * * * *"), "retry_count": (None, 1)})
    page = Page(superuser().get(address(row, tab)).content.decode())
    links = [e for e in page.of("a") if e.is_within(**{"class": "sj-tabs"})]
    assert [(link.attrs["href"], " ".join(link.text.split())) for link in links] == [
        (address(row), "Overview"),
        (address(row, "settings"), "Settings 2 overridden"),
        (address(row, "changes"), "Changes 2"),
    ]
    [current] = [link for link in links if link.attrs.get("aria-current") == "page"]
    assert current.text.split()[0] == title


def test_the_overview_tells_what_comes_the_changes_what_was() -> None:
    row = job(live_seen_at=timezone.now())
    client = superuser()
    save(client, row, schedule_override="5 * * * *", reason="Because")
    changes = text(client.get(address(row, "changes")).content.decode())
    assert "maria set schedule 0 * * * * → 5 * * * * form Because" in changes
    assert "Upcoming" in client.get(address(row)).content.decode()


@pytest.mark.parametrize("values", [{"retired_at": 1}, {"paused": True}, {"paused": True, "paused_until": 1}])
def test_what_lies_ahead_of_a_job_that_rests(values: dict[str, Any]) -> None:
    then = timezone.now() + timedelta(days=3)
    row = job(**{name: then if value == 1 and name != "paused" else value for name, value in values.items()})
    page = text(superuser().get(address(row)).content.decode())
    wanted = "None while it is paused. On resuming:" if "paused" in values else "No run lies ahead"
    if "paused_until" in values:
        wanted = "The first runs after the pause."
    assert wanted in page


def test_the_history_of_djangos_leads_to_the_changes() -> None:
    row = job()
    answer = superuser().get(address(row, "history"))
    assert (answer.status_code, answer.headers["Location"]) == (302, address(row, "changes"))


def test_the_script_gets_the_parts_that_follow_what_is_typed() -> None:
    row = job(declared_retry_count=1)
    client = superuser()
    typed = {"schedule_override": "every 2 hours", "p_batch_size": "7", "retry_count_override": "2"}
    answer = save(client, row, "_preview", **typed)
    form = answer.content.decode().partition('id="scheduledjob_form"')[2]
    parts = {name: text(form.partition(f'data-part="{name}"')[2][:4000]) for name in PARTS}
    assert [*re.findall(r'data-part="(\w+)"', form)] == [*PARTS]
    for name, told in PARTS.items():
        assert told in parts[name], name
    assert client.get(f"{LIST}{row.pk}/preview/").status_code == 302  # no such page: Django's, to the job
    wrong = save(client, row, "_preview", schedule_override="0 0 30 2 *")
    assert "Nothing can be saved yet: what is typed has errors." in text(wrong.content.decode())


@pytest.mark.parametrize(("tab", "queries"), [("change", 15), ("settings", 9), ("changes", 10)])
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


def test_a_viewer_sees_no_control_and_every_post_is_refused() -> None:
    row = job(schedule_override="5 * * * *", payload_override={"batch_size": 800})
    viewer = signed_in(staff("view"))
    page = viewer.get(address(row)).content.decode()
    main = page.partition('class="sj-tabs"')[2].partition("<footer")[0]
    assert "5 * * * *" in main
    for control in ("<form", "<input", "<button", "<select", "<textarea", "run-now/", "pause/", "drift/"):
        assert control not in main, control
    for button in ({"_save": "1"}, {"_preview": "1"}, {"_reset": "schedule_override"}, {"_take": "schedule"}):
        assert viewer.post(address(row), {"schedule_override": "", **button}).status_code == 403
    assert viewer.post(address(row, "delete"), {}).status_code == 403
    assert viewer.post(f"{LIST}add/", {}).status_code == 403
    assert fresh(row).schedule_override == "5 * * * *"


def test_links_to_run_and_pause_are_shown_to_those_who_may() -> None:
    row = job()
    page = signed_in(staff("view", "run")).get(address(row)).content.decode()
    assert address(row, "run-now") in page
    assert address(row, "pause") not in page


def test_the_page_says_how_a_job_of_the_code_is_deleted() -> None:
    row = job()
    client = superuser()
    told = text(client.get(address(row, "settings")).content.decode())
    assert "it cannot be deleted here: remove the class, deploy, and it is retired" in told
    assert "comes from the code and cannot be deleted here" in text(
        client.get(address(row, "delete")).content.decode()
    )
    assert client.post(address(row, "delete")).status_code == 403
    assert JobRun.objects.count() == 0


@pytest.mark.parametrize("tab", TABS)
def test_who_comes_back_to_a_deleted_job_is_led_to_the_list(tab: str) -> None:
    row = job()
    ScheduledJob.objects.all().delete()
    answer = superuser().get(address(row, tab), follow=True)
    assert answer.redirect_chain == [(LIST, 302)]
    assert "There is no such job." in answer.content.decode()
