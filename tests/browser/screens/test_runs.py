"""The list of runs, and the page of one."""

from __future__ import annotations

import pytest

from tests.browser.screens.checks import ScreenChecks
from tests.browser.screens.table import OF_RUNS

pytestmark = pytest.mark.browser


class TestRuns(ScreenChecks):
    screens = OF_RUNS
