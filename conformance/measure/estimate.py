"""How a figure is drawn from blocks, and what it says of a documented range: the rule of `reports/RULE.md`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

LatencyVerdict = Literal["confirmed", "faster", "slower", "inconclusive", "under-specified"]

MARGIN = 0.1
BLOCKS = 9
"""With fewer no interval of a median reaches the confidence that eight claims at once ask for."""
MISS = 0.05 / 8
"""The chance that one interval misses its median, where eight claims are judged at once."""


def blocks_for(claims: int) -> int:
    """Say how many blocks a run needs so that intervals hold for all of its claims together."""
    return next(n for n in range(BLOCKS, 100) if median_interval([1.0] * n, miss_of(claims)))


def miss_of(claims: int) -> float:
    """The chance that one interval may miss its median: 5 % are shared among the claims (Bonferroni)."""
    return min(MISS, 0.05 / max(1, claims))


@dataclass(frozen=True)
class Estimate:
    """A median over blocks; no interval where they are too few for one."""

    value: float
    interval: tuple[float, float] | None
    blocks: int
    values: tuple[float, ...] = field(default=(), compare=False)
    """Of the blocks, in their order: what value and interval are computed from."""


def estimate(values: Sequence[float], miss: float = MISS) -> Estimate:
    """Estimate a median from one value per block, at least one."""
    return Estimate(median(values), median_interval(sorted(values), miss), len(values), (*values,))


def median_interval(ordered: Sequence[float], miss: float = MISS) -> tuple[float, float] | None:
    """Bound the true median by two values of a sorted sample; None if the sample is too small for that.

    The k-th smallest of n values exceeds the median when fewer than k of them lie below it, which has the probability
    P(X < k), X ~ Binomial(n, 1/2) (David and Nagaraja, Order Statistics, 7.1). k is the largest for which both ends
    together stay within `miss`.
    """
    n = len(ordered)
    k, below = 0, 0.0
    while (below := below + math.comb(n, k) / (1 << n)) * 2 <= miss:
        k += 1
    return (ordered[k - 1], ordered[n - k]) if k else None


def judge(interval: tuple[float, float] | None, low: float, high: float, margin: float = MARGIN) -> LatencyVerdict:
    """Hold the interval of a median against a documented range, all in one unit."""
    if interval is None:
        return "inconclusive"
    least, most = widened(low, high, margin)
    if interval[1] < least:
        return "faster"
    if interval[0] > most:
        return "slower"
    return "confirmed" if least <= interval[0] and interval[1] <= most else "inconclusive"


def widened(low: float, high: float, margin: float = MARGIN) -> tuple[float, float]:
    """Give the ends of a documented range with the margin on either side, which is allowed for "about"."""
    return low * (1 - margin), high * (1 + margin)


def combine(verdicts: Sequence[LatencyVerdict]) -> LatencyVerdict:
    """Find the verdict of a claim from those at each number of tasks; there is at least one.

    Verdicts that differ blame the claim. A number of tasks that gives none blames the measurement.
    """
    if len(set(verdicts) - {"inconclusive"}) > 1:
        return "under-specified"
    return "inconclusive" if "inconclusive" in verdicts else verdicts[0]


def quantile(ordered: Sequence[float], share: float) -> float:
    """Find the smallest value of a sorted sample that at least this share of the values do not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
