"""The log of a run: levels, anchors, and the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.admin.run import logs
from scheduled_jobs.models import JobRun, ScheduledJob
from tests.support import make_run
from tests.support.pages import in_one_line, text_of
from tests.support.people import signed_in, staff
from tests.support.run_pages import RUNS, page

if TYPE_CHECKING:
    from django.test import Client


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]
LOG = """\
14:03:06.120 INFO 18,220 rows
2026-10-22T14:03:09,018+00:00 WARNING: slow answer
14:03:10.204 [ERROR] no mapping
  File "/srv/tasks.py", line 1
14:03:10.311 CRITICAL gone
INFORMATION is no level
"""


def test_a_line_may_begin_with_a_time_and_a_level() -> None:
    log = logs.read_log(LOG)
    assert log is not None
    assert [(line.n, line.time, line.level, line.tone, line.text) for line in log.lines] == [
        (1, "14:03:06.120", "INFO", "off", "18,220 rows"),
        (2, "14:03:09.018", "WARNING", "warn", "slow answer"),
        (3, "14:03:10.204", "ERROR", "bad", "no mapping"),
        (4, "", "", "bad", '  File "/srv/tasks.py", line 1'),
        (5, "14:03:10.311", "CRITICAL", "bad", "gone"),
        (6, "", "", "bad", "INFORMATION is no level"),
    ]
    assert logs.read_log("") is None


def test_a_level_shows_the_lines_from_it_on_and_keeps_their_numbers() -> None:
    log = logs.read_log(LOG, "error")
    assert log is not None
    assert [line.n for line in log.lines] == [3, 4, 5, 6]
    assert [(choice.label, choice.query, choice.is_current) for choice in log.levels] == [
        ("All 6", "?level=#logs", False),
        ("Warning and up 5", "?level=warning#logs", False),
        ("Error 4", "?level=error#logs", True),
    ]


def test_levels_that_leave_out_nothing_are_no_choice() -> None:
    for level in ("", "info", "nonsense"):
        log = logs.read_log("INFO a\nINFO b", level)
        assert log is not None
        assert (len(log.lines), log.levels) == (2, [])


def test_the_log_has_an_anchor_for_each_line_and_a_tint(client: Client, job: ScheduledJob) -> None:
    run = make_run(job, JobRun.Status.FAILED, log=LOG)
    html = in_one_line(page(client, run, "change/?level=warning"))
    assert (
        '<tr id="L2" class="lw"><th scope="row" class="n sj-r"><a href="#L2" aria-label="Line 2">2</a>'
        in html
    )
    assert 'id="L1"' not in html
    assert "Logs 6 lines All 6 Warning and up 5 Error 4" in text_of(html)
    assert f'<a href="{RUNS}{run.pk}/log/">Download as text</a>' in html
    assert 'id="logs"' not in page(client, make_run(job, JobRun.Status.FAILED))


def test_a_very_long_log_is_cut_and_says_so(
    client: Client, job: ScheduledJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "MOST_LINES", 2)
    html = page(client, make_run(job, JobRun.Status.FAILED, log=LOG))
    assert "The first 2 lines are shown here, 4 more are in the file." in text_of(html)
    assert 'id="L3"' not in html


def test_the_log_is_a_file_for_those_who_may_see_the_run(client: Client, job: ScheduledJob) -> None:
    run = make_run(job, JobRun.Status.FAILED, log=LOG)
    answer = client.get(f"{RUNS}{run.pk}/log/")
    assert answer.content.decode() == LOG
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="run-{run.pk}.log"'
    assert client.get(f"{RUNS}{make_run(job, JobRun.Status.FAILED).pk}/log/").status_code == 404
    assert signed_in(staff("run")).get(f"{RUNS}{run.pk}/log/").status_code == 403
