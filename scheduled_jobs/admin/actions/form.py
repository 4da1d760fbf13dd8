"""What is asked before something is done: of one job and of many the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs.admin.page import token_of
from scheduled_jobs.admin.payload.form import RAW, PayloadForm
from scheduled_jobs.admin.payload.parameter import PARAMETER_PREFIX
from scheduled_jobs.admin.words import times
from scheduled_jobs.domain.jobs import same_json
from scheduled_jobs.domain.limits import LATEST_PAUSE, check_pause_end
from scheduled_jobs.exceptions import InvalidPayload, RunRefused
from scheduled_jobs.models import JobRun, ScheduledJob, attribution

OPEN, UNTIL = "open", "until"


class ReasonForm(forms.Form):
    """Why something is done."""

    reason = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Kept in the audit."),
    )

    @property
    def values(self) -> dict[str, Any]:
        """What was answered, as the methods of a job and of many take it."""
        return {"reason": self.cleaned_data["reason"]}


class PauseForm(ReasonForm):
    """Why, and until when: of one job in its zone, of ``many`` in the zone of the site.

    Of a time that the clocks of the zone show twice, the first is meant; one that they skip is refused.
    """

    until_mode = forms.ChoiceField(
        choices=[
            (OPEN, gettext_lazy("Until somebody resumes it")),
            (UNTIL, gettext_lazy("Until a time, to the second")),
        ],
        initial=OPEN,
        widget=forms.RadioSelect,
    )
    until_0 = forms.DateField(
        label=gettext_lazy("Date"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    until_1 = forms.TimeField(
        label=gettext_lazy("Time"),
        required=False,
        widget=forms.TimeInput(format="%H:%M:%S", attrs={"type": "time", "step": "1"}),
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, zone: str, now: datetime, many: bool = False
    ) -> None:
        self.zone = zone
        self.now = now
        # No day is filled in, so that one that is was meant; a script fills in the one of the next such time.
        super().__init__(data, initial={"until_1": "08:00:00"})
        local = now.astimezone(times.zone_of(zone))
        self.fields["until_0"].widget.attrs["data-sj-now"] = f"{local:%Y-%m-%dT%H:%M:%S}"
        reason = self.fields["reason"]
        reason.required = True
        if many:
            reason.help_text = _("Shown on the list to everybody who wonders why they are quiet.")
            reason.error_messages["required"] = _("Say why the jobs are paused.")
            mode: Any = self.fields["until_mode"]
            mode.choices = [(OPEN, _("Until somebody resumes them")), mode.choices[1]]
        else:
            reason.help_text = _("Shown on the list to everybody who wonders why it is quiet.")
            reason.error_messages["required"] = _("Say why the job is paused.")

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        values["until"] = None
        if values.get("until_mode") == OPEN and values.get("until_0"):
            text = _("An end is filled in, and no end is chosen: choose “Until a time”, or clear the date.")
            raise ValidationError({"until_0": text})
        if values.get("until_mode") == UNTIL and not {"until_0", "until_1"} & self.errors.keys():
            values["until"] = self._end(values.get("until_0"), values.get("until_1"))
        return values

    def _end(self, date: Any, time: Any) -> datetime:
        if date is None or time is None:
            raise ValidationError({"until_0": _("Say until when, date and time, or choose an open end.")})
        zone = times.zone_of(self.zone)
        until = datetime.combine(date, time, tzinfo=zone)
        try:
            end = check_pause_end(until)
        except ValueError:
            text = _("No pause ends then: write a time before %(latest)s, or choose an open end.")
            raise ValidationError({"until_0": text % {"latest": f"{LATEST_PAUSE:%Y-%m-%d}"}}) from None
        if end <= self.now:
            raise ValidationError({"until_0": _("This time is past; a pause ends in the future.")})
        if end.astimezone(zone).replace(tzinfo=None) != until.replace(tzinfo=None):
            text = _("%(time)s does not exist in %(zone)s: the clocks go forward then; choose another time.")
            raise ValidationError({"until_0": text % {"time": f"{until:%Y-%m-%d %H:%M}", "zone": self.zone}})
        return end

    @property
    def values(self) -> dict[str, Any]:
        return {**super().values, "until": self.until}

    @property
    def until(self) -> datetime | None:
        """The end that was asked for, if it can be read; None for an open end."""
        return self.cleaned_data.get("until") if self.is_bound and hasattr(self, "cleaned_data") else None


class RunNowForm(ReasonForm):
    """A reason, and the payload of this run for those who may change it.

    ``payload`` is what the page shows; left as it is, it is what is run. ``newest`` is the last run that was
    asked for in this way, if any: whoever has not seen it is told of it before one more is asked for, which
    is also what a form gets that is sent twice.
    """

    seen = forms.CharField(widget=forms.HiddenInput)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        job: ScheduledJob,
        payload: dict[str, Any],
        newest: JobRun | None,
        may_change: bool,
    ) -> None:
        self.job = job
        self.original = payload
        self.newest = newest
        self.notice = ""
        self.seen_runs = str(newest.pk) if newest else "0"
        if (
            data is not None
            and not may_change
            and any(name == RAW or name.startswith(PARAMETER_PREFIX) for name in data)
        ):
            raise PermissionDenied(_("Another payload needs the permission to change scheduled jobs."))
        super().__init__(data, initial={"seen": f"{token_of(payload)}-{self.seen_runs}"})
        self.payload_form: PayloadForm | None = None
        if may_change:
            # What is in force stands in the fields; an empty one leaves the parameter to run().
            self.payload_form = PayloadForm(
                task=job.task, declared={}, override=payload, data=data, code=job.declared_payload
            )
        self.fields["reason"].label = _("Why now")

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
        """Whether the reason and the payload are good; both are looked at, so that both can be corrected."""
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

    def ask(self, run: Callable[..., JobRun], *, by: Any) -> JobRun | None:
        """Ask for the run; None, and what is wrong is among the errors, where it cannot be."""
        if not self.is_valid():
            return None
        reason = self.cleaned_data["reason"]
        try:
            with attribution(by, via="form", reason=reason):
                return run(payload=self.chosen, by=by, reason=reason)
        except InvalidPayload as error:
            self.add_error(None, [f"{name}: {text}" if name else text for name, text in error.errors.items()])
        except RunRefused as error:
            self.add_error(None, str(error))
        return None

    def shown_again(self) -> RunNowForm:
        """The same questions with what was answered, about the payload as it is now."""
        again = RunNowForm(
            job=self.job,
            payload=self.original,
            newest=self.newest,
            may_change=self.payload_form is not None,
        )
        again.initial["reason"] = self.data.get("reason", "")
        again.notice = " ".join(str(text) for text in self.errors.get("seen", []))
        return again
