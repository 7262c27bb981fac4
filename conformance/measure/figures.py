"""Figures from blocks, and what they say of claims and budgets, as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import TypeAlias

from conformance.measure.block import Block
from conformance.measure.claims import Latency
from conformance.measure.estimate import MARGIN, Estimate, Verdict, confidence, estimate, factor_of, judge_claim
from conformance.measure.timing import Timed, calls_for
from conformance.text import in_columns

Figures: TypeAlias = Mapping[tuple[str, int], Sequence[Timed]]
"""By operation and number of entries: how it was timed in each block."""
MEDIAN, TAIL = 0.5, 0.99
_UNITS = ((1e3, "s"), (1.0, "ms"), (1e-3, "µs"), (1e-6, "ns"))


def figures_of(blocks: Sequence[Block]) -> Figures:
    """Put together what the blocks timed of one store."""
    figures = {}
    for key in sorted(blocks[0]):
        _, operation, entries = key
        figures[operation, entries] = [block[key] for block in blocks]
    return figures


def values_of(blocks: Sequence[Timed], share: float = MEDIAN) -> list[float]:
    """Find a quantile in each block, in milliseconds; nothing where a block has too few calls."""
    found = [timed.quantile(share) for timed in blocks]
    return [] if None in found else [1e3 * (seconds or 0) for seconds in found]


def judge_by_figures(
    claim: Latency, figures: Figures, miss: float, margin: float = MARGIN
) -> tuple[Verdict, Sequence[str]]:
    """Judge a claim, and say why: with the stated range, and a line for each number of entries."""
    operation = claim.operation
    name = "median" if claim.quantile == MEDIAN else f"p{100 * claim.quantile:g}"
    most = max((entries for timed, entries in figures if timed == operation), default=0)
    sizes = claim.entries or (most,)
    measured = {}
    for entries in sizes:
        if ms := values_of(figures.get((operation, entries), ()), claim.quantile):
            measured[entries] = estimate(ms, miss)
    verdict, verdicts = judge_claim(claim, measured, margin)

    lines = [f"{claim.id} {verdict} (stated {write_ms(claim.low_ms)} – {write_ms(claim.high_ms)})"]
    for entries in sizes:
        if entries in measured:
            found = measured[entries]
            said = f"{name} {_with_interval(found)}: {verdicts[entries]}"
            if factor := factor_of(verdicts[entries], found.value, claim.low_ms, claim.high_ms):
                said += f" by a factor of {factor:,.1f}"
        elif (operation, entries) in figures:
            said = f"the {name} needs {calls_for(claim.quantile):,} calls in each block: try more --seconds"
        else:
            said = f"{operation} was not timed"
        lines.append(f"    {entries:,} entries: {said}")
    return verdict, lines


def lines_of(figures: Figures, miss: float) -> Iterator[str]:
    """Give the lines of a table of figures."""
    rows = []
    for (operation, entries), timed in figures.items():
        found = estimate(values_of(timed), miss)
        tails = values_of(timed, TAIL)
        p99 = write_ms(median(tails)) if tails else "too few calls"
        rows.append((operation, f"{entries:,}", _with_interval(found), p99, f"{1e3 / found.value:,.0f}"))
    level = confidence(found.blocks, miss)
    interval = f" ({100 * level:.1f} % interval)" if level else ""
    return in_columns([("operation", "entries", f"median{interval}", "p99", "a second"), *rows])


def write_ms(ms: float) -> str:
    """Write a time in milliseconds with three digits that count and the unit that fits."""
    scale, unit = next((unit for unit in _UNITS if ms >= unit[0]), _UNITS[-1])
    return f"{ms / scale:.3g} {unit}"


def _with_interval(found: Estimate) -> str:
    ends = [write_ms(end) for end in found.interval or ()]
    return f"{write_ms(found.value)} ({' – '.join(ends)})" if ends else write_ms(found.value)
