"""The small parts of the desk: icons, states, times. Values are escaped by the templates they render."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import django
from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe

from scheduled_jobs.admin.page.environment import Banner, environment_banner, last_look
from scheduled_jobs.admin.words import times
from scheduled_jobs.admin.words.badges import HEALTH_BADGES, RUN_BADGES, SCHEDULED, SYNC_BADGES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime, timedelta

    from django.db.models.options import Options
    from django.utils.safestring import SafeString

register = template.Library()

PIECES = re.compile(r"[^.]+?(?:\.|$|(?<=[a-z0-9])(?=[A-Z]))|\.")


@register.inclusion_tag("admin/scheduled_jobs/_icon.html")
def sj_icon(icon: str, tone: str = "", *, large: bool = False) -> dict[str, Any]:
    """An icon of ``_icons.html``, which the page must include once; a word stands beside it."""
    return {"icon": icon, "tone": tone, "large": large}


@register.inclusion_tag("admin/scheduled_jobs/_state.html")
def sj_health(health: str, note: str = "") -> dict[str, Any]:
    """The state chip of a job: icon, word, and a quiet second line."""
    return {"badge": HEALTH_BADGES[health], "note": note}


@register.inclusion_tag("admin/scheduled_jobs/_state.html")
def sj_run_status(status: str, note: str = "") -> dict[str, Any]:
    """The state chip of a run; ``scheduled`` for a slot that lies ahead."""
    return {"badge": SCHEDULED if status == "scheduled" else RUN_BADGES[status], "note": note}


@register.inclusion_tag("admin/scheduled_jobs/_state.html")
def sj_sync(sync_state: str, note: str = "") -> dict[str, Any]:
    """The sync badge of a job."""
    return {"badge": SYNC_BADGES[sync_state], "note": note}


@register.inclusion_tag("admin/scheduled_jobs/_env.html")
def sj_env(env: Banner | None = None) -> dict[str, Any]:
    """Environment, project, region and freshness; makes one query unless it is given what to show."""
    return {"env": env or environment_banner(timezone.now(), last_look())}


@register.inclusion_tag("admin/scheduled_jobs/_crumbs.html")
def sj_crumbs(opts: Options[Any], here: str, crumbs: Iterable[tuple[str, str]] = ()) -> dict[str, Any]:
    """Home, the app, what ``crumbs`` names (name, address), and ``here``; as this Django writes them."""
    app = (opts.app_config.verbose_name, reverse("admin:app_list", args=[opts.app_label]))
    return {"crumbs": [app, *crumbs], "here": here, "as_list": django.VERSION >= (6, 1)}


@register.filter
def sj_breakable(path: object) -> SafeString:
    """A dotted path or a long name with ``<wbr>`` where a narrow column may break it."""
    return format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in PIECES.findall(str(path))))


@register.filter
def sj_parts(path: object) -> list[str]:
    """The pieces of a dotted path or a long name, between which a narrow column may break it."""
    return PIECES.findall(str(path))


@register.filter
def sj_ago(at: datetime | None) -> str:
    """ "7 min ago", "in 3 min"; empty for None."""
    return times.relative(at, timezone.now()) if at else ""


@register.filter
def sj_clock(at: datetime | None, zone: str = "UTC") -> str:
    """The time in a zone, as short as it stays clear; name the zone beside it."""
    return times.clock(at, zone, timezone.now()) if at else ""


@register.filter
def sj_exact(at: datetime | None, zone: str = "UTC") -> str:
    """The time to the second and its zone, for a ``title``."""
    return times.exact(at, zone) if at else ""


@register.filter
def sj_machine(at: datetime | None) -> str:
    """The value of a ``datetime`` attribute."""
    return times.machine(at) if at else ""


@register.filter
def sj_duration(value: timedelta | None) -> str:
    """ "4.2 s", "1 min 48 s"; empty for None."""
    return times.duration(value)
