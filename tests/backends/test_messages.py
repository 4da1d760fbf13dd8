"""What Google has is read whatever it is: anyone with access to its console may have written it."""

from __future__ import annotations

from hashlib import sha256

import pytest

from scheduled_jobs.backends.messages import JobMessage, live_job
from scheduled_jobs.domain.payloads import storable


@pytest.mark.parametrize(
    "body",
    [
        b"token=hunter2",
        b"[1, 2]",
        b'"text"',
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1e999}',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_no_payload_is_known_by_its_digest_alone(body: bytes) -> None:
    live = live_job(JobMessage(name="projects/p/locations/l/jobs/j", http_target={"body": body}))
    digest = sha256(body).hexdigest()[:16]
    assert live.values["payload"] == f"{len(body)} bytes that are no payload, SHA-256 {digest}"


@pytest.mark.parametrize("field", ["description", "schedule", "time_zone"])
def test_a_character_that_postgresql_cannot_hold_is_replaced(field: str) -> None:
    live = live_job(JobMessage(name="projects/p/locations/l/jobs/j", **{field: "a\x00b"}))
    assert live.values[field] == "a\N{REPLACEMENT CHARACTER}b"
    assert storable(dict(live.values))
