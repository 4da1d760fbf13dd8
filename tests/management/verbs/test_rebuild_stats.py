"""``scheduled_jobs rebuild-stats``."""

from __future__ import annotations

import pytest

from scheduled_jobs.models import RunStats
from scheduled_jobs.services.history import stats
from tests.management.verbs.calling import call
from tests.support import make_job, make_run, make_task

pytestmark = pytest.mark.django_db


def test_figures_that_were_wrong_are_made_anew_from_a_terminal() -> None:
    make_run(make_job(make_task()), "failed")
    stats.fold()
    RunStats.objects.update(failed=8)
    assert call("rebuild-stats") == "The figures are made anew from the runs.\n"
    assert set(RunStats.objects.values_list("failed", flat=True)) == {1}
