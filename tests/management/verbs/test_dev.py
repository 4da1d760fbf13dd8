"""What ``dev`` refuses before it starts anything."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from scheduled_jobs import conf
from scheduled_jobs.management.verbs import dev
from tests.support.demo_process import free_ports

pytestmark = pytest.mark.django_db


def refusal(*arguments: str, **options: Any) -> str:
    with pytest.raises(CommandError) as refused:
        call_command("scheduled_jobs", "dev", *arguments, **options)
    return str(refused.value)


@pytest.fixture
def _debug(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.DEBUG = True
    monkeypatch.setattr(conf, "in_tests", lambda: False)


def test_without_debug_it_refuses(settings: Any) -> None:
    settings.DEBUG = False
    assert refusal() == "dev is for a developer's machine: it needs DEBUG = True in the settings."


def test_elsewhere_than_on_linux_and_macos_it_says_what_to_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(dev.os, "name", "nt")
        said = refusal()
    assert said == (
        "dev runs on Linux and macOS. Here set DJANGO_CLOUD_TASKS_EMULATOR_HOST to 127.0.0.1:8085, and start "
        "run_scheduler_emulator, runserver and schedule_tasks, each in a terminal of its own."
    )


@pytest.mark.usefixtures("_debug")
def test_a_taken_port_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert refusal(str(port)) == (
            f"The web server cannot have port {port} of 127.0.0.1: another program listens there. "
            f"Choose another: manage.py scheduled_jobs dev {port + 1}"
        )
        assert refusal(str(free_ports()[0]), emulator_port=port) == (
            f"The emulator cannot start: port {port} on 127.0.0.1 cannot be used "
            "(another program listens there); pick another port"
        )


@pytest.mark.usefixtures("_debug")
@pytest.mark.parametrize("address", ["http://localhost:8000", "8000x", "0", "65536", "localhost"])
def test_what_is_no_address_is_refused(address: str) -> None:
    assert refusal(address) == (
        f"{address!r} is not an address: write a port, or host:port, as for runserver."
    )


@pytest.mark.usefixtures("_debug")
def test_a_backend_of_the_projects_own_is_refused(settings: Any) -> None:
    settings.DJANGO_CLOUD_TASKS_BACKEND = "shop.backends.Mine"
    assert refusal(str(free_ports()[0])) == (
        "DJANGO_CLOUD_TASKS_BACKEND is 'shop.backends.Mine', and not the package's own: dev cannot know "
        "where that would send the jobs. Leave it unset while DEBUG is True."
    )


@pytest.mark.usefixtures("_debug")
def test_what_holds_back_every_push_holds_back_dev_too(settings: Any) -> None:
    """And nothing does that dev makes anew, however wrong it is."""
    del settings.DJANGO_CLOUD_TASKS_BACKEND
    settings.DJANGO_CLOUD_TASKS_ENDPOINT = "ftp://shop"
    settings.DJANGO_CLOUD_TASKS_LOCATION = "Europe"
    settings.DJANGO_CLOUD_TASKS_APP_NAME = "my shop"
    said = refusal(str(free_ports()[0]))
    assert "DJANGO_CLOUD_TASKS_APP_NAME is 'my shop'" in said
    assert "ENDPOINT" not in said
    assert "LOCATION" not in said


@pytest.mark.parametrize(
    ("address", "called"),
    [
        ("8000", ("127.0.0.1", 8000)),
        ("0.0.0.0:8000", ("127.0.0.1", 8000)),
        ("0:8000", ("127.0.0.1", 8000)),
        ("[::]:8000", ("::1", 8000)),
        ("[::1]:8000", ("::1", 8000)),
        ("localhost:80", ("localhost", 80)),
    ],
)
def test_an_address_to_listen_on_is_called_from_here(address: str, called: tuple[str, int]) -> None:
    assert dev._address(address) == called
