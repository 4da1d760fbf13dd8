"""What the doctor finds in tests of its page: no page of a test asks anybody outside."""

from __future__ import annotations

from scheduled_jobs.services.monitoring import Finding

FOUND = [
    Finding("tasks", is_ok=True, text="1 task: shop.tasks.One"),
    Finding("watch", is_ok=False, text="Nobody <watches>", remedy="Let a monitor run doctor."),
    Finding("address", is_ok=False, text="Nothing listens on port 8000", remedy="Start it.", stops=True),
]
