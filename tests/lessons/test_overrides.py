"""What an operator sets stays set, what nobody set follows the code, and anyone can tell which is which."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tests.lessons.doors import (
    LIST,
    change,
    console_set,
    declare,
    job_page,
    live,
    page_of,
    press,
    row,
    schedule_tasks,
    superuser,
    terminal,
    text_of,
)

if TYPE_CHECKING:
    import pytest

    from scheduled_jobs.testing import CloudScheduler

OVERRIDES = {
    "schedule_override": "15 4 * * *",
    "time_zone_override": "Europe/Lisbon",
    "description_override": "Moved for the batch",
    "retry_count_override": "2",
    "attempt_deadline_override": "10 min",
    "payload_raw": '{"region": "apac"}',
}
IN_FORCE = {
    "schedule": "15 4 * * *",
    "time_zone": "Europe/Lisbon",
    "description": "Moved for the batch",
    "retry_count": 2,
    "attempt_deadline": 600,
    "payload": {"region": "apac"},
}


def own(google: CloudScheduler, name: str) -> dict[str, object]:
    return {field: live(google, name)[field] for field in IN_FORCE}


def test_a_deploy_never_takes_back_what_an_operator_changed(google: CloudScheduler) -> None:
    """celery/django-celery-beat #153: the schedule in the settings overwrites edits at every restart."""
    declare("Digest", schedule_body_payload={"region": "emea"})
    schedule_tasks()
    change(row("Digest"), **OVERRIDES)
    assert own(google, "Digest") == IN_FORCE
    for hour, region in ((10, "emea"), (11, "latam")):
        task = declare(
            "Digest",
            f"0 {hour} * * *",
            schedule_body_payload={"region": region},
            schedule_time_zone="Asia/Tokyo",
            schedule_description="The code's own words",
            schedule_retries=5,
            schedule_attempt_deadline=timedelta(minutes=1),
        )
        schedule_tasks()
        task.schedule()
    assert own(google, "Digest") == IN_FORCE
    assert row("Digest").payload == {"region": "apac"}


def test_what_nobody_overrode_follows_the_next_deploy(google: CloudScheduler) -> None:
    """celery/django-celery-beat #757: the code changed and the row kept the old crontab."""
    declare("Digest", schedule_body_payload={"region": "emea"})
    schedule_tasks()
    change(row("Digest"), description_override="Mine")
    declare("Digest", "0 11 * * *", schedule_body_payload={"region": "latam"}, schedule_retries=3)
    assert schedule_tasks().lines == ["[~] Job updated: shop.tasks.Digest (schedule, payload, retry_count)"]
    told = live(google, "Digest")
    assert (told["schedule"], told["payload"], told["retry_count"]) == ("0 11 * * *", {"region": "latam"}, 3)
    assert told["description"] == "Mine"


