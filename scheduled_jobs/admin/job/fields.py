"""The table of fields: what the code says, what a person set, and what Google was last seen to have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs import registry
from scheduled_jobs.admin.job.form import Editing
from scheduled_jobs.admin.words import (
    FIELD_WORDS,
    as_python,
    field_name,
    masked_entry,
    masked_line,
    times,
    value_text,
    who_made,
)
from scheduled_jobs.conf import settings
from scheduled_jobs.domain import jobs as domain
from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.domain.schedules import describe_schedule
from scheduled_jobs.domain.tolerances import Tolerances
from scheduled_jobs.models import JobChange, ScheduledJob
from scheduled_jobs.services.history.job_story import Since

SyncState = ScheduledJob.SyncState

GOOGLE_DEFAULTS = {
    "max_doublings": domain.DEFAULT_MAX_DOUBLINGS,
    "min_backoff": domain.DEFAULT_MIN_BACKOFF,
    "max_backoff": domain.DEFAULT_MAX_BACKOFF,
    "attempt_deadline": domain.DEFAULT_ATTEMPT_DEADLINE,
}
"""Field -> what Cloud Scheduler does where nothing is set."""
OF_SCHEDULE = ("schedule", "time_zone")
OF_FAILURE = ("retry_count", "attempt_deadline")
RARE = tuple(name for name in OVERRIDABLE if name not in (*OF_SCHEDULE, *OF_FAILURE, "payload"))
"""The groups of the fields."""
MAX_PAIRS = 100
"""Parameters of two payloads that are shown one by one."""


@dataclass(frozen=True)
class LiveText:
    """What Google has of a field: ``kind`` is same, differs or unknown."""

    kind: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class FieldTable:
    """The rows of one job as it is saved; what is typed is on the form of ``editing``.

    ``differing`` is field -> (in Google, in force); ``set_by`` and ``since`` come from the audit.
    """

    job: ScheduledJob
    editing: Editing
    differing: Mapping[str, tuple[Any, Any]]
    set_by: Mapping[str, JobChange]
    since: Mapping[str, Since]
    now: datetime

    def row(self, name: str) -> dict[str, Any]:
        """The row of a field (without ``_override``)."""
        job = self.job
        own = getattr(job, f"{name}_override")
        declared = getattr(job, f"declared_{name}")
        has_default = name not in job.fields_of_its_own
        note = ""
        if name == "schedule" and has_default:
            note = describe_schedule(declared, job.declared_time_zone).words
        elif name in GOOGLE_DEFAULTS and declared == GOOGLE_DEFAULTS[name]:
            note = _("Google’s default")
        field = f"{name}_override"
        form = self.editing.form
        return {
            "name": name,
            "label": field_name(name),
            "help": str(FIELD_WORDS[name][1]),
            "default": value_text(name, declared) if has_default else _("none"),
            "default_note": note,
            "is_code": name != "description" and has_default,
            "is_own": own is not None,
            "own": "" if own is None else value_text(name, own),
            "own_note": ""
            if name != "schedule" or own is None
            else describe_schedule(own, job.time_zone).words,
            "live": self.live(name),
            "is_edited": self._is_edited(name),
            "source": self._source(name, own),
            "changed": self._changed(name) if has_default else None,
            "can_reset": own is not None and has_default,
            "widget": form[field] if field in form.fields else None,
            "errors": form.errors.get(field, []),
        }

    def parameters(self) -> list[dict[str, Any]]:
        """The rows of the payload; below the last parameter that differs stands who has set them."""
        found = [
            {"parameter": each, "live": self.live_parameter(each.name)}
            for each in self.editing.payload.parameters
        ]
        if own := [row for row in found if row["parameter"].is_own]:  # type: ignore[attr-defined]
            own[-1]["has_note"] = True
        return found

    def has_note(self, payload: dict[str, Any], parameters: list[dict[str, Any]]) -> bool:
        """Whether something is to be said of the payload that stands below none of its parameters."""
        is_said = any("has_note" in row for row in parameters)
        return not is_said and (payload["is_own"] or payload["changed"] or payload["live"].kind == "differs")

    def of_the_code(self) -> list[tuple[str, str, str]]:
        """Label, value and where it is set, of what nobody can set here."""
        known, by_code = registry.get(self.job.task), _("set in the code only")
        own = Tolerances.of(known)
        where = _("one setting for all jobs") if own.grace is None else by_code
        found = [(_("Missed after"), missed_after(own), where)]
        if known is not None:
            found.insert(0, (_("Overlap"), overlap_words(known.overlap), by_code))
            found += [
                (_("Failure told after"), failures_in_a_row(own.failures), by_code),
                (_("Recovery told after"), successes_in_a_row(own.recoveries), by_code),
            ]
        return found

    # --- Google -----------------------------------------------------------------------------------

    def live(self, name: str) -> LiveText:
        """What Google has of a field, against what is saved."""
        if missing := self._no_live():
            return missing
        if name not in self.differing:
            if self._is_edited(name):
                return LiveText("same", value_text(name, getattr(self.job, name)), _("as saved before"))
            return LiveText("same", _("same"))
        found, wanted = self.differing[name]
        return self._different(value_text(name, found), value_text(name, wanted))

    def live_parameter(self, name: str) -> LiveText:
        """What Google has of one parameter of the payload."""
        if missing := self._no_live():
            return missing
        live, wanted = (self.job.live or {}).get("payload"), self.job.payload
        if not isinstance(wanted, dict):
            return LiveText("differs", _("the override is not a payload"))
        if not isinstance(live, dict):
            return LiveText("differs", _("the body in Google is not a payload"))
        if name not in live and name not in wanted:
            return LiveText("same", _("not sent"), _("run() has its own default"))
        if domain.same_json(live.get(name), wanted.get(name)) and (name in live) == (name in wanted):
            return LiveText("same", _("same"))
        found = masked_entry(live, name) if name in live else _("not there")
        should = masked_entry(wanted, name) if name in wanted else _("not there")
        return self._different(found, should)

    def _no_live(self) -> LiveText | None:
        if self.job.live is None:
            if self.job.live_seen_at is None:
                return LiveText("unknown", _("not looked at yet"))
            return LiveText("differs", _("no such job"))
        return None

    def _different(self, found: str, wanted: str) -> LiveText:
        if found == wanted:
            return LiveText("differs", _("differs in a secret"))
        if self.job.sync_state in (SyncState.PENDING, SyncState.FAILED):
            note = _("%(value)s is not sent yet") % {"value": wanted}
            return LiveText("differs", found, note)
        return LiveText("differs", found, _("should be %(wanted)s") % {"wanted": wanted})

    def _is_edited(self, name: str) -> bool:
        return self.editing.data is not None and name in self.editing.mine

    # --- The audit --------------------------------------------------------------------------------

    def _source(self, name: str, own: Any) -> dict[str, Any] | None:
        """Who set an override, when, through what and why; and what it is, for where another is typed."""
        change = self.set_by.get(name)
        if own is None or change is None:
            return None
        return {
            "saved": value_text(name, own),
            "by": who_made(change),
            "at": times.clock_element(change.at, self.job.time_zone, self.now),
            "via": change.get_via_display(),
            "reason": change.reason,
        }

    def _changed(self, name: str) -> dict[str, Any] | None:
        """That the code's default has changed since the override was set."""
        since = self.since.get(name)
        if since is None:
            return None
        was = as_python(name, since.was)
        text = masked_line(was, 40) if name == "payload" and isinstance(was, dict) else value_text(name, was)
        at = times.clock_element(since.at, self.job.time_zone, self.now)
        return {"was": text, "at": at, "release": since.release}


