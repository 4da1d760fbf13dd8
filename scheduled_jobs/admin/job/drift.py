"""The line on a job's page that says that Google is otherwise, or could not be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from scheduled_jobs.admin.words import times
from scheduled_jobs.admin.words.values import field_name, value_text
from scheduled_jobs.models import ScheduledJob

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SyncState = ScheduledJob.SyncState


def drift_line(
    job: ScheduledJob, differing: Mapping[str, tuple[Any, Any]], now: datetime
) -> dict[str, str] | None:
    """Icon, tone and text, or None where all is well. ``differing`` is field -> (live, wanted)."""
    state = job.sync_state
    if state == SyncState.FAILED:
        text = _("Not in Google: %(why)s") % {"why": job.sync_error}
        return {"icon": "syncbad", "tone": "err", "text": text}
    if state == SyncState.PENDING:
        text = _("What is saved here is not in Google yet.")
        return {"icon": "pending", "tone": "info", "text": f"{text} {job.sync_error}".strip()}
    if state == SyncState.SYNCED:
        return None
    ago = times.relative(job.live_seen_at, now) if job.live_seen_at else ""
    if job.live is None:
        text = _("Google has no such job, as seen %(ago)s.") % {"ago": ago}
    else:
        text = _("Google differs, as seen %(ago)s: %(parts)s.") % {
            "ago": ago,
            "parts": "; ".join(_parts(differing)) or _("the address, the headers or the account"),
        }
    return {"icon": "drift", "tone": "", "text": text}


def _parts(differing: Mapping[str, tuple[Any, Any]]) -> list[str]:
    parts = [_part(name, *pair) for name, pair in differing.items() if name not in ("payload", "state")]
    if "payload" in differing:
        parts.append(_("the payload is another one there"))
    if "state" in differing:
        live, wanted = differing["state"]
        parts.append(
            _("it is %(live)s there and %(wanted)s here")
            % {"live": str(live).lower(), "wanted": wanted.lower()}
        )
    return parts


def _part(name: str, live: Any, wanted: Any) -> str:
    return _("%(field)s is %(live)s there and %(wanted)s here") % {
        "field": field_name(name).lower(),
        "live": value_text(name, live),
        "wanted": value_text(name, wanted),
    }
