"""`python -m benchmarks.studies [--quick | --full] [--json FILE] [NAME ...]`: make the studies, or those named."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import platform
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from traceback import walk_tb
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.document import Depth
from benchmarks.environment import describe_environment
from benchmarks.studies import arrivals, calls, expiry, growth, load, memory, peers, start
from benchmarks.studies.document import Made, Studies
from benchmarks.studies.place import SEED, Place

STUDIES: dict[str, Callable[[Depth, Place], Any]] = {
    "growth": growth.run,
    "load": load.run,
    "arrivals": arrivals.run,
    "memory": memory.run,
    "expiry": expiry.run,
    "peers": peers.run,
    "calls": calls.run,
    "start": start.run,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the studies, write their JSON, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies", description="Make the studies.")
    depth = parser.add_mutually_exclusive_group()
    for name in ("quick", "full"):
        depth.add_argument(f"--{name}", dest="depth", action="store_const", const=name, default="default")
    parser.add_argument("--json", type=Path, default=Path("reports/out/studies.json"), metavar="FILE")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(STUDIES)}; all if none is given")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - STUDIES.keys():
        parser.error(f"no such study: {', '.join(sorted(unknown))}")
    given.json.parent.mkdir(parents=True, exist_ok=True)

    # Handle SIGTERM like Ctrl-C, in the background too, where it is ignored: stop the server.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    # The documented design logs every failure under load; they are counted, and would bury the progress.
    logging.getLogger("documented").setLevel(logging.CRITICAL)
    try:
        result = make(given.depth, given.names or [*STUDIES])
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    given.json.write_text(result.model_dump_json(by_alias=True) + "\n", encoding="utf-8")
    return 0  # a study that failed is not measured, which the page says; that it works is for the tests to say


def make(depth: Depth, names: Sequence[str]) -> Studies:
    """Make studies, one after another on one server, and return what is written of them, failures too."""
    started, load_average = datetime.now(UTC), os.getloadavg()
    seconds: dict[str, float] = {}
    made: dict[str, Any] = {}
    failures: dict[str, str] = {}
    with Place.prepared() as place, _progress() as progress:
        bar = progress.add_task("", total=len(names))
        for name in names:
            gc.collect()  # before it is told: an interruption inside a finalizer would be lost
            progress.update(bar, description=name)
            if not progress.console.is_terminal:
                progress.console.print(name)
            begun = perf_counter()
            try:
                made[name] = STUDIES[name](depth, place)
            except Exception as fault:  # noqa: BLE001  whatever it is, the other studies are made
                failures[name] = f"{type(fault).__name__}: {fault}"
                [*_, last] = walk_tb(fault.__traceback__)
                where = f"{Path(last[0].f_code.co_filename).name}:{last[1]}"
                progress.console.print(f"{name} was not measured: {failures[name]} ({where})", markup=False)
                place.empty()
            seconds[name] = perf_counter() - begun
            progress.advance(bar)
        facts = dict(place.facts)
    environment = {
        **describe_environment(),
        "python": platform.python_version(),
        "server": facts,
        "load_average": {"start": load_average, "end": os.getloadavg()},
    }
    return Studies(
        started=started,
        depth=depth,
        seed=SEED,
        environment=environment,
        seconds=seconds,
        failures=failures,
        studies=Made(**made),
    )


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )


if __name__ == "__main__":
    sys.exit(main())
