"""Other people's admins: themes, sites and classes of their own, and none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.projects.walk import SETTINGS, WALK, WALKED

if TYPE_CHECKING:
    from tests.support.project import Project

PAGES = """
    one_job, one_run = [job.pk], [JobRun.objects.latest().pk]
    for name, args, button in [
        ("scheduledjob_changelist", [], "Add job"),
        ("scheduledjob_change", one_job, "Run now…"),
        ("scheduledjob_settings", one_job, "Pause…"),
        ("scheduledjob_pause", one_job, ""),
        ("scheduledjob_plan", [], "Jobs"),
        ("jobrun_changelist", [], "Jobs"),
        ("jobrun_change", one_run, "Rerun…"),
    ]:
        found = Page(page(name, *args).content.decode()).elements
        icons = {e.attrs["id"] for e in found if e.tag == "symbol"}
        used = {e.attrs.get("href", "").removeprefix("#") for e in found if e.tag == "use"}
        assert {icon for icon in used if icon.startswith("sj-")} <= icons, name
        assert len(icons) > 20, name
        buttons = [e.text.strip() for e in found if e.is_within(**{"class": "object-tools sj-tools"})]
        assert not button or button in buttons, (name, buttons)
    print("all shown")
"""


@pytest.mark.parametrize("theme", ["unfold", "jazzmin"])
def test_a_theme_shows_our_icons_and_buttons(project: Project, theme: str) -> None:
    pytest.importorskip(theme)
    project.add_settings(SETTINGS + f'INSTALLED_APPS.insert(0, "{theme}")')
    assert project.run_code(WALK + PAGES).endswith(WALKED + "all shown\n")
