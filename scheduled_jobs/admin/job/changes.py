"""The audit of a job as lines for people: who did what, through what, and why. All values are masked."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlencode

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Q
from django.http import HttpResponse, QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs.admin.job.fields import payload_changes
from scheduled_jobs.admin.page import FilterLink, FilterMenu
from scheduled_jobs.admin.page.csv_file import MOST_EXPORTED, as_file, csv_lines
from scheduled_jobs.admin.words import FIELD_WORDS, field_name, times, value_text, who_made
from scheduled_jobs.domain.payloads import clean_text
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.services.history import job_story
from scheduled_jobs.services.history.job_story import ChangeCounts, Counted

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

EVENTS: dict[str, _StrPromise] = {
    "deleting": gettext_lazy("asked for the job to be deleted"),
    "sync": gettext_lazy("asked for it to be sent to Google again"),
}
"""Field of the audit -> what was done."""
SWITCHES: dict[str, tuple[_StrPromise, _StrPromise]] = {
    "job": (gettext_lazy("deleted the job"), gettext_lazy("created the job")),
    "paused": (gettext_lazy("resumed the job"), gettext_lazy("paused the job")),
    "retired": (
        gettext_lazy("brought the job back"),
        gettext_lazy("retired the job: its class is gone from the code"),
    ),
}
"""The same where it depends on the new value: for a false one, and for a true one."""


HEADS = ("at", "by", "via", "field", "old", "new", "reason")
CHUNK = 500
"""Changes of a file that are read at once."""
TOGETHER = timedelta(seconds=1)
"""Changes of one person that lie no further apart were made at once."""
MAX_SOUGHT = 100
"""Characters of what is looked for."""


@dataclass(frozen=True)
class ChangesAsked:
    """Which changes are asked for: by whom, of which field, with which words, older than which."""

    by: str = ""
    field: str = ""
    q: str = ""
    before: int | None = None

    @classmethod
    def of(cls, data: QueryDict) -> Self:
        """What an address asks; what makes no sense is left out."""
        by, before = data.get("by", ""), data.get("before", "")
        return cls(
            by=by if by in job_story.ORIGINS else "",
            field=clean_text(data.get("field", ""))[:64],
            q=clean_text(data.get("q", "")).strip()[:MAX_SOUGHT],
            before=int(before) if re.fullmatch("[0-9]{1,18}", before, re.ASCII) else None,
        )

    @property
    def condition(self) -> Q | None:
        """The filters; None where all are asked for."""
        if not (self.by or self.field or self.q):
            return None
        found = job_story.ORIGINS.get(self.by, Q())
        if self.field:
            found &= Q(field=self.field)
        if self.q:
            words = self.q.lower()
            fields = [name for name in FIELD_WORDS if words in field_name(name).lower()]
            fields += [f"declared_{name}" for name in fields]
            found &= (
                Q(actor_label__icontains=self.q)
                | Q(reason__icontains=self.q)
                | Q(release__icontains=self.q)
                | Q(field__in=fields)
            )
        return found

    def address(self, **other: Any) -> str:
        """The same question with something else in it, as a query string; without ``before``."""
        asked = {"by": self.by, "field": self.field, "q": self.q, **other}
        return "?" + urlencode({name: value for name, value in asked.items() if value})


def filters_of(question: ChangesAsked, counts: ChangeCounts, fields: dict[str, int]) -> dict[str, Any]:
    """What stands above the changes: chips by who made them, and a menu of the fields."""
    labels = {
        "": _("All"),
        job_story.PEOPLE: _("By people"),
        job_story.RELEASES: _("By releases"),
        job_story.GOOGLE: _("With Google"),
    }
    numbers = {"": counted_text(counts.all), **{name: str(n) for name, n in counts.by_origin.items()}}
    choices = [FilterLink(_("All"), question.address(field=""), is_chosen=not question.field)]
    choices += [
        FilterLink(_field_label(name), question.address(field=name), n, name == question.field)
        for name, n in fields.items()
    ]
    return {
        "chips": [
            FilterLink(label, question.address(by=by), numbers[by], by == question.by)
            for by, label in labels.items()
            if by in ("", question.by) or counts.by_origin[by]
        ],
        "menus": [FilterMenu(_("Field"), choices, _field_label(question.field) if question.field else "")],
    }


def counted_text(counted: Counted) -> str:
    """A number, and that there are more; empty for none."""
    text = _("%(n)s+") if counted.is_more else "%(n)s"
    return text % {"n": intcomma(counted.n)} if counted.n else ""


def _field_label(name: str) -> str:
    labels = {
        "job": _("Job"),
        "paused": _("Pause"),
        "retired": _("Retired"),
        "run": _("Run by hand"),
        "backfill": _("Backfill"),
    }
    if name.startswith("declared_"):
        return _("Code’s %(field)s") % {"field": field_name(name.removeprefix("declared_")).lower()}
    return labels.get(name) or field_name(name).capitalize()


def changes_file(job: ScheduledJob, question: ChangesAsked, counts: ChangeCounts) -> HttpResponse:
    """All changes that are asked for, a line each, the newest first; secrets are masked."""

    def chunks() -> Iterator[Iterable[Sequence[Any]]]:
        condition, before = question.condition, question.before
        for _n in range(0, MOST_EXPORTED, CHUNK):
            found = job_story.changes_of(
                job, CHUNK, condition=condition, floor=counts.floor if condition else 0, before=before
            )
            yield map(_row, found)
            if len(found) < CHUNK:
                return
            before = found[-1].pk

    return as_file(csv_lines(HEADS, chunks()), f"changes-{job.name}.csv")


def _row(change: JobChange) -> Sequence[Any]:
    values = (None if value is None else value_text("payload", value) for value in (change.old, change.new))
    return (change.at, who_made(change), change.via, change.field, *values, change.reason)


def change_lines(
    changes: Iterable[JobChange],
    zone: str,
    now: datetime,
    in_code: Mapping[int, Any],
    in_force: Container[int] = (),
) -> list[dict[str, Any]]:
    """The lines of these changes (the newest first), times in a zone; what was done at once is one line.

    ``in_code`` is what the code said at the time of those that began or ended an override, and ``in_force``
    are the keys of those that have set an override that stands.
    """
    lines: list[dict[str, Any]] = []
    last: JobChange | None = None
    for change in changes:
        if last is not None and _is_at_once(last, change):
            lines[-1]["deeds"].insert(0, _deed(change, in_code.get(change.pk)))
        else:
            lines.append(
                {
                    "at": times.clock_element(change.at, zone, now),
                    "who": who_made(change),
                    "via": change.get_via_display(),
                    "reason": change.reason,
                    "deeds": [_deed(change, in_code.get(change.pk))],
                    "resets": [],
                }
            )
        if change.pk in in_force:
            lines[-1]["resets"].insert(0, change.field)
        last = change
    return lines


def _is_at_once(one: JobChange, other: JobChange) -> bool:
    same = all(getattr(one, name) == getattr(other, name) for name in ("actor_label", "via", "reason"))
    fields = FIELD_WORDS.keys() | {f"declared_{name}" for name in FIELD_WORDS}
    return same and {one.field, other.field} <= fields and abs(one.at - other.at) <= TOGETHER


def _deed(change: JobChange, in_code: Any) -> dict[str, Any]:
    """What was done, the ``pairs`` (parameter, old, new) that it changed, and the run that it is about.

    The parameter is empty for a field of its own.
    """
    name, old, new, unset = change.field, change.old, change.new, _("the code’s default")
    if name in EVENTS:
        return {"verb": EVENTS[name]}
    if name in SWITCHES:
        return {"verb": SWITCHES[name][bool(new)]}
    if name == "run":
        return _run_deed(old, new)
    if name == "backfill":
        return _backfill_deed(old, new)
    if name.startswith("declared_"):
        name, unset = name.removeprefix("declared_"), _("not set")
        verb = format_html(_("changed the default of {field}"), field=_named(name))
    elif name in FIELD_WORDS:
        verb = _override(change)
    else:
        text = _("changed %(field)s") % {"field": field_name(name)}
        return {"verb": text, "pairs": [("", _plain(old), _plain(new))]}
    old, new = (in_code if value is None else value for value in (old, new))
    if name == "payload" and isinstance(old, dict) and isinstance(new, dict) and old != new:
        return {"verb": verb, "pairs": payload_changes(old, new)}
    values = ("" if value is None else value_text(name, value) for value in (old, new))
    return {"verb": verb, "pairs": [("", *values)], "unset": unset}


def _run_deed(old: object, new: object) -> dict[str, Any]:
    if isinstance(new, int) and old is None:
        return {"verb": _("asked for run"), "run": new}
    verb = _("cancelled run") if new == JobRun.Status.DISCARDED else _("changed run")
    return {"verb": verb, "run": old if isinstance(old, int) else None}


def _backfill_deed(old: object, new: object) -> dict[str, Any]:
    """Asked for, the runs of so many scheduled times; or taken back, what of them still waited."""
    what = new if isinstance(new, dict) else old if isinstance(old, dict) else {}
    n = what.get("runs", 0)
    text = (
        ngettext("asked for a backfill of %(n)d run, from", "asked for a backfill of %(n)d runs, from", n)
        if isinstance(new, dict)
        else ngettext(
            "cancelled %(n)d waiting run of a backfill, from",
            "cancelled %(n)d waiting runs of a backfill, from",
            n,
        )
    )
    return {"verb": text % {"n": n}, "run": what.get("first")}


def _override(change: JobChange) -> SafeString:
    text = _("reset {field}") if change.new is None else _("set {field}")
    if change.via == JobChange.Via.SYNC:
        text = _("replaced {field} in Google")
    return format_html(text, field=_named(change.field))


def _named(field: str) -> SafeString:
    return format_html("<b>{}</b>", field_name(field).lower())


def _plain(value: object) -> str:
    return value_text("payload", value) if isinstance(value, (dict, list)) else str(value)
