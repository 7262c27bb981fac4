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
from conformance.measure.estimate import quantile
from conformance.measure.timing import Timed


def document_of(blocks: Sequence[Block]) -> dict[str, Any]:
    """Put blocks together. `extra_info.blocks` says how many of the rounds in `stats.data` each block has."""
    rows = []
    for store, operation, entries in sorted(blocks[0]):
        timed = [block[store, operation, entries] for block in blocks]
        stats = Stats()  # type: ignore[no-untyped-call]  # pytest-benchmark has no annotations
        stats.data = [seconds for one in timed for seconds in one.rounds]
        name = f"test_operation[{store}-{entries}-{operation}]"
        info = {
            "store": store,
            "operation": operation,
            "entries": entries,
            "calls_per_round": timed[0].calls,
            "blocks": [len(one.rounds) for one in timed],
            "single_calls": [_tail(one) for one in timed],
        }
        rows.append(
            {
                "group": f"{operation}, {entries:,} entries",
                "name": name,
                "fullname": name,
                "params": None,
                "param": None,
                "extra_info": info,
                "options": {},
                "stats": {**stats.as_dict(), "data": stats.data, "iterations": 1},  # type: ignore[no-untyped-call]
            }
        )
    return {
        "machine_info": pytest_benchmark_generate_machine_info(),  # type: ignore[no-untyped-call]
        "commit_info": get_commit_info(),  # type: ignore[no-untyped-call]
        "benchmarks": rows,
        "datetime": datetime.now(UTC).isoformat(),
        "version": pytest_benchmark.__version__,
    }


def _tail(timed: Timed) -> dict[str, float]:
    single = sorted(timed.single)
    return {"n": len(single), "p99": quantile(single, 0.99), "most": single[-1]}
