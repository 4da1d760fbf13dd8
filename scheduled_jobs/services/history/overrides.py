"""Who set which override last."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from django.db.models import Max

from scheduled_jobs.domain.jobs import OVERRIDABLE
from scheduled_jobs.models import JobChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    SetBy = Mapping[tuple[int, str], "LastSet"]
    """Key of a job and name of a field -> who set its override last."""


class LastSet(NamedTuple):
    """``person`` is empty where nobody was named; ``at`` is aware."""

    person: str
    at: datetime


def last_set(job_pks: Iterable[int]) -> SetBy:
    """Who set each override of these jobs last, as the audit knows it; one query, and a row for each."""
    changes = JobChange.objects.filter(job__in=list(job_pks), field__in=OVERRIDABLE).order_by()
    newest = changes.values("job_id", "field").annotate(newest=Max("pk")).values("newest")
    rows = JobChange.objects.filter(pk__in=newest).values_list("job_id", "field", "actor_label", "at")
    return {(job_pk or 0, field): LastSet(person, at) for job_pk, field, person, at in rows}
