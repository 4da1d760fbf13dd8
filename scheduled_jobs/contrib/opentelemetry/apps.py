"""The app to install where OpenTelemetry is."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

MISSING = (
    "scheduled_jobs.contrib.opentelemetry is in INSTALLED_APPS, and opentelemetry-api is not installed: "
    "run pip install 'django-scheduled-jobs[opentelemetry]', or take the app out"
)


class OpenTelemetryConfig(AppConfig):
    name = "scheduled_jobs.contrib.opentelemetry"
    label = "scheduled_jobs_opentelemetry"
    verbose_name = _("Scheduled jobs in OpenTelemetry")

    def ready(self) -> None:
        try:
            import opentelemetry.trace  # noqa: F401 – whether it is there
        except ImportError as error:
            raise ImproperlyConfigured(MISSING) from error
        from scheduled_jobs.contrib.opentelemetry import receivers

        receivers.connect_spans()
