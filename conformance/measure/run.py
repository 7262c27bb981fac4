"""A run: blocks in processes of their own, figures from them, and verdicts on claims and budgets."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Literal

from conformance.harness import Harness
from conformance.measure.blocks import merge, run_block
from conformance.measure.claims import SECONDS, Claim, Latency, Throughput
from conformance.measure.estimate import (
    BLOCKS,
    MARGIN,
    MISS,
    Estimate,
    LatencyVerdict,
    combine,
    estimate,
    judge,
    median_interval,
)
from conformance.measure.plan import PLAN, Plan
from conformance.measure.timing import Effort

_BLOCK = Path(__file__).with_name("block.py")
SIZES = (100, 1_000, 10_000)
"""Numbers of entries, unless claims or the caller choose others."""
ENOUGH = 1
"""Calls that have to lie beyond a quantile in a block: for a 99th percentile there are a hundred."""
Verdict = LatencyVerdict | Literal["not-measured"]


@dataclass(frozen=True)
class Figure:
    """One operation at one number of entries. Seconds; a quantile is a median over the blocks."""

    operation: str
    entries: int
    seconds: Estimate
    quantiles: dict[float, Estimate]
    bytes_per_entry: float | None
    """What filling added to the memory of the process, an entry: of a store in memory it is all of it."""


Note = tuple[str, dict[str, str]]
"""A text with names in braces, and their values."""


@dataclass(frozen=True)
class Judged:
    """A claim, its verdict, and the figures that it was drawn from."""

    claim: Claim
    verdict: Verdict
    notes: tuple[Note, ...]


def blocks_for(claims: int) -> int:
    """Say how many blocks a run needs so that intervals hold for all of its claims together."""
    return next(n for n in range(BLOCKS, 100) if median_interval([1.0] * n, miss_of(claims)))


def miss_of(claims: int) -> float:
    """The chance that one interval may miss its median: 5 % are shared among the claims (Bonferroni)."""
    return min(MISS, 0.05 / max(1, claims))


def measure(plan: Plan, blocks: int, progress: Callable[[int], None]) -> tuple[dict[str, Any], list[str], bool]:
    """Measure block after block.

    Returns:
        pytest-benchmark's JSON with the blocks merged, the output of blocks that failed, and whether the run was
        interrupted after some of the blocks.

    Raises:
        BlockFailedError: if a block could not even say what it measured.
        KeyboardInterrupt: if the run was interrupted in the first block.
    """
    written: list[dict[str, Any]] = []
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="measure-") as folder:
        for number in range(blocks):
            progress(number)
            chosen = plan.model_copy(update={"seed": f"{plan.seed} {number}"})
            options = ("-c", os.devnull, f"--rootdir={folder}", "-W", "ignore", "--assert=plain", "--tb=line")
            asked = {PLAN: chosen.model_dump_json()}
            try:
                made, failure = run_block(_BLOCK, Path(folder, f"{number}.json"), *options, **asked)
            except KeyboardInterrupt:
                if not written:
                    raise
                return merge(written), failures, True
            written.append(made)
            failures += [failure] if failure else []
    return merge(written), failures, False


def figures_of(document: dict[str, Any], miss: float) -> list[Figure]:
    """Draw the figures from pytest-benchmark's JSON, the operations as they were measured."""
    return sorted(
        (_figure(row["extra_info"], row["stats"]["data"], miss) for row in document["benchmarks"]),
        key=lambda one: (one.operation, one.entries),
    )


def _figure(info: dict[str, Any], data: Sequence[float], miss: float) -> Figure:
    blocks = [*_blocks(data, info["blocks"])]
    seconds = estimate((median(one) if one else None for one in blocks), miss)
    assert seconds is not None  # noqa: S101  there is a round, so there is a block with one
    by_share: dict[float, list[float]] = {}
    for one in info["single_calls"]:
        for share, value in one.get("quantiles", {}).items():
            if round(one["n"] * (1 - float(share)), 6) >= ENOUGH:
                by_share.setdefault(float(share), []).append(value)
    quantiles = {share: found for share, values in by_share.items() if (found := estimate(values, miss))}
    return Figure(info["operation"], info["entries"], seconds, quantiles, info.get("bytes_per_entry"))


def _blocks(data: Sequence[float], sizes: Sequence[int]) -> Iterator[list[float]]:
    left = iter(data)
    for rounds in sizes:
        yield sorted(islice(left, rounds))


