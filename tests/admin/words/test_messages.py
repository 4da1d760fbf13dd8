"""The words on screens: whole messages, and none of the words that only the code knows."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from scheduled_jobs.admin.run.sentence import LAST_ATTEMPT, LASTED
from scheduled_jobs.models import JobRun
from tests.support.documents import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = ROOT / "scheduled_jobs"
GETTEXT = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
UNKNOWN = re.compile(r"\b(slots?|drifted|desk|revision number|dirty)\b", re.IGNORECASE)
COUNTED = r" (jobs|calls|rows|retries|times|attempts|tasks|deliveries|failures|changes|deletions)\b"


def messages() -> Iterator[tuple[str, str]]:
    """Where it is said, and what, of all that is translated."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in GETTEXT:
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield path.name, argument.value
    for path in PACKAGE.rglob("*.html"):
        text = path.read_text()
        for found in re.findall(r"{% translate \"(.*?)\"", text):
            yield path.name, found
        for found in re.findall(r"{% blocktranslate.*?%}(.*?){% endblocktranslate", text, re.DOTALL):
            yield path.name, found


def test_no_screen_says_a_word_that_only_the_code_knows() -> None:
    found = [*messages()]
    assert len(found) > 500
    assert [
        (where, text) for where, text in found if UNKNOWN.search(re.sub(r"%\(\w+\)s|{{.*?}}", "", text))
    ] == []


def test_no_sentence_begins_or_ends_in_the_middle() -> None:
    """A message with a blank or a comma at one end is glued to another."""
    glued = [
        (where, text)
        for where, text in messages()
        if where.endswith(".py") and re.search(r"^[ ,;:]|[ ,]$", text)
    ]
    assert glued == []


def test_what_is_counted_has_a_singular() -> None:
    """A number before a noun in the plural comes from ngettext, or from ``pluralized`` in a terminal."""
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                pairs = zip(node.values, node.values[1:], strict=False)
                wrong += [
                    (path.name, node.lineno)
                    for number, text in pairs
                    if isinstance(number, ast.FormattedValue) and isinstance(text, ast.Constant)
                    if re.match(COUNTED, str(text.value))
                ]
    assert wrong == []


def test_every_status_has_its_sentence() -> None:
    assert set(LAST_ATTEMPT) == set(JobRun.Status.values)
    assert set(LASTED) == {"succeeded", "failed", "timed_out", "lost", "discarded"}
