"""What is asked before a run: the payload, by those who may change it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs import registry
from scheduled_jobs.admin import masked
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import canonical
from scheduled_jobs.domain.payloads import Signature, parse_body, restore
from scheduled_jobs.exceptions import InvalidPayload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scheduled_jobs.models import ScheduledJob


class AskForm(forms.Form):
    """A reason, and the payload as JSON with masked secrets; left as it is, it is the one that was shown."""

    seen = forms.CharField(widget=forms.HiddenInput)
    payload = forms.CharField(
        label=gettext_lazy("Payload"),
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "class": "sj-json vLargeTextField", "spellcheck": "false"}),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why now"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": gettext_lazy("Say why it is run now; the audit keeps it.")},
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        job: ScheduledJob,
        payload: dict[str, Any],
        may_change: bool,
        needs_reason: bool = True,
    ) -> None:
        self.job = job
        self.notice = ""
        self.original = payload
        self.fingerprint = fingerprint(payload)
        if data is not None and not may_change and "payload" in data:
            raise PermissionDenied(_("Another payload needs the permission to change scheduled jobs."))
        super().__init__(data, initial={"seen": self.fingerprint, "payload": masked.as_text(payload)})
        if not may_change:
            del self.fields["payload"]
        self.fields["reason"].required = needs_reason

    def clean_seen(self) -> str:
        seen: str = self.cleaned_data["seen"]
        if not constant_time_compare(seen, self.fingerprint):
            # What is masked would be put back from another payload than the one on the page.
            raise ValidationError(_("The payload was changed meanwhile; look at it as it is now."))
        return seen

    def clean_payload(self) -> dict[str, Any] | None:
        if "payload" not in self.data:
            return self.original
        text: str = self.cleaned_data["payload"]
        if not text.strip():
            raise ValidationError(_("Write the payload as a JSON object; {} is the empty one."))
        try:
            chosen: dict[str, Any] = restore(parse_body(text.encode()), self.original, settings.REDACTED_KEYS)
            task = registry.get(self.job.task)
            if task is not None:
                Signature.of(task.run).validate(chosen, secret_keys=settings.REDACTED_KEYS)
        except InvalidPayload as error:
            raise ValidationError(told(error)) from error
        except UnicodeEncodeError as error:
            raise ValidationError(_("It holds a character that cannot be stored; remove it.")) from error
        return chosen

    @property
    def chosen(self) -> dict[str, Any] | None:
        """The payload of this run, or None where it is the one that was shown."""
        payload: dict[str, Any] | None = self.cleaned_data.get("payload")
        return None if payload == self.original else payload

    def shown_again(self) -> AskForm:
        """The same questions with what was answered, about the payload as it is now."""
        again = AskForm(
            job=self.job,
            payload=self.original,
            may_change="payload" in self.fields,
            needs_reason=self.fields["reason"].required,
        )
        again.initial["reason"] = self.data.get("reason", "")
        again.notice = " ".join(str(text) for text in self.errors.get("seen", []))
        return again


def told(error: InvalidPayload) -> list[str]:
    """One sentence for each parameter at fault."""
    return [f"{name}: {text}" if name else text for name, text in error.errors.items()]


def fingerprint(payload: dict[str, Any]) -> str:
    """Tells one payload from another without telling what is in it."""
    return salted_hmac("scheduled_jobs.admin.payload", canonical(payload)).hexdigest()[:20]
