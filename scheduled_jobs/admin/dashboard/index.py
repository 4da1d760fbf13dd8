"""The index of the app, which every admin site has: it shows the landing page."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString, mark_safe

from scheduled_jobs.admin.dashboard.view import dashboard_view
from scheduled_jobs.admin.page import TEMPLATES
from scheduled_jobs.admin.page.permissions import JobAdmin, admin_of
from scheduled_jobs.models import JobRun, ScheduledJob


def index_of(request: HttpRequest) -> SafeString:
    """What the site shows at the address of the app: the landing page, or where it leads to.

    A template cannot answer with a redirect: it gives a page that goes on by itself.
    """
    model_admin = cast("JobAdmin | None", admin_of(request, ScheduledJob) or admin_of(request, JobRun))
    if model_admin is None:
        return mark_safe("")
    response = dashboard_view(model_admin, request)
    if isinstance(response, TemplateResponse):
        return mark_safe(response.render().text)  # noqa: S308 – it is a page
    context = {**model_admin.admin_site.each_context(request), "url": response["Location"]}
    return render_to_string(f"{TEMPLATES}/led_on.html", context, request)
