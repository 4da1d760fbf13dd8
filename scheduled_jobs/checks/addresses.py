"""The address that Google calls."""

from __future__ import annotations

from typing import Any

from django.conf import settings as django_settings
from django.core.exceptions import ImproperlyConfigured

from scheduled_jobs.checks.messages import Messages, error
from scheduled_jobs.conf import PREFIX
from scheduled_jobs.exceptions import InvalidDefinition
from scheduled_jobs.services.scheduling import task_url


def check_urls(**_: Any) -> Messages:
    """E020: Google needs an address to call."""
    if not getattr(django_settings, "ROOT_URLCONF", None):
        return []
    try:
        task_url("app.tasks.Task")
    except (InvalidDefinition, ImproperlyConfigured) as problem:
        return [error(20, str(problem), f"Or set {PREFIX}URL_NAME to the name of the pattern that you use.")]
    return []
