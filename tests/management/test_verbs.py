"""``manage.py scheduled_jobs`` without a verb, and with one that there is not."""

from __future__ import annotations

import pytest

from scheduled_jobs.management.commands.scheduled_jobs import VERBS, Command


def test_without_a_verb_all_verbs_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    Command().run_from_argv(["manage.py", "scheduled_jobs", "--settings", "tests.settings"])
    said = capsys.readouterr()
    first, empty, *verbs = said.out.splitlines()
    assert (first, empty) == ("Usage: manage.py scheduled_jobs verb [options]; each verb takes --help.", "")
    assert [line.split()[0] for line in verbs] == list(VERBS)
    assert "  next           The next runs of one job, or of all." in verbs
    assert said.err == ""


@pytest.mark.parametrize(("word", "hint"), [("dcotor", " Did you mean doctor?"), ("xyzzy", "")])
def test_of_an_unknown_verb_the_nearest_is_told(
    word: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        Command(no_color=True).run_from_argv(["manage.py", "scheduled_jobs", word, "--json"])
    first, usage, *_ = capsys.readouterr().err.splitlines()
    assert first == f"Unknown verb: {word!r}.{hint}"
    assert usage == "Usage: manage.py scheduled_jobs verb [options]; each verb takes --help."
    assert ended.value.code == 1
