"""What is done for many at once, after the transaction in which they were changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class _Together:
    """One act for all that one transaction has changed."""

    def __init__(self, act: Callable[[Iterable[Any]], None], label: str) -> None:
        self.act = act
        self.items: dict[Any, None] = {}
        # By it Django logs the failure of what was to be done on commit.
        self.__qualname__ = label

    def __call__(self) -> None:
        self.act(list(self.items))


def once_committed(act: Callable[[Iterable[Any]], None], items: Iterable[Any], *, using: str) -> None:
    """Call ``act`` once, with all items that it is given in this transaction; never if it is rolled back."""
    connection = transaction.get_connection(using)
    items = dict.fromkeys(items)
    if not items:
        return
    waiting = [entry[1] for entry in connection.run_on_commit if isinstance(entry[1], _Together)]
    for together in waiting if connection.in_atomic_block else ():
        if together.act is act:
            together.items.update(items)
            return
    together = _Together(act, act.__qualname__)
    together.items.update(items)
    transaction.on_commit(together, using=using, robust=True)
