"""What a sync would do: a pure function of what the rows want and what Google has."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from scheduled_jobs.domain import jobs as domain
from scheduled_jobs.domain.jobs import JobSpec, LiveJob

Kind = Literal["create", "update", "delete", "refuse", "orphan"]

WHY_DISABLED = "Google has disabled this job; look at its log in the console, delete it there and sync again"
"""ResumeJob takes a PAUSED job only, and UpdateJob ignores the state: nothing but a new job helps."""

ELSEWHERE = (
    "as that of another project or environment does: set DJANGO_CLOUD_TASKS_APP_NAME to another name, so "
    "that their ids differ; only if this app's own address has changed does --adopt move it here"
)


@dataclass(frozen=True)
class Ownership:
    """By what the jobs of one app are known: its name, the delimiter after it, and its endpoint."""

    app_name: str | None
    delimiter: str
    endpoint: str

    def refusal_reason(self, live: LiveJob) -> str | None:
        """Why a job of Google's is not this app's, or None if it is.

        A job is ours only if its id parses as ours, it carries our mark and its uri lies under the
        endpoint: a copy of the database can thus never take the original's jobs.
        """
        if not self._parses(live):
            return f"its id does not begin with {self.app_name}{self.delimiter}"
        if live.mark is None:
            return "it was not made by scheduled_jobs; --adopt takes it over"
        if live.mark != (self.app_name or ""):
            return f"it belongs to the app {live.mark!r}; --adopt takes it over"
        if domain.lies_under(live.uri, self.endpoint):
            return None
        return f"it points at {_address(live)}, {ELSEWHERE}"

    def has_our_mark(self, live: LiveJob) -> bool:
        """Whether the id parses as ours and the job carries our mark, wherever it points."""
        return self._parses(live) and live.mark == (self.app_name or "")

    def was_ours(self, live: LiveJob) -> bool:
        """Whether a job that this database once created still calls this environment.

        A copy of the database, with an endpoint of its own, knows the names of the original's jobs too.
        """
        return live.mark is not None and domain.lies_under(live.uri, self.endpoint)

    def is_predecessor(self, live: LiveJob) -> bool:
        """Whether django-google-cloud-tasks made a job for this app: it calls a class by its bare name."""
        name = live.uri.rpartition("/")[2]
        is_class = name.isidentifier() and name[:1].isupper()
        is_here = domain.lies_under(live.uri, self.endpoint)
        return live.mark is None and is_class and is_here and self._parses(live)

    def why_not_delete(self, live: LiveJob, *, created: bool) -> str | None:
        """Why the job of a row that wants none is left in Google, or None if it is deleted.

        ``created`` tells that this database made it, perhaps under another name of the app.
        """
        why = self.refusal_reason(live)
        if why is None or (created and self.was_ours(live)):
            return None
        if not self.has_our_mark(live):
            return why
        return f"it points at {_address(live)}, and this app is at {self.endpoint}: it stays there"

    def _parses(self, live: LiveJob) -> bool:
        return domain.parse_job_id(live.name, app_name=self.app_name, delimiter=self.delimiter) is not None


def _address(live: LiveJob) -> str:
    return live.uri or "no HTTP address"


@dataclass(frozen=True)
class Desired:
    """What one row wants of Google, as of one revision.

    ``state`` is None for a job that ought not to exist. ``spec`` is None where the job's class is not in
    this process, or its hooks are at fault: then only a pause can be pushed, and ``fault`` says why.
    """

    pk: int | None
    revision: int
    task: str
    name: str
    remote_name: str
    state: str | None
    spec: JobSpec | None = None
    fault: str = ""
    is_class_missing: bool = False
    """Whether the fault is that the class is not in this process."""
    is_claimed: bool = False
    """Whether this database created the job under ``remote_name``, or at least began to."""
    is_confirmed: bool = False
    """Whether Google is known to have had it there, under today's endpoint."""
    former: tuple[str, ...] = ()
    """Full resource names under which the job is still in Google, and is to be deleted there."""
    known_as: str = ""
    """The id that it has in Google where it is another than ``name``; nothing need be deleted there."""
    pushed: Mapping[str, Any] = field(default_factory=dict)
    """Field -> what was ``sent`` last, and the service's ``answer`` where it stored something else."""
    pushed_at: datetime | None = None
    is_pushed: bool = False
    """Whether the last successful push was of this very revision."""

    @cached_property
    def values(self) -> dict[str, Any]:
        """Field -> comparable value of what is to be sent."""
        return domain.values_of(self.spec) if self.spec else {}

    def differences(self, live: LiveJob) -> dict[str, tuple[Any, Any]]:
        """Field -> (live, desired) where Google's job is not what the row wants, the state included."""
        found = domain.differences(self.values, live.values, self.pushed)
        if self.state is not None and live.state != self.state:
            found["state"] = (live.state, self.state)
        return found


