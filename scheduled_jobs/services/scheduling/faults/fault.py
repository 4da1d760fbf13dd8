"""One thing that is wrong with the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "fault", "advice"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and what to write instead.

    An ``error`` fails every ``manage.py check``; a ``fault`` is a warning there, an error with ``--deploy``;
    with both nothing is sent. ``advice`` never holds anything back.
    """

    number: int
    text: str
    hint: str
    level: Level = "fault"
    in_production: bool = False
    """Whether it is right on a developer's machine, and told by ``check --deploy`` alone."""

    def __str__(self) -> str:
        return f"{self.text} {self.hint}"

    @property
    def holds_back(self) -> bool:
        """Whether nothing is sent to Google with it."""
        return self.level != "advice" and not self.in_production
