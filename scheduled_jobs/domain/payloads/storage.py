"""JSON that every supported database can hold, and that every process can read back.

PostgreSQL's jsonb refuses U+0000, lone surrogates, NaN and Infinity; Python refuses to read whole numbers
of more digits than ``sys.set_int_max_str_digits`` allows, which is never less than 640.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

from scheduled_jobs.exceptions import InvalidPayload

MAX_DEPTH = 50
"""Objects and lists within one another, the outermost included."""
MAX_DIGITS = 640
"""Digits of a whole number: as many as any process reads, however it is configured."""
MAX_STORED = 4_000_000
"""Bytes of JSON in one column; a packet of MySQL's holds 16 MB at least by default."""

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_BEYOND_THREE_BYTES = re.compile("[\U00010000-\U0010ffff]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_SUSPICIOUS = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_TOO_DEEP = f"more than {MAX_DEPTH} objects and lists lie within one another"
_TOO_LONG = f"a whole number has more than {MAX_DIGITS} digits"


class _Refused(ValueError):
    """Something within a JSON text; ``path`` leads to it where it is known."""

    def __init__(self, text: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(text)
        self.path = path


def parse_body(raw: bytes | None) -> dict[str, Any]:
    """The payload in the body of a request; None is one that did not arrive as it was announced.

    An empty body is the empty payload.

    Of a key that comes twice the last value counts, as in PostgreSQL. Raises InvalidPayload for anything
    but a JSON object in UTF-8 that the database can hold.
    """
    if raw is None:
        raise InvalidPayload({"": "the body did not arrive as it was announced"})
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidPayload({"": f"the body is not UTF-8: {error.reason} at byte {error.start}"}) from None
    if not text.strip():
        return {}
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_float, parse_int=_int)
        # Raw control characters are no JSON and raw surrogates no UTF-8: both only come escaped.
        _walk(value, check_texts=_SUSPICIOUS.search(text) is not None)
    except _Refused as error:
        raise _invalid(error) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidPayload({"": f"the body is not JSON: {error.msg} at {where}"}) from None
    except RecursionError:
        raise InvalidPayload({"": _TOO_DEEP}) from None
    if not isinstance(value, dict):
        raise InvalidPayload({"": f"the body is {_kind(value)}, not a JSON object; write {{}} for none"})
    return value


def storable(value: Any) -> Any:
    """The value as it comes back from the database: tuples are lists, keys are strings.

    PostgreSQL gives a float from 1e16 on back as a whole number, which a ``float`` parameter
    takes as well.

    Raises InvalidPayload saying why it cannot be stored: not JSON, NaN, U+0000, too deep, too large …
    """
    try:
        text = json.dumps(value, allow_nan=False)
        read = json.loads(text, parse_int=_int)
        _walk(read, check_texts=_SUSPICIOUS.search(text) is not None)
    except _Refused as error:
        raise _invalid(error) from None
    except RecursionError:
        raise InvalidPayload({"": _TOO_DEEP}) from None
    except Exception as error:  # noqa: BLE001 – the methods of a foreign object may raise anything
        raise InvalidPayload({"": _reason(error)}) from None
    if len(text) > MAX_STORED:
        raise InvalidPayload({"": f"it takes {len(text)} bytes as JSON; at most {MAX_STORED} are kept"})
    return read


def is_json(value: Any) -> bool:
    """Whether a value has a form in JSON by itself, be it one that can be stored or not."""
    try:
        json.dumps(value)
    except TypeError:
        return False
    except (ValueError, RecursionError):
        return True
    return True


def clean_text(text: str) -> str:
    """The text with U+FFFD in place of the characters that PostgreSQL cannot hold."""
    return _UNSTORABLE.sub(REPLACEMENT, text)


def in_three_bytes(values: dict[str, Any]) -> dict[str, Any]:
    """The values, their texts with U+FFFD in place of emoji and the like, which utf8mb3 cannot hold."""
    return {
        name: _BEYOND_THREE_BYTES.sub(REPLACEMENT, value) if isinstance(value, str) else value
        for name, value in values.items()
    }


def _no_constant(name: str) -> Any:
    raise _Refused(f"{name} is not JSON; write a finite number or null")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise _Refused(f"{_shortened(text)} is too large a number")
    return value


def _int(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        raise _Refused(_TOO_LONG)
    return int(text)


def _walk(value: Any, *, check_texts: bool) -> None:
    """Raise _Refused for what lies too deep, and for texts that no database holds. Does not recurse."""
    stack: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
    while stack:
        item, path = stack.pop()
        if isinstance(item, dict):
            if check_texts:
                for key in item:
                    _check_text(key, path, f"the key {_shortened(key)!a}")
            inner = item.items()
        elif isinstance(item, list):
            inner = enumerate(item)  # type: ignore[assignment] # keys or indexes alike
        else:
            if isinstance(item, str):
                _check_text(item, path, "the text")
            continue
        if len(path) >= MAX_DEPTH:
            raise _Refused(_TOO_DEEP, path[:1])
        stack.extend(
            (each, (*path, key))
            for key, each in inner
            if isinstance(each, (dict, list)) or (check_texts and isinstance(each, str))
        )


def _check_text(text: str, path: tuple[str | int, ...], what: str) -> None:
    found = _UNSTORABLE.search(text)
    if found is None:
        return
    if found[0] == "\x00":
        raise _Refused(f"{what} holds the character U+0000, which PostgreSQL cannot store", path)
    code = f"U+{ord(found[0]):04X}"
    raise _Refused(f"{what} holds {code}, half of a surrogate pair, which no database stores", path)


def _invalid(error: _Refused) -> InvalidPayload:
    """The error under the name of the parameter in whose value it lies."""
    text = str(error)
    if not error.path:
        return InvalidPayload({"": text})
    head, *rest = error.path
    if isinstance(head, int):  # a result that is a list
        return InvalidPayload({"": f"at {clean_text(path_of([head, *rest]))}: {text}"})
    if rest:
        text = f"at {clean_text(path_of(rest))}: {text}"
    return InvalidPayload({clean_text(head): text})


def path_of(parts: list[str | int]) -> str:
    """``["items", 3, "name"]`` as ``items[3].name``."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return "a list"
    return "a string" if isinstance(value, str) else json.dumps(value)


def _reason(error: Exception) -> str:
    if isinstance(error, ValueError) and "Out of range float" in str(error):
        return "it holds NaN or Infinity, which is not JSON"
    if isinstance(error, ValueError) and "integer string conversion" in str(error):
        return _TOO_LONG
    if isinstance(error, ValueError) and "Circular" in str(error):
        return "it contains itself"
    if isinstance(error, TypeError) and "not JSON serializable" in str(error):
        return f"it is not JSON: {str(error).removeprefix('Object of type ').split(' ')[0]} has no form in it"
    return clean_text(f"it is not JSON: {type(error).__name__}: {error}")


def _shortened(text: str, length: int = 40) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
