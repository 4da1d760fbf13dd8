"""The ledger: which row has which full resource name in Google, claimed before a create and given up after
a delete.

Each change is one conditional statement, so that two who want one name at once are told apart by the
database. A name whose job is about to be deleted is marked: without the mark a late DeleteJob would
remove the job of whoever has taken the name over meanwhile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Set
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When
from django.db.models.functions import Coalesce

from scheduled_jobs.conf import settings
from scheduled_jobs.models import GoogleName, ScheduledJob
from scheduled_jobs.models.writing import persistent
from scheduled_jobs.services.scheduling import mount


class OwnName(NamedTuple):
    """A name that one row has in Google, or is about to have."""

    name: str
    is_ours: bool
    """Whether it was claimed under today's endpoint: only then is a deletion owed."""
    is_settled: bool
    """Whether it is ours, Google has confirmed it, and no deletion is on its way."""


def names_of(pks: Collection[int] | None) -> dict[int, list[OwnName]]:
    """The names that these rows, or all, have in Google, the oldest first."""
    found: dict[int, list[OwnName]] = defaultdict(list)
    endpoint = today()
    names = GoogleName.objects.filter(gone_at=None).order_by("pk")
    if pks is not None:
        names = names.filter(job__in=pks)
    columns = ("job_id", "name", "endpoint", "confirmed_at", "busy_until")
    for pk, name, claimed_under, confirmed_at, busy_until in names.values_list(*columns):
        is_ours = claimed_under == endpoint
        is_settled = is_ours and confirmed_at is not None and busy_until is None
        found[pk].append(OwnName(name, is_ours, is_settled))
    return found


def debts_of(pk: int) -> list[str]:
    """The names under which Google still has a row's job, or may have it."""
    return list(_debts().filter(job=pk).values_list("name", flat=True))


def owed(now: datetime) -> list[str]:
    """The names whose rows are gone, and whose jobs are still to be deleted."""
    free = _debts().filter(_free(now), job=None)
    return list(free.order_by("name").values_list("name", flat=True))


def known(since: datetime) -> set[str]:
    """The names that belong to some row, or whose jobs are gone, or owed, as of ``since`` or later."""
    job = ScheduledJob.objects.filter(pk=OuterRef("job"))
    live = Q(gone_at=None) | Q(gone_at__gte=since)
    return set(GoogleName.objects.filter(live, Q(job=None) | Exists(job)).values_list("name", flat=True))


# --- Around a create --------------------------------------------------------------------------------


@persistent
def claim(wanted: Mapping[int, str], *, now: datetime) -> set[int]:
    """Make these names those of these rows; returns the rows that have theirs now.

    The others wait: the job of that name is being deleted for another.
    """
    by_name = dict(sorted((name, pk) for pk, name in wanted.items()))
    endpoint = today()
    new = [
        GoogleName(name=name, identifier=name.rpartition("/")[2], job_id=pk, endpoint=endpoint)
        for name, pk in by_name.items()
    ]
    GoogleName.objects.bulk_create(new, ignore_conflicts=True)
    mine = GoogleName.objects.filter(name__in=by_name, gone_at=None, busy_until=None)
    claimed = {pk for name, pk in mine.values_list("name", "job_id") if by_name[name] == pk}
    for name, pk in by_name.items():
        if pk not in claimed and _take_over(name, pk, now=now):
            claimed.add(pk)
    return claimed


def _take_over(name: str, pk: int, *, now: datetime) -> bool:
    wanting = ScheduledJob.objects.filter(
        pk=OuterRef("job"), name=OuterRef("identifier"), retired_at=None, deleting_at=None
    )
    given_up = Q(job=pk) | Q(gone_at__isnull=False) | ~Exists(wanting)
    taken = GoogleName.objects.filter(_free(now), given_up, name=name)
    return bool(
        taken.update(
            # The first: MySQL reads what the same statement has already written.
            former_job=Case(When(job=pk, then=F("former_job")), default=F("job")),
            job=pk,
            confirmed_at=None,
            busy_until=None,
            gone_at=None,
            endpoint=today(),
        )
    )


