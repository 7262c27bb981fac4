"""Merging: the JSON of each block in, one JSON of pytest-benchmark out, in which a benchmark keeps its blocks apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_benchmark.stats import Stats


def merge(blocks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Put blocks together; there is at least one.

    `stats.data` and `extra_info.ping_seconds` have the rounds of all blocks, one block after another (`single_calls`
    have one entry for each), and
    `extra_info.blocks` says how many of them each block has: 0 where it has no figure. All else is that of the block
    that measured it first.
    """
    rows: dict[str, dict[str, Any]] = {}
    for number, block in enumerate(blocks):
        for row in block["benchmarks"]:
            whole = rows.setdefault(row["fullname"], _begin(row, len(blocks)))
            whole["stats"]["data"] += row["stats"]["data"]
            whole["extra_info"]["ping_seconds"] += row["extra_info"]["ping_seconds"]
            whole["extra_info"]["single_calls"] += row["extra_info"].get("single_calls", [])
            whole["extra_info"]["blocks"][number] = len(row["stats"]["data"])
    for row in rows.values():
        row["stats"] = _summarise(row["stats"])
    return {
        **blocks[0],
        "benchmarks": [rows[name] for name in sorted(rows)],
        "exit_status": max(block["exit_status"] for block in blocks),
    }


def _begin(row: dict[str, Any], blocks: int) -> dict[str, Any]:
    info = {**row["extra_info"], "ping_seconds": [], "single_calls": [], "blocks": [0] * blocks}
    return {**row, "extra_info": info, "stats": {"data": [], "iterations": row["stats"]["iterations"]}}


def _summarise(stats: dict[str, Any]) -> dict[str, Any]:
    whole = Stats()  # type: ignore[no-untyped-call]  # pytest-benchmark has no annotations
    whole.data = stats["data"]
    return {**whole.as_dict(), **stats}  # type: ignore[no-untyped-call]
