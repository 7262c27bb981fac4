"""Figures from blocks, and what they say of claims and budgets, as text."""

from collections.abc import Iterator, Sequence
from typing import Any

from conformance.measure.block import Figures
from conformance.measure.claims import MILLISECONDS, Latency, Unit, in_language
from conformance.measure.estimate import MARGIN, Estimate, Verdict, bounds_for, estimate, factor_of, judge_claim
from conformance.measure.timing import Timed, calls_for
from conformance.text import bold, in_columns

MEDIAN, TAIL = 0.5, 0.99


def estimate_of(blocks: Sequence[Timed], share: float) -> Estimate | None:
    """Estimate a quantile, in milliseconds; None where a block has too few calls for it."""
    values = []
    for timed in blocks:
        seconds = timed.quantile(share)
        if seconds is None:
            return None
        values.append(1e3 * seconds)
    return estimate(values)


def judge_by_figures(claim: Latency, figures: Figures, margin: float = MARGIN) -> tuple[Verdict, Sequence[str]]:
    """Judge a claim, and say why: with the stated range and sentence, and a line for each number of entries."""
    low, high = claim.range_ms
    name = "median" if claim.quantile == MEDIAN else f"p{100 * claim.quantile:g}"
    measured = {}
    for (_, operation, entries), blocks in figures.items():
        if operation == claim.operation:
            measured[entries] = estimate_of(blocks, claim.quantile)
    verdict, verdicts = judge_claim(claim, measured, margin)

    head = f"{claim.id} {verdict} (stated {write_ms(low)} – {write_ms(high)})"
    lines = [bold(head), f"    {in_language(claim.sentence, 'en')}"]
    for entries, there in verdicts.items():
        if found := measured.get(entries):
            said = f"{name} {_with_interval(found)}: {there}"
            if factor := factor_of(there, found.value, low, high):
                said += f" by a factor of {factor:,.1f}"
        elif entries in measured:
            said = f"the {name} needs {calls_for(claim.quantile):,} calls in each block: try more --seconds"
        else:
            said = f"{claim.operation} was not timed"
        lines.append(f"    {entries:,} entries: {said}")
    return verdict, lines


def lines_of(figures: Figures) -> Iterator[str]:
    """Give the lines of a table of figures."""
    rows = []
    for (_, operation, entries), blocks in figures.items():
        if found := estimate_of(blocks, MEDIAN):
            tail = estimate_of(blocks, TAIL)
            p99 = write_ms(tail.value) if tail else "too few calls"
            rows.append((operation, f"{entries:,}", _with_interval(found), p99, f"{1e3 / found.value:,.0f}"))
    rank, confidence = bounds_for(len(blocks))
    interval = f" ({100 * confidence:.1f} % interval)" if rank else ""
    return in_columns([("operation", "entries", f"median{interval}", "p99", "a second"), *rows])


def as_data(figures: Figures) -> list[dict[str, Any]]:
    """Give the figures of each block, in seconds, for JSON."""
    rows = []
    for (store, operation, entries), blocks in figures.items():
        of_blocks = [{"median": timed.quantile(MEDIAN), "p99": timed.quantile(TAIL)} for timed in blocks]
        rows.append({"store": store, "operation": operation, "entries": entries, "blocks": of_blocks})
    return rows


def write_ms(ms: float) -> str:
    """Write a time in milliseconds with three digits that count and the unit that fits."""
    rounded = float(f"{ms:.3g}")
    unit: Unit = "ns"
    for longer, size in MILLISECONDS.items():
        if size <= rounded:
            unit = longer
    return f"{rounded / MILLISECONDS[unit]:g} {unit}"


def _with_interval(found: Estimate) -> str:
    ends = [write_ms(end) for end in found.interval or ()]
    return f"{write_ms(found.value)} ({' – '.join(ends)})" if ends else write_ms(found.value)
