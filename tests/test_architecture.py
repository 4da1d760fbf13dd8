"""What of the house no lint holds; `make lint` holds its floors, which stand in pyproject.toml."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.apps import apps

from scheduled_jobs.models.writer import WriterQuerySet

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "scheduled_jobs"
FLOORS = ("services", "models", "admin", "domain")
"""Where nothing of the package is imported late, and where an ``__init__`` only shows what its folder offers."""


def modules(*folders: str) -> Iterator[Path]:
    """The modules of these folders of the package; of all of it without the migrations."""
    for folder in folders or ("",):
        for path in sorted((PACKAGE / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported_by(node: ast.AST) -> list[str]:
    """The modules that one statement imports."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module]
    return []


def imports_of(path: Path) -> set[str]:
    """The modules that a file imports, at its top or inside a function."""
    return {name for node in ast.walk(ast.parse(path.read_text())) for name in imported_by(node)}


# --- Imports ----------------------------------------------------------------------------------------


def test_only_the_gateways_import_googles_libraries() -> None:
    importers = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        if any(name == "google" or name.startswith("google.") for name in imports_of(path))
    }
    outside = {name for name in importers if not name.startswith(("emulator/", "authentication"))}
    assert outside == {"backends/cloud_scheduler.py", "backends/messages.py"}


def late_imports(path: Path) -> Iterator[tuple[str, str]]:
    """What is imported inside a function, and the line that does so."""
    text = path.read_text()
    for function in ast.walk(ast.parse(text)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for node in ast.walk(function):
                for name in imported_by(node):
                    yield name, text.splitlines()[node.lineno - 1]  # type: ignore[attr-defined]


def test_only_what_is_slow_to_import_is_imported_late() -> None:
    """Of others, with what it would cost at every start of a process; of ours, nothing."""
    late = [(name_of(path), *found) for path in modules(*FLOORS) for found in late_imports(path)]
    assert [
        (path, line.strip())
        for path, name, line in late
        if name.startswith("scheduled_jobs") or not re.search(r"# 0\.\d+ s to import", line)
    ] == []


def test_an_init_only_shows_what_its_folder_offers() -> None:
    wrong = []
    for path in modules(*FLOORS):
        if path.name != "__init__.py":
            continue
        for node in ast.parse(path.read_text()).body:
            is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            is_list = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
            if not (is_docstring or is_list or isinstance(node, ast.Import | ast.ImportFrom)):
                wrong.append((name_of(path), ast.unparse(node)))
    assert wrong == []


# --- Folders and names --------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["admin", "services/scheduling"])
def test_a_folder_has_no_more_than_sixteen_modules(folder: str) -> None:
    sizes: dict[str, int] = defaultdict(int)
    for path in modules(folder):
        sizes[name_of(path.parent)] += path.name != "__init__.py"
    assert {name: size for name, size in sizes.items() if size > 16} == {}


SHARED = {
    "Command": "a command of Django's is called so in each of their modules",
    "Delivery": "a request to the app: as the emulator sends it, a program of its own, and as it arrives",
}
"""The few public names that several modules share by nature."""


def test_a_public_name_has_one_meaning() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in modules():
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                homes[node.name].append(name_of(path))
    several = {name: found for name, found in homes.items() if len(found) > 1 and not name.startswith("_")}
    assert {name: found for name, found in several.items() if name not in SHARED} == {}
    assert several.keys() == SHARED.keys(), "a name that is not shared any more leaves the list"


def test_what_tests_share_is_in_support() -> None:
    """A test module is imported by nobody; a helper by its own folder alone, but for those of tests/support."""
    wrong = [
        (path.relative_to(ROOT).as_posix(), name)
        for path in (ROOT / "tests").rglob("*.py")
        for name in imports_of(path)
        if name.startswith("tests.") and not name.startswith("tests.support")
        if "test_" in name or not path.is_relative_to(ROOT / Path(*name.split(".")[:-1]))
    ]
    assert wrong == []


# --- The database -----------------------------------------------------------------------------------


def test_no_cursor_stays_open_on_the_server() -> None:
    """A pool that gives each transaction another connection, as PgBouncer may, loses it between two fetches."""
    calls = [
        name_of(path)
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("iterator", "aiterator", "chunked_cursor")
    ]
    assert calls == []


def test_every_model_is_read_where_it_is_written() -> None:
    models = apps.get_app_config("scheduled_jobs").get_models()
    managers = [manager for model in models for manager in (model._base_manager, *model._meta.managers)]
    assert len(managers) >= 12
    assert [manager for manager in managers if not isinstance(manager.all(), WriterQuerySet)] == []
