"""`python -m benchmarks.versions REVISION`: is the store of the working tree slower than that of a git revision?

In a round both versions have a process, on one core, and share a server on another. The processes take turns of a
millisecond: old, new, new, old. Counted is the processor's time of client and server: they wait for each other, and
how long a neighbour keeps them waiting is not the store's. What else slows the machine down slows both, and a median
over the pairs leaves out those that it split. Each round has new processes, since two of one version differ too, by
how their memory is laid out. Printed are the median of the rounds, new to old, and its interval of at least 95 %.
"""

# ruff: noqa: T201  a command line prints

import argparse
import asyncio
import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from subprocess import PIPE
from typing import IO, cast

from benchmarks.cancels import cancels
from benchmarks.cores import CLIENT, SERVER, on_core
from benchmarks.gate.instructions import ROOT, unpacked
from conformance.backends.servers import EmbeddedServer
from conformance.measure.estimate import estimate
from conformance.measure.tasks import fill, works
from taskstore import TaskStoreSettings, open_store

ROUNDS, TURNS = 20, 40
"""Rounds, and how often the four turns are taken in a round, for each operation."""
TURN = 1e-3
"""Seconds of a turn: a process that begins to run keeps its core for so long on a busy machine too."""
MISS = 0.05
"""The chance that an interval misses its median."""
TASKS = 1_000
OPERATIONS = [(mode, name) for mode in ("memory", "redis") for name in ("get", "list", "update", "create", "cancel")]


def main(arguments: list[str]) -> None:
    """Time a revision and the working tree, and print the ratios."""
    parser = argparse.ArgumentParser("python -m benchmarks.versions", description=__doc__)
    parser.add_argument("revision", help="the version that the working tree is compared with")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--worker", help=argparse.SUPPRESS, nargs=2)
    options = parser.parse_args(arguments)
    if options.worker:
        url, server = options.worker
        asyncio.run(serve(url, int(server)))
        return
    rounds = []
    with unpacked(options.revision) as folder:
        for number in range(options.rounds):
            rounds.append(compare(folder, ROOT))
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
    for place, operation in enumerate(OPERATIONS):
        found = estimate([ratios[place] for ratios in rounds], MISS)
        low, high = found.interval or (min(found.values), max(found.values))
        print(f"{' '.join(operation):14} {found.value:.3f} × {options.revision}  ({low:.3f} to {high:.3f})")


def compare(old: Path, new: Path) -> list[float]:
    """Return for each operation how many times as long it takes with the store of one folder as with another's."""
    ratios = []
    with ExitStack() as ends:
        with on_core(SERVER):
            server = ends.enter_context(EmbeddedServer())
        before, after = (ends.enter_context(_running(folder, server)) for folder in (old, new))
        for mode, name in OPERATIONS:
            for calls in (20, 20):  # the first are slower
                after(mode, name, calls)
                seconds = before(mode, name, calls)
            calls = int(TURN / seconds) + 1
            pairs = []
            for number in range(2 * TURNS):
                order = (before, after) if number % 2 else (after, before)
                times = {take_turn: take_turn(mode, name, calls) for take_turn in order}
                pairs.append(times[after] / times[before])
            ratios.append(median(pairs))
    return ratios


@contextmanager
def _running(version: Path, server: EmbeddedServer) -> Iterator[Callable[[str, str, int], float]]:
    """Start a process with the store of a folder. It yields what takes its turn, and returns the seconds of a call."""
    command = [sys.executable, "-P", "-m", "benchmarks.versions", "", "--worker", server.url, str(server.process.pid)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(version), str(ROOT)))}
    with on_core(CLIENT):
        process = subprocess.Popen(command, stdin=PIPE, stdout=PIPE, text=True, cwd=ROOT, env=environment)  # noqa: S603  no stranger's
    with process:
        orders, answers = cast(IO[str], process.stdin), cast(IO[str], process.stdout)

        def take_turn(mode: str, name: str, calls: int) -> float:
            print(mode, name, calls, file=orders, flush=True)
            return float(answers.readline())

        yield take_turn


async def serve(url: str, server: int) -> None:
    """Time the calls that each line of the input asks for, with the store that is found first on the path.

    `server` is the number of the server's process.
    """
    clocks = time.CLOCK_PROCESS_CPUTIME_ID, ~server << 3 | 2  # the second is what clock_getcpuclockid(3) gives

    def spent() -> float:
        return sum(map(time.clock_gettime, clocks))

    async with AsyncExitStack() as opened:
        stores, made = {}, {}
        for mode in ("memory", "redis"):
            prefix = f"versions-{os.getpid()}"
            settings = TaskStoreSettings(
                _env_file=None, use_redis_for_tasks=mode == "redis", redis_url=url, task_key_prefix=prefix
            )
            stores[mode] = await opened.enter_async_context(open_store(settings))
            made[mode] = works(stores[mode], await fill(stores[mode], TASKS), Random(0))  # noqa: S311  an order
        gc.disable()
        for line in sys.stdin:
            mode, name, calls = line.split()
            if name == "cancel":  # no task is cancelled twice
                made[mode][name] = cancels(stores[mode], await fill(stores[mode], int(calls)))
            batch = [*islice(made[mode][name], int(calls))]
            gc.collect()
            gc.freeze()  # the next collection does not look at these again
            start = spent()
            for call in batch:
                await call()
            print((spent() - start) / len(batch), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
