"""The list of all runs, newest first."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.utils import timezone
from django.utils.translation import gettext_lazy

from scheduled_jobs.admin.run_list.dates import NAMES, dates_of, is_part_of_a_date
from scheduled_jobs.admin.run_list.filters import FILTERS
from scheduled_jobs.admin.run_list.rows import RunRow, run_rows

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

    from scheduled_jobs.models import JobRun


MAX_COUNTED_RUNS = 10_000
"""Runs are counted up to here: counting a history of millions would cost more than showing it."""


HEADINGS = (
    gettext_lazy("Status"),
    gettext_lazy("Job"),
    gettext_lazy("Trigger"),
    gettext_lazy("Scheduled for"),
    gettext_lazy("Started"),
    gettext_lazy("Duration"),
    gettext_lazy("Attempt"),
    gettext_lazy("Error"),
)


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than MAX_COUNTED_RUNS."""

    @cached_property
    def count(self) -> int:
        runs: Any = self.object_list
        return int(runs.order_by()[: MAX_COUNTED_RUNS + 1].count())


class RunChangeList(ChangeList):
    """Reads the keys of a page, then only what is shown of these runs."""

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        """Our own filters alone: of any other lookup in the address the database may make an error."""
        names = {kind.parameter_name for kind in FILTERS}
        found: dict[str, Any] = super().get_filters_params(params)
        return {
            name: value
            for name, value in found.items()
            if name in names or (name in NAMES and is_part_of_a_date(name, value))
        }

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[JobRun]:
        found: QuerySet[JobRun] = super().get_queryset(request, exclude_parameters)
        return found.only("pk")

    def get_results(self, request: HttpRequest) -> None:
        self.now = timezone.now()
        super().get_results(request)
        if not self.is_narrowed:
            self.full_result_count = self.result_count  # else the search offers "Show all" where all is shown
        self.rows: list[RunRow] = run_rows([run.pk for run in self.result_list], self.now)
        self.dates = dates_of(request.GET.dict(), self.get_query_string)

    @property
    def headings(self) -> list[str]:
        """The headings of the columns, which run_rows fills."""
        return [str(heading) for heading in HEADINGS]

    @property
    def is_capped(self) -> bool:
        """Whether there are more runs than were counted."""
        return bool(self.result_count > MAX_COUNTED_RUNS)

    @property
    def is_narrowed(self) -> bool:
        """Whether a search or a filter is on."""
        return bool(self.query or self.has_active_filters or self.params)
