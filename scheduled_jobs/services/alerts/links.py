"""The addresses of pages, as they are told outside of any request."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import urlsplit

from django.urls import NoReverseMatch, get_resolver, reverse

from scheduled_jobs.conf import settings


def page(name: str, *args: object) -> str:
    """The address of a page of the admin, such as ``jobrun_change``; empty where no site has one."""
    sites = get_resolver().app_dict.get("admin", [])
    for site in sorted(sites, key=lambda site: site != "admin"):
        with suppress(NoReverseMatch):
            path = reverse(f"{site}:scheduled_jobs_{name}", args=args)
            index = reverse(f"{site}:index")
            return f"{admin_url(index).rstrip('/')}/{path.removeprefix(index)}"
    return ""


def admin_url(index: str) -> str:
    """Where the admin is: ADMIN_URL, else on the host of ENDPOINT."""
    if settings.ADMIN_URL:
        return settings.ADMIN_URL
    parts = urlsplit(settings.ENDPOINT)
    return f"{parts.scheme}://{parts.netloc}{index}"
