"""Texts of a task's own, made fit to be kept."""

from __future__ import annotations

import re

from scheduled_jobs.domain.payloads import clean_text

TOKEN = re.compile(r"eyJ[\w-]*(?:\.[\w-]*){0,2}")
"""What a signed token looks like."""


def clean(text: str) -> str:
    """A text that every database can hold, without tokens."""
    return TOKEN.sub("[token]", clean_text(text))


def shortened(text: str, limit: int) -> str:
    """The beginning and the end of a text that is too long."""
    return text if len(text) <= limit else f"{text[: limit // 2]}\n…\n{text[-limit // 2 :]}"
