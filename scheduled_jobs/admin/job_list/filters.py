"""The filters of the job list. Every choice says how many jobs it would show beside the other filters."""

# The signatures are Django's:
# ruff: noqa: ARG002

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.admin.words import HEALTH_BADGES, RUN_BADGES, SYNC_BADGES
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.census import CODE_CHANGED, FOLLOWS, OVERRIDDEN
from scheduled_jobs.services.history.health import code_changed_since, health, overridden

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from django.contrib.admin.views.main import ChangeList
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.utils.functional import _StrPromise

Status = JobRun.Status
NO_RUN = "none"
"""In the URL: jobs that have not run yet."""
ENDED = (
    Status.SUCCEEDED, Status.FAILED, Status.TIMED_OUT, Status.LOST, Status.MISSED, Status.SKIPPED,
    Status.DISCARDED,
)  # fmt: skip
"""How a last run may have ended, in the order of the filter."""


class CountedFilter(admin.SimpleListFilter, abc.ABC):
    """A filter over one fact of the census. The list applies it with ``filtered``."""

    template = "admin/scheduled_jobs/_filter.html"
    options: ClassVar[Sequence[tuple[str, str | _StrPromise]]]
    """Each choice in the URL, and its title."""

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[Any]
    ) -> Sequence[tuple[str, str | _StrPromise]]:
        return self.options

    def queryset(self, request: HttpRequest, queryset: QuerySet[ScheduledJob]) -> QuerySet[ScheduledJob]:
        # The list filters after it has kept what there is without filters, which the counts are taken from.
        return queryset

    @abc.abstractmethod
    def filtered(self, queryset: QuerySet[ScheduledJob], now: datetime) -> QuerySet[ScheduledJob]:
        """The jobs of the chosen value; ``now`` is aware."""

    @property
    def chosen(self) -> str | None:
        """The value in the URL, if it is one that there is."""
        value = self.value()
        return value if value in {str(lookup) for lookup, _title in self.lookup_choices} else None

    @staticmethod
    def values_of(lookup: str) -> tuple[str, ...]:
        """The values of the census that a choice stands for."""
        return (lookup,)

    def hides_empty(self, lookup: str) -> bool:
        """Whether a choice is offered only where there are jobs of it."""
        return False

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        others = changelist.wanted(without=self.parameter_name)  # type: ignore[attr-defined]
        census = changelist.census  # type: ignore[attr-defined]
        yield {
            "selected": self.chosen is None,
            "query_string": changelist.get_query_string(remove=[self.parameter_name or ""]),
            "display": _("All"),
            "count": census.count(others),
        }
        for lookup, title in self.lookup_choices:
            count = census.count({**others, str(self.parameter_name): self.values_of(str(lookup))})
            if not count and self.hides_empty(str(lookup)) and self.chosen != lookup:
                continue
            yield {
                "selected": self.chosen == lookup,
                "query_string": changelist.get_query_string({str(self.parameter_name): lookup}),
                "display": title,
                "count": count,
            }


class StateFilter(CountedFilter):
    title = _("state")
    parameter_name = "state"
    options = [(state, badge.word) for state, badge in HEALTH_BADGES.items()]

    def hides_empty(self, lookup: str) -> bool:
        return True

    def filtered(self, queryset: QuerySet[ScheduledJob], now: datetime) -> QuerySet[ScheduledJob]:
        return queryset.alias(_wanted_state=health(now)).filter(_wanted_state=self.chosen)


class OutcomeFilter(CountedFilter):
    title = _("last outcome")
    parameter_name = "outcome"
    options = [*((status, RUN_BADGES[status].word) for status in ENDED), (NO_RUN, _("No run yet"))]

    @staticmethod
    def values_of(lookup: str) -> tuple[str, ...]:
        return ("",) if lookup == NO_RUN else (lookup,)

    def filtered(self, queryset: QuerySet[ScheduledJob], now: datetime) -> QuerySet[ScheduledJob]:
        return queryset.filter(last_status__in=self.values_of(self.chosen or ""))


class OverriddenFilter(CountedFilter):
    title = _("override")
    parameter_name = "overridden"
    options = [
        (OVERRIDDEN, _("Overridden")),
        (CODE_CHANGED, _("Overridden, and the code changed since")),
        (FOLLOWS, _("Follows the code")),
    ]

    @staticmethod
    def values_of(lookup: str) -> tuple[str, ...]:
        return (OVERRIDDEN, CODE_CHANGED) if lookup == OVERRIDDEN else (lookup,)

    def filtered(self, queryset: QuerySet[ScheduledJob], now: datetime) -> QuerySet[ScheduledJob]:
        if self.chosen == CODE_CHANGED:
            return queryset.filter(code_changed_since())
        return queryset.filter(overridden() if self.chosen == OVERRIDDEN else ~overridden())


class GoogleFilter(CountedFilter):
    title = _("Google")
    parameter_name = "google"
    options = [(state, badge.word) for state, badge in SYNC_BADGES.items()]

    def filtered(self, queryset: QuerySet[ScheduledJob], now: datetime) -> QuerySet[ScheduledJob]:
        return queryset.filter(sync_state=self.chosen)


class OriginFilter(CountedFilter):
    title = _("origin")
    parameter_name = "origin"
    options = [
        (ScheduledJob.Origin.CODE, _("From the code")),
        (ScheduledJob.Origin.OPERATOR, _("Operator’s own")),
    ]

    def filtered(self, queryset: QuerySet[ScheduledJob], now: datetime) -> QuerySet[ScheduledJob]:
        return queryset.filter(origin=self.chosen)


JOB_FILTERS = (StateFilter, OutcomeFilter, OverriddenFilter, GoogleFilter, OriginFilter)
SHOW_FACETS = ShowFacets.NEVER
"""Each filter counts its own choices."""
