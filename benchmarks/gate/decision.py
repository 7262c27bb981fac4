"""Whether the head is slower than the base, decided from the medians of blocks and nothing else.

Blocks come in sequences, there and back (ABBA). One sequence gives one log ratio per operation: the mean of the
logarithms of the head's two blocks less that of the base's. A round is several sequences in new processes, and gives
their median; a process is fast or slow for as long as it lives, so rounds are what is independent. What counts is the
median over the rounds, and its bootstrap percentile interval. The 5 % that an interval may miss are shared among the
operations (Bonferroni), so they hold for the gate as a whole.

The noise of the day is how far from zero the same interval reaches for the control, a second copy of the base.

* slower: the whole interval lies beyond the larger of 10 % and the noise.
* passed: else, the whole interval lies below 20 %.
* noisy: else. The measurements vary so much that a slowdown that matters is neither shown nor excluded.

One operation that is slower decides; else one that is noisy.

A run that finds a slowdown is made again. What is slower in both is slower; what is slower in the second only is noisy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median
from typing import Literal

Arm = Literal["base", "head", "control"]
ARMS: tuple[Arm, ...] = ("base", "head", "control")

Round = Mapping[str, Mapping[Arm, Sequence[float]]]
"""Median seconds per call of each block: by operation, by arm, in the order in which they were measured."""

Verdict = Literal["passed", "slower", "noisy"]

ALLOWED = 0.1
SLOWDOWN = 0.2
"""What the gate promises to find."""
MISS = 0.05


@dataclass(frozen=True)
class Comparison:
    """One operation: how many times the base's seconds the head takes, between which bounds, and the noise."""

    operation: str
    ratio: float
    low: float
    high: float
    noise: float
    """As a share: 0.03 if identical code differed by up to 3 %."""
    verdict: Verdict


@dataclass(frozen=True)
class Decision:
    """The verdict, and what it was drawn from."""

    verdict: Verdict
    comparisons: tuple[Comparison, ...]


def decide(rounds: Sequence[Round]) -> Decision:
    """Decide for all operations; there is at least one round, and the number of rounds is odd."""
    operations = tuple(rounds[0])
    return _conclude(tuple(_compare(operation, rounds, MISS / len(operations)) for operation in operations))


def confirm(first: Decision, second: Decision) -> Decision:
    """Decide from a second run after one that found a slowdown."""
    slower = {one.operation for one in first.comparisons if one.verdict == "slower"}
    return _conclude(
        tuple(
            replace(one, verdict="noisy") if one.verdict == "slower" and one.operation not in slower else one
            for one in second.comparisons
        )
    )


def _conclude(comparisons: tuple[Comparison, ...]) -> Decision:
    verdicts = {comparison.verdict for comparison in comparisons}
    order: tuple[Verdict, ...] = ("slower", "noisy", "passed")
    return Decision(next(verdict for verdict in order if verdict in verdicts), comparisons)


def median_interval(values: Sequence[float], miss: float) -> tuple[float, float]:
    """Bound the median by the percentile interval of its bootstrap, which misses with a chance of about `miss`.

    For an odd number n of values this needs no drawing. The median of a bootstrap sample is one of the values, and at
    most the k-th smallest when more than half of n draws are among the k smallest, each of which has the chance k/n
    (Efron, "Bootstrap methods: another look at the jackknife", section 3).

    Raises:
        ValueError: if the number of values is even.
    """
    ordered, n = sorted(values), len(values)
    if n % 2 == 0:
        raise ValueError("the median of an even number of values lies between two of them")
    k = next(k for k in range(1, n + 1) if _more_than_half(n, k / n) > miss / 2)
    return ordered[k - 1], ordered[n - k]


def _compare(operation: str, rounds: Sequence[Round], miss: float) -> Comparison:
    ratios = [_log_ratio(one[operation], "head") for one in rounds]
    middle, (low, high) = median(ratios), median_interval(ratios, miss)
    noise = max(map(abs, median_interval([_log_ratio(one[operation], "control") for one in rounds], miss)))
    limit = max(math.log1p(ALLOWED), noise)
    verdict: Verdict = "passed"
    if low > limit:
        verdict = "slower"
    elif high >= math.log1p(SLOWDOWN):
        verdict = "noisy"
    return Comparison(operation, math.exp(middle), math.exp(low), math.exp(high), math.expm1(noise), verdict)


def _log_ratio(blocks: Mapping[Arm, Sequence[float]], arm: Arm) -> float:
    there_and_back = [math.log(one / other) for one, other in zip(blocks[arm], blocks["base"], strict=True)]
    return median(map(fmean, zip(there_and_back[::2], there_and_back[1::2], strict=True)))


def _more_than_half(n: int, chance: float) -> float:
    return sum(math.comb(n, hits) * chance**hits * (1 - chance) ** (n - hits) for hits in range(n // 2 + 1, n + 1))
