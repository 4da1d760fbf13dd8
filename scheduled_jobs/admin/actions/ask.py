"""What is asked before a run: the payload, by those who may change it, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs.admin.page.same_as_shown import token_of
from scheduled_jobs.admin.payload.form import RAW, PayloadForm
from scheduled_jobs.admin.payload.parameter import PREFIX
from scheduled_jobs.domain.jobs import same_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scheduled_jobs.exceptions import InvalidPayload
    from scheduled_jobs.models import JobRun, ScheduledJob


class AskForm(forms.Form):
    """A reason, and the payload of this run for those who may change it.

    ``payload`` is what the page shows; left as it is, it is what is run. ``newest`` is the last run that was
    asked for in this way, if any: whoever has not seen it is told of it before one more is asked for, which
    is also what a form gets that is sent twice.
    """

    seen = forms.CharField(widget=forms.HiddenInput)
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
        newest: JobRun | None,
        may_change: bool,
        needs_reason: bool = True,
    ) -> None:
        self.job = job
        self.original = payload
        self.newest = newest
        self.notice = ""
        self.seen_runs = str(newest.pk) if newest else "0"
        if data is not None and not may_change and any(is_of_payload(name) for name in data):
            raise PermissionDenied(_("Another payload needs the permission to change scheduled jobs."))
        super().__init__(data, initial={"seen": f"{token_of(payload)}-{self.seen_runs}"})
        self.payload_form: PayloadForm | None = None
        if may_change:
            # What is in force stands in the fields; an empty one leaves the parameter to run().
            self.payload_form = PayloadForm(task=job.task, declared={}, override=payload, data=data)
        self.fields["reason"].required = needs_reason

    def clean_seen(self) -> str:
        seen: str = self.cleaned_data["seen"]
        payload, _dash, runs = seen.partition("-")
        if payload != token_of(self.original):
            # What is masked would be put back from another payload than the one on the page.
            raise ValidationError(_("The payload was changed meanwhile; look at it as it is now."))
        if self.newest is not None and runs != self.seen_runs:
            text = _("%(who)s has asked for run #%(run)s meanwhile; ask once more if you want another one.")
            who = self.newest.requested_by or _("Somebody")
            raise ValidationError(text % {"who": who, "run": self.newest.pk})
        return seen

    def is_valid(self) -> bool:
        """Whether the reason and the payload are good; both are looked at, so that both can be mended."""
        payload_is_good = self.payload_form is None or self.payload_form.is_valid()
        if self.payload_form is not None and self.data.get(RAW) is not None and not self.data[RAW].strip():
            # A field that was emptied by mistake must not run the job without any of its parameters.
            text = _("Write the payload as a JSON object; {} is the empty one.")
            self.payload_form.raw_errors.append(text)
            payload_is_good = False
        return super().is_valid() and payload_is_good

    @property
    def chosen(self) -> dict[str, Any] | None:
        """The payload of this run, or None where it is the one that was shown."""
        if self.payload_form is None:
            return None
        payload = self.payload_form.value or {}
        return None if same_json(payload, self.original) else payload

    def shown_again(self) -> AskForm:
        """The same questions with what was answered, about the payload as it is now."""
        again = AskForm(
            job=self.job,
            payload=self.original,
            newest=self.newest,
            may_change=self.payload_form is not None,
            needs_reason=self.fields["reason"].required,
        )
        again.initial["reason"] = self.data.get("reason", "")
        again.notice = " ".join(str(text) for text in self.errors.get("seen", []))
        return again


def is_of_payload(name: str) -> bool:
    """Whether a form field of this name says something about the payload."""
    return name == RAW or name.startswith(PREFIX)


def told(error: InvalidPayload) -> list[str]:
    """One sentence for each parameter at fault."""
    return [f"{name}: {text}" if name else text for name, text in error.errors.items()]
