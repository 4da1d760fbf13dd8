"""``scheduled_jobs next``: the runs ahead."""

from __future__ import annotations

import json

import pytest

from scheduled_jobs.models import ScheduledJob
from tests.management.verbs.calling import NAME, call
from tests.support.declaring import declare, schedule_tasks

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_tasks")]


def test_next_tells_the_runs_to_come_with_their_notices(job: ScheduledJob) -> None:
    lines = call("next", NAME, "-n", "3").splitlines()
    assert len(lines) == 4
    assert all(line.split()[1] == "09:00:00Z" for line in lines[1:])
    assert len(json.loads(call("next", "--json"))) == 10
    job.pause(reason="x")
    assert json.loads(call("next", "--json")) == []


def test_a_schedule_that_was_never_validated_hides_no_other_job(
    job: ScheduledJob,
) -> None:
    declare("Two")
    schedule_tasks()
    ScheduledJob.objects.filter(pk=job.pk).update(schedule_override="every now and then")
    said = call("list").splitlines()
    assert [line.split()[0] for line in said] == ["job", NAME, "shop--shop-tasks-Two"]
    assert "The schedule cannot be run: 'now' cannot stand, in 'every now and then'" in call("show", NAME)
    assert len(json.loads(call("next", "--json", "-n", "3"))) == 3
