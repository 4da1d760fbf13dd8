from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
import pytest
from django.test import override_settings

from scheduled_jobs.backends.cloud_scheduler import CloudSchedulerBackend
from tests.backends.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[Server]:
    handler = Server()
    running = grpc.server(ThreadPoolExecutor(4), handlers=[handler])
    port = running.add_insecure_port("127.0.0.1:0")
    running.start()
    with override_settings(
        DJANGO_CLOUD_TASKS_EMULATOR_HOST=f"127.0.0.1:{port}", DJANGO_CLOUD_TASKS_PROJECT_ID="shop-project"
    ):
        yield handler
    running.stop(0)


@pytest.fixture
def backend(server: Server) -> Iterator[CloudSchedulerBackend]:
    backend = CloudSchedulerBackend()
    yield backend
    backend.close()
