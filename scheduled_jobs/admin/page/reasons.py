"""Why, as a person has written it where a page has a plain field for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scheduled_jobs.domain.payloads import clean_text

if TYPE_CHECKING:
    from django.http import HttpRequest

LONGEST = 2000
"""Characters; the forms with a reason of their own refuse more."""


def reason_of(request: HttpRequest) -> str:
    """The reason in a POST, without what PostgreSQL cannot store."""
    return clean_text(request.POST.get("reason", "")).strip()[:LONGEST]
