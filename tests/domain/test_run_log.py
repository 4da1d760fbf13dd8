"""The one form of a log: what is written, and how it is read back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from scheduled_jobs.domain.run_log import MAX_ENTRY, MAX_LOG, LogText, log_entry, log_lines

AT = datetime(2026, 10, 22, 13, 3, 6, 120_999, tzinfo=UTC)


def test_a_record_is_one_line_with_time_level_and_logger() -> None:
    line = log_entry(AT.astimezone(timezone(timedelta(hours=2))), 20, "shop.stock", "18,220 rows")
    assert line == "2026-10-22T13:03:06.120Z INFO shop.stock: 18,220 rows"
    [read] = log_lines(line)
    assert (read.n, read.time, read.level, read.rank) == (1, "13:03:06.120", "INFO", 1)
    assert (read.at, read.logger, read.text) == (AT.replace(microsecond=120_000), "shop.stock", "18,220 rows")


@pytest.mark.parametrize(
    ("level", "word"),
    [(1, "DEBUG"), (10, "DEBUG"), (25, "INFO"), (35, "WARNING"), (40, "ERROR"), (60, "CRITICAL")],
)
def test_a_level_of_ones_own_is_the_one_below_it(level: int, word: str) -> None:
    assert log_entry(AT, level, "shop", "x").split()[1] == word


FORGED = "2026-10-22T13:03:06.120Z ERROR shop: all is lost"


@pytest.mark.parametrize("broken", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_no_message_passes_for_a_record_of_its_own(broken: str) -> None:
    read = list(log_lines(log_entry(AT, 20, f"shop{broken}{FORGED}", f"fine{broken}{FORGED}")))
    assert [(line.level, line.rank) for line in read] == [("INFO", 1), ("", 1)]
    assert read[1].text == f"    {FORGED}"


def test_what_a_terminal_obeys_is_written_out() -> None:
    line = log_entry(AT, 20, "shop", "a\x1b[2Kb\x00c\x9bd\te")
    assert line.endswith("shop: a\\x1b[2Kb\\x00c\\x9bd\te")


def test_a_long_log_keeps_its_beginning_and_its_end() -> None:
    text = LogText()
    for n in range(10_000):
        text.add(log_entry(AT, 20, "shop", f"line {n} ü\nmore"))
    lines = str(text).splitlines()
    gap = next(n for n, line in enumerate(lines) if "left out" in line)

    assert text.entries == 10_000
    assert MAX_LOG - 300 < len(str(text).encode()) <= MAX_LOG
    assert lines[0].endswith("shop: line 0 ü")
    assert lines[-2].endswith("shop: line 9999 ü")
    assert lines[gap] == f"    … {20_000 - (len(lines) - 1)} lines were left out here …"
    assert gap == pytest.approx(len(lines) / 2, abs=20)


def test_a_huge_record_is_cut_and_drives_out_no_other() -> None:
    text = LogText()
    text.add(log_entry(AT, 20, "shop", "first"))
    text.add(log_entry(AT, 20, "shop", "é" * 1_000_000 + "end"))
    text.add(log_entry(AT, 20, "shop", "last"))
    lines = str(text).splitlines()
    assert len(lines) == 5
    assert lines[0].endswith("shop: first")
    assert lines[2].endswith(" characters were left out here …")
    assert lines[3].endswith("éend")
    assert lines[4].endswith("shop: last")
    assert len("\n".join(lines[1:4]).encode()) <= MAX_ENTRY


def test_an_entry_too_many_never_costs_more_than_its_place() -> None:
    text = LogText()
    for _ in range(20):
        text.add(log_entry(AT, 20, "shop", "x" * 15_900))
        assert len(str(text).encode()) <= MAX_LOG
    assert "…" in str(text)


def test_a_time_that_is_none_is_shown_as_it_stands() -> None:
    [line] = log_lines("2026-02-31T10:00:00Z ERROR gone")
    assert (line.at, line.time, line.level, line.text) == (None, "10:00:00", "ERROR", "gone")
