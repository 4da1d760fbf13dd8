"""The differences of one job as a person reads them: in Google, here, and why it is so here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Max
from django.utils.translation import gettext as _

from scheduled_jobs.admin.words import times
from scheduled_jobs.admin.words.values import field_name, value_text
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.domain.schedules import describe_schedule
from scheduled_jobs.models import JobChange, ScheduledJob
from scheduled_jobs.services.scheduling.masked import masked

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

HIDDEN = ("uri", "headers", "http_method", "oidc_service_account", "oidc_audience")
"""Fields that only the code knows."""


@dataclass(frozen=True)
class Cell:
    """A value with what is said beneath it; ``is_code`` sets it in the typewriter's face."""

    text: str
    note: str = ""
    is_code: bool = True


@dataclass(frozen=True)
class Difference:
    """One field: in Google, and here. ``default`` and ``override`` are the two sides of what is here."""

    label: str
    live: Cell
    wanted: Cell
    default: Cell | None = None
    override: Cell | None = None


class Provenance:
    """Who set which override last, and when: one query for all jobs of a page, and a row for each."""

    def __init__(self, pks: Iterable[int], now: datetime) -> None:
        self.now = now
        self.last: dict[tuple[int, str], tuple[str, datetime]] = {}
        changes = JobChange.objects.filter(job__in=list(pks), field__in=OVERRIDABLE).order_by()
        newest = changes.values("job_id", "field").annotate(newest=Max("pk")).values("newest")
        changes = JobChange.objects.filter(pk__in=newest)
        for job_id, name, label, at in changes.values_list("job_id", "field", "actor_label", "at"):
            self.last[job_id or 0, name] = (label, at)

    def of(self, job: ScheduledJob, name: str) -> str:
        """ "override by maria, 3 h ago"."""
        label, at = self.last.get((job.pk, name), ("", None))
        parts = [_("override by %(person)s") % {"person": label} if label else _("override")]
        if at is not None:
            parts.append(times.relative(at, self.now))
        return ", ".join(parts)


def difference(name: str, pair: tuple[Any, Any], job: ScheduledJob, provenance: Provenance) -> Difference:
    """One field that differs; every value is masked."""
    live, wanted = pair
    default = override = None
    note = _("code only") if name in HIDDEN else ""
    if name == "state":
        note = _("paused by %(person)s") % {"person": job.paused_by} if job.paused and job.paused_by else ""
    elif name in OVERRIDABLE:
        own = getattr(job, f"{name}_override")
        set_by = provenance.of(job, name)
        declared = Cell(_text(name, getattr(job, f"declared_{name}")))
        is_operators = job.origin == ScheduledJob.Origin.OPERATOR and name == "schedule"
        default = Cell(_("none"), is_code=False) if is_operators else declared
        override = Cell(_text(name, own), set_by) if own is not None else None
        note = _("code default") if own is None else set_by
    words = name == "schedule"
    return Difference(
        field_name(name).lower(),
        Cell(_text(name, live), words_of(str(live), job) if words else "", is_code=name != "state"),
        Cell(
            _text(name, wanted),
            ", ".join(filter(None, [words_of(str(wanted), job) if words else "", note])),
            is_code=name != "state",
        ),
        default,
        override,
    )


def _text(name: str, value: Any) -> str:
    return value_text(name, masked(name, value))


def words_of(expression: str, job: ScheduledJob) -> str:
    """A schedule in words, in the job's time zone."""
    return describe_schedule(expression, job.time_zone).words
