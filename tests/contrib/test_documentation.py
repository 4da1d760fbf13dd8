"""What docs/neighbours.md says is so."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.apps import AppConfig

from scheduled_jobs import signals
from tests.contrib.arriving import deliver
from tests.support import make_job, make_task
from tests.support.documents import code_blocks, read, rows

PAGE = "docs/neighbours.md"


@pytest.mark.django_db(transaction=True)
def test_the_receiver_of_the_page_hears_of_a_failure() -> None:
    names: dict[str, Any] = {}
    (code,) = code_blocks(PAGE, "receivers.py")
    exec(code, names)

    def run(self: Any) -> None:
        raise ValueError

    task = make_task(run)
    try:
        deliver(make_job(task), task)
    finally:
        signals.run_failed.disconnect(names["note"])
    assert names["failed"] == [("shop.reports.Report", 1, "ValueError")]


def test_every_signal_is_listed() -> None:
    told = {row[0].strip("`") for row in rows(read(PAGE), 4)}
    ours = {
        name
        for name in vars(signals)
        if name.endswith(("started", "finished", "failed", "skipped", "missed", "recovered", "synced"))
    }
    assert told == ours


def test_the_apps_to_install_are_there() -> None:
    lists = [re.findall(r'"(scheduled_jobs\.\S+)"', block) for block in code_blocks(PAGE, "settings.py")]
    assert [AppConfig.create(name).name for [name] in lists] == [
        "scheduled_jobs.contrib.sentry",
        "scheduled_jobs.contrib.opentelemetry",
    ]
