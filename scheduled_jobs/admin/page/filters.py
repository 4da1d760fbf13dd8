"""What narrows a list down: chips and menus of links, which every list draws alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True)
class FilterLink:
    """A choice: a chip, or a line of a menu. ``count`` is how many it would show, or what else it says."""

    title: _StrPromise | str
    url: str
    count: str | int = ""
    is_chosen: bool = False
    icon: str = ""
    tone: str = ""


@dataclass(frozen=True)
class FilterMenu:
    """A menu of choices; ``chosen`` is what it stands at, empty where it leaves nothing out.

    ``hidden`` are the other parameters of a search for a part of a name; None where there is none.
    """

    title: _StrPromise | str
    choices: Sequence[FilterLink]
    chosen: _StrPromise | str = ""
    hidden: Sequence[tuple[str, str]] | None = None
    part: str = ""