def exponents_of(figures: Sequence[Figure], miss: float) -> dict[str, Estimate]:
    """Find how each operation grows: time as entries to this power, between the fewest and the most, block by block."""
    found = {}
    for operation in dict.fromkeys(one.operation for one in figures):
        some = sorted(
            (one for one in figures if one.operation == operation and one.entries), key=lambda one: one.entries
        )
        if len(some) > 1 and len(some[0].seconds.values) == len(some[-1].seconds.values):
            growth = math.log(some[-1].entries / some[0].entries)
            pairs = zip(some[-1].seconds.values, some[0].seconds.values, strict=True)
            if one := estimate((math.log(many / few) / growth for many, few in pairs), miss):
                found[operation] = one
    return found


def judge_claims(
    claims: Sequence[Claim], figures: Sequence[Figure], harness: Harness, margin: float = MARGIN
) -> list[Judged]:
    """Judge the claims about latency and throughput that are about the mode of the harness, if it has one."""
    return [
        _judge(claim, figures, margin)
        for claim in claims
        if isinstance(claim, (Latency, Throughput)) and not (claim.mode and harness.mode and claim.mode != harness.mode)
    ]


def _judge(claim: Latency | Throughput, figures: Sequence[Figure], margin: float) -> Judged:
    alike = {one.entries: one for one in figures if one.operation == claim.operation}
    if figures and not alike:
        known = {"name": claim.operation, "known": ", ".join(sorted({one.operation for one in figures}))}
        return Judged(claim, "not-measured", (("there is no operation {name}; there are {known}", known),))
    sizes = claim.entries or tuple(sorted(alike)[-1:])
    verdicts: list[LatencyVerdict] = []
    notes: list[Note] = []
    for entries in sizes:
        figure = alike.get(entries)
        found = _value(claim, figure) if figure else None
        if found is None:
            missing = {"name": claim.operation, "entries": f"{entries:,}"}
            notes.append(("{name} at {entries} entries was not measured enough", missing))
            continue
        verdicts.append(_compare(claim, found, margin))
        unit = claim.unit if isinstance(claim, Latency) else "/ s"
        interval = f" ({found.interval[0]:,.4g} – {found.interval[1]:,.4g})" if found.interval else ""
        figure_of = {"entries": f"{entries:,}", "value": f"{found.value:,.4g} {unit}{interval}"}
        notes.append((f"{{entries}} entries: {{value}}, {verdicts[-1]}", figure_of))
    whole = bool(verdicts) and len(verdicts) == len(sizes)
    return Judged(claim, combine(verdicts) if whole else "not-measured", tuple(notes))


def _compare(claim: Latency | Throughput, found: Estimate, margin: float) -> LatencyVerdict:
    verdict = judge(found.interval, *claim.range, margin=margin)
    if isinstance(claim, Throughput):  # what is below is slower there
        return "slower" if verdict == "faster" else "faster" if verdict == "slower" else verdict
    return verdict


def _value(claim: Latency | Throughput, figure: Figure) -> Estimate | None:
    """Put the figure of a claim into its unit."""
    if isinstance(claim, Throughput):
        interval = figure.seconds.interval
        return Estimate(
            1 / figure.seconds.value, interval and (1 / interval[1], 1 / interval[0]), figure.seconds.blocks
        )
    found = figure.seconds if claim.quantile == 0.5 else figure.quantiles.get(claim.quantile)  # noqa: PLR2004  median
    if found is None:
        return None
    scale = SECONDS[claim.unit]
    interval = found.interval and (found.interval[0] / scale, found.interval[1] / scale)
    return Estimate(found.value / scale, interval, found.blocks)


def plan_of(store: str, claims: Sequence[Claim], entries: Sequence[int], effort: Effort, seed: int) -> Plan:
    """Plan what the blocks measure: the numbers of entries that were given, else those of the claims, else some."""
    about = [claim for claim in claims if isinstance(claim, (Latency, Throughput))]
    sizes = {*entries} or {size for claim in about for size in claim.entries} or {*SIZES}
    shares = {claim.quantile for claim in about if isinstance(claim, Latency)} | {0.5, 0.99}
    quantiles = tuple(sorted(shares))
    chosen = Effort(effort.rounds, effort.seconds, quantiles, effort.fewest_single)
    return Plan(stores=(store,), entries=tuple(sorted(sizes)), effort=chosen, seed=str(seed))
