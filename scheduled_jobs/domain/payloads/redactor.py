"""What people and machines are told, without the secrets of a payload, however a library spells them.

Each text about a run passes here before it is stored, logged or answered: errors, tracebacks, log records,
progress, results, notes.
"""

from __future__ import annotations

import base64
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from html.entities import codepoint2name
from typing import Any
from urllib.parse import unquote, urlsplit

from scheduled_jobs.domain.payloads.redaction import MASK, is_secret
from scheduled_jobs.domain.payloads.storage import clean_text

SHORTEST = 4
"""Characters of a secret that is looked for: shorter ones stand in any sentence."""
SURE = 8
"""Characters from which on a secret is found within a word too; a shorter one is only found as a whole."""
SHORTEST_NUMBER = 6
"""Digits of a number that is looked for in texts: years, counts and lines have less."""
END = 10
"""Characters of the beginning, and of the end, by which a secret is known whose middle was left out."""
IN_EVERY_TEXT = frozenset({"error", "false", "file", "line", "none", "null", "self", "true"})
"""Words of any traceback and of any JSON: they keep nothing secret."""
TOKEN = re.compile(r"eyJ[\w-]*(?:\.[\w-]*){0,2}|(?<=:)[\w-]{43}(?![\w-])")
"""What a signed token, or the signature that Django puts behind a colon, looks like."""

_WORD = re.compile(r"[A-Za-z0-9_]+")
_BLOB = re.compile(r"[A-Za-z0-9+/_-]{8,}")
_PART = re.compile(r"[A-Za-z0-9_]+|\\+|.", re.DOTALL)
_CUT = re.compile(r"\.\.\.|…")
_BEFORE = r"(?:(?<!\w)|(?<=%[0-9A-Fa-f]{2})|(?<=\\[abfnrtv])|(?<=\\x[0-9a-f]{2})|(?<=\\u[0-9a-fA-F]{4}))"
_ESCAPES = {"\n": "n", "\r": "r", "\t": "t", "\f": "f", "\b": "b"}
_NAMES = {**{chr(code): name for code, name in codepoint2name.items()}, "'": "apos"}


class Redactor:
    """Takes secrets out of texts and values. Works once there is a text: to have one costs nothing."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._made_from = secrets
        self._lock = threading.Lock()

    def text(self, text: str) -> str:
        """A text of somebody else's as every database can hold it, with no secret and no token in it."""
        if self._in_texts:
            for secret in self._found_in(text):
                text = secret.masked(text)
            if _CUT.search(text):
                for secret in self._in_texts:
                    text = secret.ends_masked(text)
        return without_tokens(text)

    def value(self, value: Any) -> Any:
        """A JSON value in which what is a secret, or has one in it, is masked; keys too."""
        if isinstance(value, Mapping):
            return {self.text(key): self.value(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner) for inner in value]
        if value is None or isinstance(value, bool):
            return value
        if str(value) in self._secrets:
            return MASK
        return self.text(value) if isinstance(value, str) else value

    @cached_property
    def _secrets(self) -> frozenset[str]:
        with self._lock:  # progress and log records may come from several threads at once
            self._made_from = tuple(self._made_from)
        return frozenset(secret for secret in self._made_from if _is_one(secret))

    @cached_property
    def _in_texts(self) -> list[_Secret]:
        sought = (secret for secret in self._secrets if not _is_short_number(secret))
        return [_Secret(secret) for secret in sorted(sought, key=len, reverse=True)]

    def _found_in(self, text: str) -> Iterator[_Secret]:
        # Base64 is long, and in both cases.
        blobs = "\n".join(b for b in _BLOB.findall(text) if b.lower() != b != b.upper())
        return (secret for secret in self._in_texts if secret.may_be_in(text, blobs))


class _Secret:
    """One secret and its spellings."""

    __slots__ = ("_encoded", "_pattern", "_secret", "_words")

    def __init__(self, secret: str) -> None:
        self._secret = secret
        self._words = _WORD.findall(secret)
        self._encoded: list[str] | None = None
        self._pattern: re.Pattern[str] | None = None

    def may_be_in(self, text: str, blobs: str) -> bool:
        """Whether it is worth while to look: no library spells letters and digits otherwise, but base64.

        ``blobs`` is what of the text may be base64.
        """
        if all(word in text for word in self._words):
            return True
        return bool(blobs) and any(piece in blobs for piece in self._in_base64())

    def masked(self, text: str) -> str:
        """The text with a mask in place of each spelling."""
        if self._pattern is None:
            self._pattern = re.compile("|".join([_spelled(self._secret), *map(_within, self._in_base64())]))
        return self._pattern.sub(MASK, text)

    def ends_masked(self, text: str) -> str:
        """The text with a mask in place of a secret whose middle somebody has left out, as pydantic does."""
        if len(self._secret) < 2 * END:
            return text
        head, tail = self._secret[:END], self._secret[-END:]
        if head in text:
            text = re.sub(rf"{re.escape(head)}.{{0,100}}?(?=\.\.\.|…)", MASK, text, flags=re.DOTALL)
        if tail in text:
            after = rf"(?:(?<=\.\.\.)|(?<=…)).{{0,100}}?{re.escape(tail)}"
            text = re.sub(after, MASK, text, flags=re.DOTALL)
        return text

    def _in_base64(self) -> list[str]:
        """What is the same in every base64 that holds the secret, such as that of ``user:secret``."""
        if self._encoded is None:
            self._encoded = [] if len(self._secret) < SURE - 2 else list(_base64_pieces(self._secret))
        return self._encoded


