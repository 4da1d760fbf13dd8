"""How long things took, many of them in a few numbers: counts by buckets that grow with the length.

Every quantile is true to ``ERROR`` of itself, or to ``LEAST`` seconds where that is more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

ERROR = 0.02
"""By how much of itself a quantile may be wrong."""
LEAST = 0.001
"""Seconds; what is shorter is not told apart."""
GROWTH = (1 + ERROR) / (1 - ERROR)


def bucket_of(seconds: float) -> int:
    """The bucket of a length: 0 up to ``LEAST``; bucket n ends at ``LEAST * GROWTH ** n``."""
    if seconds <= LEAST:
        return 0
    return math.ceil(math.log(seconds / LEAST, GROWTH))


@dataclass(frozen=True)
class Histogram:
    """Counts by bucket: those of parts add up to those of the whole."""

    counts: Mapping[int, int] = field(default_factory=dict)

    def plus(self, other: Histogram) -> Histogram:
        """This one and another together."""
        return Histogram(Counter(self.counts) + Counter(other.counts))

    @property
    def total(self) -> int:
        """How many lengths there are."""
        return sum(self.counts.values())

    def quantile(self, share: float) -> float | None:
        """The length in seconds that ``share`` (0 to 1) of all do not exceed; None where there are none."""
        rank = max(math.ceil(share * self.total), 1)
        for bucket, count in sorted(self.counts.items()):
            rank -= count
            if rank <= 0 < count:
                # The value from which both ends of the bucket differ by the same part of themselves.
                return LEAST * GROWTH**bucket * (1 - ERROR) if bucket else LEAST
        return None
