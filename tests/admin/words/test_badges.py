"""The icon, the tone and the word of every status."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.template.loader import render_to_string

from scheduled_jobs.admin.words.badges import HEALTH_BADGES, RUN_BADGES, SYNC_BADGES
from scheduled_jobs.models import JobRun, ScheduledJob
from scheduled_jobs.services.history.health import Health

if TYPE_CHECKING:
    from scheduled_jobs.admin.words.badges import Badge


@pytest.mark.parametrize(
    ("badges", "values"),
    [(RUN_BADGES, JobRun.Status), (HEALTH_BADGES, Health), (SYNC_BADGES, ScheduledJob.SyncState)],
)
def test_every_value_has_a_badge_whose_icon_is_drawn(badges: dict[str, Badge], values: type[str]) -> None:
    icons = render_to_string("admin/scheduled_jobs/_icons.html")
    assert set(badges) == set(values)
    assert [badge.icon for badge in badges.values() if f'id="sj-{badge.icon}"' not in icons] == []


@pytest.mark.parametrize("badges", [RUN_BADGES, HEALTH_BADGES, SYNC_BADGES])
def test_no_two_badges_have_one_word(badges: dict[str, Badge]) -> None:
    words = [str(badge.word) for badge in badges.values()]
    assert len(set(words)) == len(words)
