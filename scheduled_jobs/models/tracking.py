"""Which columns of a loaded row were changed, as a task would see the change."""

from __future__ import annotations

from django.db import models
from model_utils import FieldTracker
from model_utils.tracker import FieldInstanceTracker

from scheduled_jobs.domain.jobs import same_json


class _Changes(FieldInstanceTracker):
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
