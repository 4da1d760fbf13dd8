"""The zones that a field for one offers."""

from __future__ import annotations

from scheduled_jobs.domain.schedules.zones import offered_zones


def test_places_are_offered_and_offsets_are_not() -> None:
    zones = offered_zones()
    assert zones[0] == "UTC"
    assert {"Pacific/Kiritimati", "Europe/Lisbon"} <= set(zones)
    assert not [zone for zone in zones if zone.startswith(("Etc/", "posix", "right"))]
