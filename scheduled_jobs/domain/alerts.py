"""What is told of runs, and that it is told once: pure decisions over what a look at the database has found.

A scheduled time that failed for good, a run that was lost, and runs that never came are told; a recovery is
told where the trouble was. Equal causes are told together and, for a while, once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

SHARED = 3
"""So many jobs with one cause, and it is not theirs."""
MOST_APART = 10
"""Causes that are told apart, each in a message of its own; more at once are told in one."""
NAMELESS = frozenset({"", "lost", "missed", "unreachable", "timed_out"})
"""Keys that say how a run ended and not why: of two jobs with the same, each may have a cause of its own."""


class OwedKind(StrEnum):
    """What may have to be told of a run."""

    FAILING = "failing"
    LOST = "lost"
    MISSED = "missed"
    RECOVERED = "recovered"


class Dropped(StrEnum):
    """Why nothing is told of a run after all."""

    SETTLED = "settled"
    """Another attempt speaks for its scheduled time, or it has ended well."""
    DEALT_WITH = "dealt with"
    """Somebody knows of it: it is marked, or the job was paused, or is gone."""
    TOLERATED = "tolerated"
    """Not so many in a row yet as its task wants to be told of."""
    NOTHING_TOLD = "nothing told"
    """A recovery from what nobody was told of."""
    FAILED_AGAIN = "failed again"
    """A recovery that did not last."""
    OVER = "over"
    """More of a trouble that was told, and told to be over."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A run of which something may have to be told, and how things are with it now."""

    pk: int
    kind: OwedKind
    job: int
    cause: str = ""
    is_settled: bool = False
    is_dealt_with: bool = False
    since: datetime | None = None
    """When it was owed."""
    is_over: bool = False
    """Whether its job was told to be well again, by a run after this one."""
    in_a_row: int = 1
    """Scheduled times up to it that went wrong without a success between; of a recovery, successes since."""
    tolerance: int = 1
    told: ToldAlert | None = None
    """Of a recovery: the message that told of the trouble, if one did and no recovery since."""


@dataclass(frozen=True, slots=True)
class ToldAlert:
    """A cause that a message has told: ``jobs`` are those it met, ``down`` those of them that fail still."""

    pk: int
    kind: OwedKind
    cause: str
    at: datetime
    jobs: frozenset[int]
    down: frozenset[int] = frozenset()

    def silences(self, owed: Owed) -> bool:
        """Whether who has read it need not be told this too, for a while.

        An error is the same for all jobs. What has no name of its own is a job's own, unless it met many, and
        as long as it does.
        """
        if (self.kind, self.cause) != (owed.kind, told_cause(owed.kind, owed.cause)):
            return False
        return owed.cause not in NAMELESS or owed.job in self.jobs or self.is_of_many

    @property
    def is_of_many(self) -> bool:
        """Whether it met many jobs at once, and is not over."""
        return len(self.jobs) >= SHARED and bool(self.down)


@dataclass(frozen=True, slots=True)
class OneCause:
    """What is told together: what has one cause."""

    kind: OwedKind
    owed: Sequence[Owed]


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of all that is owed: keys of ``Owed``, each in one of the three."""

    causes: Sequence[OneCause]
    held: Mapping[int, datetime]
    dropped: Mapping[int, Dropped]


def told_cause(kind: OwedKind, cause: str) -> str:
    """What is told together: runs that never came are one matter, whatever Google said of some of them."""
    return OwedKind.MISSED if kind == OwedKind.MISSED else cause


def in_messages(causes: Sequence[OneCause]) -> Sequence[Sequence[OneCause]]:
    """What one message each tells: one cause, or of many all, that which concerns most jobs first."""
    if len(causes) <= MOST_APART:
        return [[one] for one in causes]
    return [
        sorted(
            causes, key=lambda one: (one.kind == OwedKind.RECOVERED, -len({owed.job for owed in one.owed}))
        )
    ]


def decide_alerts(
    owed: Iterable[Owed], recent: Sequence[ToldAlert], now: datetime, *, cooldown: timedelta, again: timedelta
) -> Decision:
    """What is told now (``now`` is aware), what later, and what not at all.

    ``recent`` are the messages of the last two of ``cooldown``; ``again`` is after how long a recovery that
    is not sure yet is looked at again.
    """
    causes: dict[Any, list[Owed]] = defaultdict(list)
    held: dict[int, datetime] = {}
    dropped: dict[int, Dropped] = {}
    for one in owed:
        if (why := _why_not(one)) is not None:
            dropped[one.pk] = why
        elif one.is_over and _was_silenced(one, recent, cooldown):
            dropped[one.pk] = Dropped.OVER
        elif (until := _until(one, recent, now, cooldown=cooldown, again=again)) is not None:
            held[one.pk] = until
        else:
            # One message tells that it is over, for all of whom one has told the trouble.
            told = one.told and (one.told.pk, one.told.kind, one.told.cause)
            causes[one.kind, told or told_cause(one.kind, one.cause)].append(one)
    return Decision([OneCause(some[0].kind, some) for some in causes.values()], held, dropped)


def _why_not(one: Owed) -> Dropped | None:
    if one.is_settled:
        return Dropped.SETTLED
    if one.kind == OwedKind.RECOVERED:
        if one.told is None:
            return Dropped.NOTHING_TOLD
        return None if one.in_a_row else Dropped.FAILED_AGAIN
    if one.is_dealt_with:
        return Dropped.DEALT_WITH
    return Dropped.TOLERATED if one.in_a_row < one.tolerance else None


def _until(
    one: Owed, recent: Sequence[ToldAlert], now: datetime, *, cooldown: timedelta, again: timedelta
) -> datetime | None:
    """Until when it is kept back; None where it is told now."""
    if one.kind == OwedKind.RECOVERED:
        if one.in_a_row < one.tolerance:
            return now + again
        # Who was told of many at once is told once that it is over: when all are well, or after a while.
        if one.told is not None and one.told.down - {one.job} and now < one.told.at + cooldown:
            return min(now + again, one.told.at + cooldown)
        return None
    ends = [
        # Of what met many, each job that it still concerns is told when it is over.
        end if one.job in told.jobs or one.cause not in NAMELESS else min(end, now + again)
        for told in recent
        if told.silences(one) and (end := told.at + cooldown) > now
    ]
    return max(ends, default=None)


def _was_silenced(one: Owed, recent: Sequence[ToldAlert], cooldown: timedelta) -> bool:
    """Whether its trouble was told already when it was owed."""
    ends = [told.at + cooldown for told in recent if told.silences(one) and one.job in told.jobs]
    return one.since is not None and any(one.since < end for end in ends)


def pauses_itself(in_a_row: int, after: int | None, sharing: int) -> bool:
    """Whether a job that failed so many scheduled times in a row is paused by itself.

    ``after`` is the setting, ``sharing`` how many jobs fail now with the same cause: one that is shared is
    not mended by pausing.
    """
    return after is not None and in_a_row >= after and sharing < SHARED
