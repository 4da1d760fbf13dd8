"""The zone of whoever looks: remembered, refused with the nearest name, and never in the way of a save."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import override_settings

from scheduled_jobs.admin.page.viewer_zone import COOKIE, offered_zones
from tests.support import make_task
from tests.support.job_page import address, fresh, job, save, settle, text
from tests.support.people import LIST, signed_in, staff, superuser

if TYPE_CHECKING:
    from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]
ADD = f"{LIST}add/"
WRONG = "'Europe/Lisabon' is not a time zone of the tz database: did you mean 'Europe/Lisbon'?"


def shown_zone(client: Client, url: str) -> str:
    page = client.get(url).content.decode()
    tag = page.partition('name="viewer_zone"')[2].partition(">")[0]
    value, placeholder = (
        tag.partition(f'{name}="')[2].partition('"')[0] for name in ("value", "placeholder")
    )
    return value or f"{placeholder} (this site)"


@pytest.fixture(params=["settings", "add page"])
def pages(request: pytest.FixtureRequest) -> tuple[str, str]:
    """Page and preview."""
    if request.param == "add page":
        make_task(settle, name="Settle")
        return ADD, f"{ADD}schedule/"
    row = job()
    return address(row, "settings"), address(row, "preview")


def test_a_typed_zone_is_remembered_and_an_emptied_one_forgotten(pages: tuple[str, str]) -> None:
    page, preview = pages
    client = superuser()
    assert shown_zone(client, page) == "UTC (this site)"
    answer = client.post(preview, {"schedule_override": "@daily", "viewer_zone": "Pacific/Kiritimati"})
    cookie = answer.cookies[COOKIE]
    assert (cookie.value, cookie["samesite"], cookie["path"]) == ("Pacific/Kiritimati", "Lax", "/")
    assert shown_zone(client, page) == "Pacific/Kiritimati"
    client.post(preview, {"schedule_override": "@daily", "viewer_zone": ""})
    assert shown_zone(client, page) == "UTC (this site)"


def test_a_zone_that_does_not_exist_is_not_remembered(
    pages: tuple[str, str],
) -> None:
    page, preview = pages
    client = superuser()
    client.cookies[COOKIE] = "Asia/Tokyo"
    for url in (page, preview):
        answer = client.post(
            url, {"schedule_override": "@daily", "viewer_zone": "Europe/Lisabon", "_preview": "1"}
        )
        told = text(answer.content.decode())
        assert WRONG in told
        assert "Asia/Tokyo (you)" in told
        assert COOKIE not in answer.cookies
    assert (
        'value="Europe/Lisabon"'
        in client.post(page, {"viewer_zone": "Europe/Lisabon", "_preview": "1"}).content.decode()
    )


@override_settings(TIME_ZONE="Europe/Madrid")
def test_without_a_choice_it_is_the_zone_of_django(pages: tuple[str, str]) -> None:
    client = superuser()
    client.cookies[COOKIE] = "Mars/Olympus"
    assert shown_zone(client, pages[0]) == "Europe/Madrid (this site)"
    answer = client.post(pages[1], {"schedule_override": "@daily", "viewer_zone": ""})
    assert "Europe/Madrid (this site)" in text(answer.content.decode())


def test_a_viewer_reads_the_sites_zone_until_the_browser_tells() -> None:
    address_of_job = address(job())
    viewer = signed_in(staff("view"))
    page = viewer.get(address_of_job).content.decode()
    assert "UTC (this site)" in text(page)
    assert "(you)" not in text(page)
    assert "scheduled_jobs/zone.js" in page
    viewer.cookies[COOKIE] = "Asia/Kathmandu"
    assert text(viewer.get(address_of_job).content.decode()).count("Asia/Kathmandu (you)") == 1


def test_a_misspelt_zone_keeps_no_job_from_being_saved() -> None:
    row = job()
    answer = save(superuser(), row, schedule_override="5 * * * *", viewer_zone="Mars")
    assert answer.status_code == 302
    assert fresh(row).schedule_override == "5 * * * *"


@pytest.mark.parametrize("typed", ["x" * 65, "UTC\x00", "<b>", "+02:00"])
def test_whatever_is_typed_is_refused_as_text(typed: str, pages: tuple[str, str]) -> None:
    answer = superuser().post(pages[1], {"schedule_override": "@daily", "viewer_zone": typed})
    assert answer.status_code == 200
    assert "<b>" not in answer.content.decode().partition('id="id_viewer_zone_error"')[2]
    assert 'id="id_viewer_zone_error">' in answer.content.decode()


def test_places_are_offered_and_offsets_are_not() -> None:
    zones = offered_zones()
    assert zones[0] == "UTC"
    assert {"Pacific/Kiritimati", "Europe/Lisbon"} <= set(zones)
    assert not [zone for zone in zones if zone.startswith(("Etc/", "posix", "right"))]
