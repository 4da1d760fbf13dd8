"""The jobs and Google's rules for every call on them.

The gRPC server calls the store for its clients; a test or the in-memory backend calls it in process. So the
rules are written once.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from threading import RLock

from scheduled_jobs.emulator.faults import Faults
from scheduled_jobs.emulator.messages import ENABLED, PAUSED, UPDATE_FAILED, Job, JobMessage
from scheduled_jobs.emulator.rules import BAD_JOB, check_parent, new_name, normalise, parent_of, updated
from scheduled_jobs.emulator.slots import Agenda, first_slot, following_slot, utc_now
from scheduled_jobs.emulator.state_file import StateFile, StoredJob
from scheduled_jobs.exceptions import StoreError

__all__ = ["Entry", "Store", "StoreError"]

NEVER_ATTEMPTED = -1  # the service's status code of a job that has not run yet (recorded)
MAX_PAGE_SIZE = 500
MAX_PAGE_BYTES = 3 * 1024 * 1024  # a gRPC client takes 4 MB at once, unless told otherwise
TOKEN_LIFETIME = timedelta(hours=2)


@dataclass(eq=False, slots=True)
class Entry:
    """A stored job and what the service knows beside it."""

    job: JobMessage
    number: int
    slot: datetime | None = None
    """The next natural start in UTC; None while the job is not enabled."""
    plan: int = 0
    """Counts what ends a chain of retries: a pause, a new schedule, a deletion."""


class Store:
    """Every job of every project, with the eight calls of the Cloud Scheduler v1 API.

    Thread-safe. All calls take and return raw protobuf messages, never the stored ones themselves, and raise
    ``StoreError`` with the name of a gRPC status. ``clock`` gives the time, aware; ``path`` names the file
    that keeps the jobs, if any (see ``close``); ``faults`` makes calls go wrong.
    ``listener`` is called after every change of what is due.
    """

    def __init__(
        self,
        clock: Callable[[], datetime] = utc_now,
        path: Path | None = None,
        *,
        faults: Faults | None = None,
    ) -> None:
        self.clock = clock
        self.faults = faults or Faults()
        self.listener: Callable[[], None] = lambda: None
        self.state_file = StateFile(path) if path is not None else None
        self._lock = RLock()
        self._locations: dict[str, dict[str, Entry]] = {}
        self._last_number = 0
        self._agenda: Agenda[Entry] = Agenda()
        self._forced: list[tuple[Entry, datetime]] = []
        self._changed: dict[str, Entry | None] = {}
        self._deleted_names: set[str] = set()
        if self.state_file is not None:
            try:
                self._load(self.state_file)
            except BaseException:
                self.state_file.close()
                raise

    # -- the calls of the API ------------------------------------------------------------------------------

    def create_job(self, parent: str, job: JobMessage) -> JobMessage:
        """CreateJob: ENABLED at once, never attempted, its first slot computed."""
        with self._call("CreateJob", job.name or parent):
            check_parent(parent)
            name = job.name or new_name(parent)
            if parent_of(name) != parent:
                raise StoreError("INVALID_ARGUMENT", BAD_JOB)
            location = self._locations.setdefault(parent, {})
            if name in location:
                raise StoreError("ALREADY_EXISTS", f"Job {name} already exists.", resource=name)
            stored = Job()
            stored.CopyFrom(job)
            stored.name = name
            normalise(stored)
            stored.state = ENABLED
            stored.status.code = NEVER_ATTEMPTED
            self._last_number += 1
            entry = Entry(stored, self._last_number)
            location[name] = entry
            self._plan_anew(entry)
            return self._answer(entry, by_user=True)

    def update_job(self, job: JobMessage, update_mask_paths: Sequence[str] = ()) -> JobMessage:
        """UpdateJob: the named fields, or without a mask the whole job. A paused job stays paused."""
        with self._call("UpdateJob", job.name):
            entry = self._entry(job.name)
            old, new = entry.job, updated(entry.job, job, update_mask_paths)
            entry.job = new
            if new.state == UPDATE_FAILED:  # "retry UpdateJob until a successful response"
                new.state = ENABLED
            if (new.schedule, new.time_zone, new.state) != (old.schedule, old.time_zone, old.state):
                self._plan_anew(entry)
            return self._answer(entry, by_user=True)

    def get_job(self, name: str) -> JobMessage:
        """GetJob."""
        with self._call("GetJob", name):
            return self._answer(self._entry(name))

    def list_jobs(
        self, parent: str, page_size: int = 0, page_token: str = ""
    ) -> tuple[list[JobMessage], str]:
        """ListJobs: the jobs of one page and the token of the next, "" after the last.

        At most 500 a page, fewer where the jobs are large. Jobs come in the order of their creation, which
        the service does not promise.
        """
        with self._call("ListJobs", parent):
            check_parent(parent)
            if page_size < 0:
                raise StoreError("INVALID_ARGUMENT", "The page_size must not be negative.")
            size = min(page_size or MAX_PAGE_SIZE, MAX_PAGE_SIZE)
            now = self.clock()
            # Jobs are told apart by a number that only grows: one made or deleted between two pages disturbs
            # nothing.
            last = _read_token(page_token, parent, now) if page_token else 0
            page: list[JobMessage] = []
            weight = 0
            for entry in self._locations.get(parent, {}).values():
                if entry.number <= last:
                    continue
                weight += entry.job.ByteSize()
                if page and (len(page) == size or weight > MAX_PAGE_BYTES):
                    return page, _make_token(parent, last, now)
                page.append(self._answer(entry))
                last = entry.number
            return page, ""

    def delete_job(self, name: str) -> None:
        """DeleteJob."""
        with self._call("DeleteJob", name):
            entry = self._entry(name)
            del self._locations[parent_of(name)][name]
            self._deleted_names.add(name)
            self._withdraw(entry)
            self._changed[name] = None

    def pause_job(self, name: str) -> JobMessage:
        """PauseJob: no slot and no schedule_time until it is resumed; retries still waiting are given up."""
        with self._call("PauseJob", name):
            entry = self._entry(name)
            if entry.job.state != ENABLED:
                raise StoreError("FAILED_PRECONDITION", "A job must be ENABLED to be paused.", resource=name)
            entry.job.state = PAUSED
            self._withdraw(entry)
            return self._answer(entry, by_user=True)

    def resume_job(self, name: str) -> JobMessage:
        """ResumeJob: nothing runs at once, the next slot is the first. An ENABLED job is accepted."""
        with self._call("ResumeJob", name):
            entry = self._entry(name)
            if entry.job.state not in (ENABLED, PAUSED):
                raise StoreError("FAILED_PRECONDITION", "A job must be PAUSED to be resumed.", resource=name)
            if entry.job.state == PAUSED:
                entry.job.state = ENABLED
                self._plan_anew(entry)
            return self._answer(entry, by_user=True)

    def run_job(self, name: str) -> JobMessage:
        """RunJob: one more start, at once, announced with the time of the next slot (recorded)."""
        with self._call("RunJob", name):
            entry = self._entry(name)
            now = self.clock()
            slot = entry.slot or first_slot(entry.job.schedule, entry.job.time_zone, now) or now
            self._forced.append((entry, slot))
            return self._answer(entry)

    def parents(self) -> list[str]:
        """The locations that hold or have held a job."""
        with self._lock:
            return list(self._locations)

    # -- for tests -----------------------------------------------------------------------------------------

    def set_state(self, name: str, state: int) -> None:
        """Put a job into a state that only the service itself gives: DISABLED or UPDATE_FAILED."""
        with self._lock:
            entry = self._entry(name)
            entry.job.state = state
            if state == ENABLED:
                self._plan_anew(entry)
            else:
                self._withdraw(entry)
        self.listener()

    # -- for the dispatcher --------------------------------------------------------------------------------

    def next_time(self) -> datetime | None:
        """When the next natural or forced start is due; a forced one always is."""
        with self._lock:
            return self.clock() if self._forced else self._agenda.next_time()

    def take_forced(self) -> list[tuple[Entry, datetime]]:
        """The forced starts asked for since the last call: the job and the slot to announce."""
        with self._lock:
            forced, self._forced = self._forced, []
            return [(entry, slot) for entry, slot in forced if self._is_stored(entry)]

    def take_due(self, now: datetime, limit: int) -> list[tuple[Entry, datetime]]:
        """At most ``limit`` jobs whose slot has come, each with that slot; their next slots are planned."""
        with self._lock:
            due = self._agenda.pop_due(now, limit)
            for slot, entry in due:
                job = entry.job
                self._set_slot(entry, following_slot(job.schedule, job.time_zone, slot, now))
            return [(entry, slot) for slot, entry in due]

    def attempt_started(self, entry: Entry, at: datetime) -> None:
        """An attempt is on its way."""
        with self._lock:
            entry.job.last_attempt_time.FromDatetime(at)
            self._touch(entry)

    def attempt_finished(self, entry: Entry, code: int, retry_at: datetime | None) -> None:
        """An attempt has ended with a ``google.rpc.Code``; schedule_time shows its retry, if there is one."""
        with self._lock:
            entry.job.status.Clear()
            entry.job.status.SetInParent()
            entry.job.status.code = code
            if retry_at is not None:
                entry.job.schedule_time.FromDatetime(retry_at)
            elif entry.slot is not None:
                entry.job.schedule_time.FromDatetime(entry.slot)
            self._touch(entry)

    # -- the file ------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what changed since the last time to the state file, if there is one."""
        with self._lock:
            changed, self._changed = self._changed, {}
            if self.state_file is None or not changed:
                return
            try:
                self.state_file.write(
                    [
                        StoredJob(name, entry.number, entry.slot, entry.job.SerializeToString())
                        for name, entry in changed.items()
                        if entry is not None
                    ],
                    [name for name, entry in changed.items() if entry is None],
                )
            except BaseException:
                self._changed = changed
                raise

    def close(self) -> None:
        """End calls that wait out a latency, write what is left and let the state file go."""
        self.faults.hurry()
        with self._lock:
            self.flush()
            if self.state_file is not None:
                self.state_file.close()
                self.state_file = None

    def _load(self, state_file: StateFile) -> None:
        now = self.clock()
        with state_file.reading():
            for row in state_file.load():
                job = Job.FromString(row.message)
                normalise(Job.FromString(row.message))  # raises for what no call has left there
                if job.name != row.name:
                    raise ValueError(f"it has {job.name} under another name")
                entry = Entry(job, row.number)
                self._locations.setdefault(parent_of(row.name), {})[row.name] = entry
                self._last_number = max(self._last_number, row.number)
                if job.state != ENABLED:
                    continue
                if row.slot is None or row.slot > now:
                    self._set_slot(entry, row.slot)
                else:  # slots missed while nothing ran are not made up for
                    self._set_slot(entry, following_slot(job.schedule, job.time_zone, row.slot, now))

    # -- inside --------------------------------------------------------------------------------------------

    @contextmanager
    def _call(self, method: str, name: str) -> Iterator[None]:
        with self.faults.around(method, name, self.clock):
            with self._lock:
                yield
                self.flush()
            self.listener()

    def _entry(self, name: str) -> Entry:
        entry = self._locations.get(parent_of(name), {}).get(name)
        if entry is None:
            # Both texts were recorded: the first of a deleted job, the second of a name never used.
            gone = name in self._deleted_names
            raise StoreError(
                "NOT_FOUND",
                "Job not found." if gone else f"Resource '{name}' was not found",
                resource="" if gone else name,
            )
        return entry

    def _is_stored(self, entry: Entry) -> bool:
        name = entry.job.name
        return self._locations.get(parent_of(name), {}).get(name) is entry

    def _answer(self, entry: Entry, *, by_user: bool = False) -> JobMessage:
        if by_user:
            entry.job.user_update_time.FromDatetime(self.clock())
            self._touch(entry)
        answer = Job()
        answer.CopyFrom(entry.job)
        return answer

    def _touch(self, entry: Entry) -> None:
        if self.state_file is not None and self._is_stored(entry):
            self._changed[entry.job.name] = entry

    def _plan_anew(self, entry: Entry) -> None:
        entry.plan += 1
        if entry.job.state == ENABLED:
            self._set_slot(entry, first_slot(entry.job.schedule, entry.job.time_zone, self.clock()))

    def _withdraw(self, entry: Entry) -> None:
        entry.plan += 1
        self._set_slot(entry, None)

    def _set_slot(self, entry: Entry, slot: datetime | None) -> None:
        entry.slot = slot
        self._agenda.put(entry, slot)
        if slot is None:
            entry.job.ClearField("schedule_time")
        else:
            entry.job.schedule_time.FromDatetime(slot)
        self._touch(entry)


def _make_token(parent: str, number: int, now: datetime) -> str:
    """A token for the jobs of the parent behind this number."""
    expiry = (now + TOKEN_LIFETIME).timestamp()
    return base64.urlsafe_b64encode(json.dumps([parent, number, expiry]).encode()).decode()


def _read_token(token: str, parent: str, now: datetime) -> int:
    """The number in a token; raises StoreError(INVALID_ARGUMENT) for any but a fresh one of this parent."""
    try:
        of, number, expiry = json.loads(base64.urlsafe_b64decode(token.encode()))
        usable = of == parent and now.timestamp() < float(expiry)
        number = int(number)
    except (ValueError, TypeError) as error:
        raise StoreError("INVALID_ARGUMENT", "The page_token is invalid.") from error
    if not usable:
        raise StoreError("INVALID_ARGUMENT", "The page_token is expired or of another list.")
    return number
