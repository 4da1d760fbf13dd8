"""``scheduled_jobs test-alert``."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command

from tests.support.alerts import hook

if TYPE_CHECKING:
    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db


def printed(*args: str, code: int = 0) -> str:
    stdout = io.StringIO()
    if code:
        with pytest.raises(SystemExit) as stopped:
            call_command("scheduled_jobs", "test-alert", *args, stdout=stdout)
        assert stopped.value.code == code
    else:
        call_command("scheduled_jobs", "test-alert", *args, stdout=stdout)
    return stdout.getvalue()


def test_a_test_alert_is_told_a_line_each(settings: SettingsWrapper) -> None:
    assert printed(code=1) == (
        "[!] Nobody is told: set DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS or DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS.\n"
    )
    settings.DJANGO_CLOUD_TASKS_ALERT_RECIPIENTS = ["ops@shop.example"]
    assert printed() == "[ok] ops@shop.example: sent, as the server of mail says.\n"
    with hook(500) as chat:
        settings.DJANGO_CLOUD_TASKS_ALERT_WEBHOOKS = [chat.address]
        assert printed(code=1).splitlines()[1] == "[!] webhook at 127.0.0.1: not sent, it answered 500."
        assert json.loads(printed("--json", code=1)) == {
            "ok": False,
            "channels": [
                {"channel": "email", "to": ["ops@shop.example"], "error": ""},
                {"channel": "webhook", "to": ["127.0.0.1"], "error": "it answered 500"},
            ],
        }
