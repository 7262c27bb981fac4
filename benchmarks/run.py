"""One run: the setting prepared once, then its blocks, each a new process of pytest; and the studies after it."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import pytest

from benchmarks.cores import CLIENT, on_core
from benchmarks.depth import DEPTHS
from benchmarks.progress import Shown
from benchmarks.setting import Setting
from conformance.measure.blocks import merge, run, run_block
from conformance.measure.loop import Loop
from conformance.subjects.registry import REQUIRE_CONTAINER
from conformance.subjects.servers import engine_answers

_MODULE = Path(__file__).with_name("test_latency.py")


@dataclass
class Run:
    """A run at a depth; `seed` decides the order in which each block measures."""

    depth: str
    seed: int
    progress: Shown
    failures: list[str] = field(default_factory=list)
    """What each process that failed said."""

    def measure(self, to: Path) -> int:
        """Measure, write the JSON, and return the exit status: of pytest, the worst of the blocks.

        After Ctrl-C the blocks that are whole are written, with the status that pytest gives to an interrupted run.

        Raises:
            ServerError: if a server cannot be had.
            BlockFailedError: if a block could not even say what it measured.
        """
        to.parent.mkdir(parents=True, exist_ok=True)
        started, load = monotonic(), os.getloadavg()
        blocks: list[dict[str, Any]] = []
        status = int(pytest.ExitCode.INTERRUPTED)
        try:
            with closing(self._blocks()) as measured:
                for block in measured:
                    blocks.append(block)
                    self.progress.advance()
            status = max(int(block["exit_status"]) for block in blocks)
        finally:
            if blocks:
                merged = merge(blocks)
                merged["machine_info"]["load_average"] = {"start": load, "end": os.getloadavg()}
                merged.update(
                    depth=self.depth, seed=self.seed, exit_status=status, seconds=round(monotonic() - started, 1)
                )
                to.write_text(json.dumps(merged), encoding="utf-8")
        return status

    def _blocks(self) -> Generator[dict[str, Any]]:
        depth = DEPTHS[self.depth]
        container = os.environ.get(REQUIRE_CONTAINER) == "1" or engine_answers()
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as name, Loop.running() as loop:
            folder = Path(name)
            with Setting.prepared(loop, depth, container=container, tell=self.progress.tell) as setting:
                setting.write(folder / "setting.json")
                for number in range(depth.blocks):
                    self.progress.tell(f"block {number + 1} of {depth.blocks}")
                    yield self._block(folder, number)

    def _block(self, folder: Path, number: int) -> dict[str, Any]:
        options = ["--depth", self.depth, "--setting", str(folder / "setting.json"), "--order", f"{self.seed} {number}"]
        with on_core(CLIENT):
            block, said = run_block(_MODULE, folder / f"{number}.json", *options)
        if said:
            self.failures.append(said)
        return block


def study(depth: str, to: Path) -> int:
    """Make the studies, in one process that shows its own progress, and return its exit status."""
    chosen = [] if depth == "default" else [f"--{depth}"]
    return run([sys.executable, "-m", "benchmarks.studies", "--json", str(to), *chosen]).returncode


def new_seed() -> int:
    """Draw a seed; a run's JSON names it."""
    return Random().randrange(1_000_000)  # noqa: S311  an order that can be repeated, not a secret
