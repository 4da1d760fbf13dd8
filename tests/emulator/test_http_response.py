"""Where a response ends, however the network cuts it up."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduled_jobs.emulator.http_response import Answer, Exchange, Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


class Transport(asyncio.Transport):
    """Counts how often it is dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = 0

    def abort(self) -> None:
        self.aborted += 1


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut % len(data) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=40), max_size=5),
    framing=st.sampled_from(["chunked", "length"]),
    cuts=st.lists(st.integers(0, 10_000), max_size=30),
)
def test_an_answer_is_complete_with_its_last_byte_and_not_before(
    loop: asyncio.AbstractEventLoop, chunks: list[bytes], framing: str, cuts: list[int]
) -> None:
    if framing == "chunked":
        body = b"".join(b"%x;a=b\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
        body += b"0\r\nTrailer: x\r\n\r\n"
        head = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    else:
        body = b"".join(chunks)
        head = b"HTTP/1.1 201 Created\r\nContent-Length: %d\r\n\r\n" % len(body)
    response = b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + head + body
    exchange = Exchange("POST", loop.create_future())
    for piece in pieces(response, [*cuts, len(response) - 1]):
        assert not exchange.answer.done()
        exchange.data_received(piece)
    assert exchange.answer.result() == Answer(201, "")


def test_a_connection_that_comes_too_late_is_dropped_unused(loop: asyncio.AbstractEventLoop) -> None:
    exchange, transport = Exchange("POST", loop.create_future()), Transport()
    exchange.abort()
    exchange.connection_made(transport)
    assert transport.aborted == 1
    exchange.connection_lost(None)
    assert exchange.answer.cancelled()


def test_an_error_that_nobody_waits_for_is_taken_note_of(
    loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    exchange = Exchange("POST", loop.create_future())
    exchange.connection_made(Transport())
    exchange.connection_lost(None)
    assert isinstance(exchange.answer.exception(), Malformed)
    other = Exchange("POST", loop.create_future())
    other.connection_lost(ConnectionResetError())
    other.abort()
    del other
    assert caplog.messages == []


@pytest.mark.parametrize(("error", "whole"), [(None, True), (ConnectionResetError(), False)])
def test_a_body_without_a_length_ends_with_its_connection_unless_that_is_reset(
    loop: asyncio.AbstractEventLoop, error: Exception | None, *, whole: bool
) -> None:
    exchange = Exchange("GET", loop.create_future())
    exchange.data_received(b"HTTP/1.0 200 OK\r\n\r\nsome of it")
    assert not exchange.answer.done()
    exchange.connection_lost(error)
    assert (exchange.answer.exception() is None) is whole


def test_what_follows_the_answer_changes_nothing(loop: asyncio.AbstractEventLoop) -> None:
    exchange = Exchange("GET", loop.create_future())
    exchange.data_received(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    exchange.data_received(b"HTTP/1.1 500 Other\r\n\r\n")
    exchange.connection_lost(None)
    assert exchange.answer.result() == Answer(200, "")
