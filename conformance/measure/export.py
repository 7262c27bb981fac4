"""Blocks as JSON in the form of pytest-benchmark, which `pytest-benchmark compare` reads too."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest_benchmark
from pytest_benchmark.plugin import pytest_benchmark_generate_machine_info
from pytest_benchmark.stats import Stats
from pytest_benchmark.utils import get_commit_info

from conformance.measure.block import Block
from conformance.measure.figures import MEDIAN, TAIL
from conformance.measure.timing import Timed


def document_of(blocks: Sequence[Block]) -> dict[str, Any]:
    """Put blocks together: `extra_info.blocks` has how many rounds of `stats.data` each of them is, and its figures."""
    rows = []
    for key in sorted(blocks[0]):
        timed = [block[key] for block in blocks]
        rows.append(_row(key, timed))
    machine = pytest_benchmark_generate_machine_info()  # type: ignore[no-untyped-call]
    commit = get_commit_info()  # type: ignore[no-untyped-call]
    return {
        "machine_info": machine,
        "commit_info": commit,
        "benchmarks": rows,
        "datetime": datetime.now(UTC).isoformat(),
        "version": pytest_benchmark.__version__,
    }


def _row(key: tuple[str, str, int], blocks: Sequence[Timed]) -> dict[str, Any]:
    store, operation, entries = key
    stats = Stats()  # type: ignore[no-untyped-call]  # pytest-benchmark has no annotations
    for timed in blocks:
        stats.data += timed.rounds
    figures = stats.as_dict()  # type: ignore[no-untyped-call]
    figures |= {"data": stats.data, "iterations": 1}
    name = f"test_operation[{store}-{entries}-{operation}]"
    info = {
        "store": store,
        "operation": operation,
        "entries": entries,
        "blocks": [_figures(timed) for timed in blocks],
    }
    return {
        "group": f"{operation}, {entries:,} entries",
        "name": name,
        "fullname": name,
        "params": None,
        "param": None,
        "extra_info": info,
        "options": {},
        "stats": figures,
    }


def _figures(timed: Timed) -> dict[str, float | None]:
    return {
        "rounds": len(timed.rounds),
        "median": timed.quantile(MEDIAN),
        "p99": timed.quantile(TAIL),
    }
