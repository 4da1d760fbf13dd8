"""Whatever happens in whatever order: after healing and one sync, Google equals the database.

A machine of operators, deploys, consoles and failures. ``SYNC_STEPS`` and ``SYNC_EXAMPLES`` in the
environment make it longer; a failing example is printed with the calls that lead to it.
"""

from __future__ import annotations

import os

import pytest
from django.db import connection
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.operations import Operations


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("no_backoff")
@pytest.mark.uncounted
def test_after_healing_google_equals_the_database() -> None:
    run_state_machine_as_test(
        Operations,
        settings=settings(
            # What a server of databases changes shows in fewer.
            max_examples=int(os.environ.get("SYNC_EXAMPLES", "15" if connection.vendor == "sqlite" else "8")),
            stateful_step_count=int(os.environ.get("SYNC_STEPS", "30")),
            suppress_health_check=list(HealthCheck),
        ),
    )
