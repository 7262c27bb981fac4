"""One run: the setting prepared once, then its blocks, each a new process of pytest; and the studies after it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Protocol

import pytest

from benchmarks.cores import CLIENT, on_core
from benchmarks.depth import DEPTHS
from benchmarks.loop import Loop
from benchmarks.merge import merge
from benchmarks.setting import Setting
from conformance.subjects.registry import REQUIRE_CONTAINER
from conformance.subjects.servers import engine_answers

_HERE = Path(__file__).parent
_MODULES = [str(_HERE / "test_latency.py"), str(_HERE / "test_floors.py")]


class BlockFailedError(Exception):
    """A block ended without its JSON; the message is what it said."""


class Progress(Protocol):
    """What is told how far a run is."""

    def tell(self, what: str) -> None:
        """Say what is done now."""
        ...

    def advance(self) -> None:
        """One block is over."""
        ...


@dataclass
class Run:
    """A run at a depth; `seed` decides the order in which each block measures."""

    depth: str
    seed: int
    progress: Progress
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
        written = folder / f"{number}.json"
        arguments = ["-p", "pytest_benchmark.plugin", "-p", "no:cacheprovider", "-q", "--benchmark-quiet"]
        arguments += ["--depth", self.depth, "--setting", str(folder / "setting.json")]
        with on_core(CLIENT):
            self._pytest(*arguments, "--order", f"{self.seed} {number}", "--benchmark-json", str(written), *_MODULES)
        if not written.exists():
            raise BlockFailedError(self.failures[-1] if self.failures else "a block wrote nothing")
        block: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
        return block

    def _pytest(self, *arguments: str) -> None:
        # Other plugins would only take time.
        ran = run([sys.executable, "-m", "pytest", *arguments], shown=False, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        if ran.returncode:
            self.failures.append(ran.stdout)


def study(depth: str, to: Path) -> int:
    """Make the studies, in one process that shows its own progress, and return its exit status."""
    chosen = [] if depth == "default" else [f"--{depth}"]
    return run([sys.executable, "-m", "benchmarks.studies", "--json", str(to), *chosen]).returncode


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


def new_seed() -> int:
    """Draw a seed; a run's JSON names it."""
    return Random().randrange(1_000_000)  # noqa: S311  an order that can be repeated, not a secret
