"""Why nothing runs, asked from the admin; who may ask is in the table of all addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.pages import Page, text_of
from tests.support.people import LIST, signed_in, staff, superuser

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend
    from scheduled_jobs.services.monitoring import Finding

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("google", "no_tasks")]

DOCTOR = f"{LIST}doctor/"


def test_each_finding_is_shown_with_its_remedy() -> None:
    text = text_of(superuser().post(DOCTOR).content.decode())
    assert "Something keeps jobs from running." in text
    assert "Keeps jobs from running Nothing listens on port 8000. Start it." in text
    assert "Worth noting Nobody <watches>. Let a monitor run doctor." in text
    assert "In order 1 task: shop.tasks.One. Ask again" in text


def test_what_stops_nothing_is_not_called_so(found: list[Finding]) -> None:
    del found[-1]
    assert "Nothing found that keeps a job from running." in text_of(
        superuser().post(DOCTOR).content.decode()
    )


def test_nobody_asks_by_following_a_link() -> None:
    answer = superuser().get(DOCTOR)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")


def test_the_button_stands_where_something_may_be_wrong(google: MemoryBackend) -> None:
    maria, rui = superuser(), signed_in(staff("view"))

    def buttons(client: object, address: str) -> list[str]:
        elements = Page(client.get(address).content.decode()).elements  # type: ignore[attr-defined]
        forms = [e for e in elements if e.tag == "form" and e.attrs.get("action") == DOCTOR]
        return [form.text.strip() for form in forms]

    assert buttons(maria, f"{LIST}plan/") == ["Why nothing runs"]
    assert buttons(maria, LIST) == [], "all is well"
    assert buttons(rui, f"{LIST}plan/") == []
    google.store.faults.refuse("ListJobs", "PERMISSION_DENIED", "no", times=9)
    assert buttons(maria, f"{LIST}plan/") == ["Why nothing runs"]