@persistent
def confirm(names: Collection[str], *, now: datetime) -> None:
    """Google has jobs of ours under these names."""
    if names:
        GoogleName.objects.filter(name__in=names).update(confirmed_at=now, endpoint=today())


@persistent
def give_back(name: str, pk: int, *, now: datetime) -> None:
    """A claim that came to nothing: no job of this row is there, and none was ever."""
    claimed = GoogleName.objects.filter(name=name, job=pk, confirmed_at=None)
    former = ScheduledJob.objects.filter(pk=OuterRef("former_job"))
    if not claimed.filter(Exists(former)).update(job=F("former_job"), former_job=None, confirmed_at=now):
        claimed.delete()


# --- Around a delete --------------------------------------------------------------------------------


class Marks(NamedTuple):
    """Names that are marked, and until when: nobody else takes them before."""

    names: frozenset[str]
    until: datetime | None


NO_MARKS = Marks(frozenset(), None)


@persistent
def release(names: Mapping[str, int | None], *, until: datetime) -> Marks:
    """Mark these names, each its row's, whose jobs are about to be deleted.

    The row is None where it is gone. A name that is not its row's any more is not marked, and left alone; nor
    is one that was claimed under another endpoint.
    """
    marked = set()
    for name, pk in names.items():
        if _debts().filter(name=name, job=pk).update(busy_until=until):
            marked.add(name)
    return Marks(frozenset(marked), until)


@persistent
def settle_marks(marks: Marks, *, gone: Set[str], unknown: Set[str], now: datetime) -> None:
    """What became of the marked names: of those whose deletion was not answered, the mark stays on."""
    marked = GoogleName.objects.filter(busy_until=marks.until)
    if some := marks.names & gone:
        marked.filter(name__in=some).update(gone_at=now, busy_until=None)
    if some := marks.names & unknown:
        marked.filter(name__in=some).update(busy_until=now + a_call())
    if some := marks.names - gone - unknown:
        marked.filter(name__in=some).update(busy_until=None)


@persistent
def owe(names: Collection[str], *, now: datetime) -> None:
    """Note names of jobs that belong to no row, though one may have had them before."""
    endpoint = today()
    new = [
        GoogleName(name=name, identifier=name.rpartition("/")[2], endpoint=endpoint) for name in sorted(names)
    ]
    GoogleName.objects.bulk_create(new, ignore_conflicts=True)
    unowned = Q(gone_at__isnull=False) | ~Exists(ScheduledJob.objects.filter(pk=OuterRef("job")))
    GoogleName.objects.filter(_free(now), unowned, name__in=names).update(
        former_job=Coalesce("job", "former_job"),
        job=None,
        confirmed_at=None,
        busy_until=None,
        gone_at=None,
        endpoint=endpoint,
    )


def forgive(pk: int) -> None:
    """Let a row have no names, and owe no deletion."""
    GoogleName.objects.filter(job=pk).delete()


@persistent
def forget(names: Iterable[tuple[int | None, str]], *, now: datetime) -> None:
    """Google has no job under these names, each with its row: a list that began at ``now`` has shown it."""
    for pk, name in names:
        GoogleName.objects.filter(_free(now), name=name, job=pk, gone_at=None).update(gone_at=now)


def a_call() -> timedelta:
    """After this long a call that was not answered is not applied any more."""
    return timedelta(seconds=settings.RPC_TIMEOUT + 5)


def today() -> str:
    """The endpoint under which names are claimed now."""
    return mount.site()


def _debts() -> QuerySet[GoogleName]:
    return GoogleName.objects.filter(gone_at=None, endpoint=today())


def _free(now: datetime) -> Q:
    return Q(busy_until=None) | Q(busy_until__lt=now)
