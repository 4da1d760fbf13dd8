"""What an error is called, so that its like is found again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduled_jobs.domain.errors import MAX_KEY, error_key, place_of


@pytest.mark.parametrize(
    ("message", "key"),
    [
        ("no money left", "E: no money left"),
        ("order 4711 is not paid", "E: order … is not paid"),
        ("order A-4711/x9 is not paid", "E: order A-… is not paid"),
        ("took 3.5 s of 2", "E: took … s of …"),
        ("-17 is negative", "E: … is negative"),
        ("'maria' is unknown", "E: … is unknown"),
        ('column "a b" of table `t`', "E: column … of table …"),
        ("“ana” can't be found, and isn't new", "E: … can't be found, and isn't new"),
        (r"'it\'s' is text", "E: … is text"),
        ("<shop.Cart object at 0x7f3a2c1d>", "E: <shop.Cart object at …>"),
        ("user 550e8400-deaf-41d4-a716-446655440000 left", "E: user … left"),
        ("commit deadbeefcafe is gone", "E: commit … is gone"),
        ("GET https://api.example.com/v1/x?page=2 failed", "E: GET … failed"),
        ("mail to ana@example.com bounced", "E: mail to … bounced"),
        ("cannot open /var/tmp/upload/x.csv", "E: cannot open …"),
        ("10.0.0.1:5432 refused", "E: … refused"),
        ("at 2026-10-22 13:08:07+00:00", "E: at …"),
        ("{'a': 1, 'b': [2, 3]}", "E: {…]}"),
        ("first line\nsecond line", "E: first line"),
        ("  much   space  ", "E: much space"),
        ("", "E"),
    ],
)
def test_what_varies_is_left_out_of_the_key(message: str, key: str) -> None:
    assert error_key("E", message) == key


def test_the_class_is_part_of_the_key_whatever_is_in_its_name() -> None:
    assert error_key("S3Error", "no bucket 7") == "S3Error: no bucket …"
    assert error_key("", "no bucket 7") == "no bucket …"


def test_the_place_is_part_of_the_key() -> None:
    assert error_key("KeyError", "'x'", "shop.tasks.Report.run") == "KeyError: … in shop.tasks.Report.run"


def test_a_long_key_is_cut_and_stays_another_than_its_like() -> None:
    one, two = (error_key("E", "word " * 60 + end) for end in ("a", "b"))
    assert len(one) == len(two) == MAX_KEY
    assert one != two
    assert error_key("E", "word " * 60 + "a") == one


@given(st.text(), st.integers(), st.uuids())
def test_a_key_fits_its_column_and_knows_no_number(text: str, number: int, identifier: object) -> None:
    key = error_key("E", f"row {number} of {identifier}: {text}")
    assert len(key) <= MAX_KEY
    assert key.startswith("E: row … of …")


def raised(code: str) -> BaseException:
    scope: dict[str, object] = {"__name__": "shop.tasks", "json": json}
    exec(compile(code, "/srv/shop/tasks.py", "exec"), scope)
    with pytest.raises((KeyError, TypeError, ValueError)) as caught:
        scope["run"]()  # type: ignore[operator]
    return caught.value


def test_an_error_of_python_is_placed_in_the_projects_code() -> None:
    code = "def look(): return {}['x']\nclass Report:\n    def read(self): look()\ndef run(): Report().read()"
    assert place_of(raised(code)) == "shop.tasks.look"


def test_frames_of_the_standard_library_are_not_the_projects() -> None:
    code = "class Report:\n    def read(self): json.dumps(object())\ndef run(): Report().read()"
    assert place_of(raised(code)) == "shop.tasks.Report.read"


def test_an_error_of_another_class_needs_no_place() -> None:
    assert place_of(raised("def run(): json.loads('{')")) == ""


def test_an_installed_project_is_placed_where_its_task_begins() -> None:
    code = "def look(): return {}['x']\ndef run(): look()"
    scope: dict[str, object] = {"__name__": "shop.tasks"}
    exec(compile(code, "/usr/lib/python3/dist-packages/shop/tasks.py", "exec"), scope)
    with pytest.raises(KeyError) as caught:
        scope["run"]()  # type: ignore[operator]
    frames = caught.value.__traceback__
    assert frames is not None
    assert place_of(caught.value.with_traceback(frames.tb_next)) == "shop.tasks.run"


def test_an_error_without_a_traceback_has_no_place() -> None:
    assert place_of(KeyError("x")) == ""
