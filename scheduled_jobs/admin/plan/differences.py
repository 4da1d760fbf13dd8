"""The differences of one job as a person reads them: in Google, at the desk, and why the desk says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Max
from django.utils.translation import gettext as _

from scheduled_jobs.admin.words import times
from scheduled_jobs.admin.words.masked import in_line
from scheduled_jobs.domain.jobs import DURATIONS, OVERRIDABLE, value_of
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
    """One field: in Google, at the desk. ``default`` and ``override`` are the two sides of the desk."""

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
        declared = Cell(_python_text(name, getattr(job, f"declared_{name}")))
        is_operators = job.origin == ScheduledJob.Origin.OPERATOR and name == "schedule"
        default = Cell(_("none"), is_code=False) if is_operators else declared
        override = Cell(_python_text(name, own), set_by) if own is not None else None
        note = _("code default") if own is None else set_by
    words = name == "schedule"
    return Difference(
        label(name),
        Cell(text_of(name, live), words_of(str(live), job) if words else "", is_code=name != "state"),
        Cell(
            text_of(name, wanted),
            ", ".join(filter(None, [words_of(str(wanted), job) if words else "", note])),
            is_code=name != "state",
        ),
        default,
        override,
    )


def label(name: str) -> str:
    """A field's name for people."""
    return {
        "state": _("state"),
        "uri": _("address"),
        "http_method": _("method"),
        "headers": _("headers"),
        "oidc_service_account": _("account"),
        "oidc_audience": _("audience"),
    }.get(name) or str(getattr(ScheduledJob._meta.get_field(f"declared_{name}"), "verbose_name", name))


def _python_text(name: str, value: Any) -> str:
    return text_of(name, value.total_seconds() if name in DURATIONS else value)


def text_of(name: str, value: Any) -> str:
    """A comparable value of a field in words, secrets masked; durations are seconds."""
    if name == "state":
        return str(value or "").lower().replace("_", " ")
    if name in DURATIONS and isinstance(value, (int, float)):
        return times.duration(value_of(name, value)) if value else _("0 s")
    if value in ("", None):
        return _("(empty)")
    return in_line(masked(name, value))


def words_of(expression: str, job: ScheduledJob) -> str:
    """A schedule in words, in the job's time zone."""
    return describe_schedule(expression, job.time_zone).words
