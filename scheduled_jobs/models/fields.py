"""Columns that all databases shall treat alike, and what no statement may write into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.fields.json import KeyTransform

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    _Text = models.CharField[str, str]
    _Json = models.JSONField[Any, Any]
else:
    _Text = models.CharField
    _Json = models.JSONField


class CaseSensitiveCharField(_Text):
    """A text in which ``A`` and ``a`` are two, also where MySQL would take them for one."""

    def db_parameters(self, connection: BaseDatabaseWrapper) -> dict[str, Any]:
        parameters: dict[str, Any] = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters


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
