"""What pydantic found, in words that name the parameter and say what to write."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from scheduled_jobs.domain.payloads.redaction import is_secret, redact
from scheduled_jobs.domain.payloads.storage import clean_text, path_of

_WANTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "decimal_type": "a number",
    "decimal_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "a string",
    "bytes_type": "a string",
    "date_type": "a date",
    "date_parsing": "a date",
    "date_from_datetime_parsing": "a date",
    "datetime_type": "a date and time",
    "datetime_parsing": "a date and time",
    "datetime_from_date_parsing": "a date and time",
    "time_type": "a time of day",
    "time_parsing": "a time of day",
    "time_delta_type": "a duration",
    "time_delta_parsing": "a duration",
    "uuid_type": "a UUID",
    "uuid_parsing": "a UUID",
    "list_type": "a list",
    "set_type": "a list",
    "frozen_set_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "mapping_type": "an object",
    "dataclass_type": "an object",
    "model_type": "an object",
    "none_required": "null",
}
_EXAMPLES = {
    "a date": "write it as 2026-12-31",
    "a date and time": "write it as 2026-12-31T23:59:00+00:00",
    "a time of day": "write it as 23:59:00",
    "a duration": "write a number of seconds, or PT1H30M for an hour and a half",
    "a UUID": "write it as 01234567-89ab-cdef-0123-456789abcdef",
    "a list": "write it in [brackets]",
    "an object": 'write it as {"name": value}',
}
_LIMITS = {
    "greater_than": ("gt", "not more than", "write more than"),
    "greater_than_equal": ("ge", "less than", "write at least"),
    "less_than": ("lt", "not less than", "write less than"),
    "less_than_equal": ("le", "more than", "write at most"),
}
_MAX_SHOWN = 80


def explain(
    found: Iterable[Mapping[str, Any]], payload: Mapping[str, Any], keys: Iterable[str]
) -> dict[str, str]:
    """Parameter -> message, of pydantic's errors. Values under secret keys are not shown."""
    words = tuple(keys)
    places: dict[tuple[str | int, ...], list[Mapping[str, Any]]] = {}
    for error in found:
        places.setdefault(_path(error, payload), []).append(error)
    messages: dict[str, list[str]] = {}
    for path, errors in places.items():
        secret = any(is_secret(part, words) for part in path)
        text = _message(errors, words, secret=secret)
        head, *rest = path
        messages.setdefault(str(head), []).append(f"at {path_of(rest)}: {text}" if rest else text)
    return {name: clean_text("; ".join(texts)) for name, texts in messages.items()}


def shown(value: Any, keys: Iterable[str] = ()) -> str:
    """A JSON value on one short line, secrets masked; a string in Python's quotes."""
    value = redact(value, keys)
    text = repr(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _path(error: Mapping[str, Any], payload: Any) -> tuple[str | int, ...]:
    """Where in the payload an error lies; pydantic's own names of the members of a union are left out."""
    path: list[str | int] = []
    value = payload
    for part in error["loc"]:
        if (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        ):
            value = value[part]
            path.append(part)
    return tuple(path) or ("",)


def _message(errors: list[Mapping[str, Any]], keys: tuple[str, ...], *, secret: bool) -> str:
    value = errors[0]["input"]
    said = "the value" if secret else shown(value, keys)
    if len(errors) > 1 and all(_wanted(error) for error in errors):
        names = list(dict.fromkeys(_wanted(error) for error in errors))
        if len(names) > 1:
            return f"{said} is neither {' nor '.join(names)}"
    return "; ".join(dict.fromkeys(_one(error, said, secret=secret) for error in errors))


def _wanted(error: Mapping[str, Any]) -> str:
    kind = error["type"]
    if kind == "choice":
        return f"one of {_listed(error['ctx']['choices'])}"
    if kind in ("bool_type", "bool_parsing"):
        return "true or false"
    return _WANTED.get(kind, "")


def _one(error: Mapping[str, Any], said: str, *, secret: bool) -> str:
    kind, value = error["type"], error["input"]
    context = error.get("ctx") or {}
    if kind == "missing":
        return f"{error['loc'][-1]!r} is required"
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return "there is no such key"
    if kind in _LIMITS:
        name, is_wrong, advice = _LIMITS[kind]
        return f"{said} is {is_wrong} {context[name]}; {advice} {context[name]}"
    if kind in ("bool_type", "bool_parsing"):
        return _advised(f"{said} is neither true nor false", "" if secret else _as_boolean(value))
    wanted = _wanted(error)
    if not wanted:
        return f"{said}: {error['msg']}"
    if wanted == "a whole number" and isinstance(value, float) and value.is_integer() and not secret:
        return f"{said} has a decimal point; write {int(value)}"
    remedy = "" if secret else _remedy(wanted, value)
    return _advised(f"{said} is not {wanted}", remedy or _EXAMPLES.get(wanted, ""))


def _advised(text: str, advice: str) -> str:
    return f"{text}; {advice}" if advice else text


def _remedy(wanted: str, value: Any) -> str:
    if wanted in ("a whole number", "a number") and isinstance(value, str):
        return _as_number(value, int if wanted == "a whole number" else float)
    if wanted == "a string" and isinstance(value, (int, float)):
        return f'write "{json.dumps(value)}"'
    return ""


def _as_number(text: str, type_: Callable[[str], float]) -> str:
    try:
        number = type_(text.strip())
    except ValueError:
        return ""
    return f"write {number}" if math.isfinite(number) else ""


def _as_boolean(value: Any) -> str:
    texts = {"true": "true", "yes": "true", "on": "true", "1": "true"}
    texts |= {"false": "false", "no": "false", "off": "false", "0": "false"}
    found = texts.get(str(value).strip().lower()) if isinstance(value, (str, int)) else None
    return f"write {found}" if found else ""


def _listed(values: list[Any]) -> str:
    return ", ".join(shown(value) for value in values)
