from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.databases import new_database as made
from tests.support.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with one task, and nothing of ours set."""
    return Project(tmp_path)


@pytest.fixture
def new_database(tmp_path: Path, django_db_blocker: Any) -> Iterator[Callable[..., dict[str, Any]]]:
    """Makes an empty database of the kind that the tests run on; returns what DATABASES says of it."""
    with django_db_blocker.unblock(), ExitStack() as stack:
        yield lambda suffix="": stack.enter_context(made(tmp_path, suffix=suffix))
