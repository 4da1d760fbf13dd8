"""The app to install where sentry-sdk is."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

MISSING = (
    "scheduled_jobs.contrib.sentry is in INSTALLED_APPS, and sentry-sdk is not installed: "
    "run pip install 'django-scheduled-jobs[sentry]', or take the app out"
)


class SentryConfig(AppConfig):
    name = "scheduled_jobs.contrib.sentry"
    label = "scheduled_jobs_sentry"
    verbose_name = _("Scheduled jobs in Sentry")

    def ready(self) -> None:
        try:
            import sentry_sdk  # noqa: F401 – whether it is there
        except ImportError as error:
            raise ImproperlyConfigured(MISSING) from error
        from scheduled_jobs.contrib.sentry import receivers

        receivers.connect_sentry()
