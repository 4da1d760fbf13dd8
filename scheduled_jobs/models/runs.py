"""The history that Google does not keep: one row per attempt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Count, Exists, F, Min, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.errors import MAX_KEY
from scheduled_jobs.domain.payloads import Redactor, Signature, secrets_in
from scheduled_jobs.exceptions import InvalidPayload
from scheduled_jobs.models.fields import KeyField, LineField, ObjectField, ProseField, one_of
from scheduled_jobs.models.stats import RunStats, cell_of, is_frozen
from scheduled_jobs.models.writer import ReadFromWriter, WriterManager, WriterQuerySet
from scheduled_jobs.models.writing import Pace

ALREADY_DONE = "already done"
"""``error`` of a run that was asked for of a slot which another attempt has settled meanwhile."""
AT_ONCE = 200
COUNTED = frozenset({"status", "deliveries", "started_at", "duration"})
"""Columns that the figures are made of: whatever writes one of them says that its cell is out of date."""
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
"""The first time that there is, and the last."""
SKEW = timedelta(minutes=1)
"""More than the clocks of two processes differ by."""
SOON = timedelta(days=3)
"""Within this time of a run, or of now, its reruns are found."""


def kept_waiting(now: datetime) -> Q:
    """Runs of a range of times that a pause of their job keeps waiting: it is how they are stopped."""
    is_paused = Q(job__paused_until=None) | Q(job__paused_until__gt=now)
    return Q(is_paused, trigger=Trigger.BACKFILL, job__paused=True)


class JobRunQuerySet(WriterQuerySet["JobRun"]):
    def update(self, **values: Any) -> int:
        """As Django's; the run is folded into its figures anew where it changes what they are made of."""
        if not COUNTED.isdisjoint(values):
            values.setdefault("unfolded", 1)
        return super().update(**values)

    update.alters_data = True  # type: ignore[attr-defined]

    def queued(self) -> JobRunQuerySet:
        """Runs that were asked for and not yet claimed, the oldest first."""
        return self.filter(status=JobRun.Status.QUEUED).oldest_first()

    def next_in_turn(self, now: datetime) -> list[int]:
        """Of each job the oldest rerun or backfill that waits, if nothing stands before it.

        Before it stand a run that it would overlap, and one in turn that was sent or goes on; not what
        waits for the end of a pause at ``now``, or for a slot that another run has settled or is running.
        """
        waits = Q(status=Status.QUEUED, sent=0, trigger__in=JobRun.IN_TURN)
        before = Q(status=Status.RUNNING, overlap_lock=1) | Q(
            status__in=JobRun.OPEN, trigger__in=JobRun.IN_TURN
        )
        opened = self.filter(status__in=JobRun.OPEN).filter(before).exclude(waits & kept_waiting(now))
        opened = opened.exclude(Exists(self._of_same_slot("settled_slot")), waits)
        opened = opened.exclude(Exists(self._of_same_slot("active_slot")), waits)
        turns = (
            opened.order_by()
            .values_list("job_id")
            .annotate(first=Min("pk"), ahead=Count("pk", filter=~waits))
        )
        return [first for _job, first, ahead in turns if not ahead]

    def already_done(self) -> JobRunQuerySet:
        """Runs that were asked for and not sent, of slots that another run has settled meanwhile."""
        return self.filter(Exists(self._of_same_slot("settled_slot")), status=Status.QUEUED, sent=0)

    def _of_same_slot(self, column: str) -> JobRunQuerySet:
        rows = self.model.objects.using(self.db)
        return rows.filter(job=OuterRef("job_id"), **{column: OuterRef("scheduled_for")})

    def oldest_first(self) -> JobRunQuerySet:
        """In the order in which they were written, for runs that are few.

        Not by the key as it stands: SQLite, once it has statistics, would rather read the whole table in
        this order than look the few up and sort them.
        """
        return self.order_by(F("pk") + 0)

    def of_slot(self, job_id: int, slot: datetime) -> JobRunQuerySet:
        """All attempts at one slot of a job."""
        return self.filter(job_id=job_id, scheduled_for=slot)

    def of_jobs(self, job_ids: Collection[int]) -> JobRunQuerySet:
        """Runs of these jobs, for a set that is short without it, such as those that are queued or running.

        Not by the key of the job as it stands, which a planner without statistics takes for the better
        index: it leads to the whole history of the job.
        """
        return self.alias(_job=F("job_id") + 0).filter(_job__in=job_ids)

    def holding(self, job_id: int) -> JobRunQuerySet:
        """The run, if any, that other runs of the job must not overlap."""
        return self.filter(job_id=job_id, overlap_lock=1)

    def asked_for_lately(self, job_pks: Sequence[int], now: datetime) -> JobRunQuerySet:
        """Runs of these jobs that a person asked for in the last day."""
        return self.filter(job__in=job_pks, trigger=Trigger.MANUAL, at__gt=now - timedelta(days=1))

    def reruns_of(self, run: JobRun, now: datetime) -> JobRunQuerySet:
        """Runs that a person asked for after this one, to do the same again, the newest first.

        They come after it among the runs of its job, or beside it at its slot. They are looked for among
        the runs of some days: of those after it, and of those before ``now``.
        """
        since = min(run.scheduled_for or run.at, run.at) - SKEW
        soon = Q(at__lt=since + min(SOON, LATEST - since)) | Q(at__gte=now - SOON)
        return self.filter(soon, job_id=run.job_id, retry_of=run.pk, at__gte=since)

    def in_chunks(self, *columns: str) -> Iterator[list[tuple[Any, ...]]]:
        """Key, ``at`` and these columns of runs of one job, the oldest first, so many at a time, by an index.

        Where each chunk is deleted, none has to pass by what was deleted before.
        """
        rows = later = self.order_by("at", "pk")
        while chunk := list(later.values_list("pk", "at", *columns)[:AT_ONCE]):
            yield chunk
            if len(chunk) < AT_ONCE:
                return
            pk, at = chunk[-1][:2]
            # The last condition is the one for the index.
            later = rows.filter(models.Q(at__gt=at) | models.Q(pk__gt=pk), at__gte=at)

    def delete_of_job(self, job_id: int) -> Iterator[tuple[int, dict[str, int]]]:
        """Delete the runs of a job, so many at a time; yields what was deleted after each of them."""
        pace = Pace()
        for chunk in self.filter(job=job_id).in_chunks():
            with pace.writing():
                deleted = self.filter(pk__in=[run[0] for run in chunk]).delete_at_once()
            yield deleted

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the runs, so many at a time: a history of years is no transaction, and no one statement."""
        if self.query.is_sliced:
            return super().delete()  # Django says why not
        rows, counts, pace = self.model.objects.using(self.db), Counter[str](), Pace()
        columns = ("pk", "job_id", "scheduled_for", "created_at", "job__pruned_until")
        while chunk := list(self.using(self.db).order_by().values_list(*columns)[:AT_ONCE]):
            now = timezone.now()
            cells = {(cell_of(job, slot, asked, now), pruned) for _pk, job, slot, asked, pruned in chunk}
            with pace.writing():
                # What was pruned stays in the figures; what was deleted goes from them.
                stats = RunStats.objects.using(self.db)
                stats.mark_stale(key for key, pruned_until in cells if not is_frozen(key, pruned_until))
                counts.update(rows.filter(pk__in=[run[0] for run in chunk]).delete_at_once()[1])
        return counts.total(), dict(counts)

    delete.queryset_only = True  # type: ignore[attr-defined]
    delete.alters_data = True  # type: ignore[attr-defined]

    def delete_at_once(self) -> tuple[int, dict[str, int]]:
        """Delete runs, few of them, as Django does, without reading their payloads and texts."""
        return models.QuerySet.delete(self.only("pk"))

    delete_at_once.queryset_only = True  # type: ignore[attr-defined]
    delete_at_once.alters_data = True  # type: ignore[attr-defined]


if TYPE_CHECKING:

    class JobRunManager(JobRunQuerySet, WriterManager["JobRun"]):  # type: ignore[misc]
        """What the class below is, in words that every type checker understands."""

else:

    class JobRunManager(WriterManager.from_queryset(JobRunQuerySet)):
        """Has the methods of the query set."""


class Status(models.TextChoices):
    """How a run is, or how it ended."""

    QUEUED = "queued", _("queued")
    RUNNING = "running", _("running")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")
    DISCARDED = "discarded", _("discarded")
    TIMED_OUT = "timed_out", _("timed out")
    LOST = "lost", _("lost")
    MISSED = "missed", _("missed")
    SKIPPED = "skipped", _("skipped")


class Trigger(models.TextChoices):
    """What asked for a run."""

    SCHEDULE = "schedule", _("schedule")
    MANUAL = "manual", _("manual")
    RETRY = "retry", _("rerun")
    BACKFILL = "backfill", _("backfill")
    EAGER = "eager", _("eager")


class JobRun(ReadFromWriter):
    """One attempt at running a task.

    The database decides what may run: ``active_slot``, ``settled_slot`` and ``overlap_lock`` are null
    unless they hold something that only one row may hold. All databases let nulls repeat in a unique
    key; MySQL has no conditional one.

    ``context`` is an object of these keys, each there only where there is something to say:
    ``late_by``, seconds between the slot and the start; ``notes``, a list of sentences for people;
    ``caller``, the email that the token named; ``schedule_time_text``, an announced time that could not
    be read; ``host``, the machine, pod or instance that ran it; ``trace`` and ``span``, those of the request,
    in hexadecimal; ``sampled``, true where that trace is recorded;
    ``was_missed``, true for a slot that was reported as missed and arrived after all.
    """

    Status = Status
    Trigger = Trigger

    SETTLING = (Status.SUCCEEDED, Status.DISCARDED, Status.SKIPPED)
    """Statuses after which a slot is never run again."""
    OPEN = (Status.QUEUED, Status.RUNNING)
    """Statuses of what has not ended, as far as anybody knows."""
    ENDABLE = (Status.RUNNING, Status.LOST, Status.TIMED_OUT)
    """Statuses that the end of the run may still replace."""
    FAILING = (Status.FAILED, Status.TIMED_OUT, Status.LOST)
    """Statuses of what began and went wrong."""
    BAD = (*FAILING, Status.MISSED)
    """Those, and of what never began: a slot that has none but these may still be run."""
    GONE = (Status.LOST, Status.MISSED)
    """Statuses of what nobody has seen end: they need attention until somebody has dealt with the run."""
    IN_TURN = (Trigger.RETRY, Trigger.BACKFILL)
    """Triggers of what goes one after the other: each is sent when the one before it has ended."""

    job = models.ForeignKey(
        "scheduled_jobs.ScheduledJob",
        verbose_name=_("job"),
        related_name="runs",
        db_index=False,
        on_delete=models.CASCADE,
    )
    status = models.CharField(_("status"), max_length=10, choices=Status.choices)
    trigger = models.CharField(_("trigger"), max_length=8, choices=Trigger.choices)
    created_at = models.DateTimeField(_("created at"), default=timezone.now)
    at = models.GeneratedField(
        verbose_name=_("at"),
        expression=Coalesce("started_at", "scheduled_for", "created_at"),
        output_field=models.DateTimeField(),
        db_persist=True,
    )
    """When it started, else its slot, else when it was asked for: by this, runs are ordered."""
    scheduled_for = models.DateTimeField(
        _("scheduled for"),
        null=True,
        blank=True,
        help_text=_("The time of the schedule that it is for, in UTC."),
    )
    attempt = models.PositiveIntegerField(_("attempt"), default=1)
    started_at = models.DateTimeField(_("started at"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    duration = models.DurationField(_("duration"), null=True, blank=True)

    payload = models.JSONField(_("payload"), null=True, blank=True, encoder=DjangoJSONEncoder)
    result = models.JSONField(_("result"), null=True, blank=True, encoder=DjangoJSONEncoder)
    error = ProseField(_("error"), blank=True, default="")
    error_key = KeyField(max_length=MAX_KEY, blank=True, default="", editable=False)
    """What errors of one kind share; of a run that was lost, timed out or missed, its status."""
    traceback = ProseField(_("traceback"), blank=True, default="")
    acknowledged_at = models.DateTimeField(_("dealt with at"), null=True, blank=True)
    acknowledged_by = LineField(_("dealt with by"), max_length=254, blank=True, default="")
    log = ProseField(_("log"), blank=True, default="")
    progress_done = models.FloatField(_("done"), null=True, blank=True)
    progress_total = models.FloatField(_("of"), null=True, blank=True)
    progress_message = LineField(_("progress"), max_length=500, blank=True, default="")

    requested_by = LineField(_("requested by"), max_length=254, blank=True, default="")
    reason = ProseField(_("reason"), blank=True, default="")
    retry_of = models.ForeignKey(
        "self",
        verbose_name=_("rerun of"),
        related_name="+",
        null=True,
        db_index=False,
        db_constraint=False,
        on_delete=models.DO_NOTHING,
    )
    """May be gone: it is not looked for when runs are deleted. Reruns are found by ``reruns_of``."""
    code_version = LineField(_("code version"), max_length=100, blank=True, default="")
    context = ObjectField(
        _("context"),
        default=dict,
        blank=True,
        help_text=_("What else is known of the delivery and of the run."),
    )
    deliveries = models.PositiveIntegerField(_("deliveries"), default=0)

    announced_for = models.DateTimeField(
        null=True, editable=False, help_text=_("X-CloudScheduler-ScheduleTime as received.")
    )
    active_slot = models.DateTimeField(null=True, editable=False)
    settled_slot = models.DateTimeField(null=True, editable=False)
    overlap_lock = models.PositiveSmallIntegerField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    deadline_at = models.DateTimeField(_("deadline"), null=True, editable=False)
    sent = models.PositiveSmallIntegerField(default=0, editable=False)
    sent_at = models.DateTimeField(null=True, editable=False)
    unfolded = models.PositiveSmallIntegerField(null=True, default=1, editable=False, db_index=True)
    """1 until the figures of its cell were made anew since it was last written, then null."""

    exception: BaseException | None = None
    """What ended it, as others may see it, in the process in which it ran; no column."""

    objects: ClassVar[JobRunManager] = JobRunManager()

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        ordering = ["-at", "-pk"]
        get_latest_by = ["at", "pk"]
        constraints = [
            one_of("sj_run_status", "status", Status),
            one_of("sj_run_trigger", "trigger", Trigger),
            models.UniqueConstraint(fields=["job", "active_slot"], name="sj_run_one_active"),
            models.UniqueConstraint(fields=["job", "settled_slot"], name="sj_run_one_settled"),
            models.UniqueConstraint(fields=["job", "overlap_lock"], name="sj_run_one_overlap"),
            models.UniqueConstraint(fields=["job", "scheduled_for", "attempt"], name="sj_run_attempt"),
        ]
        indexes = [
            models.Index(fields=["at"], name="sj_run_at"),
            models.Index(fields=["job", "at"], name="sj_run_job_at"),
            models.Index(fields=["status", "at"], name="sj_run_status_at"),
            models.Index(fields=["error_key", "at"], name="sj_run_error_at"),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.get_status_display()}"

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **options: Any) -> None:
        """As Django's; like every write it says that the figures are out of date."""
        self.unfolded = 1
        if update_fields is not None:
            update_fields = {*update_fields, "unfolded"}
        super().save(*args, update_fields=update_fields, **options)

    def delete(self, using: str | None = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:  # noqa: ARG002, FBT001, FBT002
        """As Django's; like that of a set it says that the figures are out of date."""
        deleted = type(self).objects.using(using or self._state.db).filter(pk=self.pk).delete()
        self.pk = None
        return deleted

    @cached_property
    def redactor(self) -> Redactor:
        """What takes the secrets of this run out of each text about it, before that is stored or logged."""
        return Redactor(self._secrets())

    def _secrets(self) -> Iterator[str]:
        """What stands under secret keys: in the payload, the defaults of ``run()`` and the job's headers."""
        keys = settings.REDACTED_KEYS
        yield from secrets_in(self.payload, keys)
        if (task := registry.get(self.job.task)) is not None:
            with suppress(InvalidPayload):
                yield from secrets_in(Signature.of(task.run).defaults(), keys)
            with suppress(Exception):  # the user's code; the checks tell what is wrong with it
                yield from secrets_in(dict(task.schedule_headers()), keys)

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, as far as anybody knows."""
        return self.status not in self.OPEN

    def late_by(self) -> timedelta | None:
        """How long after its slot the run started; None for a run without a slot or a start."""
        if self.scheduled_for is None or self.started_at is None:
            return None
        return max(self.started_at - self.scheduled_for, timedelta())
