"""The payload of a job: JSON outside, keyword arguments of ``run()`` inside.

``signature`` reads the parameters of ``run()``, ``annotations`` turns values into their types, ``storage``
knows what a database can hold, ``redaction`` keeps secrets off the screens, ``redactor`` out of texts.
"""

from scheduled_jobs.domain.payloads.redaction import MASK, SECRET_WORDS, redact, restore
from scheduled_jobs.domain.payloads.redactor import Redactor, secrets_in, without_tokens
from scheduled_jobs.domain.payloads.signature import Field, Signature
from scheduled_jobs.domain.payloads.storage import (
    MAX_DEPTH,
    MAX_DIGITS,
    MAX_STORED,
    clean_text,
    in_three_bytes,
    is_json,
    parse_body,
    storable,
)

__all__ = [
    "MASK",
    "MAX_DEPTH",
    "MAX_DIGITS",
    "MAX_STORED",
    "SECRET_WORDS",
    "Field",
    "Redactor",
    "Signature",
    "clean_text",
    "in_three_bytes",
    "is_json",
    "parse_body",
    "redact",
    "restore",
    "secrets_in",
    "storable",
    "without_tokens",
]
