"""Pages that only show: what they answer to a POST."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponseNotAllowed

from scheduled_jobs.admin.page.permissions import require

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

READING = ("GET", "HEAD")


def only_read(request: HttpRequest) -> HttpResponse | None:
    """None for a GET. Anything else is answered 405, and 403 (PermissionDenied) to those who only look."""
    if request.method in READING:
        return None
    require(request, "change")
    return HttpResponseNotAllowed(READING)
