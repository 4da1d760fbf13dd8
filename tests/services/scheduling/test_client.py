"""A call is tried again where that can help, and never longer than it may take."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from django.test import override_settings

from scheduled_jobs.exceptions import Aborted, NotFound, OutcomeUnknown, OutOfTime
from scheduled_jobs.services.scheduling import client
from scheduled_jobs.services.scheduling.client import Client

if TYPE_CHECKING:
    from scheduled_jobs.backends.memory import MemoryBackend


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


@override_settings(DJANGO_CLOUD_TASKS_RPC_TIMEOUT=1.0)
def test_what_nobody_answers_is_tried_within_the_time_of_a_call(
    google: MemoryBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=clock, sleep=clock.wait))
    google.store.faults.refuse("GetJob", "UNAVAILABLE", "try later", times=99)
    with pytest.raises(OutcomeUnknown):
        Client(60, google).get(google.remote_name("x"))
    assert 2 <= len(google.store.faults.calls) <= 5
    assert 0 < clock.now < 1


def test_a_refusal_is_not_tried_again(google: MemoryBackend) -> None:
    with pytest.raises(NotFound):
        Client(time.monotonic() + 60, google).delete(google.remote_name("x"))
    assert len(google.store.faults.calls) == 1


def test_an_aborted_call_is_given_up_after_five_tries(google: MemoryBackend) -> None:
    google.store.faults.refuse("DeleteJob", "ABORTED", "sync mutate calls cannot be queued", times=99)
    with pytest.raises(Aborted):
        Client(time.monotonic() + 60, google).delete(google.remote_name("x"))
    assert len(google.store.faults.calls) == 5


def test_when_time_is_up_nothing_is_sent(google: MemoryBackend) -> None:
    with pytest.raises(OutOfTime):
        Client(time.monotonic() - 1, google).get(google.remote_name("x"))
    assert google.store.faults.calls == []
