"""Blocks as JSON in the form of pytest-benchmark, which `pytest-benchmark compare` reads too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest_benchmark
from pytest_benchmark.plugin import pytest_benchmark_generate_machine_info
from pytest_benchmark.stats import Stats
from pytest_benchmark.utils import get_commit_info

from conformance.measure.block import Figures
from conformance.measure.figures import MEDIAN, TAIL
from conformance.measure.timing import Timed


def document_of(figures: Figures) -> dict[str, Any]:
    """Make a document: `extra_info.blocks` has how many rounds of `stats.data` each block is, and its figures."""
    return {
        "machine_info": pytest_benchmark_generate_machine_info(),  # type: ignore[no-untyped-call]
        "commit_info": get_commit_info(),  # type: ignore[no-untyped-call]
        "benchmarks": [_row(key, blocks) for key, blocks in figures.items()],
        "datetime": datetime.now(UTC).isoformat(),
        "version": pytest_benchmark.__version__,
    }


def _row(key: tuple[str, str, int], blocks: Sequence[Timed]) -> dict[str, Any]:
    store, operation, entries = key
    stats = Stats()  # type: ignore[no-untyped-call]  # pytest-benchmark has no annotations
    of_blocks = []
    for timed in blocks:
        stats.data += timed.rounds
        median, p99 = map(timed.quantile, (MEDIAN, TAIL))
        of_blocks.append({"rounds": len(timed.rounds), "median": median, "p99": p99})
    name = f"test_operation[{store}-{entries}-{operation}]"
    return {
        "group": f"{operation}, {entries:,} entries",
        "name": name,
        "fullname": name,
        "params": None,
        "param": None,
        "extra_info": {"store": store, "operation": operation, "entries": entries, "blocks": of_blocks},
        "options": {},
        "stats": {**stats.as_dict(), "data": stats.data, "iterations": 1},  # type: ignore[no-untyped-call]
    }
