"""What is asked before something is done with many jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs.domain.limits import LATEST_PAUSE, check_pause_end

if TYPE_CHECKING:
    from datetime import datetime

OPEN, UNTIL = "open", "until"


class DateInput(forms.DateInput):
    input_type = "date"


class TimeInput(forms.TimeInput):
    input_type = "time"


class WhenWidget(forms.SplitDateTimeWidget):
    """The browser's own date and time fields: no script is needed."""

    def __init__(self) -> None:
        forms.MultiWidget.__init__(
            self,
            (
                DateInput(format="%Y-%m-%d", attrs={"aria-label": gettext_lazy("Date")}),
                TimeInput(format="%H:%M:%S", attrs={"step": "1", "aria-label": gettext_lazy("Time")}),
            ),
        )


def end_of_pause(until: datetime, field: str, now: datetime) -> datetime:
    """The end that was asked for (aware) in UTC; raises ValidationError, under ``field``, if it is none."""
    try:
        end = check_pause_end(until)
    except ValueError:
        text = _("No pause ends then: write a time before %(latest)s, or choose an open end.")
        raise ValidationError({field: text % {"latest": f"{LATEST_PAUSE:%Y-%m-%d}"}}) from None
    if end <= now:
        raise ValidationError({field: _("This time is past; a pause ends in the future.")})
    return end


def no_end_was_chosen() -> str:
    """What is said of an end that is filled in beside the choice of none."""
    return _("An end is filled in, and no end is chosen: choose “Until a time”, or clear the date.")


class ReasonForm(forms.Form):
    """Why something is done; kept with every job's change."""

    reason = forms.CharField(
        label=gettext_lazy("Why"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("Kept with the changes of every job."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ":"


class PauseForm(ReasonForm):
    """Why, and until when; times are in the zone of the site."""

    until_mode = forms.ChoiceField(
        label=gettext_lazy("Until when"),
        choices=[
            (OPEN, gettext_lazy("Until somebody resumes them")),
            (UNTIL, gettext_lazy("Until a time, to the second")),
        ],
        initial=OPEN,
        widget=forms.RadioSelect,
    )
    until = forms.SplitDateTimeField(label=gettext_lazy("Until"), required=False, widget=WhenWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        reason = self.fields["reason"]
        reason.required = True
        reason.help_text = _("Shown on the list to everybody who wonders why they are quiet.")
        reason.error_messages["required"] = _("Say why the jobs are paused.")

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("until_mode") == OPEN and values.get("until"):
            raise ValidationError({"until": no_end_was_chosen()})
        if values.get("until_mode") != UNTIL:
            values["until"] = None
        elif "until" not in self.errors:
            until: datetime | None = values.get("until")
            if until is None:
                raise ValidationError({"until": _("Say until when, or choose an open end.")})
            values["until"] = end_of_pause(until, "until", timezone.now())
        return values
