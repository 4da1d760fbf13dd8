"""What every page of the admin needs."""

from scheduled_jobs.admin.page.filters import FilterLink, FilterMenu
from scheduled_jobs.admin.page.live import Live
from scheduled_jobs.admin.page.no_jobs import where_tasks_are
from scheduled_jobs.admin.page.permissions import (
    SAFE_METHODS,
    Allowed,
    JobAdmin,
    RunAdmin,
    allowed,
    may,
    permitted,
    require,
    require_post,
    require_safe_method,
)
from scheduled_jobs.admin.page.render import (
    ROW,
    TEMPLATES,
    address,
    address_if_any,
    backfill_url,
    environment_banner,
    find_job,
    find_run,
    job_crumbs,
    posted_reason,
    render_for_job,
    render_page,
    row_address,
    run_list_url,
    section_tabs,
    why_nothing_is_sent,
    with_extra,
)
from scheduled_jobs.admin.page.same_as_shown import token_of
from scheduled_jobs.admin.page.urls import urls_of

__all__ = [
    "ROW", "SAFE_METHODS", "TEMPLATES", "Allowed", "FilterLink", "FilterMenu", "JobAdmin", "Live",
    "RunAdmin", "address", "address_if_any", "allowed", "backfill_url", "environment_banner", "find_job",
    "find_run", "job_crumbs", "may", "permitted", "posted_reason", "render_for_job",
    "render_page", "require", "require_post", "require_safe_method", "row_address", "run_list_url",
    "section_tabs", "token_of", "urls_of", "where_tasks_are", "why_nothing_is_sent", "with_extra",
]  # fmt: skip
