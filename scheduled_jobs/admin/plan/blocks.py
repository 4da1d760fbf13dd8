"""One block of the plan for each job: what differs, and the options with what each of them does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from scheduled_jobs.admin.plan.differences import (
    Cell,
    difference,
    words_of,
)
from scheduled_jobs.admin.words import field_names, job_label, times, value_text
from scheduled_jobs.domain.ahead import ahead
from scheduled_jobs.domain.jobs import DISABLED, PAUSED
from scheduled_jobs.domain.plan import Change
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.job_story import SetBy
from scheduled_jobs.services.scheduling import drift
from scheduled_jobs.services.scheduling.drift import Look

PUSH, ADOPT, LEAVE, DELETE = "push", "adopt", "leave", "delete"


@dataclass(frozen=True)
class Option:
    """One radio button: what it is called and what it does."""

    value: str
    label: str
    effect: str


@dataclass
class Block:
    """One job of the plan. ``key`` names it in the form, ``token`` stands for what was shown of it."""

    kind: str
    key: str
    name: str
    verb: str
    sign: str
    tone: str
    since: str = ""
    why: str = ""
    pk: int | None = None
    differences: list[dict[str, Any]] = field(default_factory=list)
    options: list[Option] = field(default_factory=list)
    chosen: str = LEAVE
    token: str = ""
    error: str = ""
    adoptable: list[str] = field(default_factory=list)

    @property
    def module(self) -> str:
        """The quiet part of a dotted path."""
        return self.name.rpartition(".")[0] + "." if "." in self.name else ""

    @property
    def short(self) -> str:
        """What follows it."""
        return self.name.rpartition(".")[2]


def block_of_look(found: Look, now: datetime, set_by: SetBy) -> Block:
    """The block of one job, freshly compared."""
    job = found.job
    block = Block("update", str(job.pk), job_label(job), _("differs"), "~", "warn", pk=job.pk)
    block.since = _since(job, now)
    if found.refusal_reason is not None:
        block.kind, block.verb, block.tone = "refuse", _("not ours"), "bad"
        block.why = _("Google has a job of this id, but %(why)s.") % {"why": found.refusal_reason}
        return block
    if found.live is None and found.desired.state is not None:
        return _created(block, job, now, was_there=job.live_seen_at is not None)
    if found.desired.state is None:
        if found.live is not None:
            return _deleted(block, job)
        block.verb, block.tone = _("retired"), "off"
        return block
    _describe(block, job, found.differences, found.drifted, set_by, now)
    return block


def block_of_change(change: Change, job: ScheduledJob | None, now: datetime, set_by: SetBy) -> Block:
    """The block of a planned change; ``job`` is its row, if there is one yet."""
    name = job_label(job) if job is not None else change.label
    block = Block(change.kind, change.remote_name.rpartition("/")[2], name, "", "~", "warn", pk=change.pk)
    if change.kind == "create":
        was_there = job is not None and job.live_seen_at is not None
        return _created(block, job, now, was_there=was_there)
    if change.kind == "delete":
        return _deleted(block, job)
    if change.kind == "orphan":
        block.sign, block.tone, block.verb = "−", "bad", _("belongs to no job here")
        block.why = _("Google has it under this app’s name and mark, and this database does not know it.")
        block.options = [
            Option(DELETE, _("Delete in Google"), _("Nothing runs any more. It cannot be taken back.")),
            Option(LEAVE, _("Leave for now"), _("Google goes on calling and is answered 404.")),
        ]
        return block
    if change.kind == "refuse" or job is None:
        block.sign, block.tone, block.verb = "!", "bad", _("cannot be sent")
        block.why = change.why
        return block
    block.since = _since(job, now)
    fields = {name: pair for name, pair in change.fields.items() if name != "name"}
    _describe(block, job, fields, change.drifted, set_by, now)
    if "name" in change.fields:
        old, new = change.fields["name"]
        block.differences.insert(0, {"label": _("job id"), "live": Cell(str(old)), "wanted": Cell(str(new))})
        block.verb, block.sign, block.tone, block.chosen = _("to rename"), "~", "warn", PUSH
        effect = _("Google gets the job under its new id first; then the old one is deleted.")
        block.options = [
            Option(PUSH, _("Send ours"), effect),
            Option(LEAVE, _("Leave for now"), _("Google goes on calling under its old id.")),
        ]
    return block


def _describe(
    block: Block,
    job: ScheduledJob,
    fields: Mapping[str, tuple[Any, Any]],
    drifted: Iterable[str],
    set_by: SetBy,
    now: datetime,
) -> None:
    drifted = set(drifted)
    block.differences = [difference(name, pair, job, set_by, now) for name, pair in fields.items()]
    if not fields:
        block.verb, block.sign, block.tone = _("the same on both sides"), "=", "off"
        return
    if job.sync_state == ScheduledJob.SyncState.FAILED:
        block.verb, block.tone = _("could not be sent"), "bad"
    else:
        block.verb = _("changed in Google") if drifted >= fields.keys() else _("to update")
    block.adoptable = [name for name in drift.adoptable(fields) if name in drifted]
    block.options = _options(job, fields, block.adoptable, now)
    takes_away = bool(drifted & fields.keys()) and (
        "state" in fields or any(getattr(job, f"{name}_override", None) is not None for name in fields)
    )
    # What would end a pause, or lose what somebody set, is not suggested.
    block.chosen = LEAVE if takes_away else PUSH


def _options(
    job: ScheduledJob, fields: Mapping[str, tuple[Any, Any]], names: list[str], now: datetime
) -> list[Option]:
    failed = job.sync_state == ScheduledJob.SyncState.FAILED
    at = ahead(job.facts.pushed(), now, 1).next_at
    effect = _("Google becomes what is in force here.")
    if failed and job.sync_error:
        effect = _("Last answer: %(error)s") % {"error": job.sync_error}
    elif at is not None and not {"schedule", "time_zone", "state"}.isdisjoint(fields):
        effect += " " + _("Next run %(time)s.") % {"time": times.dated(at, job.time_zone)}
    options = [Option(PUSH, _("Send ours again") if failed else _("Send ours"), effect)]
    if names:
        options.append(Option(ADOPT, _("Keep Google’s, as an override"), _adopted(job, fields, names)))
    is_disabled = "state" in fields and fields["state"][0] == DISABLED
    later = (
        _("Decide later; the next schedule_tasks tries again.")
        if failed or is_disabled
        else _("Decide later; the next schedule_tasks sends ours.")
    )
    options.append(Option(LEAVE, _("Leave for now"), later))
    return options


def _adopted(job: ScheduledJob, fields: Mapping[str, tuple[Any, Any]], names: list[str]) -> str:
    overrides = [name for name in names if name != "state"]
    parts = []
    if overrides:
        text = _("What Google has becomes an override here and survives deploys: %(names)s.")
        parts.append(text % {"names": field_names(overrides)})
    if "state" in names:
        parts.append(
            _("The job is paused here too; the pause needs your reason below.")
            if fields["state"][0] == PAUSED
            else _("The job is resumed here too.")
        )
    if any(getattr(job, f"{name}_override") is not None for name in overrides):
        parts.append(_("The override it replaces is kept in the audit."))
    if rest := [name for name in fields if name not in names]:
        parts.append(_("Sent all the same: %(names)s.") % {"names": field_names(rest)})
    return " ".join(parts)


def _created(block: Block, job: ScheduledJob | None, now: datetime, *, was_there: bool) -> Block:
    block.sign, block.tone = "+", "ok"
    block.kind = "create"
    block.verb = _("to create again") if was_there else _("to create")
    effect = _("Google gets the job.")
    if job is not None:
        if was_there:
            block.since = ", ".join(filter(None, [_("deleted in Google"), _since(job, now)]))
        absent = Cell(_("no such job"), is_code=False)
        block.differences = [{"label": _("job"), "live": absent, "wanted": _schedule_cell(job)}]
        if job.payload:
            payload = Cell(value_text("payload", job.payload))
            block.differences.append({"label": _("payload"), "live": absent, "wanted": payload})
        at = ahead(job.facts.pushed(), now, 1).next_at
        if job.desired_state == PAUSED:
            effect = _("Google gets the job, paused.")
        elif at is not None:
            effect = _("Google gets the job; next run %(time)s.") % {"time": times.dated(at, job.time_zone)}
    else:
        block.why = _("The class is new in the code.")
    block.options = [
        Option(PUSH, _("Send ours"), effect),
        Option(LEAVE, _("Leave for now"), _("Nothing runs meanwhile, and no run of it counts as missed.")),
    ]
    block.chosen = PUSH
    return block


def _deleted(block: Block, job: ScheduledJob | None) -> Block:
    block.sign, block.tone, block.verb, block.kind = "−", "bad", _("to delete"), "delete"
    if block.pk is None:
        block.why = _("Its job was deleted here. The next schedule_tasks deletes it in Google.")
        return block
    if job is None or (job.retired_at is None and job.deleting_at is None):
        block.why = _(
            "Its class is gone from the code of this process. Run schedule_tasks to retire it; "
            "its history and overrides are kept."
        )
        return block
    if job.deleting_at is not None:
        block.since, wanted = _("being deleted, still in Google"), _("deleted, and its row with it")
        effect = _("Nothing runs any more. It cannot be taken back.")
    else:
        block.since, wanted = _("class gone, still in Google"), _("retired: history and overrides are kept")
        effect = _("Nothing runs any more. If the class comes back, its overrides do.")
    cell = Cell(wanted, is_code=False)
    block.differences = [{"label": _("job"), "live": _schedule_cell(job), "wanted": cell}]
    block.options = [
        Option(DELETE, _("Delete in Google"), effect),
        Option(LEAVE, _("Leave for now"), _("Google goes on calling and is answered skipped.")),
    ]
    block.chosen = DELETE
    return block


def _schedule_cell(job: ScheduledJob) -> Cell:
    return Cell(job.schedule, f"{words_of(job.schedule, job)}, {job.time_zone}")


def _since(job: ScheduledJob, now: datetime) -> str:
    """Since when the row has said so itself; the page has just compared."""
    states = ScheduledJob.SyncState
    if job.sync_state == states.DRIFTED and job.differs_since is not None:
        return _("first seen %(time)s") % {"time": times.relative(job.differs_since, now)}
    if job.sync_state in (states.PENDING, states.FAILED):
        return _("edited %(time)s") % {"time": times.relative(job.edited_at, now)}
    return ""
