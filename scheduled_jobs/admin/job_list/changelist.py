"""The page with all jobs: what it filters, sorts and counts, in a number of queries that does not grow."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, ChangeList
from django.core.paginator import InvalidPage
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from scheduled_jobs.admin.job_list.filters import TROUBLES, JobFilters, chosen_in
from scheduled_jobs.admin.job_list.rows import build_rows, common_zone
from scheduled_jobs.admin.page import (
    ROW,
    JobAdmin,
    Live,
    address_if_any,
    allowed,
    environment_banner,
    run_list_url,
    section_tabs,
    where_tasks_are,
)
from scheduled_jobs.admin.words import HEALTH_BADGES, attempts_banners
from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.history.census import having, take_census
from scheduled_jobs.services.history.health import Health, with_urgency
from scheduled_jobs.services.history.last_attempts import unserved_attempts
from scheduled_jobs.services.history.listed_jobs import listed_jobs
from scheduled_jobs.services.history.looks import last_list, last_look

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

UNKNOWN_WITHOUT = (Health.UNREACHABLE, Health.NO_RUN_HERE, Health.STOPPED, Health.LATE)
"""The states that a look at Google explains, or ends."""
EVERY = 10
"""Seconds between two looks."""


def _column(name: str, heading: _StrPromise, ordering: str | None = None) -> Callable[[ScheduledJob], str]:
    """The heading and the order of a column; what stands in it is built for the whole page at once."""

    @admin.display(description=heading, ordering=ordering)
    def cell(job: ScheduledJob) -> str:
        return job.name

    cell.__name__ = name
    return cell


LIST_DISPLAY = (
    _column("state", gettext_lazy("State"), "urgency"),
    _column("job", gettext_lazy("Job"), "task"),
    _column("sched", gettext_lazy("Schedule")),
    _column("runs", gettext_lazy("Last 30 runs"), "last_run_at"),
    _column("next", gettext_lazy("Next run"), "next_run_at"),
)


class JobChangeList(ChangeList):
    """Django's own, for its actions, search, order and pages; what it shows is read by our services."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        self.now = timezone.now()
        self.allowed = allowed(request)
        super().__init__(request, *args, **kwargs)

    def get_filters(self, request: HttpRequest) -> tuple[Any, ...]:  # noqa: ARG002 – the signature is Django's
        """None of Django's: of any other lookup in the address the database may make an error."""
        return [], False, {}, False, False

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[ScheduledJob]:
        self.root_queryset = with_urgency(self.root_queryset, self.now)
        self.unfiltered = super().get_queryset(request, exclude_parameters)
        self.chosen = chosen_in(self.params)
        return having(self.unfiltered, self.chosen, self.now)

    def _get_default_ordering(self) -> list[str]:
        return ["urgency", "paused", "sync_state", "task", "name"]

    def get_results(self, request: HttpRequest) -> None:
        self.census = take_census(self.unfiltered, self.now)
        states = self.census.having(self.chosen)
        pks: Any = list(states)
        self.paginator = self.model_admin.get_paginator(request, pks, self.list_per_page)
        self.result_count = len(states)
        self.show_full_result_count = False
        self.full_result_count = None if self.query else self.census.total
        self.show_admin_actions = bool(self.result_count)
        self.can_show_all = self.result_count <= self.list_max_show_all
        self.multi_page = self.result_count > self.list_per_page
        if self.multi_page and not (self.show_all and self.can_show_all):
            try:
                states = {pk: states[pk] for pk in self.paginator.page(self.page_num).object_list}
            except InvalidPage as error:
                raise IncorrectLookupParameters from error
        listed = listed_jobs(states, self.now, with_runs=self.allowed.runs)
        self.zone = common_zone(listed)
        self.result_list = build_rows(
            listed,
            states,
            self.now,
            zone=self.zone,
            listed_at=last_list(),
            changed=self.census.changed,
            allowed=self.allowed,
            links=self._links(),
            suffix=f"?{self.preserved_filters}" if self.preserved_filters else "",
        )

    def _links(self) -> dict[str, str]:
        pages = ("change", "run_now", "pause", "resume")
        return {
            "runs": run_list_url(self.model_admin, job=ROW),
            "run": address_if_any(self.model_admin, "jobrun_change", ROW),
            **{page: address_if_any(self.model_admin, f"scheduledjob_{page}", ROW) for page in pages},
        }

    # --- For the template ---------------------------------------------------------------------

    def link(self, changed: dict[str, str | None]) -> str:
        """The address of the list with other parameters, from its first page."""
        return self.get_query_string({**changed, PAGE_VAR: None})

    @property
    def filters(self) -> JobFilters:
        """The chips and the menus."""
        return JobFilters(self.census, self.chosen, self.query, self.link)

    @property
    def has_checkboxes(self) -> bool:
        """Whether there is any bulk action that the user may take."""
        return "action_checkbox" in self.list_display

    @property
    def headers(self) -> list[dict[str, Any]]:
        """The headings of the columns; a press on one sorts by it, a second the other way round."""
        first, found = int(self.has_checkboxes), []
        by = {first: "asc"} if self.is_by_problem else self.get_ordering_field_columns()
        for number, column in enumerate(LIST_DISPLAY, first):
            if column.__name__ == "runs" and not self.allowed.runs:
                continue
            sorted_by = by.get(number, "")
            turned = f"-{number}" if sorted_by == "asc" else f"{number}"
            found.append(
                {
                    "name": column.__name__,
                    "title": column.short_description,  # type: ignore[attr-defined]
                    "sorted": {"asc": "ascending", "desc": "descending"}.get(sorted_by, ""),
                    "url": self.link({ORDER_VAR: turned}) if hasattr(column, "admin_order_field") else "",
                }
            )
        return found

    @property
    def is_by_problem(self) -> bool:
        """Whether the worst stand first."""
        return ORDER_VAR not in self.params

    @property
    def is_empty(self) -> bool:
        """Whether there is no job at all, whatever is filtered."""
        return not self.census.total and not self.query

    @property
    def asks_google(self) -> bool:
        """Whether a look at Google is offered: somebody waits for it, and the user may."""
        return self.allowed.sync and any(self.census.count({"state": state}) for state in UNKNOWN_WITHOUT)

    def live(self) -> Live:
        """The page as it is now: what is said and marked is how many jobs have a problem."""
        counts = {state: self.census.count({"state": state}) for state in TROUBLES}
        wrong = sum(counts.values())
        texts = [f"{n} {str(HEALTH_BADGES[state].word).lower()}" for state, n in counts.items() if n]
        say = ", ".join(texts) or _("No job has a problem.")
        return Live.of(
            self.now,
            self.zone,
            every=0 if self.is_empty else EVERY,
            status=say,
            say=say,
            mark=f"({wrong})" if wrong else "",
            is_wrong=bool(wrong),
        )


# --- The page -------------------------------------------------------------------------------------


def job_list_view(model_admin: JobAdmin, request: HttpRequest) -> HttpResponse:
    """The list of all jobs."""
    response = admin.ModelAdmin.changelist_view(model_admin, request)
    found = getattr(response, "context_data", None)
    if found is not None and (cl := found.get("cl")) is not None:
        count = None if cl.query else cl.census.scheduled
        found |= {
            "title": _("Jobs"),
            "allowed": cl.allowed,
            "env": environment_banner(cl.now, last_look()),
            "live": cl.live(),
            "zone": cl.zone if cl.result_list else "",
            "whys": attempts_banners(unserved_attempts(cl.now), cl.census.total, cl.now),
            "ask_url": address_if_any(model_admin, "scheduledjob_ask_all") if cl.asks_google else "",
            "where_tasks_are": where_tasks_are() if cl.is_empty else None,
            **section_tabs(model_admin, request, "jobs", jobs=count),
        }
    return response
