"""How a figure is drawn from blocks, and what it says of a documented range: the rule of `reports/RULE.md`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from conformance.measure.claims import Latency

LatencyVerdict = Literal["confirmed", "faster", "slower", "inconclusive", "under-specified"]
Verdict = LatencyVerdict | Literal["not-measured"]

MARGIN = 0.1
BLOCKS = 13
"""One disturbed block reaches an end of an interval of 99.4 % in an eighth of the rows; of nine blocks, in a third."""
MISS = 0.05 / 8
"""The chance that one interval misses its median, where eight claims are judged at once."""


def blocks_for(claims: int) -> int:
    """Say how many blocks a run needs so that intervals hold for all of its claims together."""
    return next(blocks for blocks in range(BLOCKS, 100) if confidence(blocks, miss_of(claims)))


def miss_of(claims: int) -> float:
    """The chance that one interval may miss its median: 5 % are shared among the claims (Bonferroni)."""
    return 0.05 / max(1, claims)


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
    """Bound the true median by two values of a sorted sample; None if the sample is too small for that."""
    rank, _ = _rank_and_miss(len(ordered), miss)
    return (ordered[rank - 1], ordered[-rank]) if rank else None


def confidence(blocks: int, miss: float = MISS) -> float | None:
    """Say how probably an interval of so many blocks holds its median: more than was asked for. None if there is none.

    Few blocks leave few pairs of values to choose from: of thirteen, the second lowest and highest hold it with 99.7 %.
    """
    rank, missed = _rank_and_miss(blocks, miss)
    return 1 - missed if rank else None


def _rank_and_miss(count: int, miss: float) -> tuple[int, float]:
    """Find the largest k for which the k-th lowest and highest values bound the median, and the chance that they miss.

    The k-th smallest of n values exceeds the median when fewer than k of them lie below it, which has the probability
    P(X < k), X ~ Binomial(n, 1/2) (David and Nagaraja, Order Statistics, 7.1). Both ends together miss twice as often.
    """
    rank, missed = 0, 0.0
    while True:
        more = 2 * math.comb(count, rank) / (1 << count)
        if missed + more > miss:
            return rank, missed
        missed += more
        rank += 1


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


def judge_claim(
    claim: Latency, measured: Mapping[int, Estimate], margin: float = MARGIN
) -> tuple[Verdict, Mapping[int, LatencyVerdict]]:
    """Judge a claim by estimates in milliseconds, by number of entries: at those that it names, else at the most.

    Where it was not measured at all of them it has no verdict, unless two that were measured contradict each other.
    Verdicts that differ blame the claim. A number of entries that gives none blames the measurement.
    """
    sizes = claim.entries or (max(measured, default=0),)
    verdicts: dict[int, LatencyVerdict] = {}
    for entries in sizes:
        if entries in measured:
            interval = measured[entries].interval
            verdicts[entries] = judge(interval, claim.low_ms, claim.high_ms, margin)

    if len({*verdicts.values()} - {"inconclusive"}) > 1:
        return "under-specified", verdicts
    if len(verdicts) < len(sizes):
        return "not-measured", verdicts
    if "inconclusive" in verdicts.values():
        return "inconclusive", verdicts
    return verdicts[sizes[0]], verdicts


def factor_of(verdict: Verdict, value: float, low: float, high: float) -> float | None:
    """Say how many times faster than the nearer end of a range, or slower, a value is; None where it is neither."""
    match verdict:
        case "faster":
            return low / value
        case "slower":
            return value / high
        case _:
            return None
