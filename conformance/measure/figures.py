"""Figures from blocks, and what they say of claims and budgets, as text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

from conformance.measure.block import Block
from conformance.measure.claims import Claim, Latency
from conformance.measure.estimate import (
    MARGIN,
    Estimate,
    Judgement,
    confidence,
    estimate,
    factor_of,
    judge_claim,
)
from conformance.measure.timing import Timed, calls_for
from conformance.text import in_columns

Figures: TypeAlias = Mapping[str, Mapping[int, Sequence[Timed]]]
"""By operation and number of entries: how it was timed in each block."""
MEDIAN, TAIL = 0.5, 0.99
_WHOLE = 10
"""From here on a factor is written without a decimal."""
_UNITS = ((1e3, "s"), (1.0, "ms"), (1e-3, "µs"), (1e-6, "ns"))


def figures_of(blocks: Sequence[Block]) -> Figures:
    """Put together what the blocks timed of one store."""
    figures: dict[str, dict[int, Sequence[Timed]]] = {}
    for key in sorted(blocks[0]):
        _, operation, entries = key
        by_size = figures.setdefault(operation, {})
        of_key = [block[key] for block in blocks]
        by_size[entries] = of_key
    return figures


def values_of(blocks: Sequence[Timed], share: float = MEDIAN) -> list[float]:
    """Find a quantile in each block, in milliseconds; nothing where a block has too few calls."""
    found = [timed.quantile(share) for timed in blocks]
    values = [seconds * 1e3 for seconds in found if seconds is not None]
    return values if len(values) == len(found) else []


def growth(by_size: Mapping[int, Sequence[Timed]], miss: float) -> Estimate:
    """Find to which power of the entries the time grows, between the fewest and the most, block by block."""
    few, many = min(by_size), max(by_size)
    powers = []
    for above, below in zip(values_of(by_size[many]), values_of(by_size[few]), strict=True):
        power = math.log(above / below, many / few)
        powers.append(power)
    return estimate(powers, miss)


def judged_here(claims: Sequence[Claim], mode: str) -> list[Latency]:
    """Select the claims about latency that are about this mode; an empty one is any."""
    about_latency = [claim for claim in claims if isinstance(claim, Latency)]
    return [claim for claim in about_latency if not mode or claim.mode in ("", mode)]


@dataclass(frozen=True)
class Judged:
    """A claim, what the figures say of it, and why: a line for each number of entries."""

    claim: Latency
    judgement: Judgement
    factors: tuple[float, ...]
    """How many times faster or slower than stated, at the numbers of entries where it is one of both."""
    lines: tuple[str, ...]

    @property
    def head(self) -> str:
        """The verdict, with the factor and the stated range."""
        claim, verdict = self.claim, self.judgement.verdict
        factor = ""
        if verdict in ("faster", "slower"):
            least, most = _write_factor(min(self.factors)), _write_factor(max(self.factors))
            factor = f" by a factor of {least}"
            if least != most:
                factor += f" to {most}"
        stated = f"stated {write_ms(claim.low_ms)} – {write_ms(claim.high_ms)}"
        return f"{claim.id} {verdict}{factor} ({stated})"


def judge_by_figures(claim: Latency, figures: Figures, miss: float, margin: float = MARGIN) -> Judged:
    """Judge a claim, and say why."""
    by_size = figures.get(claim.operation, {})
    sizes = claim.entries or (max(by_size, default=0),)
    measured = {}
    for entries in sizes:
        values = values_of(by_size.get(entries, ()), claim.quantile)
        if values:
            measured[entries] = estimate(values, miss)
    judgement = judge_claim(claim, measured, margin)

    factors, lines = [], []
    for entries, found in measured.items():
        verdict = judgement.verdicts[entries]
        factor = factor_of(verdict, found.value, claim.low_ms, claim.high_ms)
        factors += [factor] if factor else []
        lines.append(f"{entries:,} entries: {_name(claim.quantile)} {_with_interval(found)}: {verdict}")
        if not found.interval:
            lines[-1] += f" (an interval takes more blocks than {found.blocks})"
    missing = [entries for entries in sizes if entries not in measured]
    lines += [_missing(claim, entries, by_size.get(entries, ())) for entries in missing]
    return Judged(claim, judgement, tuple(factors), tuple(lines))


def _missing(claim: Latency, entries: int, blocks: Sequence[Timed]) -> str:
    """Say what is missing for a verdict, and how to get it."""
    if not blocks:
        at = f" at {entries:,} entries" if entries else ""
        return f"{claim.operation} was not timed{at}"
    needed = calls_for(claim.quantile)
    timed = min(len(block.single) for block in blocks)
    longest = max(values_of(blocks)) / 1e3
    seconds = 1.2 * needed * longest
    lack = f"the {_name(claim.quantile)} needs {needed:,} calls in each block, and there were {timed:,}"
    return f"{entries:,} entries: {lack}: try --seconds {seconds:.2g}"


def lines_of(figures: Figures, miss: float) -> Iterator[str]:
    """Give the lines of a table of figures, and how each operation grows."""
    rows = []
    blocks = 0
    for operation, by_size in figures.items():
        for entries, timed in by_size.items():
            blocks = len(timed)
            rows.append((operation, f"{entries:,}", *_cells(timed, miss)))
    level = confidence(blocks, miss)
    interval = f" ({100 * level:.1f} % interval)" if level else ""
    head = ("operation", "entries", f"median{interval}", "p99", "a second")
    yield from in_columns([head, *rows])

    for operation, by_size in figures.items():
        power = growth(by_size, miss) if len(by_size) > 1 else None
        if power and power.interval:
            value, low, high = (f"{end:z.2f}" for end in (power.value, *power.interval))
            yield f"{operation} grows as entries to the power {value} ({low} – {high})"


def _cells(timed: Sequence[Timed], miss: float) -> tuple[str, str, str]:
    """Write the median with its interval, the 99th percentile, and how many calls a caller gets through a second."""
    found = estimate(values_of(timed), miss)
    tails = values_of(timed, TAIL)
    p99 = write_ms(median(tails)) if tails else "too few calls"
    return _with_interval(found), p99, f"{1e3 / found.value:,.0f}"


def write_ms(ms: float) -> str:
    """Write a time in milliseconds with three digits that count and the unit that fits."""
    scale, unit = next((unit for unit in _UNITS if ms >= unit[0]), _UNITS[-1])
    return f"{ms / scale:.3g} {unit}"


def _write_factor(factor: float) -> str:
    return f"{factor:,.{0 if factor >= _WHOLE else 1}f}"


def _name(share: float) -> str:
    return "median" if share == MEDIAN else f"p{100 * share:g}"


def _with_interval(found: Estimate) -> str:
    if not found.interval:
        return write_ms(found.value)
    low, high = found.interval
    return f"{write_ms(found.value)} ({write_ms(low)} – {write_ms(high)})"
