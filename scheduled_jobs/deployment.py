"""Which code runs, and where: what is written of it into each run."""

from __future__ import annotations

import os
import re
import socket
from functools import cache
from pathlib import Path

from django.conf import settings as django_settings

MAX_TEXT = 100
PLATFORM = ("K_REVISION", "GAE_VERSION")
"""Variables of the environment in which Cloud Run and App Engine name what they run."""
PIPELINE = (
    "SENTRY_RELEASE",
    "HEROKU_SLUG_COMMIT",
    "RENDER_GIT_COMMIT",
    "RAILWAY_GIT_COMMIT_SHA",
    "SOURCE_VERSION",  # Heroku and OpenShift while they build, and many pipelines
    "SOURCE_COMMIT",  # Docker Hub
    "GIT_COMMIT",
    "GIT_SHA",
    "COMMIT_SHA",  # Cloud Build
)
"""Those in which others, and what builds a release, name it; the first that is set counts."""
INSTANCES = ("GAE_INSTANCE", "DYNO")
"""Those that name the machine; elsewhere it is the name of the host, which Kubernetes gives to each pod."""
COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def code_version() -> str:
    """The revision that the platform or the pipeline names, else the commit of the working copy, else ""."""
    return _first_of(PLATFORM) or release_here()


@cache
def release_here() -> str:
    """What the pipeline names, else the commit of the working copy, as it was at the first call."""
    return _first_of(PIPELINE) or _working_copy()


@cache
def host() -> str:
    """The instance, the dyno, the pod or the machine."""
    return _first_of(INSTANCES) or socket.gethostname()[:MAX_TEXT]


def _first_of(names: tuple[str, ...]) -> str:
    for name in names:
        if text := os.environ.get(name, "").strip():
            return text[:MAX_TEXT]
    return ""


def _working_copy() -> str:
    """The commit of the project's working copy, short, as git has it in its files."""
    try:
        start = Path(getattr(django_settings, "BASE_DIR", None) or ".").resolve()
        found = next((place / ".git" for place in (start, *start.parents) if (place / ".git").exists()), None)
        head = _head_of(found) if found is not None else ""
    except (OSError, ValueError):  # it is gone, may not be read, or is no text
        return ""
    return head[:12] if COMMIT.fullmatch(head) else ""


def _head_of(git: Path) -> str:
    if git.is_file():  # that of a worktree or of a submodule says where the rest lies
        git = git.parent / git.read_text().removeprefix("gitdir:").strip()
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head
    name = head.removeprefix("ref:").strip()
    shared = git / "commondir"
    places = [git, git / shared.read_text().strip()] if shared.is_file() else [git]
    for place in places:
        if (place / name).is_file():
            return (place / name).read_text().strip()
    packed = places[-1] / "packed-refs"
    lines = packed.read_text().splitlines() if packed.is_file() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), "")
