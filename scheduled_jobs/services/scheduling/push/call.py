"""The calls that make one job in Google what its row wants. No database here: this runs in threads."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from scheduled_jobs.domain.jobs import (
    DISABLED,
    ENABLED,
    FIELDS,
    PAUSED,
    UPDATE_FAILED,
    JobSpec,
    LiveJob,
    update_mask,
)
from scheduled_jobs.domain.plan import WHY_DISABLED, Desired, Listing
from scheduled_jobs.exceptions import (
    AlreadyExists,
    BackendError,
    ClassMissing,
    FailedPrecondition,
    InvalidArgument,
    NotFound,
    NotOurs,
    OutOfTime,
)
from scheduled_jobs.logs import logger
from scheduled_jobs.services.scheduling.advice import reason_of
from scheduled_jobs.services.scheduling.client import Client
from scheduled_jobs.services.scheduling.masked import without_secrets


@dataclass
class PushOutcome:
    """What became of one job. ``live`` is Google's last answer, None where there is none."""

    desired: Desired
    live: LiveJob | None = None
    error: BackendError | None = None
    note: str = ""
    """What went wrong with the job's former names, while the job itself is as it should be."""
    gone: list[str] = field(default_factory=list)
    """Full resource names that Google has no more, and former ones that are not ours to delete."""
    unknown: list[str] = field(default_factory=list)
    """Those whose deletion was not answered."""
    has_written: bool = False
    """Whether any call was made that changes something, answered or not."""
    begun: datetime = field(default_factory=timezone.now)
    """Before the first call."""
    found: LiveJob | None = None
    """What Google had before the first write, if ``has_looked``."""
    has_looked: bool = False

    @property
    def why(self) -> str:
        """What went wrong and what to do about it; empty where nothing did."""
        return reason_of(self.error, self.desired.spec) or self.note

    @property
    def is_certain(self) -> bool:
        """Whether Google is known to be in the state that ``live`` says."""
        return self.error is None or (self.error.definite and self.has_looked)

    @property
    def was_out_of_time(self) -> bool:
        """Whether the only thing that went wrong is that time ran out before a call."""
        return isinstance(self.error, OutOfTime)


def apply(
    desired: Desired,
    client: Client,
    *,
    listing: Listing | None = None,
    adopt: bool = False,
    deletable: Collection[str] = (),
) -> PushOutcome:
    """Make Google's job what the row wants. Without a listing the job is looked at first.

    ``adopt`` takes over a job that is not known to be ours; ``deletable`` are the full resource names whose
    jobs may be deleted. Raises nothing of Google's: the outcome has the error.
    """
    return _Application(desired, client, listing, adopt, deletable).run()


