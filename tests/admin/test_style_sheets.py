from __future__ import annotations

import re
from pathlib import Path

import django.contrib.admin
import pytest

import scheduled_jobs

OURS = Path(scheduled_jobs.__file__).parent
DJANGOS = Path(django.contrib.admin.__file__).parent
SHEETS = sorted((OURS / "static").rglob("*.css"))
OF_NEWER_DJANGOS = {"changelist-footer"}


def read(root: Path, *patterns: str) -> str:
    return "\n".join(path.read_text() for pattern in patterns for path in sorted(root.rglob(pattern)))


def selectors(sheet: Path) -> str:
    plain = re.sub(r"/\*.*?\*/", "", sheet.read_text(), flags=re.DOTALL)
    return "\n".join(re.findall(r"([^{};@]+){", plain))


def written() -> set[str]:
    """The classes in the markup of templates and of Python, what scripts name, and what is put together."""
    templates = read(OURS / "templates", "*.html")
    python = read(OURS / "admin", "*.py") + read(OURS / "templatetags", "*.py")
    markup = re.sub("{{.*?}}", "*", re.sub("{%.*?%}", " ", templates)) + python
    found = set(" ".join(re.findall(r'class="([^"]*)"', markup)).split())
    found |= set(re.findall(r'"([\w-]+)"', read(OURS / "static", "*.js") + python + templates))
    found |= set(" ".join(re.findall(r"block bodyclass %}(.*?){%", templates)).split())
    values = set(re.findall(r'"([a-z]+)"', python + templates)) | {"1", "2", "3"}
    prefixes = {name.partition("*")[0] for name in found if name.endswith("*")}
    prefixes |= set(re.findall(r'f"([\w-]+-)\{\w+\}"', python))
    return found | {prefix + value for prefix in prefixes for value in values}


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda sheet: sheet.name)
def test_every_class_of_a_style_sheet_is_on_a_page(sheet: Path) -> None:
    djangos = read(DJANGOS, "*.html", "*.py", "*.js") + read(OURS / "templates", "*.html")
    styled = set(re.findall(r"\.([a-zA-Z][\w-]*)", selectors(sheet)))
    unused = {
        name
        for name in styled - written() - OF_NEWER_DJANGOS
        if not re.search(rf"[\"' ]{name}[\"' {{]", djangos)
    }
    assert unused == set()


def test_every_template_is_on_a_page() -> None:
    of_django = {"app_index"}  # by its name, for the index of the app
    paths = sorted((OURS / "templates").rglob("*.html"))
    texts = {path: path.read_text() for path in [*paths, *OURS.rglob("*.py")]}
    unused = [
        path.name
        for path in paths
        if path.stem not in of_django
        and not any(
            re.search(rf'["/]{path.stem}(\.html)?"', text) for other, text in texts.items() if other != path
        )
    ]
    assert unused == []
