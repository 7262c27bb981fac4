"""All studies, one after another."""

import os
import platform
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from time import perf_counter

from benchmarks.document import Depth
from benchmarks.latencies import environment
from benchmarks.studies import distance, load, memory
from benchmarks.studies.document import SEED, Measured, Name, Series, Studies, gather

STUDIES: dict[Name, Callable[[Depth], Iterable[Measured]]] = {
    "distance": distance.run,
    "load": load.run,
    "memory": memory.run,
}


def make(depth: Depth, facts: Mapping[str, str], tell: Callable[[str], None]) -> Studies:
    """Make the studies on the private server, of which `facts` are known. One that fails is told, and not measured."""
    started, load_average = datetime.now(UTC), os.getloadavg()
    seconds: dict[str, float] = {}
    series: list[Series] = []
    failures: dict[str, str] = {}
    for name, run in STUDIES.items():
        tell(name)
        begun = perf_counter()
        try:
            series += gather(name, run(depth))
        except Exception as fault:  # noqa: BLE001  whatever it is, the other studies are made
            failures[name] = f"{type(fault).__name__}: {fault}"
            tell(f"{name} was not measured: {failures[name]}")
        seconds[name] = perf_counter() - begun
    return Studies(
        started=started,
        depth=depth,
        seed=SEED,
        environment={
            **environment(),
            "python": platform.python_version(),
            "server": dict(facts),
            "load_average": {"start": load_average, "end": os.getloadavg()},
        },
        seconds=seconds,
        failures=failures,
        series=tuple(series),
    )
