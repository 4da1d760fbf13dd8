"""Looks at the lines of templates, which no formatter does: ``python tests/support/template_lines.py PATH…``.

A line has at most 120 characters, unless it is one template tag, which cannot be broken. It opens at most
one block element. What opens on one line and closes on another has both tags on lines of their own, but for
elements whose white space counts.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 120
BLOCK = {
    "address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "dialog", "div", "dl",
    "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header",
    "hr", "legend", "li", "main", "nav", "ol", "option", "p", "pre", "section", "summary", "table", "tbody",
    "td", "textarea", "tfoot", "th", "thead", "tr", "ul",
}  # fmt: skip
KEEPS_SPACE = {"pre", "textarea"}
VOID = {"hr"}
_TEMPLATE = re.compile(r"{%.*?%}|{{.*?}}|{#.*?#}", re.DOTALL)
_TAG = re.compile(r"""<(/?)([a-zA-Z][\w-]*)(?:"[^"]*"|'[^']*'|[^'">])*>""")


@dataclass(frozen=True)
class Fault:
    """What is wrong with a line of a template."""

    line: int
    text: str


@dataclass(frozen=True)
class _Tag:
    name: str
    closes: bool
    start: int
    end: int


def faults_of(source: str) -> list[Fault]:
    """The faults of one template, in the order of their lines."""
    faults = [*_long_lines(source), *_crowded_lines(source)]
    return sorted(set(faults), key=lambda fault: (fault.line, fault.text))


def _long_lines(source: str) -> list[Fault]:
    return [
        Fault(n, f"{len(line)} characters, of at most {LONGEST}")
        for n, line in enumerate(source.splitlines(), start=1)
        if len(line) > LONGEST and not re.fullmatch(r"\s*{%((?!%}).)*%}", line)
    ]


def _crowded_lines(source: str) -> list[Fault]:
    # Blanked out, template tags have no quotes and no angle brackets that could be taken for those of HTML.
    plain = _TEMPLATE.sub(lambda found: re.sub(r"[^\n]", "·", found[0]), source)
    tags = [_Tag(m[2].lower(), bool(m[1]), m.start(), m.end()) for m in _TAG.finditer(plain)]
    tags = [tag for tag in tags if tag.name in BLOCK]
    faults, opened = [], set()
    for opening, closing in _pairs(tags):
        if opening is not None:
            first = _line(plain, opening.start)
            if first in opened:
                faults.append(Fault(first, f"a second block element, <{opening.name}>"))
            opened.add(first)
            if opening.name in KEEPS_SPACE | VOID:
                continue
            if closing is not None and _line(plain, closing.start) == _line(plain, opening.end - 1):
                continue
        faults += [
            Fault(_line(plain, tag.start), f"<{'/' if tag.closes else ''}{tag.name}> is not alone")
            for tag in (opening, closing)
            if tag is not None and not _is_alone(plain, tag)
        ]
    return faults


def _pairs(tags: list[_Tag]) -> Iterator[tuple[_Tag | None, _Tag | None]]:
    """Opening tags and those that close them; a tag by itself where the other stands in another template."""
    waiting: list[_Tag] = []
    for tag in tags:
        if not tag.closes and tag.name in VOID:
            yield tag, None
        elif not tag.closes:
            waiting.append(tag)
        elif any(opening.name == tag.name for opening in waiting):
            while waiting[-1].name != tag.name:
                yield waiting.pop(), None
            yield waiting.pop(), tag
        else:
            yield None, tag
    for opening in waiting:
        yield opening, None


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _is_alone(text: str, tag: _Tag) -> bool:
    before = text[text.rfind("\n", 0, tag.start) + 1 : tag.start]
    after = text[tag.end :].partition("\n")[0]
    return not before.strip() and not after.strip()


def main(paths: list[str]) -> int:
    """Prints the faults of all templates below these paths; answers how the command ends."""
    found = False
    for path in sorted(file for each in paths for file in Path(each).rglob("*.html")):
        for fault in faults_of(path.read_text(encoding="utf-8")):
            found = True
            sys.stdout.write(f"{path}:{fault.line}: {fault.text}\n")
    return int(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
