"""What docs/operating.md says is so: its code, run, and its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs.admin.page.permissions import VERBS
from scheduled_jobs.models import JobChange, ScheduledJob
from tests.support.declaring import declare, row, schedule_tasks
from tests.support.documents import ROOT, code_blocks, read, rows, section

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend

PAGE = "docs/operating.md"

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


def send(self: Any, limit: int = 500) -> None:
    """What the page's task runs."""


def test_what_the_page_does_from_python_is_pushed_and_recorded(google: MemoryBackend) -> None:
    declare("SendReminders", "0 9 * * *", run=send)
    declare("Other")
    schedule_tasks()
    JobChange.objects.all().delete()
    google.store.faults.calls.clear()
    (code,) = code_blocks(PAGE, "operating.py")
    names: dict[str, Any] = {"__name__": "operating"}
    exec(compile(code, str(ROOT / PAGE), "exec"), names)
    assert names["paused"] == 2
    told = JobChange.objects.filter(job=row("SendReminders")).order_by("pk")
    lines = [(c.field, c.new, c.actor_label, c.via, c.reason) for c in told if c.field != "paused_until"]
    assert lines == [
        ("paused", True, "release 41", "code", "The mail server moves"),
        ("paused", False, "release 41", "code", ""),
        ("schedule", "0 7 * * *", "release 41", "code", "Asked for by finance"),
        ("schedule", None, "", "code", ""),
        ("run", names["run"].pk, "release 41", "code", "To see that it works"),
        ("paused", True, "", "code", "Stocktaking"),
        ("paused", False, "", "code", ""),
    ]
    assert (names["run"].payload, names["run"].status) == ({"limit": 5}, "queued")
    made = [call.method for call in google.store.faults.calls]
    assert (made.count("RunJob"), made.count("PauseJob"), made.count("ResumeJob")) == (1, 2, 2)
    assert set(ScheduledJob.objects.values_list("sync_state", "paused")) == {("synced", False)}


def test_every_permission_is_explained_and_no_other() -> None:
    named = [names for names, _ in rows(section(read(PAGE), "Who may do what"), 2)]
    assert sorted(name.strip("`") for names in named for name in names.split(", ")) == sorted(VERBS)


def test_every_way_of_a_change_is_named_and_no_other() -> None:
    ways = read(PAGE).split("through what (")[1].split(")")[0].replace("\n", " ").split(", ")
    assert sorted(way.strip("`") for way in ways) == sorted(JobChange.Via.values)
