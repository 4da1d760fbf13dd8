"""The outbox: what is to be told of runs, and what was told to whom."""

from __future__ import annotations

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from scheduled_jobs.domain.errors import MAX_KEY
from scheduled_jobs.models.fields import KeyField, LineField, ObjectField, ProseField, one_of
from scheduled_jobs.models.runs import JobRun
from scheduled_jobs.models.writer import ReadFromWriter

MAX_SUBJECT = 500


class AlertKind(models.TextChoices):
    """What is told, and what of a run may have to be."""

    FAILING = "failing", _("failing")
    LOST = "lost", _("lost")
    MISSED = "missed", _("missed")
    RECOVERED = "recovered", _("recovered")
    PAUSED = "paused", _("paused")
    DIGEST = "digest", _("several at once")
    TEST = "test", _("test")


class Alert(ReadFromWriter):
    """One message, of one cause or of many: worded once, and sent until each channel has it.

    ``next_try_at`` is moved on by whoever is about to send it, before it is sent: of two processes one
    sends. A process that dies in between leaves it to be sent again then, perhaps to who has it already.
    """

    Kind = AlertKind

    kind = models.CharField(_("kind"), max_length=9, choices=AlertKind.choices)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, db_index=True)
    subject = LineField(_("subject"), max_length=MAX_SUBJECT)
    text = ProseField(_("text"))
    fields = ObjectField(default=dict)
    """What the webhooks are sent beside the text."""
    channels = models.JSONField(_("told to"), default=list, encoder=DjangoJSONEncoder)
    """An object for each: ``channel``, ``to`` (of a webhook the host alone), ``key``, ``tries``, ``at``,
    ``sent_at`` (or null) and ``error``."""
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    next_try_at = models.DateTimeField(null=True, db_index=True)
    """When to send it, or to try again; null where that is over."""

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-pk"]
        constraints = [one_of("sj_alert_kind", "kind", AlertKind)]

    def __str__(self) -> str:
        return self.subject


class AlertRun(ReadFromWriter):
    """A run of which something may have to be told: written with its end, and judged when it is due.

    ``due_at`` is null once it was judged; ``alert`` is then the message that told of it, if one did.
    """

    Kind = AlertKind

    job = models.ForeignKey(
        "scheduled_jobs.ScheduledJob", related_name="+", on_delete=models.CASCADE, db_constraint=False
    )
    run = models.ForeignKey(JobRun, related_name="told", on_delete=models.DO_NOTHING, db_constraint=False)
    """May be gone: it is not looked for when runs are deleted."""
    kind = models.CharField(_("kind"), max_length=9, choices=AlertKind.choices)
    error_key = KeyField(max_length=MAX_KEY, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)
    due_at = models.DateTimeField(null=True, db_index=True)
    alert = models.ForeignKey(
        Alert, related_name="runs", null=True, on_delete=models.CASCADE, db_constraint=False
    )

    class Meta:
        verbose_name = _("run to tell of")
        verbose_name_plural = _("runs to tell of")
        ordering = ["pk"]
        constraints = [one_of("sj_alert_run_kind", "kind", AlertKind)]

    def __str__(self) -> str:
        return f"#{self.run_id} {self.get_kind_display()}"
