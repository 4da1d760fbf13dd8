"""One parameter of ``run()`` as a form shows it: kind, choices, and what an empty field means."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from dataclasses import field as made_by
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from scheduled_jobs.admin.words import masked_entry
from scheduled_jobs.domain.payloads import MASK, Field, parse_body
from scheduled_jobs.exceptions import InvalidPayload

PARAMETER_PREFIX = "p_"
FOLLOW, NULL = "", "null"

HINTS = {
    "integer": ("whole number", ""),
    "number": ("number", ""),
    "decimal": ("number", ""),
    "boolean": ("on or off", ""),
    "string": ("text", ""),
    "date": ("date", "2026-12-31"),
    "datetime": ("date and time", "2026-12-31T23:59:00+00:00"),
    "time": ("time of day", "23:59:00"),
    "duration": ("length of time, in seconds", "90 or PT1H30M"),
    "choice": ("choice", ""),
    "json": ("JSON", ""),
}
"""Kind of a field -> how it is called, and an example."""
NUMBERS = ("integer", "number", "decimal", "duration")
"""Kinds of which a number is a JSON number."""
JSON_KINDS = ("boolean", "choice", "json")
"""Kinds of which a field takes JSON and nothing else."""


@dataclass
class Parameter:
    """One parameter of ``run()`` with what stands in its field. All that a page shows of it is masked."""

    field: Field
    text: str
    """What was typed, or ``initial``; of a secret nothing."""
    shown: str
    """``text`` as a page shows it: a secret that was typed within it must be typed again."""
    initial: str
    is_secret: bool
    default: str
    """What it is while it follows the code, as text."""
    in_code: str
    """What the code says, as text, where the form is about something else; empty where it says nothing."""
    is_as_in_code: bool
    errors: list[str] = made_by(default_factory=list)
    is_own: bool = False
    typed_secret: bool = False
    is_kept: bool = False
    """Whether an empty field keeps a secret that is there."""
    follows: bool = True
    """Whether an empty field follows the code; not where the payload as a whole is overridden."""

    @property
    def name(self) -> str:
        """The name of the parameter."""
        return self.field.name

    @property
    def html_name(self) -> str:
        """The name of its form field."""
        return PARAMETER_PREFIX + self.field.name

    @property
    def kind_label(self) -> str:
        """What kind of value it takes, in words."""
        words = str(_(HINTS[self.field.kind][0]))
        return _("%(kind)s or null") % {"kind": words} if self.field.optional else words

    @property
    def is_select(self) -> bool:
        """Whether all that may be chosen is known: a switch has three states, following the code is one."""
        return self.field.kind in ("boolean", "choice") and not self.is_secret

    @property
    def options(self) -> list[tuple[str, str, bool]]:
        """Value, label and whether it is chosen, of a field with choices."""
        found = [(FOLLOW, f"{self.as_in_code}: {self.default}")]
        if self.field.kind == "boolean":
            found += [("true", _("on")), ("false", _("off"))]
        found += [(json.dumps(choice.value), choice.label) for choice in self.field.choices]
        if self.field.optional:
            found.append((NULL, _("null")))
        if self.text and self.text not in dict(found):
            # What is saved and is no choice any more stays until somebody picks another.
            found.append((self.text, self.text))
        return [(value, label, value == self.text) for value, label in found]

    @property
    def placeholder(self) -> str:
        """What an empty field means."""
        if self.is_secret and self.is_kept:
            return _("%(mask)s empty keeps it") % {"mask": MASK}
        return self.as_in_code

    @property
    def as_in_code(self) -> str:
        """What is said of a parameter that has no value of its own."""
        return _("Follows the code") if self.follows else _("As the code says")

    @property
    def example(self) -> str:
        """How a value is written, where that is not plain."""
        example = HINTS[self.field.kind][1]
        if example:
            return _("such as %(example)s") % {"example": example}
        return _("null writes null") if self.field.optional and not self.is_select else ""


def written(field: Field, value: Any) -> str:
    """A value as it stands in its field; what the field cannot say is written as JSON."""
    if value is None:
        return NULL
    if field.kind in ("boolean", "choice"):
        return json.dumps(value)
    if isinstance(value, str) and field.kind not in ("json", *NUMBERS):
        return json.dumps(value) if _would_be_misread(value) else value
    return masked_entry({field.name: value}, field.name)


def _would_be_misread(text: str) -> bool:
    # A browser takes line ends out of a field of one line.
    return (
        len(text.splitlines()) > 1
        or text in ("", NULL)
        or text != text.strip()
        or (text[0] == text[-1] == '"' and len(text) > 1)
    )


def typed_value(field: Field, text: str) -> Any:
    """The JSON value of what was typed. What fits no kind stays a text, for ``run()``'s signature to refuse.

    Raises InvalidPayload, under the name of the parameter, for what is not JSON where it must be, and for
    JSON that no database can hold.
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
        return parse_json(text)
    except json.JSONDecodeError as error:
        if field.kind not in JSON_KINDS:
            return text
        why = _('it is not JSON: %(why)s at character %(n)d; write texts in "quotes"')
        raise InvalidPayload({field.name: why % {"why": error.msg, "n": error.pos + 1}}) from None
    except InvalidPayload as error:
        raise InvalidPayload({field.name: next(iter(error.errors.values()))}) from None


def parse_json(text: str) -> Any:
    """The value of a JSON text of any kind.

    Raises JSONDecodeError for what is not JSON, and InvalidPayload for JSON that no database can hold.
    """
    try:
        json.loads(text)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError):
        # Too many digits, or too deep: what parse_body says of it is better.
        pass
    try:
        # Alone it is JSON: so it cannot close the object around it and open another.
        return parse_body(b'{"it": ' + text.encode() + b"}")["it"]
    except UnicodeEncodeError:
        raise InvalidPayload({"": not_storable()}) from None
    except InvalidPayload as error:
        raise InvalidPayload({"": next(iter(error.errors.values())).replace("the body", _("it"))}) from None


def not_storable() -> str:
    """The error about half a surrogate pair, which no encoding can write."""
    return _("It holds a character that cannot be stored; remove it.")
