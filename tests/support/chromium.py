"""Where the browser of the browser tests is, if there is one."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

NAMES = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"
)  # fmt: skip
"""The first is the same browser without its own windows: it takes a fifth of the time to open and fill a page."""
MISSING = (
    "no Chromium was found; on Debian and Ubuntu: sudo apt-get install chromium, "
    "or put the path of one into CHROMIUM"
)


def find_chromium() -> str | None:
    """The path of a Chromium or Chrome: the one named in CHROMIUM, or the first on PATH; None without one."""
    if named := os.environ.get("CHROMIUM"):
        return named if Path(named).is_file() else None
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def switches() -> list[str]:
    """Chromium's sandbox refuses to work for root, as whom a CI machine runs."""
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return ["--no-sandbox", "--disable-dev-shm-usage"] if root else []