def missed_after(own: Tolerances) -> str:
    """How long after its time a run that has not come is missed."""
    return times.duration(settings.MISSED_GRACE if own.grace is None else own.grace)


def failures_in_a_row(number: int) -> str:
    """After how many scheduled times that failed it is told."""
    return ngettext("the first failure", "%(n)s failures in a row", number) % {"n": intcomma(number)}


def successes_in_a_row(number: int) -> str:
    """After how many scheduled times that succeeded it is told."""
    return ngettext("the first success", "%(n)s successes in a row", number) % {"n": intcomma(number)}


def overlap_words(overlap: str) -> str:
    """What a task does with a run that comes while another one is going on."""
    return _("skip: one run at a time") if overlap == "skip" else _("allow: runs may overlap")


def payload_difference(job: ScheduledJob) -> list[tuple[str, str, str]]:
    """Parameter, code's value, own value, of those in which the payload override differs; masked."""
    if job.payload_override is None:
        return []
    if not isinstance(job.payload_override, dict):  # saved by code, which validates nothing
        return [("", masked_line(job.declared_payload, 60), value_text("payload", job.payload_override))]
    return payload_changes(job.declared_payload, job.payload_override)


def payload_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Parameter, old value, new value, of those in which two payloads differ; masked, MAX_PAIRS at most."""
    differing = [
        name
        for name in dict.fromkeys([*old, *new])
        if not domain.same_json(old.get(name), new.get(name)) or (name in old) != (name in new)
    ]
    found = [
        (name, masked_entry(old, name) if name in old else "", masked_entry(new, name) if name in new else "")
        for name in differing[:MAX_PAIRS]
    ]
    if len(differing) > MAX_PAIRS:
        found.append((_("and %(n)s more") % {"n": intcomma(len(differing) - MAX_PAIRS)}, "", ""))
    return found
