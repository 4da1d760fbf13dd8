"""A view asks and words before it shows: by the time that a template is rendered, nothing is asked any more."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from django.db import connection
from django.template import engines
from django.template.backends.django import Template

from scheduled_jobs.models import ScheduledJob
from tests.support.people import superuser
from tests.support.requests import GETS, NOBODY, POSTS, Action, data_of, send

if TYPE_CHECKING:
    from collections.abc import Callable


pytestmark = [pytest.mark.django_db, pytest.mark.uncounted]
PAGES = [action for action in (*GETS, *POSTS) if NOBODY not in action.needs and action.answer == 200]

NUMBERS = "x|y|x1|x2|y1|y2|dx|dy|width|height|max|value"
"""Attributes that browsers read as numbers."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The statements about our tables that are made while a template is rendered; Django's own are its own."""
    found: list[str] = []

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if "scheduled_jobs_" in sql:
            found.append(sql)
        return execute(sql, *rest)

    original = Template.render

    def render(template: Template, *args: Any, **kwargs: Any) -> Any:
        with ExitStack() as stack:
            if note not in connection.execute_wrappers:
                stack.enter_context(connection.execute_wrapper(note))
            return original(template, *args, **kwargs)

    monkeypatch.setattr(Template, "render", render)
    return found


@pytest.mark.parametrize("action", PAGES, ids=str)
def test_rendering_asks_nothing_and_stands_other_peoples_settings(
    action: Action, asked: list[str], desk: dict[str, str], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks for mistakes in templates sets ``string_if_invalid``; in German a number has a comma."""
    monkeypatch.setattr(engines["django"].engine, "string_if_invalid", "[no %s here]")
    settings.LANGUAGE_CODE, settings.USE_THOUSAND_SEPARATOR = "de", True
    data = data_of(action, desk) if action.method == "post" else {}
    asked.clear()
    answer = send(superuser(), action, desk, data)
    assert answer.status_code == 200
    assert asked == []
    html = "" if answer.streaming else answer.content.decode()
    assert re.findall(r"\[no .* here\]", html) == []
    assert re.findall(rf'\s(?:{NUMBERS})="[\d.]+,[\d.,%]*"', html) == []


def test_what_a_template_asks_is_noticed(asked: list[str], desk: dict[str, str]) -> None:
    template = engines["django"].from_string("{% for job in jobs %}{{ job }}{% endfor %}")
    template.render({"jobs": ScheduledJob.objects.all()})
    assert len(asked) == 1
