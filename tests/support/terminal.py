"""A terminal, as a command writes to it."""

from __future__ import annotations

import io


class Terminal(io.StringIO):
    """Shows what a person would see: a carriage return goes back to the line's beginning."""

    def isatty(self) -> bool:
        return True

    @property
    def screen(self) -> list[str]:
        lines = []
        for text in self.getvalue().split("\n"):
            line = ""
            for part in text.split("\r"):
                line = part + line[len(part) :]
            lines.append(line.rstrip())
        return lines
