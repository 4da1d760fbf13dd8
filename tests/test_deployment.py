"""Which code runs, and where."""

from __future__ import annotations

import socket
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from scheduled_jobs import deployment
from scheduled_jobs.deployment import INSTANCES, PIPELINE, PLATFORM, code_version, host, release_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

COMMIT = "9f31c0a" + 33 * "1"


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*PLATFORM, *PIPELINE, *INSTANCES):
        monkeypatch.delenv(name, raising=False)
    host.cache_clear()
    release_here.cache_clear()
    yield
    host.cache_clear()
    release_here.cache_clear()


@pytest.fixture
def project(tmp_path: Path, settings: Any) -> Path:
    settings.BASE_DIR = tmp_path / "shop" / "src"
    settings.BASE_DIR.mkdir(parents=True)
    return tmp_path / "shop"


@pytest.mark.parametrize("name", PLATFORM + PIPELINE)
def test_what_the_platform_or_the_pipeline_names_counts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, f" {'x' * 200}\n")
    assert code_version() == "x" * 100


def test_the_platform_comes_before_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMIT", COMMIT)
    monkeypatch.setenv("K_REVISION", "shop-00042-abc")
    assert code_version() == "shop-00042-abc"


@pytest.mark.parametrize(("name", "shown"), [("GAE_INSTANCE", "00c61b117c"), ("DYNO", "web.1")])
def test_the_instance_is_named_as_its_platform_has_it(
    name: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, shown)
    assert host() == shown


def test_elsewhere_it_is_the_name_of_the_host() -> None:
    assert host() == socket.gethostname()


def detached(git: Path) -> None:
    (git / "HEAD").write_text(f"{COMMIT}\n")


def on_a_branch(git: Path) -> None:
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs/heads").mkdir(parents=True)
    (git / "refs/heads/main").write_text(f"{COMMIT}\n")


def packed(git: Path) -> None:
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    other = "a" * 40
    (git / "packed-refs").write_text(
        f"# pack-refs with: peeled\n{other} refs/heads/xmain\n{COMMIT} refs/heads/main\n"
    )


@pytest.mark.parametrize("way", [detached, on_a_branch, packed])
def test_else_it_is_the_commit_that_is_checked_out(way: Callable[[Path], None], project: Path) -> None:
    (project / ".git").mkdir()
    way(project / ".git")
    assert code_version() == COMMIT[:12]


def test_a_worktree_is_one_too(project: Path) -> None:
    """As git itself makes it."""
    main = project.parent / "main"

    def git(*words: str) -> str:
        whoever = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        return subprocess.run(
            ["git", *whoever, *words], cwd=main, check=True, capture_output=True, text=True
        ).stdout.strip()

    main.mkdir()
    git("init", "-q", "-b", "main")
    git("commit", "-q", "--allow-empty", "-m", "x")
    (project / "src").rmdir()
    git("worktree", "add", "-q", "-b", "other", str(project / "src"))
    assert code_version() == git("rev-parse", "HEAD")[:12]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {".git": "gitdir: /nowhere\n"},
        {".git": "\x00"},
        {".git/HEAD": "ref: refs/heads/.invalid\n"},
        {".git/HEAD": "ref: ../../secret\n", "secret": "geheim\n"},
        {".git/HEAD": "nonsense"},
        {".git/config": ""},
    ],
)
def test_what_cannot_be_read_names_no_commit(files: dict[str, str], project: Path) -> None:
    for name, text in files.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    if not files:
        (project / ".git").mkdir()
    assert code_version() == ""


def test_a_folder_that_is_gone_names_no_commit(
    project: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.BASE_DIR = None
    gone = project / "release-7"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert code_version() == ""


def test_it_stays_what_it_was_when_the_process_began(project: Path) -> None:
    (project / ".git").mkdir()
    detached(project / ".git")
    assert deployment.release_here() == COMMIT[:12]
    (project / ".git/HEAD").write_text("b" * 40)
    assert code_version() == COMMIT[:12]
