"""How long things took, in a few numbers."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from scheduled_jobs.domain.histogram import ERROR, LEAST, Histogram, bucket_of

LENGTHS = st.lists(st.floats(0, 40 * 86_400), min_size=1, max_size=60)


@given(LENGTHS, st.sampled_from([0.5, 0.9, 0.95, 1.0]))
def test_a_quantile_is_true_to_two_percent(lengths: list[float], share: float) -> None:
    exact = sorted(lengths)[max(math.ceil(share * len(lengths)), 1) - 1]
    told = Histogram(Counter(map(bucket_of, lengths))).quantile(share)
    assert told is not None
    assert abs(told - exact) <= max(exact * ERROR * 1.000001, LEAST)


def test_nothing_has_no_median() -> None:
    assert Histogram().quantile(0.5) is None
