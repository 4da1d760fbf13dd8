"""The trace that a delivery belongs to."""

from __future__ import annotations

import pytest
from django.test import RequestFactory

from scheduled_jobs.models import ScheduledJob
from scheduled_jobs.services.execution import Delivery
from tests.support import make_task

TRACE, SPAN = "6b1f" * 8, "00000000000004d2"
UNSAMPLED = {"trace": TRACE, "span": SPAN}
FOUND = {**UNSAMPLED, "sampled": True}


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("traceparent", f"00-{TRACE}-{SPAN}-01", FOUND),
        ("traceparent", f"cc-{TRACE}-{SPAN}-01-what-comes-later", FOUND),
        ("traceparent", f"00-{TRACE}-{SPAN}-00", UNSAMPLED),
        ("X-Cloud-Trace-Context", f"{TRACE}/1234;o=0", UNSAMPLED),
        ("traceparent", f"00-{'0' * 32}-{SPAN}-01", {}),
        ("traceparent", f"00-{TRACE}-{'0' * 16}-01", {}),
        ("traceparent", f"00-{TRACE.upper()}-{SPAN}-01", {}),
        ("traceparent", "<script>", {}),
        ("X-Cloud-Trace-Context", f"{TRACE.upper()}/1234;o=1", FOUND),
        ("X-Cloud-Trace-Context", f"{TRACE}/1234", UNSAMPLED),
        ("X-Cloud-Trace-Context", f"{TRACE}/0", {}),
        ("X-Cloud-Trace-Context", f"{TRACE}/99999999999999999999;o=1", {}),
        ("X-Cloud-Trace-Context", TRACE, {}),
        ("X-Other", "x", {}),
    ],
)
def test_the_trace_is_read_from_either_header(name: str, text: str, found: dict[str, object]) -> None:
    request = RequestFactory().post("/", headers={name: text})
    assert Delivery(job=ScheduledJob(), task=make_task(), request=request).trace == found


def test_the_standard_one_counts_where_both_are_there() -> None:
    headers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "X-Cloud-Trace-Context": f"{'a' * 32}/1"}
    request = RequestFactory().post("/", headers=headers)
    assert Delivery(job=ScheduledJob(), task=make_task(), request=request).trace["trace"] == TRACE
    assert Delivery(job=ScheduledJob(), task=make_task()).trace == {}
