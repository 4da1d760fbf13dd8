"""Values in words: no query, no request."""

from scheduled_jobs import times
from scheduled_jobs.admin.words.attempts import (
    Banner,
    attempt_banner,
    attempt_briefly,
    attempt_in_short,
    attempts_banners,
    late_sentence,
    refusal_banner,
    state_banner,
)
from scheduled_jobs.admin.words.badges import HEALTH_BADGES, RUN_BADGES, SYNC_BADGES, Badge
from scheduled_jobs.admin.words.durations import parse_duration, write_duration
from scheduled_jobs.admin.words.names import JobName, job_label, who_made
from scheduled_jobs.admin.words.runs import (
    Share,
    asked_by,
    attempt_of,
    first_line,
    is_given_up,
    is_gone,
    is_overdue,
    is_raised,
    progress_of,
    runs_told,
    seen_alive,
    share_of,
    trigger_words,
    why_no_run,
)
from scheduled_jobs.admin.words.schedules import (
    RUNS_AHEAD,
    Coming,
    Preview,
    next_run,
    pause_in_words,
    preview,
    runs_ahead,
    why_no_time,
)
from scheduled_jobs.admin.words.values import (
    FIELD_WORDS,
    as_python,
    field_name,
    field_names,
    masked_entry,
    masked_json,
    masked_line,
    masked_parts,
    value_text,
)

__all__ = [
    "FIELD_WORDS", "HEALTH_BADGES", "RUNS_AHEAD", "RUN_BADGES", "SYNC_BADGES", "Badge", "Banner", "Coming",
    "JobName", "Preview", "Share", "as_python", "asked_by", "attempt_banner", "attempt_briefly",
    "attempt_in_short", "attempt_of", "attempts_banners", "field_name", "field_names", "first_line",
    "is_given_up", "is_gone", "is_overdue", "is_raised", "job_label", "late_sentence", "masked_entry",
    "masked_json", "masked_line", "masked_parts", "next_run", "parse_duration",
    "pause_in_words", "preview", "progress_of", "refusal_banner", "runs_ahead", "runs_told", "seen_alive",
    "share_of", "state_banner", "times", "trigger_words", "value_text", "who_made", "why_no_run",
    "why_no_time", "write_duration",
]  # fmt: skip