@dataclass(frozen=True)
class Listing:
    """All jobs of one location, by full resource name, as one ListJobs saw them."""

    parent: str
    jobs: Mapping[str, LiveJob]
    at: datetime

    def covers(self, remote_name: str) -> bool:
        """Whether a job of this name would have been listed."""
        return remote_name.startswith(f"{self.parent}/jobs/")


@dataclass(frozen=True)
class Change:
    """One difference between Google and the rows, and what an apply does about it.

    ``fields`` maps each field to its live and its desired value. ``drifted`` names those that somebody
    changed in Google since they were pushed. ``why`` is said of what is refused.
    """

    kind: Kind
    task: str
    name: str
    remote_name: str
    pk: int | None = None
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    drifted: tuple[str, ...] = ()
    why: str = ""

    @property
    def label(self) -> str:
        """How the job is called in a line of output: its task, or its id where no task is known."""
        return self.task or self.name


@dataclass(frozen=True)
class Plan:
    """All changes, in the order of their labels, and how many jobs need none."""

    changes: tuple[Change, ...]
    unchanged: tuple[Desired, ...] = ()
    predecessors: tuple[LiveJob, ...] = ()
    """Jobs that django-google-cloud-tasks has made for this app, and that no row has taken over."""
    ours: int = 0
    """How many jobs in Google are ours, those included that a former location or project has."""

    def of_kind(self, *kinds: Kind) -> list[Change]:
        """The changes of these kinds."""
        return [change for change in self.changes if change.kind in kinds]

    @property
    def deletions(self) -> int:
        """How many jobs of rows would be deleted; orphans, and jobs of deleted rows, do not count."""
        return sum(change.pk is not None for change in self.of_kind("delete"))

    @property
    def deletes_most(self) -> bool:
        """Whether it would delete more than half of our jobs: more likely a mistake than a wish.

        Those that it makes count among them, as they do for the next plan.
        """
        return 2 * self.deletions > self.ours + len(self.of_kind("create"))


def make_plan(
    wanted: Iterable[Desired],
    listing: Listing,
    ownership: Ownership,
    *,
    adopt: bool = False,
    delete: bool = True,
    find_orphans: bool = True,
    known: Collection[str] = (),
    owed: Collection[str] = (),
) -> Plan:
    """Compare what the rows want with what Google has.

    ``known`` are full resource names of jobs whose rows are not in ``wanted``: they are no orphans.
    ``owed`` are those of jobs whose rows are gone, and that are still to be deleted.
    """
    wanted = list(wanted)
    changes: list[Change] = []
    unchanged: list[Desired] = []
    for desired in wanted:
        kept = desired if delete else replace(desired, former=(), known_as="")
        change = change_for(kept, listing, ownership, adopt=adopt)
        if change is None:
            unchanged.append(desired)
        elif delete or change.kind != "delete":
            changes.append(change)
    ours = {name for name, live in listing.jobs.items() if ownership.refusal_reason(live) is None}
    if delete:
        changes += (_owed(name) for name in owed if _is_left(name, listing, ownership))
    predecessors: list[LiveJob] = []
    if find_orphans:
        theirs = {desired.remote_name for desired in wanted}.union(known, owed)
        theirs.update(name for desired in wanted for name in desired.former)
        changes += (_orphan(listing.jobs[name]) for name in ours - theirs)
        rest = (listing.jobs[name] for name in sorted(listing.jobs.keys() - ours - theirs))
        predecessors = [live for live in rest if ownership.is_predecessor(live)]
    changes.sort(key=lambda change: (change.label, change.name))
    total = len(ours | names_elsewhere(wanted, listing))
    return Plan(tuple(changes), tuple(unchanged), tuple(predecessors), total)


def names_elsewhere(wanted: Iterable[Desired], listing: Listing) -> set[str]:
    """Full resource names that our jobs still have where the list does not reach."""
    return {name for desired in wanted for name in desired.former if not listing.covers(name)}


