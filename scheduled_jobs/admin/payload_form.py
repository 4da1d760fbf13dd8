"""The payload as a form: one field for each parameter of ``run()``, and raw JSON for all else.

A field that is left empty follows the code. Secrets are never shown: an empty field keeps the secret that
is there, and eight dots in the raw JSON stand for it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from dataclasses import field as made_by
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from scheduled_jobs import registry
from scheduled_jobs.admin import masked
from scheduled_jobs.admin.values import in_json
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.payloads import MASK, Signature, parse_body, restore
from scheduled_jobs.domain.payloads.redaction import is_secret
from scheduled_jobs.exceptions import InvalidPayload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scheduled_jobs.domain.payloads import Field

PREFIX = "p_"
RAW = "payload_raw"
FOLLOW, NULL = "", "null"
_UNWRITTEN: Any = object()

HINTS = {
    "integer": ("whole number", ""),
    "number": ("number", ""),
    "boolean": ("on or off", ""),
    "string": ("text", ""),
    "date": ("date", "2026-12-31"),
    "datetime": ("date and time", "2026-12-31T23:59:00+00:00"),
    "time": ("time of day", "23:59:00"),
    "choice": ("choice", ""),
    "json": ("JSON", ""),
}
"""Kind of a field -> how it is called, and an example."""


@dataclass
class Parameter:
    """One parameter of ``run()`` with what stands in its field. All texts are masked."""

    field: Field
    text: str
    initial: str
    is_secret: bool
    default: str
    """What it is while it follows the code, as text."""
    errors: list[str] = made_by(default_factory=list)
    is_own: bool = False
    typed_secret: bool = False
    is_kept: bool = False
    """Whether an empty field keeps a secret that is there."""

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
        follows = _("Follows the code: %(value)s") % {"value": self.default}
        found = [(FOLLOW, follows)]
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
        return _("Follows the code")

    @property
    def example(self) -> str:
        """How a value is written, where that is not plain."""
        example = HINTS[self.field.kind][1]
        if example:
            return _("such as %(example)s") % {"example": example}
        return _("null writes null") if self.field.optional and not self.is_select else ""


class PayloadForm:
    """The payload override of a job: ``override`` is None while it follows ``declared``.

    After ``is_valid()`` ``value`` is the override to save; where nothing was touched it is the one there was.
    """

    def __init__(
        self,
        *,
        task: str,
        declared: dict[str, Any],
        override: dict[str, Any] | None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        self.keys = tuple(settings.REDACTED_KEYS)
        self.declared = declared
        self.override = override
        self.original = declared if override is None else override
        self.data = data
        self.value = override
        self.errors: list[str] = []
        self.raw_errors: list[str] = []
        self.fault = ""
        self.signature = self._read_signature(task)
        self.raw_initial = "" if override is None else masked.as_text(override)
        self.raw_text = self.raw_initial if data is None else _posted(data, RAW, self.raw_initial)
        self.parameters = (
            [self._parameter(field) for field in self.signature.fields] if self.signature else []
        )

    def _read_signature(self, task: str) -> Signature | None:
        known = registry.get(task)
        if known is None:
            self.fault = _(
                "%(task)s is not in the code of this process: its parameters are not known here, "
                "and the payload is not checked."
            ) % {"task": task}
            return None
        try:
            return Signature.of(known.run)
        except InvalidPayload as error:
            self.fault = str(error)
            return None

    # --- What stands in the fields --------------------------------------------------------------

    def _parameter(self, field: Field) -> Parameter:
        name = field.name
        secret = is_secret(name, self.keys)
        own = self.override is not None and self.override.get(name, _UNWRITTEN) != self.declared.get(
            name, _UNWRITTEN
        )
        initial = ""
        if own and self.override is not None and name in self.override and not secret:
            initial = self._written(field, self.override[name])
        text = initial if self.data is None else _posted(self.data, PREFIX + name, initial)
        return Parameter(
            field=field,
            text="" if secret else text,
            initial=initial,
            is_secret=secret,
            default=self._default_text(field, secret=secret),
            is_own=own,
            typed_secret=secret and bool(text),
            is_kept=name in self.original,
        )

    def _written(self, field: Field, value: Any) -> str:
        """A value as it stands in its field; what the field cannot say is written as JSON."""
        if value is None:
            return NULL
        if field.kind in ("boolean", "choice"):
            return json.dumps(value)
        if isinstance(value, str) and field.kind not in ("json", "integer", "number"):
            return json.dumps(value) if value == "" or value != value.strip() or value == NULL else value
        return in_json({field.name: value}, field.name)

    def _default_text(self, field: Field, *, secret: bool) -> str:
        if field.name in self.declared:
            value = self.declared[field.name]
        elif field.required:
            return _("none: it is required")
        else:
            value = self.signature.dump({field.name: field.default})[field.name] if self.signature else None
        if secret and value is not None:
            return MASK
        if field.kind == "boolean" and isinstance(value, bool):
            return _("on") if value else _("off")
        return in_json({field.name: value}, field.name)

    # --- What was typed -------------------------------------------------------------------------

    def is_valid(self) -> bool:
        """Read what was typed, put secrets back, and check it against ``run()``; sets ``value``."""
        if self.data is None:
            return True
        raw_changed = self.raw_text.replace("\r\n", "\n").strip() != self.raw_initial.strip()
        typed = [p for p in self.parameters if self._is_touched(p)]
        if raw_changed and typed:
            names = ", ".join(p.name for p in typed)
            self.raw_errors.append(
                _("Both this and the fields above were changed (%(names)s); change one of them.")
                % {"names": names}
            )
            return False
        try:
            if raw_changed:
                self.value = self._from_raw()
            elif typed:
                self.value = self._from_fields(typed)
            else:
                return True
        except InvalidPayload as error:
            self._take(error, raw=raw_changed)
        if not self.has_errors and self.value is not None and self.signature is not None:
            try:
                self.signature.validate(self.value, secret_keys=self.keys)
            except InvalidPayload as error:
                self._take(error, raw=raw_changed)
        if self.has_errors:
            self._hide_typed_secrets()
        return not self.has_errors

    @property
    def has_errors(self) -> bool:
        """Whether anything that was typed cannot be saved."""
        return bool(self.errors or self.raw_errors or any(p.errors for p in self.parameters))

    @property
    def typed_secrets(self) -> list[str]:
        """The names of secrets that were typed and are not shown again."""
        return [p.name for p in self.parameters if p.typed_secret]

    def _is_touched(self, parameter: Parameter) -> bool:
        if parameter.is_secret:
            return parameter.typed_secret and self._typed(parameter) != MASK
        return parameter.text.strip() != parameter.initial.strip()

    def _typed(self, parameter: Parameter) -> str:
        return _posted(self.data or {}, parameter.html_name, "")

    def _from_raw(self) -> dict[str, Any] | None:
        if not self.raw_text.strip():
            return None
        try:
            raw = self.raw_text.encode()
        except UnicodeEncodeError:
            raise InvalidPayload({"": _("It holds a character that cannot be stored; remove it.")}) from None
        payload: dict[str, Any] = restore(parse_body(raw), self.original, self.keys)
        return payload

    def _from_fields(self, touched: list[Parameter]) -> dict[str, Any] | None:
        payload = dict(self.original)
        errors: dict[str, str] = {}
        for parameter in touched:
            name = parameter.name
            text = self._typed(parameter) if parameter.is_secret else parameter.text
            if not text.strip():
                if name in self.declared:
                    payload[name] = self.declared[name]
                else:
                    payload.pop(name, None)
                continue
            try:
                value = self._value(parameter.field, text)
                payload[name] = restore({name: value}, self.original, self.keys)[name]
            except InvalidPayload as error:
                errors[name] = next(iter(error.errors.values()))
        if errors:
            raise InvalidPayload(errors)
        return None if payload == self.declared else payload

    def _value(self, field: Field, text: str) -> Any:
        """The JSON value of what was typed; raises InvalidPayload for what is no JSON where it must be."""
        stripped = text.strip()
        if stripped == NULL and (field.optional or field.kind == "json"):
            return None
        if field.kind in ("boolean", "choice", "json") or re.fullmatch(r'".*"', stripped, re.DOTALL):
            return self._json(field, stripped)
        if field.kind in ("integer", "number") and re.fullmatch(r"[-+0-9.eE]+", stripped):
            return self._json(field, stripped.removeprefix("+"))
        return text if field.kind == "string" else stripped

    def _json(self, field: Field, text: str) -> Any:
        try:
            return parse_body(b'{"it": ' + text.encode("utf-8", "replace") + b"}")["it"]
        except InvalidPayload as error:
            if field.kind in ("integer", "number", "string"):
                return text
            why = next(iter(error.errors.values())).replace("the body", _("it"))
            raise InvalidPayload({field.name: _('%(why)s; write texts in "quotes"') % {"why": why}}) from None

    def _take(self, error: InvalidPayload, *, raw: bool) -> None:
        """Put each error beside its parameter; those of raw JSON name it."""
        by_name = {parameter.name: parameter for parameter in self.parameters}
        for name, text in error.errors.items():
            if raw:
                self.raw_errors.append(f"{name}: {text}" if name else text)
            elif name in by_name:
                by_name[name].errors.append(f"{name}: {text}")
            else:
                self.errors.append(f"{name}: {text}" if name else text)

    def _hide_typed_secrets(self) -> None:
        self.raw_text = self.shown_again()

    def shown_again(self) -> str:
        """The raw JSON that was typed, without secrets: a new one must be typed again, and says so."""
        try:
            payload = parse_body(self.raw_text.encode("utf-8", "replace"))
        except InvalidPayload:
            return _TEXTS.sub(self._hidden, self.raw_text)
        if not self.raw_text.strip():
            return ""
        return json.dumps(_without_new_secrets(payload, self.keys), indent=2, ensure_ascii=False)

    def _hidden(self, match: re.Match[str]) -> str:
        hide = is_secret(match[1], self.keys) and match[3] != MASK
        return f'{match[1]}{match[2]}"{MASK} {_("type it again")}"' if hide else match[0]


_TEXTS = re.compile(r'("[^"\n]*")(\s*:\s*)"([^"\n]*)"?')
"""Keys with their texts, in what is no JSON and cannot be read otherwise."""


def _without_new_secrets(value: Any, keys: tuple[str, ...], *, secret: bool = False) -> Any:
    if secret:
        # Never the mask alone: that would put the old secret back where a new one was typed.
        return MASK if value == MASK else f"{MASK} {_('type it again')}"
    if isinstance(value, dict):
        return {
            name: _without_new_secrets(inner, keys, secret=is_secret(name, keys))
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_new_secrets(inner, keys) for inner in value]
    return value


def _posted(data: Mapping[str, Any], name: str, absent: str) -> str:
    found = data.get(name)
    return absent if found is None else str(found)
