"""What was typed into the field of one parameter, as the JSON value that it means."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from scheduled_jobs.admin.payload.parameter import NULL, NUMBERS
from scheduled_jobs.domain.payloads import parse_body
from scheduled_jobs.exceptions import InvalidPayload

if TYPE_CHECKING:
    from scheduled_jobs.domain.payloads import Field

JSON_KINDS = ("boolean", "choice", "json")
"""Kinds of which a field takes JSON and nothing else."""


def value_of(field: Field, text: str) -> Any:
    """The JSON value of what was typed. What fits no kind stays a text, for ``run()``'s signature to refuse.

    Raises InvalidPayload, under the name of the parameter, for what is no JSON where it must be, and for JSON
    that no database can hold.
    """
    stripped = text.strip()
    if stripped == NULL and (field.optional or field.kind == "json"):
        return None
    if field.kind in JSON_KINDS or re.fullmatch(r'".*"', stripped, re.DOTALL):
        return _json(field, stripped)
    if field.kind in NUMBERS and re.fullmatch(r"[-+0-9.eE]+", stripped):
        value = _json(field, stripped.removeprefix("+"))
        # A JSON number is a float to Python; a text keeps the digits that run() is to have.
        return stripped if field.kind == "decimal" and not _is_exact(value, stripped) else value
    return text if field.kind == "string" else stripped


def _is_exact(value: Any, text: str) -> bool:
    return not isinstance(value, float) or Decimal(repr(value)) == Decimal(text)


def _json(field: Field, text: str) -> Any:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        if field.kind not in JSON_KINDS:
            return text
        why = _('it is not JSON: %(why)s at character %(n)d; write texts in "quotes"')
        raise InvalidPayload({field.name: why % {"why": error.msg, "n": error.pos + 1}}) from None
    except (ValueError, RecursionError):
        # Too many digits, or too deep: what is said of the body is better.
        pass
    try:
        # Alone it is JSON: so it cannot close the object around it and open another.
        return parse_body(b'{"it": ' + text.encode() + b"}")["it"]
    except UnicodeEncodeError:
        raise InvalidPayload({field.name: unstorable()}) from None
    except InvalidPayload as error:
        why = next(iter(error.errors.values())).replace("the body", _("it"))
        raise InvalidPayload({field.name: why}) from None


def unstorable() -> str:
    """What is said of half a surrogate pair, which is no text in any encoding."""
    return _("It holds a character that cannot be stored; remove it.")
