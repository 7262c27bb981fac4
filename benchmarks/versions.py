"""`python -m benchmarks.versions REVISION`: is the store of the working tree slower than that of a git revision?

Both are timed in turn, each round in new processes, old and new next to each other. Printed are the medians of the
ratios new to old, and the spread. A quiet machine is needed; `benchmarks.gate` counts instructions on any.
"""

# ruff: noqa: T201  a command line prints

from __future__ import annotations

import argparse
import asyncio
import gc
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.cores import CLIENT, SERVER, on_core
from conformance.backends.servers import EmbeddedServer
from conformance.measure.tasks import fill, works
from taskstore import TaskStoreSettings, open_store

ROOT = Path(__file__).parents[1]
ROUNDS, BATCHES, CALLS = 10, 20, 50
"""Rounds of both versions; batches in a process, of which the median counts; calls in a batch."""
TASKS = BATCHES * CALLS


def main(arguments: list[str]) -> None:
    """Time a revision and the working tree, and print the ratios."""
    parser = argparse.ArgumentParser("python -m benchmarks.versions", description=__doc__)
    parser.add_argument("revision", help="the version that the working tree is compared with")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--worker", help=argparse.SUPPRESS, metavar="URL")
    options = parser.parse_args(arguments)
    if options.worker:
        print(json.dumps(asyncio.run(time_version(options.worker))))
        return
    with tempfile.TemporaryDirectory(prefix="versions-") as folder:
        archive = _output("git", "archive", options.revision, "taskstore")
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            packed.extractall(folder, filter="data")
        ratios: dict[str, list[float]] = {}
        for number in range(options.rounds):
            versions = [folder, str(ROOT)]
            times = {version: _run(version) for version in (versions if number % 2 else versions[::-1])}
            for name, before in times[folder].items():
                ratios.setdefault(name, []).append(times[str(ROOT)][name] / before)
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    for name, values in ratios.items():
        print(f"{name:14} {median(values):.3f} × {options.revision}  ({min(values):.3f} to {max(values):.3f})")


def _run(version: str) -> dict[str, float]:
    """Return the seconds of a call of each operation, with the store of one folder, on a server of its own."""
    command = [sys.executable, "-P", "-m", "benchmarks.versions", "", "--worker"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((version, str(ROOT)))}
    with ExitStack() as ends:
        with on_core(SERVER):
            server = ends.enter_context(EmbeddedServer())
        with on_core(CLIENT):
            ran = _output(*command, server.url, env=environment)
    times: dict[str, float] = json.loads(ran)
    return times


def _output(*command: str, env: Mapping[str, str] | None = None) -> bytes:
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, env=env).stdout  # noqa: S603  no stranger's


async def time_version(url: str) -> dict[str, float]:
    """Time the store that is found first on the path, in both modes."""
    times = {}
    for mode in ("memory", "redis"):
        settings = TaskStoreSettings(_env_file=None, use_redis_for_tasks=mode == "redis", redis_url=url)
        async with open_store(settings) as store:
            ids = await fill(store, TASKS)
            made = works(store, ids, Random(0))  # noqa: S311  the same order in both versions
            calls: dict[str, Iterator[Callable[[], Awaitable[Any]]]] = {name: work.calls for name, work in made.items()}
            calls["cancel"] = iter([partial(store.cancel_task, task_id) for task_id in ids])
            for name in ("get", "list", "update", "create", "cancel"):
                times[f"{mode} {name}"] = median([await _time(calls[name]) for _ in range(BATCHES)])
    return times


async def _time(calls: Iterator[Callable[[], Awaitable[Any]]]) -> float:
    batch = [*islice(calls, CALLS)]
    gc.collect()
    gc.disable()
    start = perf_counter()
    for call in batch:
        await call()
    seconds = perf_counter() - start
    gc.enable()
    return seconds / len(batch)


if __name__ == "__main__":
    main(sys.argv[1:])
