"""The list of jobs, and the page of one."""

from __future__ import annotations

import pytest

from tests.browser.screens.checks import ScreenChecks
from tests.browser.screens.table import JOBS

pytestmark = pytest.mark.browser


class TestJobs(ScreenChecks):
    screens = JOBS
