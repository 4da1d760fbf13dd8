"""The traceback of a run: the user's own frames first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.domain import traces
from scheduled_jobs.models import JobRun, ScheduledJob
from tests.support.pages import in_one_line, text_of
from tests.support.run_pages import failed, page

if TYPE_CHECKING:
    from django.test import Client


pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_tasks")]

Status, Trigger = JobRun.Status, JobRun.Trigger


def test_frames_that_are_not_the_users_are_folded_away(client: Client, job: ScheduledJob) -> None:
    run = failed(
        job,
        traceback="Traceback (most recent call last):\n"
        '  File "/app/.venv/lib/python3.11/site-packages/relic/hook.py", line 88, in wrapper\n'
        "    return wrapped()\n"
        '  File "/srv/inventory/tasks.py", line 58, in apply\n'
        "    stock[code] = row\n"
        "    ~~~~~^^^^^^\n"
        "KeyError: 'PT-LIS-2'\n",
    )
    html = page(client, run)
    [own] = re.findall(r'<pre class="sj-trace"[^>]*>(.*?)</pre>', html, re.DOTALL)
    assert text_of(own).strip() == (
        "/srv/inventory/tasks.py, line 58, in apply stock[code] = row ~~~~~^^^^^^ KeyError: 'PT-LIS-2'"
    )
    assert '<a href="?#error" aria-current="true">Our code</a>' in in_one_line(html)
    assert '<a href="?trace=full#error"> Full trace, 2 frames </a>' in in_one_line(html)
    html = page(client, run, "change/?trace=full")
    [full] = re.findall(r'<pre class="sj-trace"[^>]*>(.*?)</pre>', html, re.DOTALL)
    assert "relic/hook.py" in full
    assert '<a href="?trace=full#error" aria-current="true">' in html


def test_frames_are_shown_from_where_python_imports_them() -> None:
    own = Path(__file__)
    trace = traces.read(
        f'Traceback (most recent call last):\n  File "{own}", line 3, in run\n    x()\nError: x\n\nmore\n'
    )
    assert trace.own[0].text.endswith("tests/admin/run/test_traces.py, line 3, in run")
    assert not trace.own[0].text.startswith("/")
    assert (trace.frames, trace.foreign) == (1, 0)
    assert traces.read("nothing like a traceback").own == [
        traces.TraceLine("nothing like a traceback", "hot")
    ]


def test_where_no_frame_is_the_users_all_are_shown() -> None:
    trace = traces.read('Traceback (most recent call last):\n  File "<frozen runpy>", line 1, in x\nError: y')
    assert [line.text for line in trace.own] == ["<frozen runpy>, line 1, in x", "Error: y"]
    assert (trace.frames, trace.foreign) == (1, 1)
