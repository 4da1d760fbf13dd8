"""What the settings lead to, as they are saved or as they are typed: beside each group, and in the bar."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.http import QueryDict
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from scheduled_jobs.admin.job.fields import payload_changes
from scheduled_jobs.admin.job.form import Editing
from scheduled_jobs.admin.words import (
    Preview,
    field_name,
    masked_parts,
    preview,
    times,
    value_text,
    write_duration,
)
from scheduled_jobs.domain.retries import pause_before
from scheduled_jobs.domain.schedules import describe_schedule
from scheduled_jobs.models import ScheduledJob

MINUTE = timedelta(minutes=1)


def preview_of(job: ScheduledJob, data: QueryDict | None, now: datetime) -> Preview:
    """What the schedule in force does, or a form's (``data``), in which an empty field follows the code."""
    schedule, zone = saved = job.schedule, job.time_zone
    if data is not None:
        schedule = _typed(data, "schedule") or job.declared_schedule
        zone = _typed(data, "time_zone") or job.declared_time_zone
    return preview(schedule, zone, now=now, saved=saved, notes=[*filter(None, [_paused(job, now)])])


def _typed(data: QueryDict, name: str) -> str:
    return (data.get(f"{name}_override") or "").strip()


def _paused(job: ScheduledJob, now: datetime) -> str:
    if not job.is_paused(now):
        return ""
    if job.paused_until is None:
        return _("The job is paused: none of these runs before somebody resumes it.")
    return _("The job is paused until %(time)s; what is due before is skipped.") % {
        "time": times.day_and_time(job.paused_until, job.time_zone, now)
    }


def received(editing: Editing) -> list[tuple[bool, str]]:
    """What ``run()`` is given, its own defaults included, as the masked parts of its JSON."""
    sent, signature = editing.job.payload, editing.payload.signature
    if signature is None or not isinstance(sent, dict):
        return masked_parts(sent)
    given = signature.defaults()
    order = {field.name: None for field in signature.fields if field.name in given or field.name in sent}
    return masked_parts({**order, **given, **sent})


def after_a_failure(job: ScheduledJob) -> str:
    """When Google tries again, and for how long, in a sentence or two."""
    policy, window = job.retry_policy, job.max_retry_duration
    n = policy.retry_count
    waits = [pause_before(policy, retry + 1) for retry in range(n)]
    longest = sum(waits, timedelta()) + (n + 1) * job.attempt_deadline
    values = {
        "waits": get_text_list([write_duration(wait) for wait in waits], _("and")),
        "first": write_duration(job.min_backoff),
        "n": n + 1,
        "time": write_duration(-(-longest // MINUTE) * MINUTE if longest > MINUTE else longest),
        "window": write_duration(window),
    }
    if not n and not window:
        return _("Google does not try again before the next run is due.")
    if not n:
        text = _("Google tries again after %(first)s and goes on for %(window)s.")
    elif window:
        text = _("Google tries again after %(waits)s, and goes on until %(window)s have passed.")
    else:
        text = ngettext(
            "Google tries again after %(waits)s, then gives up: %(n)d attempt in all, "
            "within %(time)s of the scheduled time.",
            "Google tries again after %(waits)s, then gives up: %(n)d attempts in all, "
            "within %(time)s of the scheduled time.",
            n + 1,
        )
    return f"{text % values} {_('It gives up sooner where the next run is due.')}"


def will_change(saved: ScheduledJob, editing: Editing) -> list[tuple[str, str, str]]:
    """Name, old and new value of what a save would change, in words; masked."""
    found: list[tuple[str, str, str]] = []
    for name in editing.changed:
        old, new = getattr(saved, name), getattr(editing.job, name)
        if name == "payload" and isinstance(old, dict) and isinstance(new, dict) and old != new:
            found += payload_changes(old, new)
        elif name == "schedule":
            told = (describe_schedule(text, editing.job.time_zone).words for text in (old, new))
            found.append((field_name(name).lower(), *told))  # type: ignore[arg-type]
        else:
            found.append((field_name(name).lower(), value_text(name, old), value_text(name, new)))
    return found


def words_of_the_bar(saved: ScheduledJob, editing: Editing, now: datetime) -> dict[str, Any]:
    """What the bar below the form says; ``changes`` is empty where a save would change nothing."""
    if editing.data is None:
        return {"say": _("Press Update preview to see what will change.")}
    if editing.has_errors:
        return {"say": _("Nothing can be saved yet: what is typed has errors."), "is_edit": True}
    changes = will_change(saved, editing)
    if not changes:
        return {"say": _("Nothing is changed yet.")}
    becomes = preview_of(saved, editing.data, now).becomes if "schedule" in editing.changed else ""
    return {"changes": changes, "becomes": becomes, "is_edit": True}
