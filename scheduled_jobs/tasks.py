"""What a team writes: a class derived from ``PeriodicTask``.

Importing this module, or a module that defines tasks, does nothing but fill the registry: no database,
no network, nothing of Google's.
"""

from __future__ import annotations

import abc
import inspect
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from django.utils import timezone

from scheduled_jobs import registry
from scheduled_jobs.conf import settings
from scheduled_jobs.domain.metadata import TaskMetadata

__all__ = ["PeriodicTask", "TaskMetadata"]

from collections.abc import Callable
from datetime import timedelta

if TYPE_CHECKING:
    from django.http import HttpRequest

    from scheduled_jobs.models import ScheduledJob


def _metadata_outside_a_run(task: PeriodicTask) -> TaskMetadata:
    """That of an eager run: a unit test calls ``run()`` itself."""
    cls = type(task)
    return TaskMetadata(
        registry.dotted_path(cls), cls.job_id(), scheduled_for=timezone.now(), trigger="eager"
    )


class PeriodicTask:
    """A recurring job. Set ``run_every`` and write ``run``; all else has a default.

    A subclass that lists ``abc.ABC`` among its bases, or leaves ``run`` abstract, is a base class and
    is not registered. Attributes and hooks are read anew whenever the jobs are seeded.
    """

    run_every: ClassVar[str | timedelta]
    """unix-cron, a shorthand such as ``@daily``, the English-like form, or a timedelta of whole minutes."""
    schedule_use_oidc: ClassVar[bool | Callable[[], bool]] = True
    """Whether Google sends an OIDC token, and one is required. A class method or a property is taken too."""
    schedule_paused: ClassVar[bool] = False
    """The state in which the job is first created; never applied again."""
    overlap: ClassVar[Literal["skip", "allow"]] = "skip"
    """What happens when another slot's run, or a manual run, of the job is still going."""
    missed_grace: ClassVar[timedelta | None] = None
    """How long after its time a run that did not come is told as missed; None: the setting MISSED_GRACE."""
    failure_tolerance: ClassVar[int] = 1
    """How many scheduled times in a row must have failed, or been missed, before that is told."""
    recovery_tolerance: ClassVar[int] = 1
    """How many must have succeeded in a row before that is told."""

    request: HttpRequest | None = None
    """The request that started this run; None outside one."""
    _metadata: TaskMetadata = cached_property(_metadata_outside_a_run)  # type: ignore[assignment] # the same to read
    _progress: Callable[[float, float, str], None] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        run = inspect.getattr_static(cls, "run")
        if abc.ABC in cls.__bases__:
            return
        if not getattr(run, "__isabstractmethod__", False):
            registry.register(cls)
        elif hasattr(cls, "run_every") and "run" not in vars(cls):
            registry.register_base(cls)

    @abc.abstractmethod
    def run(self, *args: Any, **kwargs: Any) -> Any:
        """The work. Plain or ``async``; the payload arrives as keyword arguments.

        Written with ``*args`` so that type checkers accept every signature that a task may give it; nothing
        is ever passed by position.
        """

    @property
    def metadata(self) -> TaskMetadata:
        """What this run knows of itself."""
        return self._metadata

    def report_progress(self, done: float, total: float, message: str = "") -> None:
        """Show how far the run is, from plain or from async code; outside a run it does nothing."""
        if self._progress is not None:
            self._progress(done, total, message)

    # --- Hooks ------------------------------------------------------------------------------------

    @classmethod
    def schedule_name(cls) -> str:
        """The job's name, before the app's name is put in front; the default is the dotted path."""
        return registry.dotted_path(cls)

    @classmethod
    def schedule_headers(cls) -> dict[str, str]:
        """Headers that Google sends along. Anyone who may read the job in Google can read them."""
        return {}

    @classmethod
    def schedule_retries(cls) -> int | None:
        """Retries after a failed attempt, 0 to 5; None: Google's default, 0."""
        return None

    @classmethod
    def schedule_min_backoff(cls) -> timedelta | None:
        """Wait before the first retry, whole seconds; None: Google's default, 5 seconds."""
        return None

    @classmethod
    def schedule_max_backoff(cls) -> timedelta | None:
        """Longest wait before a retry, whole seconds; None: Google's default, 1 hour."""
        return None

    @classmethod
    def schedule_max_retry_duration(cls) -> timedelta | None:
        """For how long retries go on, whole seconds; None or 0: no limit."""
        return None

    @classmethod
    def schedule_max_doublings(cls) -> int | None:
        """How often the wait doubles before it grows evenly; None: Google's default, 5."""
        return None

    @classmethod
    def schedule_attempt_deadline(cls) -> timedelta | None:
        """How long Google waits for the answer, 15 s to 30 min; None: Google's default, 3 minutes."""
        return None

    @classmethod
    def schedule_body_payload(cls) -> dict[str, Any] | None:
        """The keyword arguments of ``run``, as a JSON object; None: none."""
        return None

    @classmethod
    def schedule_description(cls) -> str | None:
        """What the job is for; the default is the first line of the docstring."""
        doc = inspect.cleandoc(cls.__doc__ or "")
        return doc.splitlines()[0] if doc else None

    @classmethod
    def schedule_time_zone(cls) -> str | None:
        """Name of the time zone of the schedule in the tz database; None: UTC."""
        return None

    @classmethod
    def schedule_ping_url(cls) -> str | None:
        """Where to check in, in the manner of Healthchecks: at ``/start``, at its end there, or at ``/fail``.

        None: nowhere. The address is a secret; its host alone is shown.
        """
        return None

    # --- Given ------------------------------------------------------------------------------------

    @classmethod
    def name(cls) -> str:
        """The dotted path by which the task is known."""
        return registry.dotted_path(cls)

    @classmethod
    def url(cls) -> str:
        """The address to which Google sends the job's requests."""
        from scheduled_jobs.services import scheduling

        return scheduling.task_url(registry.dotted_path(cls))

    @classmethod
    def job_id(cls) -> str:
        """The id of the task's job in Google."""
        from scheduled_jobs.services import scheduling

        return scheduling.job_id(cls.schedule_name())

    @classmethod
    def schedule(cls, **kwargs: Any) -> ScheduledJob | Any:
        """Seed this one job, push it to Google and return its row.

        ``kwargs`` become the payload override where none stands, or it equals them; otherwise
        OverrideExists is raised. In eager mode the task is run here, and its result is returned.
        """
        from scheduled_jobs.services import execution, scheduling

        job = scheduling.schedule_task(cls, payload=kwargs or None)
        return execution.run_eagerly(job, cls) if settings.mode == "eager" else job
