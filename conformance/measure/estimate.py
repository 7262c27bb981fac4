"""How a figure is drawn from blocks, and what it says of a documented range: the rule of `reports/RULE.md`."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

from conformance.measure.claims import Latency

LatencyVerdict = Literal["confirmed", "faster", "slower", "inconclusive", "under-specified"]
Verdict = LatencyVerdict | Literal["not-measured"]
_UNDECIDED: tuple[Verdict, ...] = ("not-measured", "inconclusive")

MARGIN = 0.1
BLOCKS = 13
"""One disturbed block reaches an end of an interval of 99.4 % in an eighth of the rows; of nine blocks, in a third."""
MISS = 0.05 / 8
"""The chance that one interval misses its median: eight hold together with 95 % (Bonferroni)."""


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
    ordered = sorted(values)
    rank, _ = bounds_for(len(values), miss)
    interval = (ordered[rank - 1], ordered[-rank]) if rank else None
    return Estimate(median(values), interval, len(values), (*values,))


def bounds_for(size: int, miss: float = MISS) -> tuple[int, float]:
    """Find the closest pair of values that misses the true median no more often than this.

    Returns how many values from either end they are, counted from 1, and how probably the median lies between them;
    0 if the sample is too small for a pair: the median lies somewhere.

    The k-th smallest of n values exceeds the median when fewer than k of them lie below it, which has the probability
    P(X < k), X ~ Binomial(n, 1/2) (David and Nagaraja, Order Statistics, 7.1). Both ends together miss twice as often.

    Few values leave few pairs to choose from, so a pair misses less often than it may: of thirteen, the second lowest
    and highest hold the median with 99.7 %.
    """
    rank = 0
    missed = 0.0
    while (more := missed + 2 * math.comb(size, rank) / 2**size) <= miss:
        rank += 1
        missed = more
    return rank, 1 - missed


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
    claim: Latency, measured: Mapping[int, Estimate | None], margin: float = MARGIN
) -> tuple[Verdict, Mapping[int, Verdict]]:
    """Judge a claim by estimates in milliseconds, by number of entries: at those that it names, else at the most.

    Where it was not measured at all of them it has no verdict, unless two that were measured contradict each other.
    Verdicts that differ blame the claim. A number of entries that gives none blames the measurement.
    """
    verdicts: dict[int, Verdict] = {}
    for entries in claim.entries or (max(measured, default=0),):
        found = measured.get(entries)
        verdicts[entries] = judge(found.interval, *claim.range_ms, margin) if found else "not-measured"

    different = {*verdicts.values()}
    if len(different - {*_UNDECIDED}) > 1:
        return "under-specified", verdicts
    for undecided in _UNDECIDED:
        if undecided in different:
            return undecided, verdicts
    return different.pop(), verdicts


def factor_of(verdict: Verdict, value: float, low: float, high: float) -> float | None:
    """Say how many times faster than the nearer end of a range, or slower, a value is; None where it is neither."""
    return {"faster": low / value, "slower": value / high}.get(verdict)