@dataclass
class _Application:
    desired: Desired
    client: Client
    listing: Listing | None
    adopt: bool
    deletable: Collection[str]

    def __post_init__(self) -> None:
        self.outcome = PushOutcome(self.desired)

    def run(self) -> PushOutcome:
        try:
            if self.desired.state is None:
                self._delete()
            else:
                self._ensure(self._find())
            # The new job is there before the old one goes: a slot may fire twice, and runs once.
            for remote_name in self.desired.former:
                if remote_name in self.deletable:
                    self._delete_former(remote_name)
        except BackendError as error:
            self.outcome.error = self._scrubbed(error)
        return self.outcome

    def _scrubbed(self, error: BackendError) -> BackendError:
        if self.desired.spec is not None:
            error.args = (without_secrets(str(error), self.desired.spec),)
        return error

    def _find(self) -> LiveJob | None:
        self.outcome.found = self._look(self.desired.remote_name)
        self.outcome.has_looked = True
        return self.outcome.found

    def _look(self, remote_name: str) -> LiveJob | None:
        if self.listing is not None and self.listing.covers(remote_name):
            return self.listing.jobs.get(remote_name)
        return self.client.look(remote_name)

    # --- A job that is wanted ---------------------------------------------------------------------

    def _ensure(self, live: LiveJob | None) -> None:
        live = self.outcome.live = self._create() if live is None else self._update(live)
        if live.state == PAUSED and self.desired.state == ENABLED:
            self._set_state(ENABLED)
        elif live.state == ENABLED and self.desired.state == PAUSED:
            self._set_state(PAUSED)
        elif live.state == DISABLED:
            raise FailedPrecondition(WHY_DISABLED)

    def _create(self) -> LiveJob:
        spec = self._spec()
        self.outcome.has_written = True
        try:
            return self.client.create(spec)
        except AlreadyExists:
            # Somebody was faster, or an unanswered create of ours was applied after all.
            return self._update(self.client.get(self.desired.remote_name))

    def _update(self, live: LiveJob) -> LiveJob:
        self.outcome.live = live
        if not self.adopt and (why := self.client.ownership.refusal_reason(live)) is not None:
            raise NotOurs(f"Google has a job of this id, but {why}")
        # A job must not fire with new values between the update and its pause: paused first.
        if self.desired.state == PAUSED and live.state == ENABLED:
            live = self._set_state(PAUSED)
        if self.desired.spec is None and self.desired.state == PAUSED:
            return live
        spec = self._spec()
        differing = self.desired.differences(live)
        differing.pop("state", None)
        # After UPDATE_FAILED nothing is known of the fields, so that all of them are sent.
        fields = FIELDS if live.state == UPDATE_FAILED or self.adopt else tuple(differing)
        if not fields:
            return live
        self.outcome.has_written = True
        try:
            return self.client.update(spec, update_mask(fields))
        except NotFound:
            return self._create()

    def _spec(self) -> JobSpec:
        if self.desired.spec is None:
            raise (
                ClassMissing(self.desired.fault)
                if self.desired.is_class_missing
                else InvalidArgument(self.desired.fault)
            )
        return self.desired.spec

    def _set_state(self, state: str) -> LiveJob:
        change = self.client.pause if state == PAUSED else self.client.resume
        self.outcome.has_written = True
        try:
            live = change(self.desired.remote_name)
        except FailedPrecondition:
            # Perhaps it is so already: an unanswered call was applied, or somebody else was faster.
            live = self.client.get(self.desired.remote_name)
            if live.state != state:
                raise
        self.outcome.live = live
        return live

    # --- A job that is not ------------------------------------------------------------------------

    def _delete(self) -> None:
        remote_name = self.desired.remote_name
        if remote_name not in self.deletable:
            return
        live = self.outcome.live = self._find()
        if live is not None:
            why = self.client.ownership.why_not_delete(live, created=True)
            if why is not None:
                raise NotOurs(f"the job in Google is not deleted: {why}")
        self._remove(live, remote_name)
        self.outcome.live = None

    def _delete_former(self, remote_name: str) -> None:
        try:
            live = self._look(remote_name)
            # This database created it, perhaps under another APP_NAME; a copy of the database, with an
            # ENDPOINT of its own, must not delete what the original created.
            if live is not None and not self.client.ownership.was_ours(live):
                logger.warning("the former job %s is left alone: it points at %s", remote_name, live.uri)
                live = None
            self._remove(live, remote_name)
        except OutOfTime:
            raise
        except BackendError as error:
            # The job itself is as it should be: this is a note on its row.
            error.args = (_of_former(remote_name, error),)
            self.outcome.note = reason_of(self._scrubbed(error))

    def _remove(self, live: LiveJob | None, remote_name: str) -> None:
        if live is not None:
            self.outcome.has_written = True
            try:
                self.client.delete(remote_name)
            except NotFound:
                pass
            except BackendError as error:
                if not error.definite:
                    self.outcome.unknown.append(remote_name)
                raise
        self.outcome.gone.append(remote_name)


def _of_former(remote_name: str, error: BackendError) -> str:
    """Which job is left, and where: perhaps in a location that the settings do not name any more."""
    still = "still" if error.definite else "perhaps still"
    return (
        f"the former job {remote_name} is {still} in Google and fires, since it could not be deleted: "
        f"{str(error).rstrip('.')}. Delete it there, or run schedule_tasks again once that is fixed"
    )
