"""Where the parts of the landing page lead to; empty where there is no such page, or not for this reader."""

from __future__ import annotations

from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from scheduled_jobs.admin.page import ROW, Allowed, JobAdmin, address_if_any, row_address, run_list_url


class Addresses:
    """The addresses of an admin, for one reader; each is looked up once, however many jobs there are."""

    def __init__(self, model_admin: JobAdmin, allowed: Allowed) -> None:
        self.model_admin, self.allowed = model_admin, allowed
        self._found: dict[str, str] = {}

    def _of(self, name: str, pk: int) -> str:
        if name not in self._found:
            self._found[name] = address_if_any(self.model_admin, name, ROW)
        return row_address(self._found[name], pk)

    def job(self, pk: int) -> str:
        """The page of a job."""
        return self._of("scheduledjob_change", pk)

    def jobs(self, **filters: Any) -> str:
        """The list of jobs, filtered."""
        return f"{self._jobs}?{urlencode(filters)}" if filters else self._jobs

    @cached_property
    def _jobs(self) -> str:
        return address_if_any(self.model_admin, "scheduledjob_changelist")

    def run_now(self, pk: int) -> str:
        """The question before a job is run."""
        return self._of("scheduledjob_run_now", pk) if self.allowed.run else ""

    def run(self, pk: int) -> str:
        """The page of a run."""
        return self._of("jobrun_change", pk) if self.allowed.runs else ""

    def rerun(self, pk: int) -> str:
        """The question before a run is made again."""
        return self._of("jobrun_rerun", pk) if self.allowed.runs and self.allowed.run else ""

    def runs(self, **filters: Any) -> str:
        """The list of runs, filtered as ``run_list_url`` has it."""
        return run_list_url(self.model_admin, **filters) if self.allowed.runs else ""

    def compare(self, pks: list[int]) -> str:
        """The page that compares with Google: one job, or all."""
        if not self.allowed.sync:
            return ""
        if len(pks) == 1:
            return self._of("scheduledjob_drift", pks[0])
        return address_if_any(self.model_admin, "scheduledjob_plan")

    @cached_property
    def dealt_with(self) -> str:
        """Where a matter is marked as dealt with."""
        may = self.allowed.runs and self.allowed.run
        return address_if_any(self.model_admin, "scheduledjob_dealt_with") if may else ""
