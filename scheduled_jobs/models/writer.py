"""Which database is asked: always the one that is written to, whatever a router has for reading."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any, TypeVar

from django.apps import apps
from django.db import models, router

M_co = TypeVar("M_co", bound=models.Model, covariant=True)


def writer() -> str:
    """The database of this package's tables, which refer to one another: a router sends all to one."""
    return str(router.db_for_write(_jobs_model()))


@cache
def _jobs_model() -> type[models.Model]:
    return apps.get_model("scheduled_jobs", "ScheduledJob")


class WriterQuerySet(models.QuerySet[M_co]):
    """Reads where a router has writes made, unless ``using()`` names another database.

    Every row here is read by what has just written it, or decides what is written next: as a replica had
    it a second ago, a job would be missing after it was made, and a run would be claimed twice.
    """

    @property
    def db(self) -> str:
        """The database of this query."""
        query: Any = self
        return str(query._db or router.db_for_write(self.model, **query._hints))  # noqa: SLF001 – as Django's own


class WriterManager(models.Manager[M_co]):
    """Written out: what ``as_manager()`` makes of a generic set, mypy forgets between two runs."""

    _queryset_class = WriterQuerySet


class ReadFromWriter(models.Model):
    """A model of which all queries are a ``WriterQuerySet``, those of relations and refreshes too."""

    objects = WriterManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """As Django's without the relations, which nobody types: it looks for their rows in a replica."""
        relations = [field.name for field in self._meta.concrete_fields if field.is_relation]
        super().clean_fields(exclude={*(exclude or ()), *relations})
