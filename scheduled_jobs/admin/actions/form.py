"""What is asked before something is done: of one job and of many the same."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs.admin.words import times
from scheduled_jobs.domain.limits import LATEST_PAUSE, check_pause_end

if TYPE_CHECKING:
    from collections.abc import Mapping

OPEN, UNTIL = "open", "until"


class DateInput(forms.DateInput):
    input_type = "date"


class TimeInput(forms.TimeInput):
    input_type = "time"


class ReasonForm(forms.Form):
    """Why something is done; kept with every job's change."""

    reason = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Kept with the changes of every job."),
    )


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
    until_0 = forms.DateField(label=gettext_lazy("Date"), required=False, widget=DateInput(format="%Y-%m-%d"))
    until_1 = forms.TimeField(
        label=gettext_lazy("Time"), required=False, widget=TimeInput(format="%H:%M:%S", attrs={"step": "1"})
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, zone: str, now: datetime, many: bool = False
    ) -> None:
        self.zone = zone
        self.now = now
        # No day is filled in, so that one that is was meant.
        super().__init__(data, initial={"until_1": "08:00:00"})
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
    def until(self) -> datetime | None:
        """The end that was asked for, if it can be read; None for an open end."""
        return self.cleaned_data.get("until") if self.is_bound and hasattr(self, "cleaned_data") else None
