"""The audit of a job, in words."""

from __future__ import annotations

import csv
import html
import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.test import Client

from scheduled_jobs.admin.job import changes
from scheduled_jobs.models import JobChange, attribution
from scheduled_jobs.services.history import job_story
from tests.support.job_page import (
    address,
    fresh,
    job,
    save,
    text,
)
from tests.support.pages import Page
from tests.support.people import signed_in, staff, superuser

if TYPE_CHECKING:
    from scheduled_jobs.models import ScheduledJob

pytestmark = pytest.mark.django_db


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
        ("sync", "drifted", "pending", "asked for it to be sent to Google again"),
        ("schedule", "5 * * * *", None, "reset schedule"),
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


def changed(
    row: ScheduledJob, field: str, new: Any, *, by: str = "", via: str = "code", why: str = ""
) -> None:
    with attribution(by, via=via, reason=why):
        JobChange.record(row, {field: (None, new)})


def lines(row: ScheduledJob, query: str = "") -> list[str]:
    """What stands in the list of changes."""
    page = superuser(f"reader{User.objects.count()}").get(address(row, "changes") + query).content.decode()
    found = page.partition('<ul class="sj-audit">')[2].partition("</ul>")[0].split("<li>")[1:]
    return [text(line).partition(" ")[2] for line in found]


def test_what_one_person_saved_at_once_is_one_line() -> None:
    row = job()
    with attribution("maria", via="form", reason="The batch closes at 01:10"):
        JobChange.record(row, {"schedule": ("0 2 * * *", "30 1 * * *"), "retry_count": (3, 4)})
    changed(row, "paused", True, by="maria", via="form", why="The batch closes at 01:10")
    assert lines(row) == [
        "maria paused the job form The batch closes at 01:10",
        "maria set schedule 0 2 * * * → 30 1 * * * and set retry count 3 → 4 form The batch closes at 01:10",
    ]


def test_changes_are_found_by_who_made_them_by_field_and_by_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAE_VERSION", "2")
    row = job()
    changed(row, "declared_schedule", "15 1 * * *")
    changed(row, "schedule", "30 1 * * *", by="maria", via="form", why="The acquirer asked")
    changed(row, "paused", True, by="rui", via="bulk")
    changed(row, "sync", "pending", via="auto")
    page = superuser().get(address(row, "changes")).content.decode()
    chips = text(page.partition('<ul class="sj-chips"')[2].partition("</ul>")[0])
    assert chips.endswith("All 4 By people 2 By releases 1 With Google 1")
    assert [line.split()[0] for line in lines(row, "?by=people")] == ["rui", "maria"]
    assert [line.split()[:2] for line in lines(row, "?by=releases")] == [["Release", "2"]]
    assert [line.split()[:2] for line in lines(row, "?by=google")] == [["The", "system"]]
    assert [line.split()[0] for line in lines(row, "?field=paused")] == ["rui"]
    for words in ("ACQUIRER", "maria", "acquirer&by=people"):
        assert [line.split()[0] for line in lines(row, f"?q={words}")] == ["maria"], words
    assert [line.split()[0] for line in lines(row, "?q=schedule")] == ["maria", "Release"]
    assert lines(row, "?q=30+1") == []  # values are not looked into: one may be a secret
    assert lines(row, "?q=nobody") == []
    assert len(lines(row, "?by=nobody&before=x")) == 4


def test_what_the_code_changed_names_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    row = job()
    monkeypatch.setenv("GAE_VERSION", "2026.10.2")
    changed(row, "declared_schedule", "15 1 * * *")
    changed(row, "paused", True)
    changed(row, "schedule", "30 1 * * *", by="maria")
    assert [change.release for change in JobChange.objects.filter(job=row)] == ["", "2026.10.2", "2026.10.2"]
    changes = lines(row)
    assert [line.split(" ", 2)[:2] for line in changes] == [
        ["maria", "set"], ["The", "code"], ["Release", "2026.10.2"],
    ]  # fmt: skip
    assert changes[2].startswith("Release 2026.10.2 changed the default of schedule not set → 15 1 * * *")
    assert lines(row, "?q=2026.10.2") == changes[1:]


def test_an_own_payload_is_told_beside_the_codes_of_its_time() -> None:
    row = job(declared_payload={"batch": 700, "region": "emea"})
    own = {"batch": 800, "region": "emea"}
    for who, change in (
        ("maria", {"payload": (None, own)}),
        ("", {"declared_payload": ({"batch": 500, "region": "emea"}, row.declared_payload)}),
        ("rui", {"payload": (own, None)}),
        ("ana", {"payload": (None, row.declared_payload)}),
    ):
        JobChange.record(row, change, by=who)
    told = [line.removesuffix(" code") for line in lines(row)]
    assert [*told[:2], told[2].partition(" changed ")[2], told[3]] == [
        'ana set payload {"batch": 700, "region": "emea"} → {"batch": 700, "region": "emea"}',
        "rui reset payload batch 800 → 700",
        "the default of payload batch 500 → 700",
        "maria set payload batch 500 → 800",
    ]


