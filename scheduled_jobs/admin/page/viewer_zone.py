"""The zone in which a person reads times: found by the browser, remembered in a cookie, corrected by hand."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy

from scheduled_jobs.domain.schedules.zones import time_zones, validate_time_zone
from scheduled_jobs.exceptions import InvalidSchedule

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

FIELD = "viewer_zone"
COOKIE = "sj_zone"
COOKIE_AGE = 365 * 86_400
MAX_ZONE_NAME = 64
EXCLUDED_ZONES = ("Etc/", "posix/", "right/", "SystemV/")
"""Names of the tz database that are no places, or places with leap seconds."""


class ViewerZoneForm(forms.Form):
    """The name of a zone, or nothing for the one of the server."""

    viewer_zone = forms.CharField(
        label=gettext_lazy("Your zone"),
        required=False,
        max_length=MAX_ZONE_NAME,
        widget=forms.TextInput(
            attrs={
                "list": "sj-zones",
                "autocomplete": "off",
                "spellcheck": "false",
                # The error comes with the preview, which a script replaces; the field stays.
                "aria-describedby": "id_viewer_zone_error",
            }
        ),
    )

    def clean_viewer_zone(self) -> str:
        name: str = self.cleaned_data[FIELD]
        try:
            return validate_time_zone(name) if name else ""
        except InvalidSchedule as error:
            raise ValidationError(str(error)) from None


class ViewerZone:
    """The zone of whoever asks: as typed, as remembered, else as Django has it.

    ``name`` exists, whatever was typed. ``is_known`` tells that it is theirs, and not the one of the site.
    """

    def __init__(self, request: HttpRequest) -> None:
        remembered = _known(request.COOKIES.get(COOKIE))
        of_the_site = _known(timezone.get_current_timezone_name()) or "UTC"
        data = request.POST if FIELD in request.POST else None
        self.form = ViewerZoneForm(data, initial={FIELD: remembered})
        self.form.fields[FIELD].widget.attrs["placeholder"] = of_the_site
        self.is_typed = data is not None and self.form.is_valid()
        theirs: str = self.form.cleaned_data[FIELD] if self.is_typed else remembered
        self.is_known = bool(theirs)
        self.name = theirs or of_the_site

    @property
    def errors(self) -> list[str]:
        """What is wrong with what was typed; the nearest name is in it."""
        return [str(text) for text in self.form.errors.get(FIELD, [])]

    def remember(self, response: HttpResponse) -> HttpResponse:
        """Keep what was typed for the next page; an emptied field forgets."""
        if self.is_typed and self.form.cleaned_data[FIELD]:
            response.set_cookie(COOKIE, self.name, max_age=COOKIE_AGE, samesite="Lax")
        elif self.is_typed:
            response.delete_cookie(COOKIE, samesite="Lax")
        return response


@lru_cache(maxsize=1)
def offered_zones() -> tuple[str, ...]:
    """The zones that a list offers: those that are named after a place, and UTC."""
    return ("UTC", *sorted(z for z in time_zones() if "/" in z and not z.startswith(EXCLUDED_ZONES)))


def _known(name: str | None) -> str:
    if not name or len(name) > MAX_ZONE_NAME:
        return ""
    try:
        return validate_time_zone(name)
    except InvalidSchedule:
        return ""
