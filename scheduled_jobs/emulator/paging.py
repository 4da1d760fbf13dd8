"""Pages of ListJobs."""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

from scheduled_jobs.exceptions import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PAGE_SIZE = 500
MAX_PAGE_BYTES = 3 * 1024 * 1024  # a gRPC client takes 4 MB at once, unless told otherwise
TOKEN_LIFETIME = timedelta(hours=2)


class Numbered(Protocol):
    """Something in a list, with a number that only grows."""

    number: int


Item = TypeVar("Item", bound=Numbered)


def check_page_size(page_size: int) -> int:
    """The size in force: 500 for 0 and for more than 500; raises StoreError(INVALID_ARGUMENT) below 0."""
    if page_size < 0:
        raise StoreError("INVALID_ARGUMENT", "The page_size must not be negative.")
    return min(page_size or MAX_PAGE_SIZE, MAX_PAGE_SIZE)


def after(items: Sequence[Item], number: int) -> Sequence[Item]:
    """The items behind this number; jobs made or deleted between two pages disturb nothing."""
    return items[bisect_right(items, number, key=lambda item: item.number) :]


def make_token(parent: str, number: int, now: datetime) -> str:
    """A token for the jobs of the parent behind this number."""
    expiry = (now + TOKEN_LIFETIME).timestamp()
    return base64.urlsafe_b64encode(json.dumps([parent, number, expiry]).encode()).decode()


def read_token(token: str, parent: str, now: datetime) -> int:
    """The number in a token; raises StoreError(INVALID_ARGUMENT) for any but a fresh one of this parent."""
    try:
        of, number, expiry = json.loads(base64.urlsafe_b64decode(token.encode()))
        usable = of == parent and now.timestamp() < float(expiry)
        number = int(number)
    except (ValueError, TypeError) as error:
        raise StoreError("INVALID_ARGUMENT", "The page_token is invalid.") from error
    if not usable:
        raise StoreError("INVALID_ARGUMENT", "The page_token is expired or of another list.")
    return number
