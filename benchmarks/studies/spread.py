"""A spread: many waits put compactly. Its quantiles are of all samples and exact; its buckets are for drawing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
BUCKET = 1.1
"""Each bucket ends this many times where it begins; bucket 0 begins at one microsecond."""


@dataclass(frozen=True)
class Spread:
    """`quantiles` has those for which there are ten samples beyond and more: for p99.9 that takes 10,000."""

    n: int
    least: float
    most: float
    quantiles: dict[str, float]
    buckets: dict[int, int]

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Self:
        """Put waits together; there is at least one."""
        ordered = sorted(seconds)
        n = len(ordered)
        return cls(
            n=n,
            least=ordered[0],
            most=ordered[-1],
            quantiles={
                name: ordered[math.ceil(share * n) - 1]
                for name, share in SHARES.items()
                if round(n * (1 - share), 6) >= 10  # noqa: PLR2004  as the docstring says
            },
            buckets=dict(sorted(Counter(_bucket(wait) for wait in ordered).items())),
        )


def _bucket(seconds: float) -> int:
    return math.floor(math.log(max(seconds, 1e-9) * 1e6, BUCKET))
