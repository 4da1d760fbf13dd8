"""How many knock at a target at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from scheduled_jobs.emulator import gate
from scheduled_jobs.emulator.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def run(scenario: Callable[[Gate], Awaitable[None]], limit: int = 2) -> None:
    async def main() -> None:
        made = Gate()
        made.limit = limit
        await asyncio.wait_for(scenario(made), 5)

    asyncio.run(main())


async def visit(entrance: Gate, log: list[str], name: str, leave: asyncio.Event) -> None:
    async with entrance:
        log.append(name)
        await leave.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_only_so_many_are_inside_and_the_others_come_in_their_order() -> None:
    async def scenario(entrance: Gate) -> None:
        log: list[str] = []
        leave = {name: asyncio.Event() for name in "abcd"}
        tasks = [asyncio.create_task(visit(entrance, log, name, leave[name])) for name in "abcd"]
        await settle()
        assert log == ["a", "b"]
        leave["b"].set()
        await settle()
        assert log == ["a", "b", "c"]
        for event in leave.values():
            event.set()
        await asyncio.gather(*tasks)
        assert log == ["a", "b", "c", "d"]

    run(scenario)


def test_a_wider_gate_lets_more_in_and_a_narrower_one_fewer() -> None:
    async def scenario(entrance: Gate) -> None:
        log: list[str] = []
        leave = {name: asyncio.Event() for name in "abcde"}
        tasks = [asyncio.create_task(visit(entrance, log, name, leave[name])) for name in "abcde"]
        await settle()
        entrance.limit = 3
        leave["a"].set()
        await settle()
        assert log == ["a", "b", "c", "d"]
        entrance.limit = 1
        leave["b"].set()
        leave["c"].set()
        await settle()
        assert log == ["a", "b", "c", "d"]
        leave["d"].set()
        await settle()
        assert log == ["a", "b", "c", "d", "e"]
        leave["e"].set()
        await asyncio.gather(*tasks)

    run(scenario)


def test_who_gives_up_waiting_takes_nobodys_place() -> None:
    async def scenario(entrance: Gate) -> None:
        log: list[str] = []
        leave = asyncio.Event()
        tasks = [asyncio.create_task(visit(entrance, log, name, leave)) for name in "abc"]
        await settle()
        tasks[1].cancel()
        leave.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert log == ["a", "c"]

    run(scenario, limit=1)


def test_who_gives_up_at_the_moment_of_being_let_in_makes_room() -> None:
    async def scenario(entrance: Gate) -> None:
        log: list[str] = []
        first, later = asyncio.Event(), asyncio.Event()
        later.set()
        holder = asyncio.create_task(visit(entrance, log, "a", first))
        unlucky = asyncio.create_task(visit(entrance, log, "b", later))
        last = asyncio.create_task(visit(entrance, log, "c", later))
        await settle()
        first.set()
        while not holder.done():
            await asyncio.sleep(0)
        unlucky.cancel()  # it has its turn, but has not run since
        await asyncio.gather(unlucky, last, return_exceptions=True)
        assert log in (["a", "c"], ["a", "b", "c"])
        assert entrance._inside == 0

    run(scenario, limit=1)


def test_it_doubles_with_each_round_until_a_connection_is_dropped_then_grows_by_one() -> None:
    entrance = Gate()
    for _ in range(gate.FIRST):
        entrance.widen()
    assert entrance.limit == 2 * gate.FIRST
    entrance.narrow()
    assert entrance.limit == gate.FIRST
    for _ in range(gate.FIRST):
        entrance.widen()
    assert entrance.limit == pytest.approx(gate.FIRST + 1, abs=0.1)


def test_it_has_its_bounds() -> None:
    entrance = Gate()
    for _ in range(1000):
        entrance.widen()
    assert entrance.limit == gate.MOST
    for _ in range(100):
        entrance.narrow()
    assert entrance.limit == gate.FEWEST
