"""How a job stands with Google is written in one place for each word."""

from __future__ import annotations

import ast
from pathlib import Path

import scheduled_jobs

ROOT = Path(scheduled_jobs.__file__).parent
ASKS = {"filter", "exclude", "Q"}


def state_of(value: ast.expr) -> str | None:
    """The state that an expression names, such as ``SyncState.SYNCED`` or ``"synced"``."""
    if isinstance(value, ast.Constant):
        return str(value.value).upper()
    if isinstance(value, ast.Attribute) and ast.unparse(value.value).endswith("SyncState"):
        return value.attr
    return None


def written(node: ast.AST) -> list[ast.expr]:
    """What this node writes into a column or an attribute ``sync_state``."""
    if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] not in ASKS:
        return [keyword.value for keyword in node.keywords if keyword.arg == "sync_state"]
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        found = [v for k, v in pairs if isinstance(k, ast.Constant) and k.value == "sync_state"]
        return [value for value in found if state_of(value) is not None]
    if isinstance(node, ast.Assign):
        targets = [t for t in node.targets if isinstance(t, ast.Attribute) and t.attr == "sync_state"]
        return [node.value] if targets else []
    return []


def test_each_state_is_written_by_one_module() -> None:
    writers: dict[str, set[str | None]] = {}
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            for value in written(node):
                writers.setdefault(str(path.relative_to(ROOT)), set()).add(state_of(value))
    assert writers == {
        "models/sync_state.py": {"PENDING"},
        "services/scheduling/push/record.py": {"SYNCED", "FAILED", "DRIFTED"},
    }
