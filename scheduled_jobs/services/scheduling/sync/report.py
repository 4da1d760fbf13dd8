"""What a sync is asked to do, and what it says it did."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.translation import ngettext

from scheduled_jobs.domain.plan import Change, Desired, Listing, Plan
from scheduled_jobs.registry import Task


@dataclass(frozen=True)
class Options:
    """How to sync. ``tasks`` limits it to these classes, and then nothing is deleted."""

    tasks: tuple[type[Task], ...] | None = None
    write: bool = True
    delete: bool = True
    adopt: bool = False
    yes: bool = False


@dataclass(frozen=True)
class Comparison:
    """What one list of Google's shows of the rows."""

    listing: Listing
    plan: Plan
    agreeing: tuple[Desired, ...]
    """The rows that want what was listed; of the plan's unchanged ones, others were pushed since."""
    absent: tuple[tuple[int | None, str], ...]
    """Row and full resource name of what was to be deleted and is not there any more."""


@dataclass
class Report:
    """What was, or would be, done: changes with the error that each met."""

    comparison: Comparison
    options: Options
    faulty: list[tuple[str, str]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    """Full resource name -> why the change was not applied."""
    skipped: set[str] = field(default_factory=set)
    """Full resource names whose change turned out not to be needed any more."""
    held_back: bool = False
    """Whether deletions were held back, since they are more than half of our jobs."""

    @property
    def plan(self) -> Plan:
        """The changes, and the rows that need none."""
        return self.comparison.plan

    @property
    def listing(self) -> Listing:
        """What Google had when it was asked."""
        return self.comparison.listing

    @property
    def to_apply(self) -> list[Change]:
        """The changes that an apply makes, in its order."""
        made = self.plan.of_kind("create", "update", "delete", "orphan")
        return [change for change in made if self.refusal_reason(change) is None]

    @property
    def made(self) -> list[Change]:
        """All changes but those that turned out not to be needed any more."""
        return [change for change in self.plan.changes if change.remote_name not in self.skipped]

    @property
    def unchanged(self) -> int:
        """How many jobs needed no change, or none any more when it was their turn; orphans do not count."""
        unneeded = [c for c in self.plan.changes if c.kind != "orphan" and c.remote_name in self.skipped]
        return len(self.plan.unchanged) + len(unneeded)

    @property
    def not_to_apply(self) -> list[Change]:
        """The changes that an apply does not make; ``refusal_reason`` says why."""
        return [change for change in self.plan.changes if self.refusal_reason(change) is not None]

    def refusal_reason(self, change: Change) -> str | None:
        """Why an apply does not make a change; None if it does."""
        if change.kind == "orphan":
            advice = "--yes deletes it" if self.options.delete else "--no-delete keeps it"
            return None if self.options.yes and self.options.delete else f"{change.why}; {advice}"
        if change.kind == "delete" and self.held_back and change.pk is not None:
            text = ngettext(
                "not deleted: the only job would go; --yes deletes it",
                "not deleted: %(gone)d of %(all)d jobs would go, more than half; --yes deletes them",
                self.plan.ours,
            )
            return text % {"gone": self.plan.deletions, "all": self.plan.ours}
        return change.why or None

    def error_of(self, change: Change) -> str | None:
        """Why a change was not applied, or is not going to be; None for all others."""
        return self.failed.get(change.remote_name) or self.refusal_reason(change)
