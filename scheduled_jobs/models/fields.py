"""Columns that all databases shall treat alike, and what no statement may write into them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.fields.json import KeyTransform
from django.db.models.lookups import IContains, IExact
from model_utils import FieldTracker
from model_utils.tracker import FieldInstanceTracker, lightweight_deepcopy

from scheduled_jobs.domain.jobs import same_json

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    _Line = models.CharField[str, str]
    _Prose = models.TextField[str, str]
    _Json = models.JSONField[Any, Any]
else:
    _Line = models.CharField
    _Prose = models.TextField
    _Json = models.JSONField

IN_ANY_CASE = "utf8mb4_general_ci"


class _Utf8mb4:
    """A text of any characters, also in a MySQL database that was made for those of three bytes."""

    collation = IN_ANY_CASE

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters: dict[str, Any] = super().db_parameters(connection)  # type: ignore[misc]
        if connection.vendor == "mysql":
            parameters["collation"] = self.collation
        return parameters


class LineField(_Utf8mb4, _Line):
    """A short text for people."""


class ProseField(_Utf8mb4, _Prose):
    """A long text for people."""


class KeyField(_Utf8mb4, _Line):
    """A text that names something: ``A`` and ``a`` are two, also where MySQL would take them for one."""

    collation = "utf8mb4_bin"


class _InAnyCase:
    """A search: there MySQL goes by the collation of the column."""

    def process_lhs(self, compiler: Any, connection: Any, lhs: Any = None) -> tuple[str, Any]:
        sql, params = super().process_lhs(compiler, connection, lhs)  # type: ignore[misc]
        return (f"{sql} COLLATE {IN_ANY_CASE}" if connection.vendor == "mysql" else sql), params


@KeyField.register_lookup
class _IContains(_InAnyCase, IContains):
    pass


@KeyField.register_lookup
class _IExact(_InAnyCase, IExact):
    pass


class ObjectField(_Json):
    """A JSON object that only this package writes; what else was put there is read as nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"encoder": DjangoJSONEncoder, **kwargs})

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        read = super().from_db_value(value, expression, connection)
        return read if isinstance(read, dict) or isinstance(expression, KeyTransform) else self.get_default()


def one_of(
    name: str, column: str, choices: type[models.Choices], *, blank: bool = False
) -> models.CheckConstraint:
    """The constraint that a column holds one of its choices: no page has to ask what another value means."""
    values = [*choices.values, *([""] if blank else [])]
    return models.CheckConstraint(condition=models.Q(**{f"{column}__in": values}), name=name)


class _Changes(FieldInstanceTracker):
    def set_saved_fields(self, fields: Iterable[str] | None = None) -> None:
        """As the library's, which asks for each column by itself whether it was read."""
        if fields is not None or not self.instance.pk:
            super().set_saved_fields(fields)
            return
        read = vars(self.instance)
        columns = ((field, self.field_map[field]) for field in self.fields)
        self.saved_data = {field: lightweight_deepcopy(read[name]) for field, name in columns if name in read}

    def has_changed(self, field: str) -> bool:
        """Whether the field was changed since the row was loaded or saved; of JSON, its types too."""
        if super().has_changed(field):
            return True
        if field not in self.instance.__dict__:  # not loaded, and therefore not changed
            return False
        if not isinstance(self.instance._meta.get_field(field), models.JSONField):
            return False
        # To Python {"n": true} equals {"n": 1}; to a task it does not.
        return not same_json(self.previous(field), self.get_field_value(field))


class ChangeTracker(FieldTracker):
    """A FieldTracker to which ``1``, ``1.0`` and ``true`` are three values of a JSON column."""

    tracker_class = _Changes
