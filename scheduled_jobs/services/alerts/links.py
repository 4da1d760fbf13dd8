"""The addresses of pages, as they are told outside of any request."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.urls import NoReverseMatch, reverse

from scheduled_jobs.conf import settings


def page(name: str, *args: object) -> str:
    """The address of a page of the admin, such as ``jobrun_change``; empty where there is no admin."""
    try:
        index = reverse("admin:index")
        path = reverse(f"admin:scheduled_jobs_{name}", args=args)
    except NoReverseMatch:
        return ""
    return f"{admin_url(index).rstrip('/')}/{path.removeprefix(index)}"


def admin_url(index: str) -> str:
    """Where the admin is: ADMIN_URL, else on the host of ENDPOINT."""
    if settings.ADMIN_URL:
        return settings.ADMIN_URL
    parts = urlsplit(settings.ENDPOINT)
    return f"{parts.scheme}://{parts.netloc}{index}"
