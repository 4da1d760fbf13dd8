"""The small parts of the pages: icons, breadcrumbs, times, names that may be broken. All text is escaped."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import django
from django import template
from django.apps import apps
from django.contrib.humanize.templatetags.humanize import intcomma
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import mark_safe

if apps.is_installed("django.contrib.admin"):
    # Every template engine imports all libraries of tags, in a project without the admin too.
    from scheduled_jobs.admin.dashboard.index import index_of
    from scheduled_jobs.admin.words import names, times

from collections.abc import Iterable
from datetime import datetime

from django.db.models.options import Options
from django.template import Context
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=256)
def sj_icon(icon: str, tone: str = "", *, large: bool = False, spins: bool = False) -> SafeString:
    """An icon of ``_icons.html``, which the page must include once; a word stands beside it."""
    classes = {"sj-i": True, "lg": large, f"sj-{tone}": bool(tone), "sj-spin": spins}
    css = " ".join(name for name, has in classes.items() if has)
    return format_html('<svg class="{}" aria-hidden="true"><use href="#sj-{}"/></svg>', css, icon)


@register.filter
def sj_paths(paths: Iterable[tuple[str, str]]) -> SafeString:
    """The paths of an SVG from their classes and data, all of which are our own."""
    return mark_safe("".join(f'<path class="{css}" d="{data}"/>' for css, data in paths))  # noqa: S308


@register.inclusion_tag("admin/scheduled_jobs/_crumbs.html", takes_context=True)
def sj_crumbs(
    context: Context,
    opts: Options[Any],
    here: str,
    crumbs: Iterable[tuple[str, str]] = (),
    *,
    is_app: bool = False,
) -> dict[str, Any]:
    """Home, the app, what ``crumbs`` names (name, address), and ``here``; as this Django writes them.

    All of the admin site that the page is of: there may be several. ``is_app``: the page is the app's own.
    """
    if is_app:
        return {"crumbs": [], "here": here, "as_list": django.VERSION >= (6, 1)}
    request = context.get("request")
    site = request.resolver_match.namespace if request else None
    app = (opts.app_config.verbose_name, reverse("admin:app_list", args=[opts.app_label], current_app=site))
    return {"crumbs": [app, *crumbs], "here": here, "as_list": django.VERSION >= (6, 1)}


@register.simple_tag(takes_context=True)
def sj_app_index(context: Context) -> SafeString:
    """The landing page, whole, where an admin site shows the index of this app."""
    return index_of(context["request"])


@register.simple_tag
def sj_time(at: datetime, zone: str, text: str = "") -> SafeString:
    """A ``<time>`` that reads as ``text``, or as the time in the zone, as short as it stays clear."""
    return times.element(at, zone, text) if text else times.clock_element(at, zone, timezone.now())


@register.filter
def sj_ago(at: datetime | None) -> str:
    """ "7 min ago", "in 3 min"; empty for None."""
    return times.relative(at, timezone.now()) if at else ""


@register.filter
def sj_zone(zone: str) -> str:
    """ "Europe/Lisbon (UTC+01:00)": what it takes to find a time in a log."""
    offset = times.offset(zone, timezone.now())
    return f"{zone} ({offset})" if offset else zone


register.filter("sj_number", intcomma)  # Django's library of it may not be installed


@register.filter
def sj_breakable(path: object) -> SafeString:
    """A dotted path or a long name with ``<wbr>`` where a narrow column may break it."""
    return names.breakable(str(path))
