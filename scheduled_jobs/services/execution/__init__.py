"""In: what may run when Cloud Scheduler calls, running it, and recording how it ended."""

from scheduled_jobs.services.execution.backfilling import (
    backfill,
    cancel_backfill,
    plan_backfill,
    waiting_with,
)
from scheduled_jobs.services.execution.delivery import Answer, Delivery
from scheduled_jobs.services.execution.ending import expire
from scheduled_jobs.services.execution.facts import note_delivery
from scheduled_jobs.services.execution.keeping import kept_ends
from scheduled_jobs.services.execution.refusals import note_refusal
from scheduled_jobs.services.execution.requests import cancel, rerun
from scheduled_jobs.services.execution.serving import (
    deliver,
    job_of_task,
    lacks_tables,
    run_eagerly,
    write_nothing,
)

__all__ = [
    "Answer",
    "Delivery",
    "backfill",
    "cancel",
    "cancel_backfill",
    "deliver",
    "expire",
    "job_of_task",
    "kept_ends",
    "lacks_tables",
    "note_delivery",
    "note_refusal",
    "plan_backfill",
    "rerun",
    "run_eagerly",
    "waiting_with",
    "write_nothing",
]
