"""The audit: every change of a job, by whomever and through whatever path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils.translation import gettext_lazy as _

from scheduled_jobs import deployment
from scheduled_jobs.models.fields import KeyField, LineField, ProseField, one_of
from scheduled_jobs.models.writer import ReadFromWriter

if TYPE_CHECKING:
    from scheduled_jobs.models.jobs import ScheduledJob


@dataclass(frozen=True)
class Attribution:
    """Who makes the changes that follow, through what, and why."""

    actor_id: str = ""
    label: str = ""
    via: str = "code"
    reason: str = ""

    @property
    def release(self) -> str:
        """The release whose code makes the changes, where nobody else is named."""
        return deployment.code_version() if self.via == "code" and not self.label else ""


MOST = 254
"""Characters of a label that its columns hold; a project's user names may be longer."""

_current: ContextVar[Attribution | None] = ContextVar("scheduled_jobs_attribution", default=None)


def key_of(by: Any) -> str:
    """The key of a user, as text: our tables may lie in another database than the users'."""
    is_stored = hasattr(by, "get_username") and getattr(by, "pk", None) is not None
    return str(by.pk)[:MOST] if is_stored else ""


def label_of(by: Any) -> str:
    """The words by which a person is remembered: a user's name, or the text itself."""
    if by is None:
        return ""
    return str(by.get_username() if hasattr(by, "get_username") else by)[:MOST]


@contextmanager
def attribution(by: Any = None, *, via: str, reason: str = "") -> Iterator[None]:
    """Changes made inside the block are recorded as made by ``by`` (a user, a name or None)."""
    token = _current.set(Attribution(key_of(by), label_of(by), via, reason))
    try:
        yield
    finally:
        _current.reset(token)


def current_attribution(by: Any = None, *, reason: str = "") -> Attribution:
    """Who acts now; ``by`` and ``reason`` win over what the surrounding block says."""
    around = _current.get() or Attribution()
    if by is not None:
        around = replace(around, actor_id=key_of(by), label=label_of(by))
    return replace(around, reason=reason) if reason else around


class Via(models.TextChoices):
    """Through what a change was made."""

    FORM = "form", _("form")
    BULK = "bulk", _("bulk action")
    CLI = "cli", _("command line")
    SYNC = "sync", _("comparing with Google")
    ADOPT = "adopt", _("kept from Google")
    AUTO = "auto", _("automatic")
    CODE = "code", _("code")


class JobChange(ReadFromWriter):
    """One field of one job, changed once. Never edited, never deleted with its job."""

    Via = Via

    job = models.ForeignKey(
        "scheduled_jobs.ScheduledJob",
        verbose_name=_("job"),
        related_name="changes",
        null=True,
        on_delete=models.SET_NULL,
    )
    job_name = KeyField(_("job id"), max_length=500)
    task = KeyField(_("task"), max_length=500)
    at = models.DateTimeField(_("at"), auto_now_add=True)
    actor_id = KeyField(_("user"), max_length=255, blank=True, default="")
    actor_label = LineField(_("by"), max_length=254, blank=True, default="")
    via = models.CharField(_("via"), max_length=8, choices=Via.choices, default=Via.CODE)
    release = models.CharField(_("release"), max_length=deployment.MAX_TEXT, blank=True, default="")
    """Of a change that the code made: which code."""
    field = models.CharField(_("field"), max_length=64)
    old = models.JSONField(_("old value"), null=True, encoder=DjangoJSONEncoder)
    new = models.JSONField(_("new value"), null=True, encoder=DjangoJSONEncoder)
    reason = ProseField(_("reason"), blank=True, default="")

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["-pk"]
        indexes = [models.Index(fields=["job", "-id"], name="sj_change_job")]
        constraints = [one_of("sj_change_via", "via", Via)]

    def __str__(self) -> str:
        return f"{self.job_name}: {self.field}"

    @classmethod
    def record(
        cls,
        job: ScheduledJob,
        changes: Mapping[str, tuple[Any, Any]],
        *,
        by: Any = None,
        reason: str = "",
        using: str | None = None,
    ) -> None:
        """Write one row for each field of ``changes`` (field -> old, new), attributed to who acts now."""
        JobChange.objects.using(using).bulk_create(cls.build(job, changes, by=by, reason=reason))

    @classmethod
    def build(
        cls,
        job: ScheduledJob,
        changes: Mapping[str, tuple[Any, Any]],
        *,
        by: Any = None,
        reason: str = "",
    ) -> list[JobChange]:
        """The rows that ``record`` writes, unsaved."""
        who = current_attribution(by, reason=reason)
        return [
            cls(
                job_id=job.pk,
                job_name=job.name,
                task=job.task,
                actor_id=who.actor_id,
                actor_label=who.label,
                via=who.via,
                release=who.release,
                field=field,
                old=old,
                new=new,
                reason=who.reason,
            )
            for field, (old, new) in changes.items()
        ]
