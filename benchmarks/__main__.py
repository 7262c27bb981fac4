"""`python -m benchmarks`: the latencies of both designs, measured on this machine, and the studies; a JSON file each.

Exit status: that of pytest, the worst of the blocks, or that of the studies; 1 if a server could not be had or a block
broke down; 130 after Ctrl-C.
"""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from benchmarks.depth import DEPTHS
from benchmarks.run import Run, new_seed, study
from conformance.measure.blocks import BlockFailedError
from conformance.subjects.servers import ServerError

INTERRUPTED = 130


class Shown:
    """Progress on standard error, with the time that is left."""

    def __init__(self, bar: Bar, blocks: int) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=blocks)

    @classmethod
    @contextmanager
    def running(cls, blocks: int) -> Iterator[Shown]:
        """Show a bar until the end."""
        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left:"),
            TimeRemainingColumn(),
        )
        with Bar(*columns, console=Console(stderr=True)) as bar:
            yield cls(bar, blocks)

    def tell(self, what: str) -> None:
        """Show what is done now."""
        self._bar.update(self._task, description=what)

    def advance(self) -> None:
        """One block more is over."""
        self._bar.advance(self._task)


def main(arguments: list[str] | None = None) -> int:
    """Measure, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=sys.modules["benchmarks"].__doc__)
    chosen = parser.add_mutually_exclusive_group()
    for depth in ("quick", "full"):
        chosen.add_argument(
            f"--{depth}", dest="depth", action="store_const", const=depth, default="default", help=f"measure in {depth}"
        )
    parser.add_argument("--json", type=Path, default=Path("reports/out/benchmark.json"), metavar="FILE")
    parser.add_argument("--seed", type=int, default=None, help="of the order in which each block measures")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # what was started goes then too
    try:
        with Shown.running(DEPTHS[options.depth].blocks) as shown:
            run = Run(options.depth, new_seed() if options.seed is None else options.seed, shown)
            status = run.measure(options.json)
        studied = study(options.depth, options.json.with_name("studies.json"))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except (ServerError, BlockFailedError) as fault:
        print(fault, file=sys.stderr)
        return 1
    for said in run.failures:
        print(said, file=sys.stderr)
    print(options.json)
    return status or studied


if __name__ == "__main__":
    sys.exit(main())
