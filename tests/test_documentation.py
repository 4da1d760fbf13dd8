"""What the pages say is so: settings, checks, commands, links."""

from __future__ import annotations

import ast
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from scheduled_jobs import checks, conf
from scheduled_jobs.services.scheduling import faults
from tests.support.documents import PAGES, ROOT, anchors, code_blocks, read, rows, section

COMMANDS = sorted(name for name, app in get_commands().items() if app == "scheduled_jobs")
DJANGO_OPTIONS = load_command_class("django.core", "check").create_parser("manage.py", "check")


def default_of(name: str) -> str:
    """The default of a setting as one writes it in a settings file."""
    value = vars(conf.Settings)[name]
    if isinstance(value, list):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    if isinstance(value, timedelta):
        hours, minutes = divmod(value // timedelta(minutes=1), 60)
        return f"timedelta(hours={hours})" if hours else f"timedelta(minutes={minutes})"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def test_the_readme_names_every_setting_and_no_other() -> None:
    named = [name for _, cell in rows(section(read("README.md"), "Settings"), 2) for name in cell.split()]
    assert sorted(named) == sorted(f"`{name}`" for name in conf.names())


def test_every_setting_is_explained_with_its_default() -> None:
    documented = {name: default for name, default, _ in rows(read("docs/settings.md"), 3)}
    assert documented == {f"`{name}`": f"`{default_of(name)}`" for name in conf.names()}


def id_of_fault(node: ast.AST) -> str:
    """The id under which ``manage.py check`` tells a fault that is made here."""
    match node:
        case ast.Call(func=ast.Name(id="Fault"), args=[ast.Constant(value=int(number)), _, _, *rest]):
            level = rest[0].value if rest and isinstance(rest[0], ast.Constant) else "fault"
            is_error = level == "error" or (node.keywords and level == "fault")
            return f"scheduled_jobs.{'E' if is_error else 'W'}{number:03}"
    return ""


def ids_in_the_code() -> set[str]:
    letters = {"error": "E", "warning": "W"}
    found = {
        id_of_fault(call)
        for path in Path(faults.__file__).parent.glob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
    } - {""}
    for path in Path(checks.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=kind), args=[ast.Constant(value=int(number)), *_]) if (
                    kind in letters
                ):
                    found.add(f"scheduled_jobs.{letters[kind]}{number:03}")
    return found


def test_every_check_is_explained_and_no_other() -> None:
    documented = [identifier.strip("`") for identifier, _, _ in rows(read("docs/checks.md"), 3)]
    assert len(documented) == len(set(documented))
    assert set(documented) == ids_in_the_code()
    assert len(documented) > 15


def test_the_checks_that_run_for_a_deployment_are_marked_so() -> None:
    marked = {number.strip("`") for number, what, _ in rows(read("docs/checks.md"), 3) if "*deploy*" in what}
    assert marked == {number for number in ids_in_the_code() if number[-3:] >= "040"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_a_section(name: str) -> None:
    assert load_command_class("scheduled_jobs", name).help
    assert f"python manage.py {name}" in section(read("docs/commands.md"), name)


def test_the_options_of_schedule_tasks_are_explained() -> None:
    parser = load_command_class("scheduled_jobs", "schedule_tasks").create_parser(
        "manage.py", "schedule_tasks"
    )
    common = {option for action in DJANGO_OPTIONS._actions for option in action.option_strings}
    options = {option for action in parser._actions for option in action.option_strings} - common
    named = re.findall(
        r"^\| `(--[a-z-]+)` \|", section(read("docs/commands.md"), "schedule_tasks"), re.MULTILINE
    )
    assert set(named) == options - {"--skip-checks"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        linked = page if not path else (page.parent / path)
        assert linked.is_file(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(linked.read_text()), f"{target} names no heading"


def test_the_index_links_every_page() -> None:
    linked = set(re.findall(r"^- \[.+?\]\((.+?\.md)\)", read("docs/index.md"), re.MULTILINE))
    assert linked == {page.name for page in ROOT.glob("docs/*.md")} - {"index.md"}


def test_every_picture_that_exists_is_shown() -> None:
    pages = "".join(page.read_text() for page in PAGES)
    assert [picture.name for picture in ROOT.glob("docs/images/*") if picture.name not in pages] == []


@pytest.mark.usefixtures("no_tasks")
def test_the_example_of_the_readme_is_a_task_without_a_fault() -> None:
    from scheduled_jobs import registry
    from scheduled_jobs.services.scheduling import declare

    (code,) = code_blocks("README.md", "tasks.py")
    exec(compile(code, "README.md", "exec"), {"__name__": "shop.tasks"})
    (task,) = registry.tasks()
    assert task.name() == "shop.tasks.SendReminders"
    assert declare(task).faults == {}
    assert "[+] Job created: shop.tasks.SendReminders" in read("README.md")


def test_contributing_names_places_that_exist() -> None:
    places = section(read("CONTRIBUTING.md"), "To change this, look here")
    named = re.findall(r"`([\w/]+\.(?:py|md))`", places)
    assert len(named) >= 10
    for place in named:
        assert (ROOT / "scheduled_jobs" / place).exists() or (ROOT / place).exists(), place


def test_the_table_of_versions_is_what_is_run() -> None:
    noxfile = ast.parse((ROOT / "noxfile.py").read_text())
    (matrix,) = [
        ast.literal_eval(node.value)
        for node in noxfile.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DJANGO"
    ]
    table = rows(read("docs/compatibility.md"), 5)
    assert [(django, python) for django, python, *_ in table] == [
        (django, python) for django, pythons in matrix.items() for python in pythons
    ]
    promised = set(
        re.findall(r'"(?:Framework|Programming Language) :: (\S+ :: [\d.]+)"', read("pyproject.toml"))
    )
    ran = {f"Django :: {django}" for django, *_ in table} | {f"Python :: {python}" for _, python, *_ in table}
    assert promised == ran
