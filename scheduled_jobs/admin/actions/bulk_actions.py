"""What can be done with many jobs at once: whom it concerns, what follows, and doing it."""

# What an action does not need of what all of them are given:
# ruff: noqa: ARG002

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from scheduled_jobs import registry, signals
from scheduled_jobs.admin.actions.form import PauseForm, ReasonForm
from scheduled_jobs.admin.words import times
from scheduled_jobs.admin.words.ahead import next_run
from scheduled_jobs.admin.words.badges import SYNC_BADGES
from scheduled_jobs.admin.words.values import field_name, masked_line, value_text
from scheduled_jobs.domain.ahead import ahead
from scheduled_jobs.domain.jobs import OVERRIDABLE, same_json
from scheduled_jobs.exceptions import ScheduledJobsError
from scheduled_jobs.models import JobChange, JobRun, ScheduledJob
from scheduled_jobs.models.origin import Origin, fields_of_its_own
from scheduled_jobs.services.history.health import overridden, paused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from django.utils.functional import _StrPromise

    from scheduled_jobs.models.job_queryset import ScheduledJobQuerySet

ALIVE = Q(retired_at=None, deleting_at=None)


class BulkAction(abc.ABC):
    """One bulk action. ``verb`` is the permission that it needs."""

    name: ClassVar[str]
    verb: ClassVar[str]
    label: ClassVar[_StrPromise]
    button: ClassVar[_StrPromise]
    headings: ClassVar[tuple[_StrPromise, ...]]
    most: ClassVar[int | None] = None
    """Most jobs at once; None: as many as there are."""

    def form(self, data: Any, now: datetime) -> ReasonForm:
        """What is asked; ``data`` is what was sent, None before that."""
        return ReasonForm(data)

    @abc.abstractmethod
    def concerned(self, now: datetime) -> Q:
        """The jobs with which there is anything to do, at ``now`` (aware)."""

    @abc.abstractmethod
    def question(self, n: int) -> str:
        """What is asked, with the count."""

    @abc.abstractmethod
    def left_out(self, n: int) -> str:
        """Why the others of the selection stay as they are."""

    @abc.abstractmethod
    def follows(self) -> list[str]:
        """What will happen, and what will not."""

    @abc.abstractmethod
    def cells(self, job: ScheduledJob, now: datetime) -> Sequence[str]:
        """What the page says of one job, under ``headings``."""

    def newest(self, pks: Sequence[int]) -> int:
        """The last trace of the same done with these jobs, where that is not their revision."""
        return 0

    @abc.abstractmethod
    def do(self, jobs: ScheduledJobQuerySet, values: dict[str, Any], by: Any) -> dict[int, str]:
        """Do it with these jobs, inside the transaction of all.

        Returns those with which it was not done, by key, each with the reason.
        """

    @abc.abstractmethod
    def logged(self) -> str:
        """What Django's own log of the admin says."""

    @abc.abstractmethod
    def done(self, n: int) -> str:
        """What is said when it is done with ``n`` jobs."""


LONGEST = 200
"""Letters of a payload on a page of many jobs."""


class Pause(BulkAction):
    name, verb = "pause_jobs", "pause"
    label, button = gettext_lazy("Pause…"), gettext_lazy("Pause the jobs")
    headings = (gettext_lazy("Would run next"), gettext_lazy("Now"))

    def form(self, data: Any, now: datetime) -> ReasonForm:
        return PauseForm(data, zone=timezone.get_current_timezone_name(), now=now, many=True)

    def concerned(self, now: datetime) -> Q:
        return ALIVE

    def question(self, n: int) -> str:
        return ngettext("Pause %(n)d job?", "Pause %(n)d jobs?", n) % {"n": n}

    def left_out(self, n: int) -> str:
        return ngettext(
            "%(n)d of the selection is retired or being deleted, and stays as it is.",
            "%(n)d of the selection are retired or being deleted, and stay as they are.",
            n,
        ) % {"n": n}

    def follows(self) -> list[str]:
        return [
            _("The database holds the pause, so it counts from the moment you press the button, even while")
            + " "
            + _("Google cannot be reached. A run in progress is not stopped. Run now still works."),
            _("What falls into the pause is not caught up: resuming never fires anything."),
            _("A job that is paused already takes the new reason and the new end."),
        ]

    def cells(self, job: ScheduledJob, now: datetime) -> Sequence[str]:
        state = _("paused: %(reason)s") % {"reason": job.pause_reason} if job.is_paused(now) else ""
        return (next_run(job.ahead(now), job.time_zone, now), state)

    def do(self, jobs: ScheduledJobQuerySet, values: dict[str, Any], by: Any) -> dict[int, str]:
        jobs.pause(reason=values["reason"], until=values["until"], by=by)
        return {}

    def logged(self) -> str:
        return _("Paused.")

    def done(self, n: int) -> str:
        return ngettext("%(n)d job is paused.", "%(n)d jobs are paused.", n) % {"n": n}


