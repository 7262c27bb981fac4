"""Blocks: pytest-benchmark in a new process for each, and the JSON of all of them merged into one.

Calls of one process are not independent: a process is fast or slow for as long as it lives. So each gives a block.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pytest_benchmark.stats import Stats


class BlockFailedError(Exception):
    """A block ended without its JSON; the message is what it said."""


def run_block(module: Path, written: Path, *options: str, **environment: str) -> tuple[dict[str, Any], str]:
    """Run a module of benchmarks in a new process, and return its JSON, and what it said if it did not pass.

    Raises:
        BlockFailedError: if it could not even say what it measured.
    """
    arguments = ["-p", "pytest_benchmark.plugin", "-p", "no:cacheprovider", "-q", "--benchmark-quiet"]
    # Other plugins would only take time.
    ran = run(
        [sys.executable, "-m", "pytest", *arguments, "--benchmark-json", str(written), *options, str(module)],
        shown=False,
        PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        **environment,
    )
    if not written.exists():
        raise BlockFailedError(ran.stdout or "a block wrote nothing")
    block: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
    return block, ran.stdout if ran.returncode else ""


def run(command: list[str], *, shown: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a process to its end, with a hash seed of its own, and keep what it says if it is not shown.

    If we are interrupted it goes too, with what it started.
    """
    process = subprocess.Popen(  # noqa: S603  this Python
        command,
        env={**os.environ, "PYTHONHASHSEED": "random", **environment},
        stdout=None if shown else subprocess.PIPE,
        stderr=None if shown else subprocess.STDOUT,
        text=True,
    )
    try:
        text, _ = process.communicate()
    except BaseException:
        process.terminate()
        process.communicate()
        raise
    return subprocess.CompletedProcess(command, process.returncode, text)


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
        "exit_status": max(block.get("exit_status", 0) for block in blocks),
    }


def _begin(row: dict[str, Any], blocks: int) -> dict[str, Any]:
    info = {**row["extra_info"], "ping_seconds": [], "single_calls": [], "blocks": [0] * blocks}
    return {**row, "extra_info": info, "stats": {"data": [], "iterations": row["stats"]["iterations"]}}


def _summarise(stats: dict[str, Any]) -> dict[str, Any]:
    whole = Stats()  # type: ignore[no-untyped-call]  # pytest-benchmark has no annotations
    whole.data = stats["data"]
    return {**whole.as_dict(), **stats}  # type: ignore[no-untyped-call]
