"""What a job's page says will happen: as typed, as saved, on the clocks of job and viewer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.http import QueryDict

from scheduled_jobs.admin.job.overview import upcoming
from scheduled_jobs.admin.job.view import preview_of
from scheduled_jobs.admin.words.schedules import preview
from scheduled_jobs.models import ScheduledJob

NOW = datetime(2026, 11, 23, 10, 30, tzinfo=UTC)


def job(**values: object) -> ScheduledJob:
    return ScheduledJob(**{"declared_schedule": "0 9 * * *", "declared_time_zone": "Europe/Lisbon", **values})


def test_an_emptied_field_is_previewed_as_the_code_says() -> None:
    row = job(schedule_override="0 6 * * *", time_zone_override="Asia/Tokyo")
    data = QueryDict("schedule_override=&time_zone_override=")
    found = preview_of(row, data, "UTC", NOW)
    assert (found.before, found.words, found.zone) == (
        "At 06:00, every day, Asia/Tokyo", "At 09:00, every day", "Europe/Lisbon",
    )  # fmt: skip
    assert found.delta is not None
    assert found.delta.head == "Seven days, to Mon 30 Nov 10:30: 7 runs become 7"
    assert (len(found.delta.removed), len(found.delta.added)) == (7, 7)


def test_what_is_saved_is_no_edit() -> None:
    found = preview_of(job(), None, "UTC", NOW)
    assert (found.is_edit, found.delta, found.before) == (False, None, "")


def test_a_saved_schedule_that_cannot_be_read_is_an_error() -> None:
    row = job(schedule_override="nonsense", time_zone_override="Mars")
    assert preview_of(row, None, "UTC", NOW).error.startswith("'Mars' is not a time zone")
    mended = preview_of(row, QueryDict("schedule_override=0 9 * * *&time_zone_override=UTC"), "UTC", NOW)
    assert (mended.error, len(mended.runs)) == ("", 10)
    assert mended.delta is not None
    assert mended.delta.head.endswith("0 runs become 7")


def test_one_run_that_is_dropped_is_named() -> None:
    row = job(schedule_override="0 9 30 11 *", time_zone_override="UTC")
    found = preview_of(row, QueryDict("schedule_override=0 9 1 11 *&time_zone_override=UTC"), "UTC", NOW)
    assert found.delta is not None
    assert found.delta.head == "Seven days, to Mon 30 Nov 10:30: 1 run becomes 0"
    assert found.delta.removed == ["Mon 30 Nov 09:00"]
    assert found.delta.same == ""


def test_a_thousand_added_runs_are_counted_and_twenty_named() -> None:
    found = preview_of(job(), QueryDict("schedule_override=* * * * *"), "UTC", NOW)
    assert found.delta is not None
    assert found.delta.head == "Seven days, to Mon 30 Nov 10:30: 7 runs become 10,080"
    assert (len(found.delta.added), found.delta.more) == (20, "and 10,053 more.")
    assert found.delta.same == "7 runs stay as they are."


def test_intervals_of_google_are_told_as_estimates() -> None:
    found = preview_of(job(), QueryDict("schedule_override=every 7 minutes"), "UTC", NOW)
    assert found.notes == ["Google counts from the end of the last run, so these times are estimates."]
    assert {run.before + run.notice for run in found.runs} == {""}


def test_the_line_islands_are_in_the_next_year_first() -> None:
    night = datetime(2026, 12, 31, 9, 30, tzinfo=UTC)
    found = preview("0 12 * * *", "UTC", now=night, viewer_zone="Pacific/Kiritimati")
    assert (found.runs[0].job, found.runs[0].utc, found.runs[0].viewer) == (
        "Thu 31 Dec 12:00", "31 Dec 12:00", "1 Jan 2027 02:00",
    )  # fmt: skip
    there = preview("0 0 1 1 *", "Pacific/Kiritimati", now=night, viewer_zone="UTC")
    assert (there.runs[0].job, there.runs[0].viewer, there.runs[0].away) == (
        "Fri 1 Jan 2027 00:00", "31 Dec 10:00", "in 30 min",
    )  # fmt: skip
    assert there.runs[1].viewer == "31 Dec 2027 10:00"


@pytest.mark.parametrize(
    ("at", "schedule", "zone", "day", "notice"),
    [
        (datetime(2027, 3, 27, tzinfo=UTC), "30 1 * * *", "Europe/Lisbon", "Sun 28 Mar", "does not exist"),
        (datetime(2026, 10, 24, tzinfo=UTC), "30 1 * * *", "Europe/Lisbon", "Sun 25 Oct", "twice"),
        (datetime(2027, 4, 3, tzinfo=UTC), "45 1 * * *", "Australia/Lord_Howe", "Sun 4 Apr", "twice"),
    ],
)
def test_a_change_of_the_clocks_is_noticed_in_the_next_ten(
    at: datetime, schedule: str, zone: str, day: str, notice: str
) -> None:
    found = preview(schedule, zone, now=at, viewer_zone="UTC")
    noticed = [run.before + run.notice for run in found.runs if run.before or run.notice]
    assert len(noticed) == 1
    assert notice in noticed[0]
    assert day.split(" ", 1)[1] in noticed[0]


def test_skipped_times_are_told_before_a_run_repeated_ones_at_it() -> None:
    found = preview("30 2 28 3 *", "Europe/Berlin", now=NOW, viewer_zone="UTC")
    run = found.runs[0]
    assert (run.job, run.before, run.notice) == (
        "Tue 28 Mar 2028 02:30", "02:30 does not exist on 28 March 2027: skipped", "",
    )  # fmt: skip
    found = preview("30 2 25 10 *", "Europe/Berlin", now=datetime(2026, 10, 1, tzinfo=UTC), viewer_zone="UTC")
    assert (found.runs[0].before, found.runs[0].notice) == (
        "", "02:30 occurs twice on 25 October 2026 in Europe/Berlin",
    )  # fmt: skip
    september = datetime(2026, 9, 1, tzinfo=UTC)
    found = preview("30 2 4 4,10 *", "Australia/Melbourne", now=september, viewer_zone="UTC")
    assert (found.runs[0].before, found.runs[0].notice) == (
        "02:30 does not exist on 4 October 2026: skipped",
        "02:30 occurs twice on 4 April 2027 in Australia/Melbourne",
    )


def test_the_first_runs_after_a_pause_are_told_from_now() -> None:
    row = job(paused=True, paused_until=NOW + timedelta(days=3))
    found = upcoming(row, row.ahead(NOW, 10), "UTC", NOW)
    assert found["starts_later"] is True
    first = found["preview"].runs[0]
    assert (first.job, first.away) == ("Fri 27 Nov 09:00", "in 3 days")
    assert preview_of(row, None, "UTC", NOW).notes == [
        "The job is paused until 2026-11-26 10:30:00 Europe/Lisbon; what is due before is skipped."
    ]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"paused": True}, "No run lies ahead: the job is paused until somebody resumes it."),
        (
            {"retired_at": NOW},
            "No run lies ahead: the class of the job is not in the code any more.",
        ),
    ],
)
def test_without_a_run_ahead_it_is_said_why(values: dict[str, object], told: str) -> None:
    row = job(**values)
    assert upcoming(row, row.ahead(NOW, 10), "UTC", NOW) == {"none": told}


def test_a_paused_job_says_that_none_of_these_runs() -> None:
    assert preview_of(job(paused=True), None, "UTC", NOW).notes == [
        "The job is paused: none of these runs before somebody resumes it."
    ]
