"""What is wrong with the columns that people write, in words that say what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.jobs import DURATIONS, parse_job_id
from scheduled_jobs.domain.limits import (
    CHECKS,
    check_backoffs,
    check_job_id,
    check_pause_end,
    check_payload_size,
)
from scheduled_jobs.domain.payloads import Signature, is_json, storable
from scheduled_jobs.domain.schedules import Schedule
from scheduled_jobs.exceptions import InvalidDefinition, InvalidPayload, InvalidSchedule

if TYPE_CHECKING:
    from scheduled_jobs.models.jobs import ScheduledJob

NO_PAYLOAD = 'the payload is a JSON object, such as {"region": "emea"}'


def errors_of(job: ScheduledJob, *, is_new: bool) -> dict[str, str]:
    """Column -> what is wrong with it. A schedule that is right is written back as it will be sent."""
    errors: dict[str, str] = {}

    def check(column: str, look: Callable[[], object]) -> None:
        try:
            look()
        except ValueError as error:
            errors[column] = str(error)

    check("name", lambda: _check_name(job.name))
    errors.update(_errors_of_schedule(job))
    for name, limit in CHECKS.items():
        value = getattr(job, f"{name}_override")
        if value is not None:
            check(f"{name}_override", lambda limit=limit, value=value: limit(value))  # type: ignore[misc]
    if not {"min_backoff_override", "max_backoff_override"} & errors.keys():
        at_fault = "max_backoff_override" if job.min_backoff_override is None else "min_backoff_override"
        check(at_fault, lambda: check_backoffs(job.min_backoff, job.max_backoff))
    if job.payload_override is not None:
        check("payload_override", lambda: _check_payload(job))
    if is_new and (until := job.paused_until) is not None:
        # Of a row that was stored, the pause is no longer anything that is set here.
        check("paused_until", lambda: check_pause_end(until))
    return errors


def _errors_of_schedule(job: ScheduledJob) -> dict[str, str]:
    if job.origin == job.Origin.OPERATOR and not job.schedule_override:
        return {"schedule_override": _("A job of your own needs a schedule.")}
    if job.schedule_override is None and job.time_zone_override is None:
        return {}
    errors = {}
    try:
        Schedule.parse("* * * * *", job.time_zone)
    except InvalidDefinition as error:
        errors["time_zone_override"] = str(error)
        zone = "UTC"
    else:
        zone = job.time_zone
    try:
        parsed = Schedule.parse(job.schedule, zone)
    except InvalidDefinition as error:
        at_fault = "time_zone_override" if job.schedule_override is None else "schedule_override"
        errors[at_fault] = str(error)
    else:
        if job.schedule_override is not None:
            job.schedule_override = parsed.expression
    return errors


def _check_name(name: str) -> None:
    check_job_id(name)
    app_name, delimiter = settings.APP_NAME, settings.DELIMITER
    if parse_job_id(name, app_name=app_name, delimiter=delimiter) is None:
        raise InvalidDefinition(
            f"{name!r} does not begin with {app_name}{delimiter}, by which the jobs of this app are "
            f"known; write {app_name}{delimiter}{name}"
        )


def payload_as_stored(task: str, payload: dict[str, Any]) -> dict[str, Any]:
    """A payload that Python code has made, as JSON has it; raises InvalidPayload for what has none there."""
    found = registry.find_or_none(task)
    if found is None or not isinstance(payload, dict) or is_json(payload):
        return payload
    return Signature.of(found.run).stored(payload, secret_keys=settings.REDACTED_KEYS)


def override_as_stored(job: ScheduledJob, name: str, value: Any) -> Any:
    """An override that Python code has set, in the one form that is stored and sent.

    What is wrong is left to ``full_clean()`` and to Google. Raises InvalidDefinition for what has no form.
    """
    if name == "payload":
        if not isinstance(value, dict):
            raise InvalidDefinition(NO_PAYLOAD)
        return storable(payload_as_stored(job.task, value))
    if name == "time_zone":
        return str(value)
    if name == "schedule":
        try:
            return Schedule.parse(value).expression
        except InvalidSchedule:
            if isinstance(value, str):
                return value
            raise
    if name in DURATIONS and not isinstance(value, timedelta):
        CHECKS[name](value)
    return value


def _check_payload(job: ScheduledJob) -> None:
    if not isinstance(job.payload_override, dict):
        raise InvalidDefinition(NO_PAYLOAD)
    storable(payload_as_stored(job.task, job.payload_override))
    check_payload_size(job.payload_override)
    task = registry.find_or_none(job.task)
    if task is not None:
        try:
            Signature.of(task.run).validate(job.payload_override, secret_keys=settings.REDACTED_KEYS)
        except InvalidPayload as error:
            raise InvalidDefinition(str(error)) from error
