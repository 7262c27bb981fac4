"""A documented latency gets its verdict by this rule, which was written down before anything was measured.

The figure of a claim is the median of the measured calls.

"~2-5 ms" is read with a margin of 10 % on either end: from 0.9 * 2 ms to 1.1 * 5 ms.

The interval of the median lies between two of the measured calls: the closest pair, equally far from both ends of the
sorted sample, that holds the true median with a confidence of 99.375 % (order statistics and the binomial distribution;
no shape of the latencies is assumed). That is 95 % for the eight claims together, after Bonferroni.

Confirmed: the whole interval lies within the range and its margin. Faster: all of it lies below them. Slower: all of
it lies above them. Inconclusive: it straddles an end, or there are fewer than nine calls and so no interval.
Under-specified: the claim does not say for how many tasks it holds, and different numbers of tasks give different
verdicts.

Claims about Redis are decided on the published port of a container, since that is what a reader of the document has; on
the embedded server only where there is no container.

Calls within one run follow each other on one machine and are not independent: the true uncertainty is larger than the
interval says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

LatencyVerdict = Literal["confirmed", "faster", "slower", "inconclusive", "under-specified"]

RULE: tuple[str, ...] = tuple(" ".join(paragraph.split()) for paragraph in (__doc__ or "").split("\n\n"))
"""The rule, a text per paragraph, for the page."""

MARGIN = 0.1
CLAIMS_AT_ONCE = 8
MISS = 0.05 / CLAIMS_AT_ONCE
"""The chance that one interval misses its median."""


def median_interval(ordered: Sequence[float]) -> tuple[float, float] | None:
    """Bound the true median by two values of a sorted sample; None if the sample is too small for that.

    The k-th smallest of n values exceeds the median when fewer than k of them lie below it, which has the probability
    P(X < k), X ~ Binomial(n, 1/2) (David and Nagaraja, Order Statistics, 7.1). k is the largest for which both ends
    together stay within `MISS`.
    """
    n = len(ordered)
    k, below = 0, 0.0
    while (below := below + _binomial(k, n)) * 2 <= MISS:
        k += 1
    return (ordered[k - 1], ordered[n - k]) if k else None


def judge(interval: tuple[float, float] | None, low: float, high: float) -> LatencyVerdict:
    """Hold the interval of a median against a documented range, all in one unit."""
    if interval is None:
        return "inconclusive"
    least, most = low * (1 - MARGIN), high * (1 + MARGIN)
    if interval[1] < least:
        return "faster"
    if interval[0] > most:
        return "slower"
    return "confirmed" if least <= interval[0] and interval[1] <= most else "inconclusive"


def combine(verdicts: Sequence[LatencyVerdict]) -> LatencyVerdict:
    """Find the verdict of a claim from those at each number of tasks; there is at least one."""
    return verdicts[0] if len(set(verdicts)) == 1 else "under-specified"


def quantile(ordered: Sequence[float], share: float) -> float:
    """Find the smallest value of a sorted sample that at least this share of it does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _binomial(k: int, n: int) -> float:
    """P(X = k) for X ~ Binomial(n, 1/2), through logarithms: n is in the thousands."""
    return math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2))
