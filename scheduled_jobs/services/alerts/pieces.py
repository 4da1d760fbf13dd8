"""What the words of alerts are made of: names, times, errors, addresses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from urllib.parse import urlencode, urlsplit

from django.utils.translation import gettext as _

from scheduled_jobs import times
from scheduled_jobs.conf import settings
from scheduled_jobs.domain import traces
from scheduled_jobs.domain.attempts import code_meaning, time_of
from scheduled_jobs.domain.run_log import LogLine, log_lines
from scheduled_jobs.logs import failures
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.models.origin import name_in_parts
from scheduled_jobs.services.alerts import links
from scheduled_jobs.services.alerts.paragraphs import facts, numbered, prose

MAX_ERROR = 300
LOG_LINES = 5
NAMED = 5
"""Jobs, or runs, that a message names; of more it tells the number."""


def where_it_runs() -> str:
    """Which app it is about, and where that runs."""
    names = " ".join(filter(None, [settings.APP_NAME, settings.ENVIRONMENT]))
    return names or urlsplit(settings.ENDPOINT).hostname or "scheduled jobs"


def short_name(job: ScheduledJob) -> str:
    return name_in_parts(job.origin, job.task, job.name)[1]


def some_of(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    text = ", ".join(names[:NAMED])
    return _("%(names)s and %(n)d more") % {"names": text, "n": more} if more > 0 else text


def first_line_of(run: JobRun) -> str:
    line = run.redactor.text(run.error).strip().partition("\n")[0][:MAX_ERROR]
    return line or str(run.get_status_display())


def error_and_place(run: JobRun) -> str:
    where = traces.read(run.traceback).where if run.traceback else None
    if where is None:
        return first_line_of(run)
    place = f"{where.path}:{where.line}" + (f", in {where.name}" if where.name else "")
    return f"{first_line_of(run)}   ({place})"


def last_log_lines(run: JobRun) -> list[str]:
    """By the clock of the job, as all times of a message; without what tells the error a second time."""
    lines = log_lines(run.redactor.text(run.log))
    said = [line for line in lines if line.text.strip() and line.logger != failures.name][-LOG_LINES:]
    zone = times.zone_of(run.job.time_zone)
    return [_("Last log lines"), *(f"  {_log_line(line, zone)[:MAX_ERROR]}" for line in said)] if said else []


def _log_line(line: LogLine, zone: tzinfo) -> str:
    time = line.time if line.at is None else f"{line.at.astimezone(zone):%H:%M:%S.%f}"[:-3]
    return f"{time} {line.level:<6} {line.text}" if line.level else line.text


def new_release(run: JobRun, success: JobRun | None) -> str:
    if success is None or not run.code_version or success.code_version in ("", run.code_version):
        return ""
    return _("%(new)s; the last success was with %(old)s") % {
        "new": run.code_version,
        "old": success.code_version,
    }


def slot_or_start(run: JobRun) -> datetime:
    return run.scheduled_for or run.at


def count_of(run: JobRun) -> int:
    """Scheduled times that a row tells of: more than one where so many were missed that they share it."""
    missed = run.context.get("missed")
    return int(missed.get("slots") or 1) if isinstance(missed, dict) else 1


def first_slot_of(run: JobRun) -> datetime:
    """The first of them."""
    missed = run.context.get("missed")
    since = time_of(missed.get("since")) if isinstance(missed, dict) else None
    return since or slot_or_start(run)


def clock_of(job: ScheduledJob, at: datetime, now: datetime) -> str:
    return times.clock(at, job.time_zone, now)


def slot_and_zone(run: JobRun, now: datetime, at: datetime | None = None) -> str:
    return f"{clock_of(run.job, at or slot_or_start(run), now)} ({times.zone_label(run.job.time_zone)})"


def day_and_clock(job: ScheduledJob, at: datetime, now: datetime) -> str:
    zone = times.zone_of(job.time_zone)
    text = clock_of(job, at, now)
    is_today = at.astimezone(zone).date() == now.astimezone(zone).date()
    return _("today %(time)s") % {"time": text} if is_today else text


def since_when(job: ScheduledJob, at: datetime) -> str:
    """A time that stands alone, to the minute, with what it is in UTC where that differs."""
    at = at.replace(second=0, microsecond=0)
    local = times.dated(at, job.time_zone)
    is_utc = at.astimezone(times.zone_of(job.time_zone)).utcoffset() == timedelta()
    return local if is_utc else f"{local} ({in_utc(at)})"


def in_utc(at: datetime) -> str:
    return f"{at.astimezone(times.zone_of('UTC')):%H:%M} UTC"


def next_by_schedule(job: ScheduledJob, now: datetime) -> str:
    at = job.ahead(now).next_at
    return _("%(time)s by schedule") % {"time": clock_of(job, at, now)} if at is not None else ""


def address_at_google(job: ScheduledJob) -> str:
    live = (job.live or {}).get("uri")
    return live if isinstance(live, str) else ""


def page_of(run: JobRun) -> str:
    return links.page("jobrun_change", run.pk).removesuffix("change/")


def see_it(url: str, words: str) -> list[str]:
    return [f"{words}: {url}"] if url else []


def to_do(steps: Iterable[tuple[str, str]]) -> list[str]:
    return [_("What to do"), *numbered(steps)]


def with_query(url: str, **query: str) -> str:
    return f"{url}?{urlencode(query)}" if url else ""


def googles_attempt(run: JobRun, now: datetime) -> list[str]:
    """What Google's last attempt at it met, where that was seen."""
    missed = run.context.get("missed")
    if not isinstance(missed, dict) or missed.get("reason") != "unreachable":
        return []
    at, code = time_of(missed.get("attempt_at")), missed.get("code")
    if at is None or not isinstance(code, int):
        return []
    when = times.to_seconds(at, run.job.time_zone, now)
    return prose(
        _("Google's last attempt, %(time)s, %(told)s.") % {"time": when, "told": code_meaning(code).told}
    )


def job_table(run: JobRun, now: datetime, *, is_over: bool = False) -> list[str]:
    following = next_by_schedule(run.job, now)
    if following and is_over:
        following = f"{following}. {_('This run is NOT caught up by itself.')}"
    return facts([(_("What it does"), run.job.description), (_("Next"), following)])


def zone_note(run: JobRun) -> list[str]:
    zone, at = run.job.time_zone, slot_or_start(run)
    local = f"{at.astimezone(times.zone_of(zone)):%H:%M}"
    there = in_utc(at)
    if there == f"{local} UTC":
        return []
    return [_("Times: %(zone)s. %(local)s there is %(utc)s.") % {"zone": zone, "local": local, "utc": there}]
