"""Which columns of a loaded row were changed, as a task would see the change."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from model_utils import FieldTracker
from model_utils.tracker import FieldInstanceTracker, lightweight_deepcopy

from scheduled_jobs.domain.jobs import same_json


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