class Resume(BulkAction):
    name, verb = "resume_jobs", "pause"
    label, button = gettext_lazy("Resume…"), gettext_lazy("Resume the jobs")
    headings = (gettext_lazy("Paused"), gettext_lazy("Will run next"))

    def concerned(self, now: datetime) -> Q:
        return ALIVE & paused(now)

    def question(self, n: int) -> str:
        return ngettext("Resume %(n)d job?", "Resume %(n)d jobs?", n) % {"n": n}

    def left_out(self, n: int) -> str:
        return ngettext(
            "%(n)d of the selection is not paused, and stays as it is.",
            "%(n)d of the selection are not paused, and stay as they are.",
            n,
        ) % {"n": n}

    def follows(self) -> list[str]:
        return [
            _("Nothing is fired now, and nothing that was skipped is caught up."),
            _("Each job runs next at the time that stands beside it."),
        ]

    def cells(self, job: ScheduledJob, now: datetime) -> Sequence[str]:
        who = _("by %(who)s") % {"who": job.paused_by} if job.paused_by else ""
        since = times.relative(job.paused_at, now) if job.paused_at else ""
        reason = f"“{job.pause_reason}”" if job.pause_reason else ""
        resumed = ahead(job.facts.resumed(), now, 1)
        return (", ".join(filter(None, [who, since, reason])), next_run(resumed, job.time_zone, now))

    def do(self, jobs: ScheduledJobQuerySet, values: dict[str, Any], by: Any) -> dict[int, str]:
        jobs.resume(by=by, reason=values["reason"])
        return {}

    def logged(self) -> str:
        return _("Resumed.")

    def done(self, n: int) -> str:
        return ngettext("%(n)d job is resumed.", "%(n)d jobs are resumed.", n) % {"n": n}


class Reset(BulkAction):
    name, verb = "reset_jobs", "change"
    label, button = gettext_lazy("Reset overrides…"), gettext_lazy("Reset the overrides")
    headings = (gettext_lazy("What changes"), gettext_lazy("Will run next"))

    def concerned(self, now: datetime) -> Q:
        return Q(deleting_at=None) & overridden() & ~_with_nothing_but_its_own()

    def question(self, n: int) -> str:
        return ngettext("Reset all overrides of %(n)d job?", "Reset all overrides of %(n)d jobs?", n) % {
            "n": n
        }

    def left_out(self, n: int) -> str:
        return ngettext(
            "%(n)d of the selection has nothing to reset, or is being deleted.",
            "%(n)d of the selection have nothing to reset, or are being deleted.",
            n,
        ) % {"n": n}

    def follows(self) -> list[str]:
        return [
            _("Every field follows the code again, now and with every deploy."),
            _("The values that go are kept in each job's changes. A pause stays."),
            _("The schedule of a job of your own stays, and what its run() needs: the code has none for it."),
        ]

    def cells(self, job: ScheduledJob, now: datetime) -> Sequence[str]:
        reset = [
            name
            for name in OVERRIDABLE
            if name not in job.fields_of_its_own and getattr(job, f"{name}_override") is not None
        ]
        changes = [
            f"{field_name(name).lower()}: "
            f"{value_text(name, getattr(job, f'{name}_override'))} → "
            f"{value_text(name, getattr(job, f'declared_{name}'))}"
            for name in reset
        ]
        for name in reset:
            # On this instance alone, which is never saved: the next run is that of the job as it will be.
            setattr(job, f"{name}_override", None)
        return ("; ".join(changes), next_run(ahead(job.facts.pushed(), now, 1), job.time_zone, now))

    def do(self, jobs: ScheduledJobQuerySet, values: dict[str, Any], by: Any) -> dict[int, str]:
        jobs.reset(by=by, reason=values["reason"])
        return {}

    def logged(self) -> str:
        return _("Reset all overrides.")

    def done(self, n: int) -> str:
        return ngettext("%(n)d job follows the code again.", "%(n)d jobs follow the code again.", n) % {
            "n": n
        }


