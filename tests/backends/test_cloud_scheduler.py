"""Google's own client, unmodified, against the emulator in a process of its own."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest
from django.test import override_settings

from scheduled_jobs import exceptions
from scheduled_jobs.backends.cloud_scheduler import CloudSchedulerBackend
from scheduled_jobs.services.scheduling import next_step
from tests.backends.cases import SPEC, BackendCases
from tests.support.emulator_process import running_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.emulator_process import RunningEmulator


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with running_emulator() as running:
        yield running


class TestCloudSchedulerBackend(BackendCases):
    @pytest.fixture
    def backend(
        self, emulator: RunningEmulator, request: pytest.FixtureRequest
    ) -> Iterator[CloudSchedulerBackend]:
        project = f"p-{abs(hash(request.node.name)) % 10**9}"
        with override_settings(
            DJANGO_CLOUD_TASKS_EMULATOR_HOST=emulator.host, DJANGO_CLOUD_TASKS_PROJECT_ID=project
        ):
            backend = CloudSchedulerBackend()
            yield backend
            backend.close()


def test_an_address_where_nobody_listens_ends_after_the_timeout() -> None:
    """The client's own defaults would block for ten minutes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with override_settings(DJANGO_CLOUD_TASKS_EMULATOR_HOST=f"127.0.0.1:{port}"):
        backend = CloudSchedulerBackend()
        begin = time.monotonic()
        for call in (
            lambda: backend.get(backend.remote_name("x"), timeout=0.5),
            lambda: list(backend.list(timeout=0.5)),
            lambda: backend.create(SPEC, timeout=0.5),
            lambda: backend.delete(backend.remote_name("x"), timeout=0.5),
        ):
            with pytest.raises(exceptions.OutcomeUnknown):
                call()
        assert time.monotonic() - begin < 10
        backend.close()


def test_without_a_location_the_message_says_what_to_set() -> None:
    with (
        override_settings(DJANGO_CLOUD_TASKS_LOCATION=None),
        pytest.raises(
            exceptions.InvalidArgument, match="set DJANGO_CLOUD_TASKS_LOCATION, such as europe-west1"
        ),
    ):
        CloudSchedulerBackend().parent  # noqa: B018


def test_without_a_project_the_credentials_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.auth.default", lambda: (None, "from-credentials"))
    with override_settings(DJANGO_CLOUD_TASKS_PROJECT_ID=None):
        assert CloudSchedulerBackend().parent == "projects/from-credentials/locations/europe-west1"
    monkeypatch.setattr("google.auth.default", lambda: (None, None))
    with (
        override_settings(DJANGO_CLOUD_TASKS_PROJECT_ID=None),
        pytest.raises(exceptions.InvalidArgument, match="set DJANGO_CLOUD_TASKS_PROJECT_ID"),
    ):
        CloudSchedulerBackend().parent  # noqa: B018


def test_without_credentials_the_message_is_googles(monkeypatch: pytest.MonkeyPatch) -> None:
    from google.auth.exceptions import DefaultCredentialsError

    def fail() -> None:
        raise DefaultCredentialsError("Your default credentials were not found.")

    monkeypatch.setattr("google.auth.default", fail)
    with (
        override_settings(DJANGO_CLOUD_TASKS_PROJECT_ID=None),
        pytest.raises(exceptions.Unauthenticated, match="Your default credentials were not found"),
    ):
        CloudSchedulerBackend().parent  # noqa: B018


def test_a_folder_in_place_of_credentials_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path))
    backend = CloudSchedulerBackend()
    with override_settings(DJANGO_CLOUD_TASKS_EMULATOR_HOST=None):
        with pytest.raises(exceptions.Unauthenticated) as refusal:
            backend.client  # noqa: B018
        remedy = next_step(refusal.value)
    assert str(refusal.value).startswith("the file of credentials cannot be read: [Errno 21] Is a directory")
    assert remedy.startswith("Correct GOOGLE_APPLICATION_CREDENTIALS")


def test_the_emulator_needs_neither_project_nor_location() -> None:
    with override_settings(
        DJANGO_CLOUD_TASKS_EMULATOR_HOST="127.0.0.1:1",
        DJANGO_CLOUD_TASKS_PROJECT_ID=None,
        DJANGO_CLOUD_TASKS_LOCATION=None,
    ):
        assert CloudSchedulerBackend().parent == "projects/local/locations/us-central1"
