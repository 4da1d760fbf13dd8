"""What is kept: jobs, their runs, the audit, and what Google was told."""

from scheduled_jobs.models.alerts import Alert, AlertRun
from scheduled_jobs.models.changes import JobChange, attribution
from scheduled_jobs.models.google_names import GoogleName
from scheduled_jobs.models.in_force import FACTS, facts_from, value_in_force
from scheduled_jobs.models.jobs import ScheduledJob
from scheduled_jobs.models.last_list import LastList, LastWatch
from scheduled_jobs.models.leases import Lease
from scheduled_jobs.models.runs import JobRun
from scheduled_jobs.models.stats import RunStats
from scheduled_jobs.models.versions import JobVersion

__all__ = [
    "FACTS", "Alert", "AlertRun", "GoogleName", "JobChange", "JobRun", "JobVersion", "LastList", "LastWatch",
    "Lease", "RunStats", "ScheduledJob", "attribution", "facts_from", "value_in_force",
]  # fmt: skip