def change_for(
    desired: Desired, listing: Listing, ownership: Ownership, *, adopt: bool = False
) -> Change | None:
    """What one row needs; None if Google is already as it wants."""
    live = listing.jobs.get(desired.remote_name)
    change = Change(
        "update", task=desired.task, name=desired.name, remote_name=desired.remote_name, pk=desired.pk
    )
    if desired.state is None:
        return _change_of_unwanted(desired, change, listing, ownership)
    if live is None:
        if desired.spec is None:
            return replace(change, kind="refuse", why=desired.fault)
        if _was(desired):
            return replace(change, fields={"name": _names(desired)})
        return replace(change, kind="create", fields=_new_fields(desired))
    if not adopt and (why := ownership.refusal_reason(live)) is not None:
        return replace(change, kind="refuse", why=f"Google has a job of this id, but {why}")
    fields = desired.differences(live)
    if desired.spec is None:
        if fields:
            return replace(change, kind="refuse", why=desired.fault)
        return None
    if live.state == domain.DISABLED:
        return replace(
            change,
            kind="refuse",
            fields=fields,
            why=WHY_DISABLED,
            drifted=drifted_fields(desired, live, fields),
        )
    if _former_left(desired, listing, ownership):
        fields["name"] = _names(desired)
    is_adopted = adopt and ownership.refusal_reason(live) is not None
    if not fields and not is_adopted:
        return None
    # What is taken over was somebody else's until now: all that is replaced is told and kept.
    drifted = tuple(name for name in fields if name != "name") if is_adopted else None
    return replace(change, fields=fields, drifted=drifted or drifted_fields(desired, live, fields))


def _change_of_unwanted(
    desired: Desired, change: Change, listing: Listing, ownership: Ownership
) -> Change | None:
    live = listing.jobs.get(desired.remote_name)
    why = None if live is None else ownership.why_not_delete(live, created=desired.is_claimed)
    if (live is not None and why is None) or _former_left(desired, listing, ownership):
        return replace(change, kind="delete")
    # Of a job that this database has never made nothing is owed, and nothing said: it is somebody else's.
    if live is not None and desired.is_claimed and ownership.has_our_mark(live):
        return replace(change, kind="refuse", why=f"the job in Google is not deleted: {why}")
    return None


def drifted_fields(desired: Desired, live: LiveJob, fields: Iterable[str]) -> tuple[str, ...]:
    """The fields whose live value is not the one that was pushed last: somebody changed it in Google."""
    sent, answer = domain.sent_and_answer(desired.pushed)
    return tuple(
        name
        for name in fields
        if (name == "state" and desired.is_pushed)
        or (name in sent and live.values.get(name) not in (sent[name], answer.get(name, sent[name])))
    )


def _former_left(desired: Desired, listing: Listing, ownership: Ownership) -> bool:
    return any(_is_left(name, listing, ownership) for name in desired.former)


def _is_left(name: str, listing: Listing, ownership: Ownership) -> bool:
    """Whether a job that this database once made may still be in Google, and be its own."""
    live = listing.jobs.get(name)
    return not listing.covers(name) if live is None else ownership.was_ours(live)


def _was(desired: Desired) -> str:
    """The id that the job has had in Google until now; empty for one that has none there."""
    return desired.former[-1].rpartition("/")[2] if desired.former else desired.known_as


def _names(desired: Desired) -> tuple[str, str]:
    """The id until now and the new one; full resource names where project or location alone are others."""
    if (was := _was(desired)) == desired.name and desired.former:
        return desired.former[-1], desired.remote_name
    return was, desired.name


def is_moved(change: Change) -> bool:
    """Whether a job goes to another project or location, under the id that it has."""
    return "/" in str(change.fields.get("name", ("",))[0])


def _new_fields(desired: Desired) -> dict[str, tuple[Any, Any]]:
    fields = {name: (None, value) for name, value in desired.values.items()}
    if desired.state == domain.PAUSED:
        fields["state"] = (None, domain.PAUSED)
    return fields


def _owed(name: str) -> Change:
    return Change("delete", task="", name=name.rpartition("/")[2], remote_name=name)


def _orphan(live: LiveJob) -> Change:
    return Change(
        "orphan",
        task="",
        name=live.name,
        remote_name=live.remote_name,
        why="it is an orphan: ours, but no row of this database knows it",
    )
