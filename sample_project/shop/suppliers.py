"""Price lists as suppliers send them, which is not always as they should."""

from __future__ import annotations

import csv
from decimal import Decimal, InvalidOperation

PRICE_LIST = """\
sku,name,price
LAMP-01,desk lamp,39.90
SHELF-07,oak shelf,129.00
BLANKET-2,wool blanket,"59,90 EUR"
KETTLE-11,tea kettle,24.50
"""
"""This morning's list of the supplier; whoever wrote its third line meant well."""


class UnreadablePriceList(Exception):
    """A line of a price list cannot be read; no price of the list was changed."""


def read_price_list(text: str) -> dict[str, Decimal]:
    """Prices by stock keeping unit. Raises UnreadablePriceList naming the line."""
    rows = csv.DictReader(text.splitlines())
    return {row["sku"]: _price(row["price"], line) for line, row in enumerate(rows, start=2)}


def _price(text: str, line: int) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise UnreadablePriceList(f"line {line}: {text!r} is not a price; write it as 59.90") from error
