"""Looking at the whole from outside: what answers Google, and what keeps jobs from running."""

from scheduled_jobs.services.monitoring.clock import hourly
from scheduled_jobs.services.monitoring.doctor import examine
from scheduled_jobs.services.monitoring.findings import Finding
from scheduled_jobs.services.monitoring.metrics import health_report, metrics
from scheduled_jobs.services.monitoring.process import examine_database, not_applied
from scheduled_jobs.services.monitoring.reach import Answerer, Target, ask_address
from scheduled_jobs.services.monitoring.watch import watch_after_delivery

__all__ = [
    "Answerer", "Finding", "Target", "ask_address", "examine", "examine_database", "health_report", "hourly",
    "metrics", "not_applied", "watch_after_delivery",
]  # fmt: skip
