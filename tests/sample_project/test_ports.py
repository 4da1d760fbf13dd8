"""The ports of the demo: what is refused, and what is proposed instead."""

from __future__ import annotations

import argparse
import socket
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from sample_project import ports
from sample_project.ports import DemoFailed
from tests.support.demo_process import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def taken() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def test_a_free_port_is_not_refused_and_a_taken_one_is(taken: int) -> None:
    web, emulator = free_ports()
    ports.check(web, emulator)
    assert ports.refusal(taken) == "another program listens there"
    assert ports.refusal(web) is None


def test_the_web_server_and_the_emulator_cannot_share_a_port() -> None:
    _web, emulator = free_ports()
    for shared in (emulator, emulator + 1):
        with pytest.raises(
            DemoFailed, match=r"Choose another: make demo PORT=\d+ EMULATOR_PORT=\d+"
        ) as refused:
            ports.check(shared, emulator)
        assert str(refused.value).startswith(
            f"The web server cannot have port {shared}: the emulator takes {emulator} and {emulator + 1}. "
        )


def test_what_is_proposed_can_be_had(taken: int) -> None:
    _, emulator = free_ports()
    with pytest.raises(DemoFailed) as refused:
        ports.check(taken, emulator)
    words = dict(word.split("=") for word in str(refused.value).split() if "=" in word)
    ports.check(int(words["PORT"]), int(words["EMULATOR_PORT"]))


def test_a_default_port_need_not_be_typed() -> None:
    assert ports._command(ports.WEB, 9000) == "make demo EMULATOR_PORT=9000"
    assert ports._command(9001, ports.EMULATOR) == "make demo PORT=9001"


@pytest.mark.parametrize("text", ["0", "65535", "-1", "8000a", "", "80.0"])
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError) as refused:
        ports.port(text)
    assert str(refused.value) == f"{text!r} is not a port; write a number from 1 to 65534"
    assert ports.port("65534") == 65534
