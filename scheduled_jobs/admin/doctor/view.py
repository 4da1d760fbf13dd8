"""``manage.py scheduled_jobs doctor`` as a page: where there is no shell, such as on Cloud Run."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from scheduled_jobs.admin.page import JobAdmin, address, render_page, require_post
from scheduled_jobs.services import monitoring


@require_post("sync")
def doctor_view(model_admin: JobAdmin, request: HttpRequest) -> HttpResponse:
    """Ask all that can be asked, and show it. By POST alone: it makes this server call others."""
    findings = monitoring.examine()
    context = {
        "stopping": [finding for finding in findings if finding.stops],
        "noted": [finding for finding in findings if not (finding.stops or finding.is_ok)],
        "right": [finding for finding in findings if finding.is_ok],
    }
    crumbs = [(_("Jobs"), address(model_admin, "scheduledjob_changelist"))]
    title = _("Why nothing runs")
    return render_page(model_admin, request, "doctor.html", title=title, context=context, crumbs=crumbs)
