"""The form of a job's overrides, and what in it is whose where two people edit at once.

The page carries a token of what stood in each field when it was made. So the server can tell what this
person changed from what somebody else has changed since, without keeping anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container
from datetime import timedelta
from functools import cached_property
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs.admin.page import token_of
from scheduled_jobs.admin.payload.form import RAW, PayloadForm
from scheduled_jobs.admin.payload.parameter import PARAMETER_PREFIX
from scheduled_jobs.admin.words import parse_duration, write_duration
from scheduled_jobs.domain.jobs import OVERRIDABLE, same_json
from scheduled_jobs.models import ScheduledJob

SEEN = "seen"
TEXT_FIELDS = tuple(name for name in OVERRIDABLE if name != "payload")
"""The fields of which each is one text."""
NO_TEXT = '""'
"""How an override with an empty text is written; an empty field follows the code."""
_COUNT = re.compile(r"-?[0-9]{1,12}")


class DurationField(forms.CharField):
    """A text field of which a timedelta comes; empty is None."""

    def prepare_value(self, value: Any) -> Any:
        return write_duration(value) if isinstance(value, timedelta) else value

    def clean(self, value: Any) -> timedelta | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_duration(text)
        except ValueError as error:
            raise ValidationError(str(error)) from None


class CountField(forms.CharField):
    """A whole number as text, so that what was typed comes back with the error."""

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        if not _COUNT.fullmatch(text):
            raise ValidationError(
                _("“%(text)s” is not a whole number; write one, such as 3.") % {"text": text}
            )
        return int(text)


def _text(**kwargs: Any) -> dict[str, Any]:
    attrs = {"class": "code", "placeholder": gettext_lazy("Follows the code"), **kwargs}
    return {"required": False, "widget": forms.TextInput(attrs=attrs)}


class OverridesForm(forms.Form):
    """One text for each override; an empty one follows the code."""

    schedule_override = forms.CharField(max_length=500, **_text(spellcheck="false", autocomplete="off"))
    time_zone_override = forms.CharField(
        max_length=64, **_text(spellcheck="false", autocomplete="off", list="sj-zones")
    )
    description_override = forms.CharField(**_text())
    retry_count_override = CountField(**_text(inputmode="numeric"))
    min_backoff_override = DurationField(max_length=80, **_text())
    max_backoff_override = DurationField(max_length=80, **_text())
    max_retry_duration_override = DurationField(max_length=80, **_text())
    max_doublings_override = CountField(**_text(inputmode="numeric"))
    attempt_deadline_override = DurationField(max_length=80, **_text())
    reason = forms.CharField(
        required=False,
        max_length=2000,
        label=gettext_lazy("Reason for this change"),
        widget=forms.TextInput(
            attrs={
                "aria-label": gettext_lazy("Reason for this change"),
                "placeholder": gettext_lazy("Reason, shown beside the override"),
                "autocomplete": "off",
            }
        ),
    )


class Editing:
    """A job with what a person has typed about it (``data``), or with what is saved (None)."""

    def __init__(self, job: ScheduledJob, data: QueryDict | None = None) -> None:
        self.job = job
        self.data = data
        texts = {f"{name}_override": text_of(job, name) for name in TEXT_FIELDS}
        self.form = OverridesForm(data, initial=texts)
        for name in TEXT_FIELDS:
            self.form.fields[f"{name}_override"].widget.attrs["aria-describedby"] = f"{name}_code"
        self.payload = PayloadForm(
            task=job.task, declared=job.declared_payload, override=job.payload_override, data=data
        )
        self.saved_texts = {
            **texts,
            **{parameter.html_name: parameter.initial for parameter in self.payload.parameters},
            RAW: self.payload.raw_initial,
        }
        """Field of the form -> what stands in it before anybody types."""
        self._saved_tokens = {field: _token_of(text) for field, text in self.saved_texts.items()}
        # Of the payload more is compared than its fields show: a secret may be another.
        self._saved_tokens["payload_override"] = token_of(job.payload_override)

    # --- Saving ---------------------------------------------------------------------------------

    def is_valid(self) -> bool:
        """Put what was typed on the job and validate it; errors stand beside their fields."""
        good_payload = self.payload.is_valid()
        self.form.is_valid()
        for name in TEXT_FIELDS:
            field = f"{name}_override"
            if field in self.form.cleaned_data and self._is_typed(field):
                value = self.form.cleaned_data[field]
                typed = None if value == "" else "" if value == NO_TEXT else value
                if typed != getattr(self.job, field):
                    setattr(self.job, field, typed)
        if good_payload and not same_json(self.payload.value, self.job.payload_override):
            self.job.payload_override = self.payload.value
        schedule = self.job.schedule_override
        try:
            self.job.full_clean(validate_unique=False, validate_constraints=False)
        except ValidationError as error:
            self._add_errors(error)
        if not self._is_typed("schedule_override"):
            # Validating normalises it; one that was saved otherwise stays as it is until somebody edits it.
            self.job.schedule_override = schedule
        return not self.has_errors

    @property
    def has_errors(self) -> bool:
        """Whether anything that was typed cannot be saved."""
        return bool(self.form.errors or self.payload.has_errors)

    def _is_typed(self, field: str) -> bool:
        """Whether another text stands in a field than what is saved."""
        posted = self._posted(field)
        return posted is not None and _token_of(posted) != self._saved_tokens[field]

    def _posted(self, field: str) -> str | None:
        return self.data.get(field) if self.data is not None else None

    def _add_errors(self, error: ValidationError) -> None:
        for name, texts in error.message_dict.items():
            if name == "payload_override":
                self.payload.errors += [] if self.payload.has_errors else texts
            elif name in self.form.fields and name not in self.form.errors:
                self.form.add_error(name, texts)
            elif name not in self.form.fields:
                self.form.add_error(None, [f"{name}: {text}" for text in texts])

    @property
    def changed(self) -> list[str]:
        """The fields (without ``_override``) that would be written."""
        changed = self.job.tracker.changed()
        return [name for name in OVERRIDABLE if f"{name}_override" in changed]

    @property
    def reason(self) -> str:
        """Why, as it was typed."""
        reason: str = self.form.cleaned_data.get("reason", "") if self.form.is_bound else ""
        return reason

    # --- Two at once ------------------------------------------------------------------------------

    @cached_property
    def _seen_tokens(self) -> dict[str, Any]:
        """Field of the form -> token of what stood in it when this person first saw it."""
        posted = self._posted(SEEN)
        if posted is None:
            # Nobody has seen a page: a program sends what it wants to be written.
            return self._saved_tokens
        try:
            found = json.loads(posted)
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def seen(self) -> str:
        """The value of the hidden field. A preview or an error does not make a page any newer."""
        return json.dumps(self._seen_tokens)

    @property
    def theirs(self) -> list[str]:
        """The fields that somebody else has changed since this person's page was made."""
        seen, saved = self._seen_tokens, self._saved_tokens
        return [n for n in OVERRIDABLE if seen.get(f"{n}_override") != saved[f"{n}_override"]]

    @property
    def mine(self) -> list[str]:
        """The fields that this person has changed, whatever anybody else did."""
        found = {_name_of(field) for field in self.saved_texts if self.is_mine(field)}
        return [name for name in OVERRIDABLE if name in found]

    def is_mine(self, field: str) -> bool:
        """Whether this person has changed the form field of this name."""
        posted = self._posted(field)
        return posted is not None and _token_of(posted) != self._seen_tokens.get(field)

    def rebased(self, *, without: Container[str] = ()) -> Editing:
        """What this person has typed, on what is saved now; ``without`` are fields to leave as saved."""
        data = self.data.copy() if self.data is not None else QueryDict(mutable=True)
        for field, text in self.saved_texts.items():
            if _name_of(field) in without or not self.is_mine(field):
                data[field] = text
        data[SEEN] = json.dumps(self._saved_tokens)
        return Editing(self.job, data)


def _name_of(field: str) -> str:
    """The overridable field to which a field of the form belongs."""
    return (
        "payload" if field == RAW or field.startswith(PARAMETER_PREFIX) else field.removesuffix("_override")
    )


def text_of(job: ScheduledJob, name: str) -> str:
    """An override as it stands in its field; empty while it follows the code."""
    value = getattr(job, f"{name}_override")
    if value is None:
        return ""
    if value == "":
        return NO_TEXT
    return write_duration(value) if hasattr(value, "total_seconds") else str(value)


def _token_of(text: str) -> str:
    # A browser takes line ends out of a field of one line, and writes others into one of many.
    return token_of(text.replace("\r", "").replace("\n", "").strip())
