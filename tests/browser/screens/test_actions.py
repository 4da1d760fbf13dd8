"""What is asked before something is done with jobs, and the plan."""

from __future__ import annotations

import pytest

from tests.browser.screens.checks import ScreenChecks
from tests.browser.screens.table import ACTIONS

pytestmark = pytest.mark.browser


class TestActions(ScreenChecks):
    screens = ACTIONS
