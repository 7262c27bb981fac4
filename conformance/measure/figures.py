"""Figures from blocks, and what they say of claims and budgets. Times are seconds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Literal, TypeAlias

from conformance.measure.block import Block
from conformance.measure.claims import Claim, Latency
from conformance.measure.estimate import MARGIN, Estimate, LatencyVerdict, combine, estimate, judge, quantile
from conformance.measure.timing import Timed
from conformance.text import in_columns

Figures: TypeAlias = Mapping[str, Mapping[int, Sequence[Timed]]]
"""By operation and number of entries: how it was timed in each block."""
Verdict = LatencyVerdict | Literal["not-measured"]
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def figures_of(blocks: Sequence[Block]) -> Figures:
    """Put together what the blocks timed of one store."""
    figures: dict[str, dict[int, Sequence[Timed]]] = {}
    for key in sorted(blocks[0]):
        figures.setdefault(key[1], {})[key[2]] = [block[key] for block in blocks]
    return figures


def values_of(blocks: Sequence[Timed], share: float = 0.5) -> list[float]:
    """Find a quantile in each block; nothing where a block has no call beyond it."""
    if share == 0.5:  # noqa: PLR2004  the median, for which the means of short calls will do
        return [median(one.rounds) for one in blocks]
    if min(len(one.single) for one in blocks) * (1 - share) < 1 - 1e-9:
        return []
    return [quantile(sorted(one.single), share) for one in blocks]


def growth(by_size: Mapping[int, Sequence[Timed]], miss: float) -> Estimate:
    """Find to which power of the entries the time grows, between the fewest and the most, block by block."""
    few, many = min(by_size), max(by_size)
    pairs = zip(values_of(by_size[many]), values_of(by_size[few]), strict=True)
    return estimate([math.log(above / below, many / few) for above, below in pairs], miss)


def judged_here(claims: Sequence[Claim], mode: str) -> list[Latency]:
    """Select the claims about latency that are about this mode; an empty one is any."""
    return [one for one in claims if isinstance(one, Latency) and (not one.mode or not mode or one.mode == mode)]


def judge_claim(claim: Latency, figures: Figures, miss: float, margin: float = MARGIN) -> tuple[Verdict, list[str]]:
    """Judge a claim at its numbers of entries, or where there are the most, and say in a line for each why."""
    by_size = figures.get(claim.operation, {})
    verdicts: list[LatencyVerdict] = []
    notes = []
    for entries in (sizes := claim.entries or (max(by_size, default=0),)):
        if values := entries in by_size and values_of(by_size[entries], claim.quantile):
            found = estimate(values, miss)
            verdicts.append(judge(found.interval, claim.low_ms / 1e3, claim.high_ms / 1e3, margin))
            notes.append(f"{entries:,} entries: {_with_interval(found)}, {verdicts[-1]}")
        else:
            notes.append(f"{claim.operation} was not timed{f' enough at {entries:,} entries' if by_size else ''}")
    return combine(verdicts) if len(verdicts) == len(sizes) else "not-measured", notes


def lines_of(figures: Figures, miss: float) -> Iterator[str]:
    """Give the lines of a table of figures, and how each operation grows."""
    rows = [("operation", "entries", "median (interval)", "p99", "a second")]
    for operation, by_size in figures.items():
        for entries, blocks in by_size.items():
            found, p99 = estimate(values_of(blocks), miss), values_of(blocks, 0.99)
            tail = write_seconds(median(p99)) if p99 else "too few calls"
            rows.append((operation, f"{entries:,}", _with_interval(found), tail, f"{1 / found.value:,.0f}"))
    yield from in_columns(rows)
    for operation, by_size in figures.items():
        if len(by_size) > 1:
            yield f"{operation} grows as entries to the power {growth(by_size, miss).value:.2f}"


def write_seconds(seconds: float) -> str:
    """Write a time with three digits that count and the unit that fits."""
    scale, unit = next((one for one in _UNITS if seconds >= one[0]), _UNITS[-1])
    return f"{seconds / scale:.3g} {unit}"


def _with_interval(found: Estimate) -> str:
    interval = f" ({' – '.join(map(write_seconds, found.interval))})" if found.interval else ""
    return f"{write_seconds(found.value)}{interval}"
