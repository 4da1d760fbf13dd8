"""What an error is called, so that its like is found again whatever each was about."""

from __future__ import annotations

import re
import sysconfig
from hashlib import sha256
from pathlib import Path
from types import FrameType

MAX_KEY = 200
READ = 1_000
"""Characters of a message that are read."""
HOLE = "…"
"""Stands for what differs from one error to its like."""

VARYING = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Quoted text; an apostrophe within a word quotes nothing.
        r"""(?<!\w)'(?:\\.|[^'\\])*'(?!\w)|"(?:\\.|[^"\\])*"|`[^`]*`|“[^”]*”|‘[^’]*’|«[^»]*»""",
        # Addresses: of pages, of people, of files.
        r"\b[a-z][a-z0-9+.-]*://\S+|[\w.+-]+@[\w.-]+|(?<![\w/])/[\w.~-]+(?:/[\w.~-]+)+/?",
        # Ids: UUIDs, and what is all hexadecimal.
        r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?=\d*[a-f])[0-9a-f]{8,}\b",
        # Numbers, and every word with a digit in it: 3.5, 0x7f1e, 2026-10-22, order-17a.
        r"(?:(?<!\w)[+-])?\b\w*\d\w*(?:[.,:/-]\w*\d\w*)*",
        # What is left of several of them, such as a list.
        rf"{HOLE}(?:[\s,;:.+()\[\]/-]*{HOLE})+",
    )
)

OUR_OWN = Path(__file__).resolve().parent.parent
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
INSTALLED = {"site-packages", "dist-packages"}


def error_key(class_name: str, message: str, where: str = "") -> str:
    """The key that errors of one kind share: their class, and the message without what varies.

    ``where`` tells those of Python's own classes apart; it is what ``place_of`` gives.
    """
    text = message.strip()[:READ].partition("\n")[0]
    for varying in VARYING:
        text = varying.sub(HOLE, text)
    key = ": ".join(filter(None, [class_name, " ".join(text.split())]))
    return _shortened(f"{key} in {where}" if where else key)


def place_of(error: BaseException) -> str:
    """File (as a module) and function of the project's innermost frame.

    Empty for a class that is not Python's own: that one tells enough. The project's frames are those that
    are neither Python's, nor an installed package's, nor ours; where it is installed itself, the outermost
    frame that is not ours stands for it.
    """
    if type(error).__module__ != "builtins":
        return ""
    outermost, innermost, rest = "", "", error.__traceback__
    while rest is not None:
        file = Path(rest.tb_frame.f_code.co_filename)
        if not file.is_relative_to(OUR_OWN):
            name = _name_of(rest.tb_frame)
            outermost = outermost or name
            if not INSTALLED.intersection(file.parts) and not file.is_relative_to(STANDARD_LIBRARY):
                innermost = name
        rest = rest.tb_next
    return innermost or outermost


def _name_of(frame: FrameType) -> str:
    return f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_qualname}"


def _shortened(key: str) -> str:
    if len(key) <= MAX_KEY:
        return key
    digest = sha256(key.encode(errors="replace")).hexdigest()[:12]
    return f"{key[: MAX_KEY - len(digest) - 1]}{HOLE}{digest}"
