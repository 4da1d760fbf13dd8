"""What is wrong with the settings and with the address that Google is given: the one list, in the one words.

The system checks, the commands, ``doctor`` and every push speak from it. With a fault nothing is sent: what
Google would be given could not work, or somebody would have to find out why it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from scheduled_jobs.conf import names
from scheduled_jobs.exceptions import Misconfigured
from scheduled_jobs.services.scheduling.faults.address import ADDRESS
from scheduled_jobs.services.scheduling.faults.fault import Fault
from scheduled_jobs.services.scheduling.faults.production import alerts, alerts_in_production, production
from scheduled_jobs.services.scheduling.faults.reading import secret_key, unknown, unreadable, use_tz
from scheduled_jobs.services.scheduling.faults.values import VALUES

Kinds = tuple[Callable[[], Iterable[Fault]], ...]
ANYWHERE: Kinds = (*VALUES, *ADDRESS, alerts)
IN_PRODUCTION: Kinds = (production, alerts_in_production)
"""These hold nothing back."""


def faults(kinds: Kinds = (*ANYWHERE, *IN_PRODUCTION)) -> list[Fault]:
    """All that is wrong with the settings and the addresses; each cause once."""
    cannot = [fault for name in names() if (fault := unreadable(name)) is not None]
    # A setting that cannot be read is all that can be told of what depends on it.
    rest = cannot or (fault for find in kinds for fault in find())
    return [*use_tz(), *secret_key(), *unknown(), *rest]


def refuse() -> None:
    """Raise Misconfigured where something holds back what would be sent to Google."""
    found = [str(fault) for fault in faults(ANYWHERE) if fault.holds_back]
    if found:
        raise Misconfigured("\n".join(found))
