"""The desk before there is a job."""

from __future__ import annotations

import pytest

from tests.browser.screens.checks import ScreenChecks
from tests.browser.screens.table import EMPTY

pytestmark = pytest.mark.browser


class TestEmpty(ScreenChecks):
    screens = EMPTY
