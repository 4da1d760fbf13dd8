"""Telling people what happened: what is owed, what of it is told, and sending it."""

from scheduled_jobs.services.alerts.channels import NOBODY, in_words, test_line
from scheduled_jobs.services.alerts.check_ins import (
    begin_check_in,
    check_in_address,
    check_in_lost,
    finish_check_ins,
)
from scheduled_jobs.services.alerts.http import host_shown, is_callable
from scheduled_jobs.services.alerts.judging import paused_by_themselves
from scheduled_jobs.services.alerts.owing import (
    given_up_at,
    is_anybody_told,
    is_due_here,
    owe_end,
    owe_missed,
    retry_at,
)
from scheduled_jobs.services.alerts.sending import prune_alerts, send_owed, send_test

__all__ = [
    "NOBODY", "begin_check_in", "check_in_address", "check_in_lost", "finish_check_ins", "given_up_at",
    "host_shown", "in_words", "is_anybody_told", "is_callable", "is_due_here", "owe_end", "owe_missed",
    "paused_by_themselves", "prune_alerts", "retry_at", "send_owed", "send_test", "test_line",
]  # fmt: skip