class Sync(BulkAction):
    name, verb = "sync_jobs", "sync"
    label, button = gettext_lazy("Push to Google…"), gettext_lazy("Push to Google")
    headings = (gettext_lazy("In Google"), gettext_lazy("Last push"))

    def concerned(self, now: datetime) -> Q:
        return Q()

    def question(self, n: int) -> str:
        return ngettext("Push %(n)d job to Google?", "Push %(n)d jobs to Google?", n) % {"n": n}

    def left_out(self, n: int) -> str:
        return ""

    def follows(self) -> list[str]:
        return [
            _("Google is made equal to what is in force here. What somebody changed in Google's console is")
            + " "
            + _("overwritten, and kept in the job's changes."),
            _("It is done after this page has answered: the column Google tells what became of it."),
        ]

    def cells(self, job: ScheduledJob, now: datetime) -> Sequence[str]:
        word = str(SYNC_BADGES[job.sync_state].word)
        state = f"{word}: {job.sync_error}" if job.sync_error else word
        return (state, times.relative(job.synced_at, now) if job.synced_at else _("never"))

    def do(self, jobs: ScheduledJobQuerySet, values: dict[str, Any], by: Any) -> dict[int, str]:
        stored = list(jobs)
        lines = [
            line
            for job in stored
            for line in JobChange.build(job, {"sync": (job.sync_state, "pending"), **drift(job)}, by=by)
        ]
        JobChange.objects.using(jobs.db).bulk_create(lines)
        jobs.edit()
        signals.job_edited.send(sender=ScheduledJob, pks=[job.pk for job in stored], using=jobs.db)
        return {}

    def logged(self) -> str:
        return _("Asked for a push to Google.")

    def done(self, n: int) -> str:
        return ngettext(
            "%(n)d job is being pushed; the column Google tells what became of it.",
            "%(n)d jobs are being pushed; the column Google tells what became of them.",
            n,
        ) % {"n": n}


class RunNow(BulkAction):
    name, verb = "run_jobs", "run"
    label, button = gettext_lazy("Run now…"), gettext_lazy("Run the jobs now")
    headings = (gettext_lazy("Payload"), gettext_lazy("Scheduled next, as before"))
    most = 100

    def concerned(self, now: datetime) -> Q:
        return ALIVE & Q(task__in=[task.name() for task in registry.tasks()])

    def question(self, n: int) -> str:
        return ngettext("Run %(n)d job now?", "Run %(n)d jobs now?", n) % {"n": n}

    def left_out(self, n: int) -> str:
        return ngettext(
            "%(n)d of the selection is retired, being deleted or without its class, and cannot run.",
            "%(n)d of the selection are retired, being deleted or without their class, and cannot run.",
            n,
        ) % {"n": n}

    def follows(self) -> list[str]:
        return [
            _("Google is asked to fire each job once, with the payload in force. It runs at most once; if it"
              " was not delivered within minutes, the run says so."),
            _("Schedules do not change. A paused job runs too, and stays paused."),
        ]  # fmt: skip

    def cells(self, job: ScheduledJob, now: datetime) -> Sequence[str]:
        return (masked_line(job.payload, LONGEST), next_run(job.ahead(now), job.time_zone, now))

    def newest(self, pks: Sequence[int]) -> int:
        runs = JobRun.objects.filter(job__in=pks[: self.most], trigger=JobRun.Trigger.MANUAL)
        newest: int | None = runs.aggregate(newest=Max("pk"))["newest"]
        return newest or 0

    def do(self, jobs: ScheduledJobQuerySet, values: dict[str, Any], by: Any) -> dict[int, str]:
        failed = {}
        for job in jobs:
            try:
                with transaction.atomic(using=jobs.db):
                    job.run_now(by=by, reason=values["reason"])
            except ScheduledJobsError as error:
                failed[job.pk] = str(error)
        return failed

    def logged(self) -> str:
        return _("Asked for a run.")

    def done(self, n: int) -> str:
        return ngettext(
            "%(n)d run is queued; it starts when Google calls.",
            "%(n)d runs are queued; they start when Google calls.",
            n,
        ) % {"n": n}


BULK_ACTIONS: tuple[BulkAction, ...] = (Pause(), Resume(), RunNow(), Reset(), Sync())


def _with_nothing_but_its_own() -> Q:
    """Operators' own jobs whose overrides are all of fields for which the code has nothing."""
    own = ScheduledJob.objects.filter(origin=Origin.OPERATOR, payload_override__isnull=False)
    tasks = own.order_by().values_list("task", flat=True).distinct()
    needing = [task for task in tasks if "payload" in fields_of_its_own(Origin.OPERATOR, task)]
    others = [name for name in OVERRIDABLE if name not in ("schedule", "payload")]
    return Q(
        origin=Origin.OPERATOR, task__in=needing, **{f"{name}_override__isnull": True for name in others}
    )


def drift(job: ScheduledJob) -> dict[str, tuple[Any, Any]]:
    """What somebody changed in Google and a push takes back, as last seen: field -> (in Google, here)."""
    if job.sync_state != ScheduledJob.SyncState.DRIFTED or not job.live or not job.pushed:
        return {}
    ours = {**job.pushed.get("sent", {}), **job.pushed.get("answer", {}), "state": job.desired_state}
    return {
        name: (job.live.get(name), value)
        for name, value in ours.items()
        if not same_json(job.live.get(name), value)
    }
