"""The shop's data. It lives in memory, so that the sample project is about jobs and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

HOLD = timedelta(minutes=15)
"""For how long a product that lies in a cart is kept for the customer."""


@dataclass(frozen=True)
class Reservation:
    """A product that a customer put into a cart, and when (aware)."""

    product: str
    quantity: int
    reserved_at: datetime


PRODUCTS = ("desk lamp", "oak shelf", "wool blanket", "tea kettle", "wall clock", "cork board")


def reservations(now: datetime) -> list[Reservation]:
    """What lies in carts at ``now``: one product put there every four minutes of the last half an hour."""
    return [
        Reservation(product, quantity, now - timedelta(minutes=4 * quantity))
        for quantity, product in enumerate(PRODUCTS, start=1)
    ]


CARTS = {"emea": {"anna": 30, "bilal": 3, "chiara": 51}, "apac": {"daichi": 26}}
"""Region -> customer -> for how many hours their cart has been left alone."""


def abandoned_carts(region: str, older_than_hours: int) -> list[str]:
    """The customers of a region whose carts were left for longer than that."""
    return [customer for customer, hours in CARTS.get(region, {}).items() if hours > older_than_hours]
