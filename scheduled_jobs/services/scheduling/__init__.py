"""Outward: from task classes to rows, and from rows to Cloud Scheduler."""

from scheduled_jobs.services.scheduling.advice import next_step, reason_of
from scheduled_jobs.services.scheduling.deleting import (
    ask_to_delete,
    delete_on_commit,
    delete_orphan,
    finish_deletion,
    finish_deletions,
)
from scheduled_jobs.services.scheduling.masked import masked_fields
from scheduled_jobs.services.scheduling.names import job_id, task_url
from scheduled_jobs.services.scheduling.push.on_commit import push_jobs, push_on_commit
from scheduled_jobs.services.scheduling.run_now import (
    MOST_SENT,
    fire,
    fire_on_commit,
)
from scheduled_jobs.services.scheduling.schedule import schedule_task
from scheduled_jobs.services.scheduling.seed.declare import Declaration, declare
from scheduled_jobs.services.scheduling.seed.rows import Seeded, seed_tasks
from scheduled_jobs.services.scheduling.settling import after_delivery, is_left_behind, settle
from scheduled_jobs.services.scheduling.sync.report import Options, Report
from scheduled_jobs.services.scheduling.sync.sync import sync_jobs

__all__ = [
    "MOST_SENT", "Declaration", "Options", "Report", "Seeded", "after_delivery", "ask_to_delete", "declare",
    "delete_on_commit", "delete_orphan", "finish_deletion", "finish_deletions", "fire", "fire_on_commit",
    "is_left_behind", "job_id", "masked_fields", "next_step", "push_jobs", "push_on_commit", "reason_of",
    "schedule_task", "seed_tasks", "settle", "sync_jobs", "task_url",
]  # fmt: skip
