"""How a job stands with Google, as its row says it."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class SyncState(models.TextChoices):
    """``pending`` is written with every edit; all others by what pushes, and what looks at Google."""

    PENDING = "pending", _("pending")
    SYNCED = "synced", _("synced")
    FAILED = "failed", _("not synced")
    DRIFTED = "drifted", _("differs")


def pending(*, edited: bool = True) -> dict[str, Any]:
    """The columns by which a row says that a push is due, to be written in the statement of the edit."""
    if not edited:
        return {"sync_state": SyncState.PENDING}
    return {"sync_state": SyncState.PENDING, "revision": F("revision") + 1, "edited_at": timezone.now()}
