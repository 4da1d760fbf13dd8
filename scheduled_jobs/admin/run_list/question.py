"""What the address of the run list asks for, and the addresses that ask for a little more or less.

What cannot be understood is not asked for: an address may be typed, old, or meant to do harm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.functional import cached_property

from scheduled_jobs.admin.words import times
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.run_list import GROUPS, MAX_NUMBER, Asked, Place

SPANS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "all": None,
}
DEFAULT_SPAN = "24h"
PAGING = ("before", "after")
NAMES = ("status", "job", "how", "error", "over", "late", "twice", "q", "span", "start", "end", "at", *PAGING)
"""Of the parameters, in the order in which they stand in an address."""
MAX_TEXT = 200
MAX_SECONDS = 10_000_000
YEARS = range(1900, 9000)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class ListQuestion:
    """The parameters that were understood, as they were given, and what they mean. ``now`` is aware."""

    given: Mapping[str, str]
    zone: str
    now: datetime
    among: QuerySet[JobRun] | None = field(default=None, compare=False)

    @classmethod
    def of(
        cls, data: Mapping[str, str], zone: str, now: datetime, among: QuerySet[JobRun] | None = None
    ) -> ListQuestion:
        """What an address asks for; ``data`` are its parameters, of which any may be missing or wrong."""
        found = {name: data.get(name, "").strip() for name in NAMES}
        asked = cls({name: value for name, value in found.items() if value and "\0" not in value}, zone, now)
        return cls({name: text for name, text in asked.given.items() if asked.knows(name)}, zone, now, among)

    def knows(self, name: str) -> bool:
        """Whether a parameter that is given means anything."""
        text = self.given[name]
        if name == "status":
            return text in JobRun.Status or text in GROUPS
        if name == "job":
            return is_key(text)
        if name == "how":
            return text in JobRun.Trigger
        if name in ("over", "late"):
            return self._length(name) is not None
        if name == "twice":
            return text == "1"
        if name in ("start", "end", "at"):
            return self._moment(name) is not None
        if name in PAGING:
            return self._place(name) is not None
        return text in SPANS if name == "span" else len(text) <= MAX_TEXT

    # --- What is asked for --------------------------------------------------------------------

    @cached_property
    def asked(self) -> Asked:
        """The runs of the list; cut to a span where one is named, or where each run must be looked at."""
        status, job = self.given.get("status", ""), self.given.get("job", "")
        asked = Asked(
            job_id=int(job) if job else None,
            statuses=GROUPS.get(status, (status,) if status else ()),
            trigger=self.given.get("how", ""),
            error_key=self.given.get("error", ""),
            over=self._length("over"),
            late=self._length("late"),
            twice="twice" in self.given,
            text=self.given.get("q", ""),
            end=self._moment("end"),
            among=self.among,
        )
        is_cut = "span" in self.given or "start" in self.given or (asked.looks_at_runs and not job)
        return replace(asked, start=self.start if is_cut else None)

    @property
    def span(self) -> str:
        """How far back it is counted, searched and exported; empty where the address names the ends."""
        return "" if "start" in self.given else self.given.get("span", DEFAULT_SPAN)

    @cached_property
    def start(self) -> datetime | None:
        """Where the span begins."""
        named, length = self._moment("start"), SPANS.get(self.span)
        return named if named is not None or length is None else self.end - length

    @cached_property
    def end(self) -> datetime:
        """Where the span ends: as named, at the time that was jumped to, or now."""
        at = self._moment("at")
        return self._moment("end") or (at + MINUTE if at else self.now)

    @property
    def of_span(self) -> Asked:
        """The runs of the list that lie in the span."""
        return replace(self.asked, start=self.start, end=self.end if self.end != self.now else None)

    @property
    def open(self) -> Asked:
        """The same for what waits or is going on, which is listed however long ago it has begun."""
        return self.asked if "start" in self.given else replace(self.asked, start=None)

    @property
    def before(self) -> Place | None:
        """Where the page begins; None: at the newest run."""
        at = self._moment("at")
        return self._place("before") or (Place(at + MINUTE) if at else None)

    @property
    def after(self) -> Place | None:
        """Where the page ends."""
        return self._place("after")

    @property
    def is_first_page(self) -> bool:
        """Whether it begins with what is going on now."""
        return not {"before", "after", "at", "end"}.intersection(self.given)

    @property
    def is_counted(self) -> bool:
        """Whether the figures that are kept tell how many such runs there are."""
        return not self.asked.looks_at_runs and not self.asked.error_key and self.start is not None

    @property
    def is_narrowed(self) -> bool:
        """Whether any runs are left out."""
        return bool(set(self.given) - {*PAGING, "at", "span"}) or self.asked.start is not None

    # --- Addresses ----------------------------------------------------------------------------

    def link(self, **changed: str) -> str:
        """The address with other values, empty ones left out, from the first page on."""
        values = {name: value for name, value in self.given.items() if name not in PAGING} | changed
        return "?" + urlencode({name: values[name] for name in NAMES if values.get(name)})

    def link_to(self, name: str, place: Place, **changed: str) -> str:
        """The address of the page ``before`` or ``after`` a place."""
        at = place.at.astimezone(UTC).replace(tzinfo=None)
        return self.link(**changed, **{name: f"{at.isoformat()}_{'' if place.pk is None else place.pk}"})

    def _besides(self, *names: str) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self.given.items() if name not in (*PAGING, *names)]

    @property
    def hidden_for_search(self) -> list[tuple[str, str]]:
        """What the form of the search sends besides its own field; so the others."""
        return self._besides("q")

    @property
    def hidden_for_jobs(self) -> list[tuple[str, str]]:
        return self._besides()

    @property
    def hidden_for_jump(self) -> list[tuple[str, str]]:
        return self._besides("at", "start", "end")

    # --- Values -------------------------------------------------------------------------------

    def _length(self, name: str) -> timedelta | None:
        try:
            seconds = float(self.given.get(name, ""))
        except ValueError:
            return None
        return timedelta(seconds=seconds) if 0 <= seconds <= MAX_SECONDS else None

    def _moment(self, name: str) -> datetime | None:
        return _parsed(self.given.get(name, ""), self.zone)

    def _place(self, name: str) -> Place | None:
        text, _sign, pk = self.given.get(name, "").rpartition("_")
        at = _parsed(text, "UTC")
        if at is None or (pk and not is_key(pk)):
            return None
        return Place(at, int(pk) if pk else None)


def zone_of_list(request: HttpRequest) -> str:
    """The zone in which a list of runs has its times: of one job its own, as on its page; else the site's."""
    rows, job = (
        ScheduledJob.objects.only("declared_time_zone", "time_zone_override"),
        request.GET.get("job", ""),
    )
    row = rows.filter(pk=int(job)).first() if is_key(job) else None
    return timezone.get_current_timezone_name() if row is None else row.time_zone


def is_key(text: str) -> bool:
    """Whether a row may have this key: no database takes one of twenty digits."""
    return text.isascii() and text.isdecimal() and len(text) <= MAX_NUMBER


def _parsed(text: str, zone: str) -> datetime | None:
    try:
        at = parse_datetime(text)
    except ValueError:  # such as the 32nd of a month
        return None
    if at is None or at.year not in YEARS:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=times.zone_of(zone))).astimezone(UTC)
