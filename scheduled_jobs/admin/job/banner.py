"""The line on a job's pages that says that Google has something else, or could not be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.utils.translation import gettext as _

from scheduled_jobs.admin.words import field_name, times, value_text
from scheduled_jobs.models import ScheduledJob

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SyncState = ScheduledJob.SyncState


class GoogleBanner(NamedTuple):
    """One sentence, with its icon and tone."""

    icon: str
    tone: str
    text: str


def google_banner(
    job: ScheduledJob, differing: Mapping[str, tuple[Any, Any]], now: datetime
) -> GoogleBanner | None:
    """What is to be said, or None where all is well. ``differing`` is field -> (in Google, wanted)."""
    if job.sync_state == SyncState.FAILED:
        return GoogleBanner("syncbad", "err", _("Not in Google: %(why)s") % {"why": job.sync_error})
    if job.sync_state == SyncState.PENDING:
        text = _("What is saved here is not in Google yet.")
        return GoogleBanner("pending", "info", f"{text} {job.sync_error}".strip())
    if job.sync_state == SyncState.SYNCED:
        return None
    ago = times.relative(job.live_seen_at, now) if job.live_seen_at else ""
    if job.live is None:
        return GoogleBanner("drift", "", _("Google has no such job, as seen %(ago)s.") % {"ago": ago})
    parts = "; ".join(_parts(differing)) or _("the address, the headers or the account")
    text = _("Google differs, as seen %(ago)s: %(parts)s.")
    return GoogleBanner("drift", "", text % {"ago": ago, "parts": parts})


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
