"""Cron expressions by chance, as Google's page allows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.domain.schedule_oracle import WEEKDAYS

if TYPE_CHECKING:
    import random


def field(rng: random.Random, low: int, high: int, names: list[str] | None = None) -> str:
    def number() -> int:
        return rng.randint(low, high)

    def span() -> str:
        first, last = sorted((number(), number()))
        return f"{first}-{last}"

    kind = rng.choices(
        ["*", "number", "list", "range", "step", "range/step", "name"],
        [30, 25, 15, 12, 8, 7, 3 if names else 0],
    )[0]
    if kind == "list":
        return ",".join(rng.choice([str(number()), span()]) for _ in range(rng.randint(2, 4)))
    steps = {"step": "*", "range/step": span()}
    if kind in steps:
        return f"{steps[kind]}/{rng.randint(1, high if high != 7 else 6)}"
    return {"*": "*", "number": str(number()), "range": span(), "name": rng.choice(names or [""])}[kind]


def expression(rng: random.Random) -> str:
    """Valid by Google's page; sparse in minutes, so that days, hours and changes are what is tried."""
    minute = rng.choice([str(rng.randint(0, 59)), "0", "30", "*/15", "*/20", field(rng, 0, 59)])
    month = rng.choice(["*", "*", field(rng, 1, 12)])
    day, weekday = field(rng, 1, 31), field(rng, 0, 7, WEEKDAYS)
    free = rng.random()
    if free < 0.5 or (day.startswith("*/") and weekday != "*"):
        day = "*"
    if free > 0.4 or (weekday.startswith("*/") and day != "*"):
        weekday = "*"
    return f"{minute} {field(rng, 0, 23)} {day} {month} {weekday}"
