"""What of the house no lint holds; `make lint` holds its floors, which stand in pyproject.toml."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def imports_of(path: Path) -> set[str]:
    """The modules that a file imports, at its top or inside a function."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def test_only_the_gateways_import_googles_libraries() -> None:
    package = ROOT / "scheduled_jobs"
    importers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if any(name == "google" or name.startswith("google.") for name in imports_of(path))
    }
    outside = {name for name in importers if not name.startswith(("emulator/", "authentication"))}
    assert outside == {"backends/cloud_scheduler.py", "backends/messages.py"}


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
