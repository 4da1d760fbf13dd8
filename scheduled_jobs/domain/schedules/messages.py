"""How a text that a person wrote is quoted back in a message."""

from __future__ import annotations

LONGEST_QUOTE = 60
ORDINALS = ("first", "second", "third", "fourth", "fifth")


def quoted(text: object) -> str:
    """The text between quotes, shortened, with nothing in it that could not be printed or stored."""
    if not isinstance(text, str):
        return repr(text)[:LONGEST_QUOTE]
    shown = text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"
    # A character that cannot be printed is told as ten.
    while len(repr(shown)) > LONGEST_QUOTE + 2:
        shown = shown.removesuffix("…")[:-1] + "…"
    return repr(shown)


def listed(words: list[str]) -> str:
    """``["a", "b", "c"]`` as "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), *words[-1:]]) if len(words) > 1 else "".join(words)
