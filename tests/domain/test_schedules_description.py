"""A schedule as people read it."""

from __future__ import annotations

from scheduled_jobs.domain.schedules import describe_schedule


def test_the_expression_stands_beside_the_words() -> None:
    assert describe_schedule("*/15 * * * *", "UTC") == ("Every 15 minutes", "*/15 * * * *")


def test_words_that_are_the_expression_are_not_repeated() -> None:
    assert describe_schedule("every 5 minutes from 10:00 to 14:00", "Europe/Lisbon").expression == ""


def test_the_zone_is_not_in_the_words() -> None:
    assert describe_schedule("0 9 * * *", "Europe/Lisbon").words == "At 09:00, every day"


def test_a_faulty_schedule_stays_as_it_stands() -> None:
    assert describe_schedule("sometimes", "UTC") == ("sometimes", "")
