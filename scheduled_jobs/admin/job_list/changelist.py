"""The page with all jobs: what it filters, sorts and counts, in a number of queries that does not grow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.templatetags.admin_list import result_headers
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import InvalidPage
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs.admin.job_list.filters import JOB_FILTERS, CountedFilter
from scheduled_jobs.admin.job_list.rows import KEY, build_rows
from scheduled_jobs.admin.page import (
    address_if_any,
    allowed,
    environment_banner,
    permitted,
    run_list_url,
    where_tasks_are,
)
from scheduled_jobs.admin.words import HEALTH_BADGES, SYNC_BADGES, attempts_banners
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.census import take_census
from scheduled_jobs.services.history.health import ORDER, Health, urgency
from scheduled_jobs.services.history.last_attempts import unserved_attempts
from scheduled_jobs.services.history.listed_jobs import listed_jobs
from scheduled_jobs.services.history.looks import last_list, last_look

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse
    from django.utils.functional import _StrPromise

    from scheduled_jobs.admin.page.permissions import JobAdmin


def _column(name: str, heading: _StrPromise, ordering: str | None = None) -> Callable[[ScheduledJob], str]:
    """The heading and the order of a column; what stands in it is built for the whole page at once."""

    @admin.display(description=heading, ordering=ordering)
    def cell(job: ScheduledJob) -> str:
        return job.name

    cell.__name__ = name
    return cell


LIST_DISPLAY = (
    _column("state", gettext_lazy("state"), "urgency"),
    _column("job", gettext_lazy("job"), "task"),
    _column("schedule", gettext_lazy("schedule")),
    _column("recent", gettext_lazy("last 30 runs"), "last_run_at"),
    _column("next_run", gettext_lazy("next run")),
    _column("google", gettext_lazy("Google"), "sync_state"),
)


UNSYNCED = (ScheduledJob.SyncState.DRIFTED, ScheduledJob.SyncState.FAILED)
"""What the tally says of Google; synced and pending need nobody."""


class JobChangeList(ChangeList):
    """Counts everything with one query, and reads of the jobs on the page only what is shown."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.now = timezone.now()
        self.allowed = allowed(request)
        super().__init__(request, *args, **kwargs)

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        """Our own filters alone: of any other lookup, or of a NUL, the database may make an error."""
        names = {"task", *(facet.parameter_name for facet in JOB_FILTERS)}
        found: dict[str, Any] = super().get_filters_params(params)
        return {name: value for name, value in found.items() if name in names and "\0" not in "".join(value)}

    @property
    def facets(self) -> list[CountedFilter]:
        """The filters that are on."""
        return [
            spec for spec in self.filter_specs if isinstance(spec, CountedFilter) and spec.chosen is not None
        ]

    def wanted(self, *, without: str | None = None) -> dict[str, tuple[str, ...]]:
        """CountedFilter -> the values of the census that are asked for, of all filters but one."""
        return {
            str(facet.parameter_name): facet.values_of(str(facet.chosen))
            for facet in self.facets
            if facet.parameter_name != without
        }

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[ScheduledJob]:
        if "urgency" not in self.root_queryset.query.annotations:
            self.root_queryset = self.root_queryset.annotate(urgency=urgency(self.now))
        self.unfiltered = super().get_queryset(request, exclude_parameters)
        jobs = self.unfiltered
        for facet in self.facets:
            jobs = facet.filtered(jobs, self.now)
        return jobs

    def _get_default_ordering(self) -> list[str]:
        return ["urgency", "task", "name"]

    def get_results(self, request: HttpRequest) -> None:
        self.census = take_census(self.unfiltered, self.now)
        paginator = self.model_admin.get_paginator(request, self.queryset, self.list_per_page)
        self.result_count = paginator.count = self.census.count(self.wanted())
        self.show_full_result_count = False
        self.full_result_count = None if self.query else self.census.total
        self.show_admin_actions = bool(self.result_count)
        self.can_show_all = self.result_count <= self.list_max_show_all
        self.multi_page = self.result_count > self.list_per_page
        self.paginator = paginator
        jobs = self.queryset
        if self.multi_page and not (self.show_all and self.can_show_all):
            try:
                jobs = paginator.page(self.page_num).object_list
            except InvalidPage as error:
                raise IncorrectLookupParameters from error
        states = {pk: ORDER[place] for pk, place in jobs.values_list("pk", "urgency")}
        self.result_list = build_rows(
            listed_jobs(list(states), self.now),
            states,
            self.now,
            listed_at=last_list(),
            allowed=self.allowed,
            links=self._links(),
            suffix=f"?{self.preserved_filters}" if self.preserved_filters else "",
        )

    def _links(self) -> dict[str, str]:
        pages = ("change", "run_now", "pause", "resume")
        return {
            "runs": run_list_url(self.model_admin, job=KEY),
            **{page: address_if_any(self.model_admin, f"scheduledjob_{page}", KEY) for page in pages},
        }

    # --- For the template ---------------------------------------------------------------------

    @property
    def has_checkboxes(self) -> bool:
        """Whether there is any bulk action that the user may take."""
        return "action_checkbox" in self.list_display

    @property
    def headers(self) -> list[dict[str, Any]]:
        """The headings of the columns, with their links for sorting."""
        return list(result_headers(self))

    @property
    def is_empty(self) -> bool:
        """Whether there is no job at all, whatever is filtered."""
        return not self.census.total and not self.query

    @property
    def tally(self) -> list[dict[str, Any]]:
        """How many jobs are in each state, and how many differ in Google; each with its filter."""
        states = {badge: ("state", state) for state, badge in HEALTH_BADGES.items()}
        syncs = {badge: ("google", state) for state, badge in SYNC_BADGES.items() if state in UNSYNCED}
        trouble = dict(list(states.items())[: list(HEALTH_BADGES).index(Health.RUNNING)])
        ordered = {**trouble, **syncs, **states}
        entries = []
        for badge, (facet, value) in ordered.items():
            count = self.census.count({facet: (value,)})
            if count:
                entries.append(
                    {
                        "badge": badge,
                        "word": str(badge.word).lower(),
                        "count": count,
                        "query_string": self.get_query_string(
                            {facet: value}, [f.parameter_name for f in JOB_FILTERS]
                        ),
                        "is_current": self.wanted() == {facet: (value,)},
                    }
                )
        return entries


# --- The page -------------------------------------------------------------------------------------


def job_list_view(model_admin: JobAdmin, request: HttpRequest) -> HttpResponse:
    """The list of all jobs."""
    context = {
        "title": _("Jobs"),
        "sj_links": _tools(model_admin, request),
        "may_sync": permitted(request, "sync"),
    }
    response = admin.ModelAdmin.changelist_view(model_admin, request, context)
    found = getattr(response, "context_data", None)
    if found is not None and (cl := found.get("cl")) is not None:
        found["env"] = environment_banner(cl.now, last_look())
        found["whys"] = attempts_banners(unserved_attempts(cl.now), cl.census.total, cl.now)
        if cl.allowed.sync:
            found["ask_url"] = address_if_any(model_admin, "scheduledjob_ask_all")
        if cl.is_empty:
            found["where_tasks_are"] = where_tasks_are()
    return response


def _tools(model_admin: JobAdmin, request: HttpRequest) -> list[tuple[str, str]]:
    pages = [(_("Dashboard"), "dashboard")]
    if permitted(request, "sync"):
        pages.append((_("Plan"), "scheduledjob_plan"))
    found = [(title, address_if_any(model_admin, name)) for title, name in pages]
    return [(title, address) for title, address in found if address]