def secrets_in(value: Any, keys: Iterable[str], *, secret: bool = False) -> Iterator[str]:
    """What stands under a secret key of a JSON value, as texts; and what in such a text is one itself."""
    words = tuple(keys)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from secrets_in(inner, words, secret=secret or is_secret(key, words))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from secrets_in(inner, words, secret=secret)
    elif secret and value is not None and not isinstance(value, bool):
        text = str(value)
        yield text
        # A private key is quoted by its lines, and of an address with a password in it that alone.
        yield from (line.strip() for line in text.splitlines()[:100] if len(line) >= SURE)
        if password := _password_in(text):
            yield password


def without_tokens(text: str) -> str:
    """A text of somebody else's as every database can hold it, with no signed token in it."""
    return TOKEN.sub("[token]", clean_text(text))


def _is_one(secret: str) -> bool:
    return len(secret) >= SHORTEST and not secret.isspace() and secret.casefold() not in IN_EVERY_TEXT


def _is_short_number(secret: str) -> bool:
    return len(secret) < SHORTEST_NUMBER and secret.isdecimal()


def _password_in(text: str) -> str:
    if "@" not in text or "://" not in text:
        return ""
    try:
        return unquote(urlsplit(text).password or "")
    except ValueError:
        return ""


def _spelled(secret: str) -> str:
    """A pattern of the secret as it is, and as repr, JSON, HTML and addresses write it, mixed at will.

    Which characters are written otherwise each library decides for itself. Repetitions are bounded: a text of
    nothing but backslashes is read in no more time than another.
    """
    pattern = "".join(map(_part_spelled, _PART.findall(secret)))
    return pattern if len(secret) >= SURE else rf"{_BEFORE}{pattern}(?!\w)"


def _part_spelled(part: str) -> str:
    if _WORD.fullmatch(part):
        return part
    if part[0] == "\\":
        once = r"(?:\\|%(?:25){0,3}5[Cc]|&#0*92;|&#[xX]0*5[cC];|\\u005[cC]|\\x5[cC])"
        return f"{once}{{{len(part)},{8 * len(part)}}}"
    code, raw = ord(part), part.encode(errors="surrogatepass")
    units = part.encode("utf-16-be", "surrogatepass")
    in_json = "".join(rf"\\{{1,8}}u(?i:{units[at : at + 2].hex()})" for at in range(0, len(units), 2))
    forms = [
        rf"\\{{0,8}}{re.escape(part)}",
        "".join(f"%(?:25){{0,3}}(?i:{byte:02x})" for byte in raw),
        "".join(rf"\\{{1,8}}x(?i:{byte:02x})" for byte in raw),
        in_json,
        rf"\\{{1,8}}U(?i:{code:08x})",
        rf"&(?:amp;){{0,3}}(?:#0*{code}|#[xX]0*(?i:{code:x}){_named(part)});",
    ]
    if 0x80 <= code <= 0xFF:
        forms.append(rf"\\{{1,8}}x(?i:{code:02x})")
    if part == " ":
        forms.append(r"\+")
    if part in _ESCAPES:
        forms.append(rf"\\{{1,8}}{_ESCAPES[part]}")
    return f"(?:{'|'.join(forms)})"


def _named(character: str) -> str:
    return f"|{_NAMES[character]}" if character in _NAMES else ""


def _base64_pieces(secret: str) -> Iterator[str]:
    raw = secret.encode(errors="surrogatepass")
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        # What shares a letter with its neighbours is not known: three bytes make four letters.
        whole = encoded[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6]
        yield from {whole, whole.translate(str.maketrans("+/", "-_"))}


def _within(piece: str) -> str:
    return rf"[A-Za-z0-9+/_-]{{0,2}}{re.escape(piece)}[A-Za-z0-9+/_-]*={{0,2}}"