def test_a_default_that_changed_under_an_override_is_shown(
    google: CloudScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    """celery/django-celery-beat #757: nobody learns that the code has moved on."""
    monkeypatch.setenv("GAE_VERSION", "41")
    declare("Digest")
    schedule_tasks()
    job = change(row("Digest"), schedule_override="0 3 * * *", reason="The batch closes at two")
    client = superuser("rui")
    assert "overridden code changed since" not in text_of(page_of(client, LIST))
    declare("Digest", "0 11 * * *")
    assert schedule_tasks().lines == []
    assert "overridden code changed since" in text_of(page_of(client, LIST))
    said = text_of(page_of(client, job_page(job, "settings")))
    assert "0 11 * * * At 11:00, every day same 0 3 * * *" in said
    assert "since 08:30 by maria, form: The batch closes at two Reset" in said
    assert "the code changed since, on 08:30: was 0 9 * * * in release 41" in said
    story = text_of(page_of(client, job_page(job, "changes")))
    assert "Release 41 changed the default of schedule 0 9 * * * → 0 11 * * * code" in story
    assert "Release 41 created the job code" in story


def test_three_states_of_a_field_can_be_told_apart(google: CloudScheduler) -> None:
    """dagster-io/dagster #26634: nobody can tell what was set in the UI from what was set in code."""
    for name in ("Code", "Overridden", "Equal"):
        declare(name)
    schedule_tasks()
    change(row("Overridden"), schedule_override="0 3 * * *")
    change(row("Equal"), schedule_override="0 9 * * *")
    client = superuser("rui")
    said = {name: text_of(page_of(client, job_page(row(name)))) for name in ("Code", "Overridden", "Equal")}
    settings = {name: text_of(page_of(client, job_page(row(name), "settings"))) for name in said}
    assert {name: "Reset" in text for name, text in settings.items()} == {
        "Code": False,
        "Overridden": True,
        "Equal": True,
    }
    assert "Schedule At 09:00, every day 0 9 * * * UTC" in said["Code"]
    assert "Schedule At 03:00, every day overridden 0 3 * * * UTC" in said["Overridden"]
    assert "Schedule At 09:00, every day overridden 0 9 * * * UTC" in said["Equal"]
    # An override that equals the code is one all the same: it stays when the code moves.
    declare("Code", "0 11 * * *")
    declare("Equal", "0 11 * * *")
    schedule_tasks()
    assert live(google, "Code")["schedule"] == "0 11 * * *"
    assert live(google, "Equal")["schedule"] == "0 9 * * *"


def test_one_field_or_all_of_a_job_can_be_given_back_to_the_code(google: CloudScheduler) -> None:
    """dagster-io/dagster #30602: the way back to what the code says was missing."""
    declare("Digest", schedule_body_payload={"region": "emea"})
    schedule_tasks()
    job = change(row("Digest"), **OVERRIDES)
    press(superuser("rui"), job_page(job, "settings"), "_x", _reset="schedule_override")
    assert own(google, "Digest") == {**IN_FORCE, "schedule": "0 9 * * *"}
    assert terminal("reset", "shop.tasks.Digest").endswith("follows the code in all fields (synced).\n")
    assert row("Digest").is_overridden is False
    assert own(google, "Digest") == {
        "schedule": "0 9 * * *",
        "time_zone": "UTC",
        "description": "",
        "retry_count": 0,
        "attempt_deadline": 180,
        "payload": {"region": "emea"},
    }


def test_no_daemon_takes_back_a_switch_that_a_person_set(google: CloudScheduler) -> None:
    """dagster-io/dagster #30602: the daemon reverts what was switched in the UI."""
    declare("Digest", "0 * * * *")
    schedule_tasks()
    terminal("pause", "shop.tasks.Digest", "--reason", "stocktaking")
    google.advance(timedelta(days=1))
    schedule_tasks()
    assert (row("Digest").paused, live(google, "Digest")["state"]) == (True, "PAUSED")
    terminal("resume", "shop.tasks.Digest")
    google.advance(timedelta(days=1))
    schedule_tasks()
    assert (row("Digest").paused, live(google, "Digest")["state"]) == (False, "ENABLED")


def test_pausing_and_resuming_loses_no_override(google: CloudScheduler) -> None:
    """PrefectHQ/prefect #17982: switching off and on posts the whole object and loses its parameters."""
    declare("Digest", schedule_body_payload={"region": "emea"})
    schedule_tasks()
    change(row("Digest"), **OVERRIDES)
    terminal("pause", "shop.tasks.Digest", "--reason", "stocktaking")
    assert own(google, "Digest") == IN_FORCE
    terminal("resume", "shop.tasks.Digest")
    assert own(google, "Digest") == IN_FORCE
    assert row("Digest").payload_override == {"region": "apac"}


def test_an_edit_in_the_console_is_told_before_it_is_replaced(google: CloudScheduler) -> None:
    """hashicorp/terraform-provider-google #29280: what was changed by hand is reset without a word."""
    declare("Digest")
    schedule_tasks()
    console_set(google, row("Digest"), "schedule", schedule="0 23 * * *")
    assert schedule_tasks("--check").code == 2
    assert live(google, "Digest")["schedule"] == "0 23 * * *"
    assert '      schedule: "0 23 * * *" -> "0 9 * * *"' in schedule_tasks().splitlines()
    assert live(google, "Digest")["schedule"] == "0 9 * * *"
    assert "0 23 * * *" in text_of(page_of(superuser(), job_page(row("Digest"), "changes")))
