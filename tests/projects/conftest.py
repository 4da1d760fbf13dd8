from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.project import Project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with one task, and nothing of ours set."""
    return Project(tmp_path)
