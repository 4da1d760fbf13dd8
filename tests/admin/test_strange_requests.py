"""Whatever is sent to an address of the desk, a page or a refusal comes back, and nothing breaks."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from tests.support.requests import GETS, NOBODY, POSTS, Action, data_of, send, undone

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

pytestmark = [pytest.mark.django_db, pytest.mark.uncounted, pytest.mark.database]

STRANGE = ("a\x00b", "9" * 5000, '{"schedule_override": "\\ud800"}', "9999-12-31", "0001-01-01")
"""What one database takes and another refuses."""
STRANGE_TO_US = ("--3", "[" * 10_000)
"""What comes to no database."""
FURTHER = {
    "settings/": ("_take", "_reset", "_preview", "seen", "retry_count_override"),
    "pause/": ("until_mode", "until_0", "until_1", "counted"),
}
"""Fields that not every form of such an address sends, by how it ends."""
ADDRESSES = (
    "p=" + "9" * 30, "p=-1", "o=99.-4.-", "q=%00", "last=%00", "task=%00", "task__exact=%00", "state=%00&origin=%00",
    "from=9999-12-31&to=0001-01-01", "started_at__year=9999&started_at__month=12&started_at__day=31",
    "created_at__gte=9999-12-31T23:59:59-12:00", "trigger=%ED%A0%80", "_changelist_filters=%00", "e=1", "job=-1",
    "id__in=" + ",".join(["1"] * 3000), "changes=%00", "_to_field=name", "all=1&p=3",
)  # fmt: skip
POSSIBLE = [action for action in POSTS if NOBODY not in action.needs]
PAGES = [action for action in GETS if NOBODY not in action.needs]
GOOGLE_IS_AWAY = 503


def answering() -> Client:
    """Who may everything, and is answered 500 where a view raises."""
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.create_superuser("zoe"))
    return client


@pytest.mark.parametrize("action", POSSIBLE, ids=str)
def test_no_field_takes_a_page_down_whatever_is_typed_into_it(
    action: Action, desk: dict[str, str], google: MemoryBackend
) -> None:
    client, good = answering(), data_of(action, desk)
    values = STRANGE + STRANGE_TO_US * (connection.vendor == "sqlite")
    further = (fields for end, fields in FURTHER.items() if action.address.endswith(end))
    # Another button of the same form has sent each value in each field: of this one each field is sent once.
    is_sent = action.form in {other.form for other in POSSIBLE[: POSSIBLE.index(action)] if other.form}
    step = len(values) if is_sent else 1
    broken = []
    for number, field in enumerate(sorted({*good, *chain.from_iterable(further)})):
        for value in values[number % step :: step]:
            with undone():
                answer = send(client, action, desk, {**good, field: value})
            if answer.status_code >= 500:
                broken.append((field, value[:30]))
    assert broken == []


@pytest.mark.parametrize("address", ["{jobs}", "{jobs}{job}/pause/", "{runs}{run}/rerun/"])
def test_half_a_character_is_refused(address: str, desk: dict[str, str], google: MemoryBackend) -> None:
    lines = ("--b", 'Content-Disposition: form-data; name="reason"', "", r"\ud800", "--b--", "")
    answer = answering().generic(
        "POST",
        address.format(**desk),
        "\r\n".join(lines).encode(),
        content_type="multipart/form-data; boundary=b; charset=unicode_escape",
    )
    assert answer.status_code == 400


@pytest.mark.parametrize("action", PAGES, ids=str)
def test_no_address_takes_a_page_down(action: Action, desk: dict[str, str], google: MemoryBackend) -> None:
    client = answering()
    address = action.address.format(**desk)
    join = "&" if "?" in address else "?"
    answers = {query: client.get(f"{address}{join}{query}").status_code for query in ADDRESSES}
    assert {query for query, status in answers.items() if status >= 500 and status != GOOGLE_IS_AWAY} == set()


@pytest.mark.parametrize(
    "number", ["9" * 19, "9" * 5000, "-1", "0", "１", "²", "1.5", "%00", "1%00", "%ED%A0%80"]
)
def test_a_job_or_a_run_that_cannot_be_is_not_found(
    number: str, desk: dict[str, str], google: MemoryBackend
) -> None:
    client = answering()
    for action in chain(PAGES, POSSIBLE):
        if not {"{job}", "{own}", "{paused}", "{run}", "{queued}"} & set(action.address.split("/")):
            continue
        names = dict.fromkeys(("job", "own", "paused", "run", "queued"), number)
        answer = send(client, action, {**desk, **names}, {})
        assert answer.status_code in (302, 400, 403, 404, 405), (action, answer.status_code)


@pytest.mark.parametrize("selected", ["x", "9" * 30, "a\x00b", "-1", "1,2"])
def test_what_is_selected_must_be_jobs(selected: str, desk: dict[str, str], google: MemoryBackend) -> None:
    answer = answering().post(desk["jobs"], {"action": "pause_jobs", "_selected_action": selected})
    assert answer.status_code == 400
