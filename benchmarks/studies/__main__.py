"""`python -m benchmarks.studies [--quick | --full] [--json FILE] [NAME ...]`: make the studies, or those named."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import platform
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from traceback import walk_tb
from typing import cast

from benchmarks.document import Depth
from benchmarks.environment import describe_environment
from benchmarks.progress import add_depth, heed_signals, progress
from benchmarks.studies import load, memory, peers
from benchmarks.studies.document import Measured, Name, Series, Studies, gather
from benchmarks.studies.place import Place
from benchmarks.studies.processes import SEED

STUDIES: dict[str, Callable[[Depth, Place], Iterable[Measured]]] = {
    one.__name__.rpartition(".")[2]: one.run for one in (load, memory, peers)
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the studies, write their JSON, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies", description="Make the studies.")
    add_depth(parser)
    parser.add_argument("--json", type=Path, default=Path("reports/out/studies.json"), metavar="FILE")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(STUDIES)}; all if none is given")
    given = parser.parse_args(arguments)
    if unknown := set(given.names) - STUDIES.keys():
        parser.error(f"no such study: {', '.join(sorted(unknown))}")
    given.json.parent.mkdir(parents=True, exist_ok=True)
    heed_signals()
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
    series: list[Series] = []
    failures: dict[str, str] = {}
    with Place.prepared() as place, progress(len(names)) as shown:
        for name in names:
            gc.collect()  # before it is told: an interruption inside a finalizer would be lost
            shown.tell(name)
            begun = perf_counter()
            try:
                series += gather(cast(Name, name), STUDIES[name](depth, place))
            except Exception as raised:  # noqa: BLE001  whatever it is, the other studies are made
                fault: BaseException = raised
                while isinstance(fault, BaseExceptionGroup):
                    fault = fault.exceptions[0]
                failures[name] = f"{type(fault).__name__}: {fault}"
                [*_, last] = walk_tb(fault.__traceback__)
                where = f"{Path(last[0].f_code.co_filename).name}:{last[1]}"
                shown.say(f"{name} was not measured: {failures[name]} ({where})")
                place.empty()
            seconds[name] = perf_counter() - begun
            shown.advance()
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
        series=tuple(series),
    )


if __name__ == "__main__":
    sys.exit(main())
