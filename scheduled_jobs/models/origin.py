"""Where a job comes from, and what an operator's own has that the code has nothing for."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import parse_job_id
from scheduled_jobs.domain.payloads import Signature
from scheduled_jobs.exceptions import InvalidPayload


class Origin(models.TextChoices):
    """Where a job comes from: a class of the code, or an operator who added it to one."""

    CODE = "code", _("code")
    OPERATOR = "operator", _("operator")


def name_in_parts(origin: str, task: str, name: str) -> tuple[str, str]:
    """The module and the class of a job of the code; of an operator's own, nothing and what it was called."""
    if origin != Origin.OPERATOR:
        module, dot, short = task.rpartition(".")
        return module + dot, short
    # The id in Google has the app before it, as all of them have: here it says nothing.
    return "", parse_job_id(name, app_name=settings.APP_NAME, delimiter=settings.DELIMITER) or name


def fields_of_its_own(origin: str, task: str) -> tuple[str, ...]:
    """The fields of an operator's own job for which the code has nothing: none of a job of the code.

    Its payload is one of them where ``run()`` needs parameters.
    """
    if origin != Origin.OPERATOR:
        return ()
    declared = registry.get(task)
    try:
        needs = declared is None or any(field.required for field in Signature.of(declared.run).fields)
    except InvalidPayload:  # no payload fits: what there is stays
        needs = True
    return ("schedule", "payload") if needs else ("schedule",)
