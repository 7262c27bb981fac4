"""Which build a file is of. No latency of ours is shown for a build that is not known to have passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from reports.inputs import Benchmark, OperationInfo
from reports.studies import StudiesInput

Sameness = Literal["same", "other", "unknown"]
"""Whether a file is of the build that the suite checked; unknown where one of both does not say."""


def compare_builds(checked: str | None, other: object) -> Sameness:
    """Compare two fingerprints."""
    if not checked or not isinstance(other, str) or not other:
        return "unknown"
    return "same" if checked == other else "other"


def find_reason(what: str, build: Sameness, breaches: Sequence[str]) -> str | None:
    """Say why latencies of ours are withheld; None where the build passed."""
    if build == "other":
        return f"the {what} are of another build than the one that the suite checked"
    if build == "unknown":
        return f"the {what} and the suite do not both say which build they are of"
    return "the build did not pass the suite" if breaches else None


def without_ours(benchmark: Benchmark) -> Benchmark:
    """Leave out every latency of our store."""
    kept = tuple(
        row
        for row in benchmark.benchmarks
        if not (isinstance(row.extra_info, OperationInfo) and row.extra_info.design == "ours")
    )
    return benchmark.model_copy(update={"benchmarks": kept})


def studies_without_ours(given: StudiesInput) -> StudiesInput:
    """Leave out every latency and rate of our store. Bytes stay, and so does what peers do."""
    made = given.studies
    growth = made.growth and made.growth.model_copy(
        update={"points": tuple(one for one in made.growth.points if one.design != "ours")}
    )
    load = made.load and made.load.model_copy(
        update={"cells": tuple(one for one in made.load.cells if one.subject != "ours")}
    )
    arrivals = made.arrivals and made.arrivals.model_copy(
        update={"offered": tuple(one for one in made.arrivals.offered if one.subject != "ours")}
    )
    peers = made.peers and made.peers.model_copy(
        update={"timings": tuple(one for one in made.peers.timings if one.peer != "ours")}
    )
    gone = dict.fromkeys(("expiry", "calls", "start"))
    kept = {"growth": growth, "load": load, "arrivals": arrivals, "peers": peers, **gone}
    return given.model_copy(update={"studies": made.model_copy(update=kept)})
