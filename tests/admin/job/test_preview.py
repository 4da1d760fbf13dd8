"""What a job's page says will happen: as typed, as saved, on the clock of the job."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from django.http import QueryDict

from scheduled_jobs.admin.job.consequences import preview_of
from scheduled_jobs.admin.job.overview import upcoming
from scheduled_jobs.admin.words.schedules import preview
from scheduled_jobs.models import ScheduledJob

if TYPE_CHECKING:
    from scheduled_jobs.admin.words import Coming

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)


def job(**values: object) -> ScheduledJob:
    return ScheduledJob(**{"declared_schedule": "0 9 * * *", "declared_time_zone": "Europe/Lisbon", **values})


def told(run: Coming) -> str:
    return re.sub("<[^>]*>", "", run.time)


def test_an_emptied_field_is_previewed_as_the_code_says() -> None:
    row = job(schedule_override="0 6 * * *", time_zone_override="Asia/Tokyo")
    data = QueryDict("schedule_override=&time_zone_override=")
    found = preview_of(row, data, NOW)
    assert (found.before, found.words, found.zone, found.city) == (
        "At 06:00, every day, Asia/Tokyo", "At 09:00, every day", "Europe/Lisbon", "Lisbon",
    )  # fmt: skip
    assert [(told(run), run.mark) for run in found.runs][:3] == [
        ("Mon 23 Nov 21:00", "gone"), ("Tue 24 Nov 09:00", "new"), ("Tue 24 Nov 21:00", "gone"),
    ]  # fmt: skip
    assert found.becomes == ""  # as many a week as before


def test_what_is_saved_is_no_edit() -> None:
    found = preview_of(job(), None, NOW)
    assert (found.is_edit, found.becomes, found.before) == (False, "", "")
    assert {run.mark for run in found.runs} == {""}


def test_a_saved_schedule_that_cannot_be_read_is_an_error() -> None:
    row = job(schedule_override="nonsense", time_zone_override="Mars")
    assert preview_of(row, None, NOW).error.startswith("'Mars' is not a time zone")
    mended = preview_of(row, QueryDict("schedule_override=0 9 * * *&time_zone_override=UTC"), NOW)
    assert (mended.error, len(mended.runs), mended.becomes) == ("", 8, "0 runs a week become 7.")
    assert {run.mark for run in mended.runs} == {""}


def test_one_run_that_is_dropped_is_named() -> None:
    row = job(schedule_override="0 9 30 11 *", time_zone_override="UTC")
    found = preview_of(row, QueryDict("schedule_override=0 9 1 11 *&time_zone_override=UTC"), NOW)
    assert found.becomes == "1 run a week becomes 0."
    assert [(told(run), run.mark) for run in found.runs][:2] == [
        ("Mon 30 Nov 09:00", "gone"), ("Mon 1 Nov 2027 09:00", "new"),
    ]  # fmt: skip


def test_of_a_thousand_added_runs_the_first_are_named() -> None:
    found = preview_of(job(), QueryDict("schedule_override=* * * * *"), NOW)
    assert found.becomes == "7 runs a week become 10,080."
    assert [(told(run), run.mark) for run in found.runs] == [
        (f"Mon 23 Nov 10:{n}", "new") for n in range(31, 39)
    ]


def test_a_run_of_both_schedules_stays_as_it_is() -> None:
    found = preview_of(job(), QueryDict("schedule_override=0 9,21 * * *"), NOW)
    assert [run.mark for run in found.runs] == ["new", "", "new", "", "new", "", "new", ""]
    assert (found.runs[1].away, found.becomes) == ("in 22 h 30 min", "7 runs a week become 14.")


def test_intervals_of_google_are_told_as_estimates() -> None:
    found = preview_of(job(), QueryDict("schedule_override=every 7 minutes"), NOW)
    assert found.notes == ["Google counts from the end of the last run, so these times are estimates."]
    assert {run.before + run.notice for run in found.runs} == {""}


def test_a_run_of_another_year_is_told_with_it() -> None:
    night = datetime(2026, 12, 31, 9, 30, tzinfo=UTC)
    there = preview("0 0 1 1 *", "Pacific/Kiritimati", now=night)
    assert (told(there.runs[0]), there.runs[0].away) == ("Fri 1 Jan 2027 00:00", "in 30 min")
    assert (
        'datetime="2026-12-31T10:00:00Z" title="2027-01-01 00:00:00 Pacific/Kiritimati"' in there.runs[0].time
    )


@pytest.mark.parametrize(
    ("at", "schedule", "zone", "day", "notice"),
    [
        (datetime(2027, 3, 27, tzinfo=UTC), "30 1 * * *", "Europe/Lisbon", "28 Mar", "does not exist"),
        (datetime(2026, 10, 24, tzinfo=UTC), "30 1 * * *", "Europe/Lisbon", "25 Oct", "twice"),
        (datetime(2027, 4, 3, tzinfo=UTC), "45 1 * * *", "Australia/Lord_Howe", "4 Apr", "twice"),
    ],
)
def test_a_change_of_the_clocks_is_noticed_in_the_next_runs(
    at: datetime, schedule: str, zone: str, day: str, notice: str
) -> None:
    found = preview(schedule, zone, now=at)
    noticed = [run.before + run.notice for run in found.runs if run.before or run.notice]
    assert len(noticed) == 1
    assert notice in noticed[0]
    assert day in noticed[0]


def test_skipped_times_are_told_before_a_run_repeated_ones_at_it() -> None:
    found = preview("30 2 28 3 *", "Europe/Berlin", now=NOW)
    run = found.runs[0]
    assert (told(run), run.before, run.notice) == (
        "Tue 28 Mar 2028 02:30", "02:30 does not exist on 28 March 2027: skipped", "",
    )  # fmt: skip
    found = preview("30 2 25 10 *", "Europe/Berlin", now=datetime(2026, 10, 1, tzinfo=UTC))
    assert (found.runs[0].before, found.runs[0].notice) == (
        "", "02:30 occurs twice on 25 October 2026 in Europe/Berlin",
    )  # fmt: skip
    september = datetime(2026, 9, 1, tzinfo=UTC)
    found = preview("30 2 4 4,10 *", "Australia/Melbourne", now=september)
    assert (found.runs[0].before, found.runs[0].notice) == (
        "02:30 does not exist on 4 October 2026: skipped",
        "02:30 occurs twice on 4 April 2027 in Australia/Melbourne",
    )


def test_the_first_runs_after_a_pause_are_told_from_now() -> None:
    row = job(paused=True, paused_until=NOW + timedelta(days=3))
    found = upcoming(row, row.ahead(NOW, 5), NOW)
    assert found["notes"][0] == "The first runs after the pause."
    first = found["runs"][0]
    assert (told(first), first.away, len(found["runs"])) == ("Fri 27 Nov 09:00", "in 3 days", 5)
    assert preview_of(row, None, NOW).notes == [
        "The job is paused until Thu 26 Nov 10:30; what is due before is skipped."
    ]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"paused": True}, "None while it is paused. On resuming: Tue 24 Nov 09:00."),
        (
            {"retired_at": NOW},
            "No run lies ahead: the class of the job is not in the code any more.",
        ),
    ],
)
def test_without_a_run_ahead_it_is_said_why(values: dict[str, object], why: str) -> None:
    row = job(**values)
    assert upcoming(row, row.ahead(NOW, 5), NOW) == {"runs": [], "notes": [why]}


def test_a_paused_job_says_that_none_of_these_runs() -> None:
    assert preview_of(job(paused=True), None, NOW).notes == [
        "The job is paused: none of these runs before somebody resumes it."
    ]
