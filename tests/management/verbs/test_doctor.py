from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.services import monitoring
from scheduled_jobs.services.monitoring import Finding
from tests.management.verbs.calling import call
from tests.support.documents import read, section

if TYPE_CHECKING:
    from collections.abc import Callable

RIGHT = Finding("tasks", is_ok=True, text="1 task: shop.tasks.One")
NOTED = Finding("watch", is_ok=False, text="Nobody watches", remedy="Watch.")
STOPS = Finding("address", is_ok=False, text="Nothing listens", remedy="Start it.", stops=True)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    return lambda *findings: monkeypatch.setattr(monitoring, "examine", lambda: list(findings))


def test_each_finding_is_one_line(found: Callable[..., None]) -> None:
    found(RIGHT, NOTED)
    assert call("doctor") == "[ok] 1 task: shop.tasks.One.\n[!] Nobody watches. Watch.\n"


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_what_keeps_a_job_from_running_is_an_exit_code(
    found: Callable[..., None], options: list[str]
) -> None:
    found(RIGHT, STOPS)
    with pytest.raises(SystemExit) as stop:
        call("doctor", *options)
    assert stop.value.code == 1


def test_the_json_has_the_keys_that_are_documented(found: Callable[..., None]) -> None:
    found(RIGHT, NOTED)
    printed = json.loads(call("doctor", "--json"))
    assert printed["ok"] is True
    assert printed["findings"][1] == {
        "topic": "watch", "ok": False, "text": "Nobody watches", "remedy": "Watch.", "stops": False,
    }  # fmt: skip
    documented = section(read("docs/commands.md"), "Why nothing runs")
    assert all(f"`{key}`" in documented for key in (*printed, *printed["findings"][0]))
