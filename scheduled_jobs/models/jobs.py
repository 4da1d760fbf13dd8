"""A job: what the code declares, what an operator overrides, and what Google was last seen to have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import models, router, transaction
from django.db.models.base import ModelBase
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from scheduled_jobs import registry, signals
from scheduled_jobs.conf import settings
from scheduled_jobs.domain import jobs as domain
from scheduled_jobs.domain.ahead import Ahead, Facts, ahead
from scheduled_jobs.domain.errors import MAX_KEY
from scheduled_jobs.domain.limits import check_pause_end
from scheduled_jobs.domain.payloads import Signature
from scheduled_jobs.exceptions import BeingDeleted, InvalidPayload
from scheduled_jobs.models.changes import JobChange, current_attribution, label_of
from scheduled_jobs.models.fields import ChangeTracker, KeyField, LineField, ObjectField, ProseField, one_of
from scheduled_jobs.models.in_force import FACTS, OVERRIDES, WithOverrides, facts_from
from scheduled_jobs.models.job_queryset import ScheduledJobManager, ScheduledJobQuerySet, added
from scheduled_jobs.models.origin import Origin, fields_of_its_own
from scheduled_jobs.models.runs import JobRun
from scheduled_jobs.models.stats import RunStats
from scheduled_jobs.models.sync_state import SyncState, pending
from scheduled_jobs.models.validation import errors_of, override_as_stored, payload_as_stored

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager
    from django.utils.functional import _StrPromise


MAX_LINE = 254
DAY = timedelta(days=1)
"""How long a call that was refused stands beside a job."""


def _run(name: _StrPromise) -> models.ForeignKey[JobRun | None, JobRun | None]:
    """A run that is kept in mind; without an index, which every run would have to write."""
    return models.ForeignKey(
        JobRun,
        verbose_name=name,
        related_name="+",
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
        db_constraint=False,
        db_index=False,
    )


class ScheduledJob(WithOverrides):
    """One recurring job: whether it is to run, how it stands with Google, and how it went last."""

    Origin = Origin
    SyncState = SyncState

    name = KeyField(_("job id"), max_length=500, unique=True)
    task = KeyField(_("task"), max_length=500, db_index=True)
    origin = models.CharField(_("origin"), max_length=8, choices=Origin.choices, default=Origin.CODE)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)

    paused = models.BooleanField(_("paused"), default=False)
    pause_reason = ProseField(_("reason"), blank=True, default="")
    paused_until = models.DateTimeField(_("until"), null=True, blank=True)
    paused_by = LineField(_("paused by"), max_length=254, blank=True, default="")
    paused_at = models.DateTimeField(_("paused at"), null=True, blank=True, editable=False)
    retired_at = models.DateTimeField(_("retired at"), null=True, blank=True, editable=False)
    deleting_at = models.DateTimeField(_("deleting since"), null=True, blank=True, editable=False)

    sync_state = models.CharField(
        _("sync"), max_length=8, choices=SyncState.choices, default=SyncState.PENDING, editable=False
    )
    sync_error = ProseField(_("sync error"), blank=True, default="", editable=False)
    synced_at = models.DateTimeField(_("synced at"), null=True, blank=True, editable=False)
    edited_at = models.DateTimeField(_("edited at"), default=timezone.now, editable=False)
    revision = models.PositiveBigIntegerField(default=1, editable=False)
    pushed_revision = models.PositiveBigIntegerField(default=0, editable=False)
    push_token = models.CharField(max_length=32, null=True, editable=False)
    push_until = models.DateTimeField(null=True, editable=False)
    push_revision = models.PositiveBigIntegerField(null=True, editable=False)
    pushed = ObjectField(null=True, editable=False)
    """What was last pushed: ``sent`` and the service's ``answer``, field -> value; headers as digests."""
    live = ObjectField(null=True, editable=False)
    """What Google was last seen to have, field -> value, with its ``state`` and, of its last attempt,
    ``last_attempt_time`` and ``status``; null if it had no such job. By ``services.scheduling.seen``."""
    live_seen_at = models.DateTimeField(_("seen in Google at"), null=True, editable=False)
    differs_since = models.DateTimeField(null=True, editable=False)
    """Where Google differs, the look that was the first to show it."""
    next_run_at = models.DateTimeField(_("next run"), null=True, blank=True, editable=False)
    late_since = models.DateTimeField(_("late since"), null=True, editable=False)
    """The next run as Google had told it, where its time had passed at the last look and nothing arrived."""
    unreachable_since = models.DateTimeField(null=True, editable=False)
    """When Google's last attempt, which failed, began at the earliest; ``domain.attempts.earliest``."""
    no_run_since = models.DateTimeField(null=True, editable=False)
    """The same of one that succeeded: it must be found among the deliveries."""

    last_run = _run(_("last run"))
    last_run_at = models.DateTimeField(_("last run at"), null=True, editable=False)
    last_status = models.CharField(_("last outcome"), max_length=10, blank=True, default="", editable=False)
    last_duration = models.DurationField(_("last duration"), null=True, editable=False)
    last_error = LineField(_("last error"), max_length=MAX_LINE, blank=True, default="", editable=False)
    """The first line of what was wrong with the last run."""
    last_error_key = KeyField(max_length=MAX_KEY, blank=True, default="", editable=False)
    last_success = _run(_("last success"))
    last_success_at = models.DateTimeField(_("last success at"), null=True, editable=False)
    last_failure = _run(_("last failure"))
    last_failure_at = models.DateTimeField(_("last failure at"), null=True, editable=False)
    last_delivery_at = models.DateTimeField(_("last delivery at"), null=True, editable=False)
    refused_at = models.DateTimeField(_("refused at"), null=True, editable=False)
    """When a caller with a genuine token was last refused, as its account may not run tasks here."""
    refusals = models.PositiveIntegerField(_("refusals"), default=0, editable=False)
    """Minutes in which that was so."""
    refused_caller = LineField(_("refused caller"), max_length=254, blank=True, default="", editable=False)
    failures_in_a_row = models.PositiveIntegerField(_("failures in a row"), default=0, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, editable=False)
    """When the first of the failures in a row began."""
    pruned_until = models.DateTimeField(null=True, editable=False)
    """Runs before this may be gone: what the figures have of that time is not made anew."""
    watched_until = models.DateTimeField(null=True, editable=False)
    """Before this, every time at which Google was to fire has its run, or is told as missed."""

    objects: ClassVar[ScheduledJobManager] = ScheduledJobManager()
    runs: RelatedManager[JobRun]
    tracker = ChangeTracker(fields=[*OVERRIDES, "paused", "paused_until", "pause_reason", "paused_by"])

    class Meta:
        verbose_name = _("scheduled job")
        verbose_name_plural = _("jobs")  # as the admin lists it, below the name of the app
        ordering = ["name"]
        permissions = [
            ("run_scheduledjob", "Can run scheduled job"),
            ("pause_scheduledjob", "Can pause and resume scheduled job"),
            ("sync_scheduledjob", "Can sync scheduled job with Google"),
        ]
        constraints = [
            one_of("sj_job_origin", "origin", Origin),
            one_of("sj_job_sync_state_known", "sync_state", SyncState),
            one_of("sj_job_last_status", "last_status", JobRun.Status, blank=True),
        ]
        indexes = [
            models.Index(fields=["sync_state"], name="sj_job_sync_state"),
            models.Index(fields=["next_run_at"], name="sj_job_next_run"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_deferred_fields(self) -> set[str]:
        """As Django's, by one operation on sets: the tracker asks thirty times for each row that is made.

        Five thousand rows load in 1.1 seconds; with Django's own it takes them 2.6.
        """
        return set(_column_names().difference(self.__dict__))

    def refresh_from_db(
        self, using: str | None = None, fields: Iterable[str] | None = None, from_queryset: Any = None
    ) -> None:
        """As Django's; where one column is asked for that was not read, all such are read at once.

        A delivery reads few of them, and whoever is told of its run may ask for any.
        """
        left = self.get_deferred_fields()
        if fields is None or not left or not left.issuperset(fields):
            super().refresh_from_db(using=using, fields=fields, from_queryset=from_queryset)
            return
        rows = type(self).objects.using(using or self._state.db).filter(pk=self.pk)
        read = rows.values(*left).get()
        vars(self).update(read)
        # Else the tracker would ask for each, and take for changed what it did not see being read.
        tracked = left.intersection(self.tracker.fields)
        self.tracker.saved_data.update({name: deepcopy(read[name]) for name in tracked})

    # --- What is in force ---------------------------------------------------------------------

    @property
    def facts(self) -> Facts:
        """What decides what runs next."""
        live = self.live or {}
        return facts_from(
            {name: getattr(self, name) for name in FACTS},
            google_state=live.get("state", ""),
            google_schedule=live.get("schedule", ""),
        )

    def ahead(self, now: datetime, n: int = 1) -> Ahead:
        """The next ``n`` runs after ``now`` (aware), and if nothing runs, why."""
        return ahead(self.facts, now, n)

    def upcoming(self, n: int) -> list[datetime]:
        """The next ``n`` runs, in UTC; ``ahead`` says why there are none."""
        return [run.at for run in self.ahead(timezone.now(), max(n, 0)).runs]

    def is_paused(self, now: datetime) -> bool:
        """Whether runs are skipped at ``now``: a pause with an end is over when its time has come."""
        return self.paused and (self.paused_until is None or now < self.paused_until)

    # --- Validation ---------------------------------------------------------------------------

    def is_refused(self, now: datetime) -> bool:
        """Whether the last call of the last day was refused, as its account may not run tasks here."""
        at, delivered_at = self.refused_at, self.last_delivery_at
        return at is not None and at > now - DAY and (delivered_at is None or delivered_at < at)

    def clean_fields(self, exclude: Iterable[str] | None = None) -> None:
        """Django's own look at each column, after the payload was written as JSON has it."""
        excluded = set(exclude or ())
        if self.payload_override is not None:
            try:
                self.payload_override = payload_as_stored(self.task, self.payload_override)
            except InvalidPayload:  # clean() says so, in better words
                excluded.add("payload_override")
        super().clean_fields(exclude=excluded)

    def clean(self) -> None:
        """Validate the overrides; errors are keyed by the ``…_override`` field."""
        if errors := errors_of(self, is_new=self._state.adding):
            raise ValidationError({name: [text] for name, text in errors.items()})

    # --- Writing ------------------------------------------------------------------------------

    def save(
        self,
        force_insert: bool | tuple[ModelBase, ...] = False,  # noqa: FBT001, FBT002 – Django's signature
        force_update: bool = False,  # noqa: ARG002, FBT001, FBT002
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Insert the row, or write the overrides that were changed since it was loaded.

        The same statement marks the row as pending; the push is made on commit. Columns that others
        write (pause, sync, facts of the last run) are never written from here, so that a row loaded
        long ago cannot take them back. Raises InvalidDefinition for a value that has no form to store.
        """
        for name, column in zip(domain.OVERRIDABLE, OVERRIDES, strict=True):
            value = vars(self).get(column)
            if value is not None and (self._state.adding or value != self.tracker.previous(column)):
                setattr(self, column, override_as_stored(self, name, value))
        using = using or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using):
            if self._state.adding or force_insert:
                self._insert(using)
            else:
                self._update(using, update_fields)

    def _insert(self, using: str) -> None:
        if self.paused_until is not None:
            check_pause_end(self.paused_until)
        if self.paused and self.paused_at is None:
            self.paused_at = timezone.now()
        super().save(force_insert=True, using=using)
        changes = {
            name: (None, getattr(self, f"{name}_override"))
            for name in domain.OVERRIDABLE
            if getattr(self, f"{name}_override") is not None
        }
        JobChange.record(self, {"job": (None, self.name), **changes}, using=using)
        self._tell(using)

    def _update(self, using: str, update_fields: Iterable[str] | None) -> None:
        changed = set(self.tracker.changed())
        if update_fields is not None:
            changed &= set(update_fields)
        if not_ours := changed - set(OVERRIDES):
            raise ValueError(
                f"{', '.join(sorted(not_ours))}: a pause is changed with pause(reason=…) and resume()"
            )
        if not changed:
            return
        stored = type(self).objects.using(using).select_for_update().filter(pk=self.pk).first()
        if stored is None:
            raise type(self).DoesNotExist(f"the job {self.name} was deleted meanwhile")
        columns = sorted(changed)
        before = {name: getattr(stored, name) for name in columns}
        bookkeeping = pending()
        for column, value in bookkeeping.items():
            setattr(self, column, value)
        super().save(force_update=True, using=using, update_fields=[*columns, *bookkeeping])
        self.revision = type(self).objects.using(using).values_list("revision").get(pk=self.pk)[0]
        JobChange.record(
            self,
            {
                name.removesuffix("_override"): (before[name], getattr(self, name))
                for name in columns
                if not domain.same_json(before[name], getattr(self, name))
            },
            using=using,
        )
        self._tell(using)

    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:  # noqa: FBT001, FBT002
        """Delete the row, and on commit its job in Google; its runs before, in chunks."""
        using = using or router.db_for_write(type(self), instance=self)
        runs = list(JobRun.objects.using(using).delete_of_job(self.pk))
        with transaction.atomic(using=using):
            # The row before what refers to it: so does whoever pushes it.
            type(self).objects.using(using).filter(pk=self.pk).lock()
            pk = self.pk
            deleted, counts = super().delete(using=using, keep_parents=keep_parents)
            RunStats.objects.using(using).of_job_gone([pk])
        return added(*runs, (deleted, counts))

    @contextmanager
    def locked(self) -> Iterator[ScheduledJobQuerySet]:
        """A set of this job only, in a transaction in which its row is locked.

        Raises DoesNotExist if it was deleted meanwhile, and BeingDeleted.
        """
        using = router.db_for_write(type(self), instance=self)
        rows = type(self).objects.using(using).filter(pk=self.pk)
        with transaction.atomic(using=using):
            stored = rows.select_for_update().values("deleting_at").first()
            if stored is None:
                raise type(self).DoesNotExist(f"the job {self.name} was deleted meanwhile")
            if stored["deleting_at"] is not None:
                raise BeingDeleted(
                    f"{self.name} is being deleted: it can no longer be paused, resumed, reset or run"
                )
            yield rows

    def _tell(self, using: str) -> None:
        signals.job_edited.send(sender=ScheduledJob, pks=[self.pk], using=using)

    # --- What an operator does ----------------------------------------------------------------

    def pause(self, *, reason: str, until: datetime | None = None, by: Any = None) -> None:
        """Skip all runs from now on, until ``until`` (aware) if it is given.

        With an end Google goes on calling and the database answers ``skipped``, so that the pause ends
        to the second. Raises ValueError without a reason, or if the end is past or beyond ``LATEST_PAUSE``
        (``domain.limits``), and BeingDeleted. ``by`` is a user or a name.
        """
        with self.locked() as rows:
            rows.pause(reason=reason, until=until, by=by)
        self.refresh_from_db()

    def resume(self, by: Any = None, reason: str = "") -> None:
        """End the pause. Fires nothing: the next run is the schedule's next. Raises BeingDeleted.

        A pause whose end has passed has ended by itself, and is recorded so: nobody has resumed the job.
        """
        with self.locked() as rows:
            rows.resume(by=by, reason=reason)
        self.refresh_from_db()

    def end_pause(self, now: datetime) -> bool:
        """Clear the stored pause if its end has passed at ``now``; returns whether it has.

        Google was never told of that pause: nothing is pushed. The instance stays as it was loaded.
        """
        using = router.db_for_write(type(self), instance=self)
        return bool(type(self).objects.using(using).filter(pk=self.pk).end_pauses(now))

    def reset(self, *fields: str, by: Any = None, reason: str = "") -> None:
        """Remove the overrides of these fields (names without ``_override``; none: of all).

        Raises ValueError for a name that is no field, and for one of ``fields_of_its_own``, which stay where
        all are reset; and BeingDeleted.
        """
        with self.locked() as rows:
            rows.reset(*fields, by=by, reason=reason)
        self.refresh_from_db()

    @property
    def fields_of_its_own(self) -> tuple[str, ...]:
        """The fields of an operator's own job for which the code has nothing: none of a job of the code."""
        return fields_of_its_own(self.origin, self.task)

    def run_now(self, payload: dict[str, Any] | None = None, by: Any = None, reason: str = "") -> JobRun:
        """Ask for a run of its own, now; returns the queued run, which a delivery will claim.

        It is executed at most once and settled within minutes, also while the job is paused. Raises
        InvalidPayload if ``payload`` does not fit the task's ``run()``, and BeingDeleted.
        """
        chosen = self.payload if payload is None else payload_as_stored(self.task, payload)
        task = registry.find_or_none(self.task)
        if task is not None:
            Signature.of(task.run).validate(chosen, secret_keys=settings.REDACTED_KEYS)
        with self.locked() as rows:
            run = JobRun(
                job=self,
                status=JobRun.Status.QUEUED,
                trigger=JobRun.Trigger.MANUAL,
                created_at=timezone.now(),
                payload=chosen,
                requested_by=label_of(by) or current_attribution().label,
                reason=reason,
            )
            run.save(using=rows.db, force_insert=True)
            JobChange.record(self, {"run": (None, run.pk)}, by=by, reason=reason, using=rows.db)
            signals.run_requested.send(sender=JobRun, pks=[run.pk], using=rows.db)
        run.refresh_from_db()
        return run


@cache
def _column_names() -> frozenset[str]:
    return frozenset(field.attname for field in ScheduledJob._meta.concrete_fields)
