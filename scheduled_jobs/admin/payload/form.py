"""The payload as a form: one field for each parameter of ``run()``, and raw JSON for all else.

A field that is left empty follows the code. Secrets are never shown: an empty field keeps the secret that
is there, and eight dots in the raw JSON stand for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from scheduled_jobs import registry
from scheduled_jobs.admin.payload.parameter import (
    PARAMETER_PREFIX,
    Parameter,
    not_storable,
    parse_json,
    typed_value,
    written,
)
from scheduled_jobs.admin.words import masked_entry, masked_json
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import same_json
from scheduled_jobs.domain.payloads import MASK, Field, Signature, parse_body, restore
from scheduled_jobs.domain.payloads.redaction import is_secret
from scheduled_jobs.exceptions import InvalidPayload

RAW = "payload_raw"
_UNWRITTEN: Any = object()


class PayloadForm:
    """The payload override of a job: ``override`` is None while it follows ``declared``.

    ``code`` is what the code says, where the form is about something else and each field is to tell it.
    After ``is_valid()`` ``value`` is the override to save; where nothing was touched it is the one there was.
    """

    def __init__(
        self,
        *,
        task: str,
        declared: dict[str, Any],
        override: dict[str, Any] | None,
        data: Mapping[str, Any] | None = None,
        code: dict[str, Any] | None = None,
    ) -> None:
        self.keys = tuple(settings.REDACTED_KEYS)
        self.declared = declared
        self.override = override
        # Code may have saved what is no object: that is shown as raw JSON.
        self.own = {} if override is not None and not isinstance(override, dict) else override
        self.original = declared if override is None else override
        self.data = data
        self.code = code or {}
        self.value = override
        self.errors: list[str] = []
        self.raw_errors: list[str] = []
        self.fault = ""
        self.signature = self._read_signature(task)
        self.raw_initial = "" if override is None else masked_json(override)
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
        own = self.own is not None and not same_json(
            self.own.get(name, _UNWRITTEN), self.declared.get(name, _UNWRITTEN)
        )
        initial = ""
        if own and self.own is not None and name in self.own and not secret:
            initial = written(field, self.own[name])
        text = initial if self.data is None else _posted(self.data, PARAMETER_PREFIX + name, initial)
        is_as_typed = field.kind != "json" or self.data is None
        return Parameter(
            field=field,
            text="" if secret else text,
            shown="" if secret else text if is_as_typed else echo(text, self.keys),
            initial=initial,
            is_secret=secret,
            default=self._default_text(field, secret=secret),
            in_code=self._text(field, self.code[name], secret=secret) if name in self.code else "",
            is_as_in_code=same_json((self.own or {}).get(name, _UNWRITTEN), self.code.get(name, _UNWRITTEN)),
            is_own=own,
            typed_secret=secret and bool(text.strip()),
            is_kept=name in (self.declared if self.own is None else self.own),
            follows=self.override is None,
        )

    @property
    def raw_shown(self) -> str:
        """The raw JSON as a page shows it: a secret that was typed must be typed again."""
        return self.raw_text if self.data is None else echo(self.raw_text, self.keys, indent=2)

    def _default_text(self, field: Field, *, secret: bool) -> str:
        if field.name in self.declared:
            value = self.declared[field.name]
        elif field.required:
            return _("none: it is required")
        else:
            value = self.signature.dump({field.name: field.default})[field.name] if self.signature else None
        return self._text(field, value, secret=secret)

    def _text(self, field: Field, value: Any, *, secret: bool) -> str:
        if secret and value is not None:
            return MASK
        if field.kind == "boolean" and isinstance(value, bool):
            return _("on") if value else _("off")
        return masked_entry({field.name: value}, field.name)

    # --- What was typed -------------------------------------------------------------------------

    def is_valid(self) -> bool:
        """Read what was typed, put secrets back, and check it against ``run()``; sets ``value``."""
        if self.data is None:
            return True
        raw_changed = self.raw_is_changed
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
            self._take(error.errors, raw=raw_changed)
        if not self.has_errors and self.value is not None:
            self._take(self._faults(self.value), raw=raw_changed)
        return not self.has_errors

    @property
    def has_errors(self) -> bool:
        """Whether anything that was typed cannot be saved."""
        return bool(self.errors or self.raw_errors or any(p.errors for p in self.parameters))

    @property
    def raw_is_changed(self) -> bool:
        """Whether the raw JSON is another than what is saved."""
        return self.raw_text.replace("\r\n", "\n").strip() != self.raw_initial.strip()

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
            raise InvalidPayload({"": not_storable()}) from None
        payload: dict[str, Any] = restore(parse_body(raw), self.original, self.keys)
        return payload

    def _from_fields(self, touched: list[Parameter]) -> dict[str, Any] | None:
        payload = dict(self.declared if self.own is None else self.own)
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
                value = typed_value(parameter.field, text)
                payload[name] = restore({name: value}, self.original, self.keys)[name]
            except InvalidPayload as error:
                errors[name] = next(iter(error.errors.values()))
        if errors:
            # What else is at fault is told at once, not after the next save.
            raise InvalidPayload({**self._faults(payload), **errors})
        # A value that was written is one's own, even where the code says the same now.
        is_written = any(p.is_secret or p.text.strip() for p in touched)
        return None if not is_written and same_json(payload, self.declared) else payload

    def _faults(self, payload: dict[str, Any]) -> dict[str, str]:
        try:
            if self.signature is not None:
                self.signature.validate(payload, secret_keys=self.keys)
        except InvalidPayload as error:
            return error.errors
        return {}

    def _take(self, errors: dict[str, str], *, raw: bool) -> None:
        """Put each error beside its parameter; those of raw JSON name it."""
        by_name = {parameter.name: parameter for parameter in self.parameters}
        for name, text in errors.items():
            if raw:
                self.raw_errors.append(f"{name}: {text}" if name else text)
            elif name in by_name:
                by_name[name].errors.append(f"{name}: {text}")
            else:
                self.errors.append(f"{name}: {text}" if name else text)


def _posted(data: Mapping[str, Any], name: str, absent: str) -> str:
    found = data.get(name)
    return absent if found is None else str(found)


def echo(text: str, keys: tuple[str, ...], *, indent: int | None = None) -> str:
    """JSON as it was typed; in place of each new secret stands that it must be typed again.

    What cannot be read as JSON has no keys that tell what is secret, and stays as it is.
    """
    try:
        typed = parse_json(text)
    except (json.JSONDecodeError, InvalidPayload):
        return text
    shown = _without_secrets(typed, keys)
    return text if shown == typed else json.dumps(shown, indent=indent, ensure_ascii=False)


def _without_secrets(value: Any, keys: tuple[str, ...], *, secret: bool = False) -> Any:
    if secret:
        # Never the mask alone: that would put the old secret back where a new one was typed.
        return MASK if value == MASK else f"{MASK} {_('type it again')}"
    if isinstance(value, dict):
        return {
            name: _without_secrets(inner, keys, secret=is_secret(name, keys)) for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_without_secrets(inner, keys) for inner in value]
    return value
