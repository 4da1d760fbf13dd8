"""One parameter of ``run()`` as a form shows it: kind, choices, and what an empty field means."""

from __future__ import annotations

import json
from dataclasses import dataclass
from dataclasses import field as made_by
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from scheduled_jobs.admin.words.values import in_json
from scheduled_jobs.domain.payloads import MASK

if TYPE_CHECKING:
    from scheduled_jobs.domain.payloads import Field

PREFIX = "p_"
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
        return PREFIX + self.field.name

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
    return in_json({field.name: value}, field.name)


def _would_be_misread(text: str) -> bool:
    # A browser takes line ends out of a field of one line.
    return (
        len(text.splitlines()) > 1
        or text in ("", NULL)
        or text != text.strip()
        or (text[0] == text[-1] == '"' and len(text) > 1)
    )
