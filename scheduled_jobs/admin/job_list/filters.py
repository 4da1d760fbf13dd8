"""The filters of the job list: chips by state and menus, each choice with how many jobs it would show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs.admin.page import FilterLink, FilterMenu
from scheduled_jobs.admin.words import HEALTH_BADGES, RUN_BADGES
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.census import (
    ATTEMPT_FAILED,
    CODE_CHANGED,
    FOLLOWS,
    GONE,
    NO_RUN,
    OVERRIDDEN,
    Census,
)
from scheduled_jobs.services.history.health import ORDER, Health

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

Status, Sync = JobRun.Status, ScheduledJob.SyncState
ENDED = (
    Status.SUCCEEDED, Status.FAILED, Status.TIMED_OUT, Status.LOST, Status.MISSED, Status.SKIPPED,
    Status.DISCARDED,
)  # fmt: skip
"""How a last run may have ended."""
TROUBLES = ORDER[: ORDER.index(Health.RUNNING)]
"""The states that ask for somebody."""

MENUS: dict[str, tuple[_StrPromise, dict[str, _StrPromise | str]]] = {
    "outcome": (
        gettext_lazy("Last outcome"),
        {**{status: RUN_BADGES[status].word for status in ENDED}, NO_RUN: gettext_lazy("No run yet")},
    ),
    "overridden": (
        gettext_lazy("Settings"),
        {
            OVERRIDDEN: gettext_lazy("Overridden"),
            CODE_CHANGED: gettext_lazy("Overridden, code changed since"),
            FOLLOWS: gettext_lazy("Follow the code"),
        },
    ),
    "google": (
        gettext_lazy("Google"),
        {
            Sync.SYNCED: gettext_lazy("Same as here"),
            Sync.DRIFTED: gettext_lazy("Differs"),
            Sync.PENDING: gettext_lazy("Waiting to be sent"),
            Sync.FAILED: gettext_lazy("Not sent"),
            ATTEMPT_FAILED: gettext_lazy("Last attempt failed"),
        },
    ),
    "origin": (
        gettext_lazy("Origin"),
        {
            ScheduledJob.Origin.CODE: gettext_lazy("From the code"),
            ScheduledJob.Origin.OPERATOR: gettext_lazy("Made here"),
        },
    ),
}
"""Facet of the census, which is its name in the address -> its title and its choices."""


def chosen_in(params: Mapping[str, Any]) -> dict[str, str]:
    """Facet -> the value in the address, of those that there are."""
    known: dict[str, Mapping[str, object]] = {facet: choices for facet, (_title, choices) in MENUS.items()}
    known["state"] = HEALTH_BADGES
    return {facet: params[facet] for facet, values in known.items() if params.get(facet) in values}


@dataclass(frozen=True)
class JobFilters:
    """What stands above the list. ``link`` gives the address of the list with other parameters."""

    census: Census
    chosen: Mapping[str, str]
    query: str
    link: Callable[[dict[str, str | None]], str]

    @property
    def chips(self) -> list[FilterLink]:
        """One for each state that somebody is in, the worst first."""
        found = [self._choice("state", state, badge.word, badge.icon, badge.tone)
                 for state, badge in HEALTH_BADGES.items()]  # fmt: skip
        return [self._all("state"), *(chip for chip in found if chip.count or chip.is_chosen)]

    @property
    def menus(self) -> list[FilterMenu]:
        """The menus, each with what is chosen in it."""
        return [
            FilterMenu(
                title,
                [self._all(facet), *(self._choice(facet, value, word) for value, word in choices.items())],
                choices.get(self.chosen.get(facet, ""), ""),
            )
            for facet, (title, choices) in MENUS.items()
        ]

    @property
    def sum(self) -> str:
        """How many jobs are shown, of how many."""
        if not (self.chosen and self.census.total):
            n = self.census.scheduled
            gone = [(self.census.count({"state": state}), HEALTH_BADGES[state].word) for state in GONE]
            text = ngettext("%(n)d job", "%(n)d jobs", n) % {"n": n}
            return ", ".join([text, *(f"{number} {str(word).lower()}" for number, word in gone if number)])
        shown = self.census.count(self.chosen)
        return _("%(n)d of %(all)d jobs") % {"n": shown, "all": self.census.total}

    @property
    def clear(self) -> str:
        """The address of the list without any of them; empty where none is on."""
        is_on = self.chosen or self.query
        return self.link(dict.fromkeys(("state", *MENUS, "q"))) if is_on else ""

    def _all(self, facet: str) -> FilterLink:
        others = {name: value for name, value in self.chosen.items() if name != facet}
        return FilterLink(
            _("All"), self.link({facet: None}), self.census.count(others), facet not in self.chosen
        )

    def _choice(
        self, facet: str, value: str, title: _StrPromise | str, icon: str = "", tone: str = ""
    ) -> FilterLink:
        count = self.census.count({**self.chosen, facet: value})
        is_chosen = self.chosen.get(facet) == value
        return FilterLink(title, self.link({facet: value}), count, is_chosen, icon, tone)
