"""What the two commands share: the depth as an option, Ctrl-C, and a bar that shows how far a run is."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


def add_depth(parser: argparse.ArgumentParser) -> None:
    """Add the options `--quick` and `--full`."""
    chosen = parser.add_mutually_exclusive_group()
    for depth in ("quick", "full"):
        chosen.add_argument(
            f"--{depth}", dest="depth", action="store_const", const=depth, default="default", help=f"measure in {depth}"
        )


def heed_signals() -> None:
    """Handle SIGTERM like Ctrl-C, in the background too, where it is ignored: what was started goes."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


class Shown:
    """Progress on standard error, with the time that is left; on a terminal as a bar, else as lines."""

    def __init__(self, bar: Progress, steps: int) -> None:
        self._bar = bar
        self._task = bar.add_task("", total=steps)

    def tell(self, what: str) -> None:
        """Show what is done now."""
        self._bar.update(self._task, description=what)
        if not self._bar.console.is_terminal:
            self.say(what)

    def say(self, line: str) -> None:
        """Write a line that stays."""
        self._bar.console.print(line, markup=False)

    def advance(self) -> None:
        """One step more is over."""
        self._bar.advance(self._task)


@contextmanager
def progress(steps: int) -> Iterator[Shown]:
    """Show how many of so many steps are over, until the end."""
    columns = (
        TextColumn("{task.description:<24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        yield Shown(bar, steps)