def test_what_one_person_set_at_once_is_reset_at_once() -> None:
    row, client = job(), superuser("rui")
    save(client, row, schedule_override="30 1 * * *", retry_count_override="4", reason="Slow")
    forms = [
        form for form in Page(page_of(client, row)).of("form") if form.attrs.get("action") == settings_of(row)
    ]
    assert [form.text.strip() for form in forms] == ["Reset both"]
    told = client.post(settings_of(row), sent(page_of(client, row)), follow=True).content.decode()
    assert "Schedule follows the code again." in text(told)
    assert "Retry count follows the code again." in text(told)
    assert (fresh(row).schedule_override, fresh(row).retry_count_override) == (None, None)
    assert lines(row)[0] == ("rui reset retry count 4 → 0 and reset schedule 30 1 * * * → 0 * * * * form")
    assert settings_of(row) not in page_of(client, row).partition('<ul class="sj-audit">')[2]


def test_what_somebody_else_has_set_meanwhile_is_not_reset_unseen() -> None:
    row, client = job(), superuser("rui")
    save(client, row, schedule_override="30 1 * * *", reason="Slow")
    fields = sent(page_of(client, row))
    save(superuser("maria"), fresh(row), schedule_override="45 1 * * *", reason="Slower")
    told = client.post(settings_of(row), fields).content.decode()
    assert "somebody else has changed this job" in text(told)
    assert fresh(row).schedule_override == "45 1 * * *"
    viewer = signed_in(staff("view", name="ines"))
    assert settings_of(row) not in page_of(viewer, row).partition('<ul class="sj-audit">')[2]


def test_the_changes_are_a_file_too_with_the_same_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "CHUNK", 2)
    row = job()
    changed(row, "paused", True, by="=rui", via="bulk", why="Twice")
    changed(row, "payload", {"n": 1, "api_token": "geheim"}, by="maria", via="form")
    changed(row, "declared_retry_count", 3)
    page = page_of(superuser("ana"), row)
    assert '<a href="?format=csv" download>Download CSV</a>' in page
    found = read_file(row, "?format=csv")
    assert [line["field"] for line in found] == ["declared_retry_count", "payload", "paused"]
    at = JobChange.objects.get(job=row, field="paused").at
    assert found[2] == {
        "at": DjangoJSONEncoder().default(at), "by": "'=rui", "via": "bulk", "field": "paused", "old": "", "new": "true",
        "reason": "Twice",
    }  # fmt: skip
    assert found[1]["new"] == '{"n": 1, "api_token": "••••••••"}'
    assert [line["by"] for line in read_file(row, "?by=people&format=csv")] == ["maria", "'=rui"]


def page_of(client: Client, row: ScheduledJob) -> str:
    return client.get(address(row, "changes")).content.decode()


def settings_of(row: ScheduledJob) -> str:
    return address(row, "settings")


def sent(page: str) -> dict[str, list[str]]:
    """What the button of the newest line sends."""
    form = page.partition('<ul class="sj-audit">')[2].partition("<form")[2].partition("</form>")[0]
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r'name="(seen|_reset)" value="([^"]*)"', form):
        found.setdefault(name, []).append(html.unescape(value))
    return found


def read_file(row: ScheduledJob, query: str) -> list[dict[str, str]]:
    answer: Any = superuser(f"reader{User.objects.count()}").get(address(row, "changes") + query)
    assert answer["Content-Disposition"] == f'attachment; filename="changes-{row.name}.csv"'
    return list(csv.DictReader(io.StringIO(b"".join(answer).decode())))


def test_older_changes_are_a_page_of_their_own() -> None:
    row = job()
    for n in range(120):
        changed(row, "paused", n % 2 == 0, by="maria", why=f"reason {n}")
    pages, query = [], ""
    client = superuser()
    while True:
        page = client.get(address(row, "changes") + query).content.decode()
        pages.append(re.findall(r"reason (\d+)", page))
        found = re.search(r'<a href="(\?[^"]*)">Older changes', page)
        if found is None:
            break
        query = html.unescape(found[1])
    assert [len(page) for page in pages] == [50, 50, 20]
    assert [int(n) for page in pages for n in page] == list(range(119, -1, -1))
    assert "Newest changes" in page


def test_changes_are_counted_and_sought_as_far_as_that_is_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_story, "COUNTED", 3)
    row = job()
    changed(row, "paused", True, by="ana")
    for n in range(4):
        changed(row, "paused", n % 2 == 0, by="maria")
    page = text(superuser().get(address(row, "changes")).content.decode())
    assert "Changes 3+" in page
    assert "the newest 3 changes, since" in page
    assert len(lines(row)) == 5
    assert lines(row, "?q=ana") == []


def test_nothing_changed_is_said() -> None:
    page = text(superuser().get(address(job(), "changes")).content.decode())
    assert "Nothing has been changed yet." in page
