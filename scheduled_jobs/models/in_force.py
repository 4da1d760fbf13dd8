"""What is in force for a field of a job, read as one attribute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, overload

if TYPE_CHECKING:
    from scheduled_jobs.models.jobs import ScheduledJob

T = TypeVar("T")


class InForce(Generic[T]):
    """What is in force for a field: the operator's override where there is one, else the code's default."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, job: None, owner: type) -> InForce[T]: ...
    @overload
    def __get__(self, job: ScheduledJob, owner: type) -> T: ...
    def __get__(self, job: ScheduledJob | None, owner: type) -> InForce[T] | T:
        if job is None:
            return self
        override: T | None = getattr(job, f"{self.name}_override")
        declared: T = getattr(job, f"declared_{self.name}")
        return declared if override is None else override

    def __set__(self, job: ScheduledJob, value: T) -> None:
        raise AttributeError(f"{self.name} is what is in force; set {self.name}_override")
