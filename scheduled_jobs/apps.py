"""Where everything is connected: receivers, checks, and the discovery of tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig, apps
from django.db.models.signals import pre_delete
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from scheduled_jobs.models import ScheduledJob


class ScheduledJobsConfig(AppConfig):
    name = "scheduled_jobs"
    label = "scheduled_jobs"
    verbose_name = _("Scheduled jobs")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from scheduled_jobs import checks, deployment, registry, signals
        from scheduled_jobs.conf import in_dev
        from scheduled_jobs.management import dev_server
        from scheduled_jobs.models import ScheduledJob

        checks.register_checks()
        signals.job_edited.connect(push_edited)  # also of models that a project derives from ours
        signals.run_requested.connect(fire_requested)
        for model in apps.get_models():
            if (
                model._meta.concrete_model is ScheduledJob
            ):  # a proxy of the project's own deletes under its name
                pre_delete.connect(delete_in_google, sender=model)
        if in_dev():
            dev_server.connect()
        registry.discover()
        deployment.release_here()  # before another commit is checked out below this process


def push_edited(*, pks: list[int], using: str, **_: Any) -> None:
    from scheduled_jobs.services import scheduling

    scheduling.push_on_commit(pks, using)


def fire_requested(*, pks: list[int], using: str, **_: Any) -> None:
    from scheduled_jobs.services import scheduling

    scheduling.fire_on_commit(pks, using)


def delete_in_google(*, instance: ScheduledJob, using: str, **_: Any) -> None:
    from scheduled_jobs.services import scheduling

    scheduling.delete_on_commit(instance, using)
