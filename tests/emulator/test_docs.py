"""``docs/emulator.md`` is under test: its options, its example, its table."""

from __future__ import annotations

import argparse
import re

from scheduled_jobs.emulator import cli
from tests.support.emulator_process import ROOT

PAGE = (ROOT / "docs" / "emulator.md").read_text()
ROW = re.compile(r"^\| (.+?) \| (.+) \| (.+) \|$", re.MULTILINE)


def table(heading: str) -> list[tuple[str, str, str]]:
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return ROW.findall(section)[1:]


def test_every_option_of_the_command_is_explained_and_no_other() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    cli.add_arguments(parser)
    section = PAGE.split("## Options\n")[1].split("\n## ")[0]
    named = re.findall(r"^\| `(--[a-z-]+)", section, re.MULTILINE)
    assert named == [action.option_strings[0] for action in parser._actions]


def test_each_line_of_the_comparison_names_its_source() -> None:
    rows = table("What it does as the service does, and what not")
    assert len(rows) > 50
    assert {source for _, _, source in rows} == {"recorded", "documented", "inferred", "not done"}


def test_the_example_runs() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, object] = {}
    exec(compile(code, "docs/emulator.md", "exec"), names)
    assert "delivery" in names
