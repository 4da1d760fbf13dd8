"""What jobs are called on the pages."""

from __future__ import annotations

import pytest

from scheduled_jobs.admin.words.names import JobName, job_label
from scheduled_jobs.models import ScheduledJob


def test_a_job_of_the_code_is_called_by_its_task() -> None:
    job = ScheduledJob(origin="code", task="shop.tasks.Settle", name="shop--shop-tasks-Settle")
    assert JobName.for_job(job) == ("shop.tasks.", "Settle")
    assert job_label(job) == "shop.tasks.Settle"


@pytest.mark.parametrize(
    ("name", "label"), [("shop--report-emea", "report-emea"), ("report", "report"), ("other--x", "other--x")]
)
def test_an_operators_own_job_is_called_by_its_name(name: str, label: str) -> None:
    job = ScheduledJob(origin="operator", task="shop.tasks.Settle", name=name)
    assert (JobName.for_job(job), job_label(job)) == (("", label), label)


@pytest.mark.parametrize(
    ("task", "html"),
    [
        ("shop.tasks.Settle", '<span class="sj-mod">shop.<wbr>tasks.<wbr></span>Settle'),
        ("a.EraseInactiveAccounts", '<span class="sj-mod">a.<wbr></span>Erase<wbr>Inactive<wbr>Accounts'),
        ("Settle", "Settle"),
        ("a.<b>", '<span class="sj-mod">a.<wbr></span>&lt;b&gt;'),
    ],
)
def test_a_long_name_may_break_between_its_words(task: str, html: str) -> None:
    assert JobName.from_columns("code", task, "").html == html
