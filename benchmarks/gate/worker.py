"""A process that has one version of the store, and measures a block of an operation whenever it is asked to.

It is started with the URL of a server. As soon as every operation is warm it prints where the `taskstore` is that it
imported; then it reads lines, each the name of an operation, and prints the median seconds of a call. After a name and
a number it makes so many calls, for whoever counts instructions, and prints the number. At the end of its input it
removes what it wrote.

The harness comes with the version, since it knows a store from inside. So nothing else of `conformance` may be needed
here: a version may be older than it.
"""

# ruff: noqa: T201  its output is read by the gate

from __future__ import annotations

import asyncio
import gc
import os
import sys
from contextlib import AsyncExitStack
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter

import taskstore
from benchmarks.workload import Work, creating, fill, getting, listing, updating
from conformance.subjects.registry import find_subject

WORKS = {"create": creating, "get": getting, "update": updating, "list": listing}
OPERATIONS = tuple(f"{mode} {operation}" for mode in ("memory", "redis") for operation in WORKS)

_TASKS = 200
_BLOCK_SECONDS = 0.005
_FEWEST = 5
"""Batches of a block, however long they take: the first is slow, since another process ran before it."""
_BATCH_SECONDS = 0.0001
"""Calls that are shorter share a batch: reading the clock costs about 0.1 µs, and must not count."""


class WrongAnswerError(Exception):
    """A call did not do what it is timed for."""


async def serve(url: str) -> None:
    """Open the stores, and answer until nobody asks any more."""
    async with AsyncExitStack() as opened:
        works = {name: await _open(opened, url, name) for name in OPERATIONS}
        batches = {name: await _warm_up(work) for name, work in works.items()}
        print(Path(taskstore.__file__).parent, flush=True)
        for line in sys.stdin:
            name, _, calls = line.strip().partition(",")
            if calls:
                await _call(works[name], int(calls))
                print(calls, flush=True)
            else:
                print(await _measure(works[name], batches[name]), flush=True)


async def _open(opened: AsyncExitStack, url: str, name: str) -> Work:
    """Fill a store of the operation's own, and make its work."""
    mode, operation = name.split()
    harness, namespace = find_subject("memory" if mode == "memory" else url)(), f"gate-{os.getpid()}-{operation}"
    opened.enter_context(harness.running())
    opened.callback(harness.discard, namespace)
    store = await opened.enter_async_context(harness.open(namespace))
    return WORKS[operation](harness, store, await fill(store, _TASKS))


async def _warm_up(work: Work) -> int:
    """Make calls for the time of a block, and find how many of them make a batch."""
    return max(1, round(_BATCH_SECONDS / await _measure(work, 1)))


async def _call(work: Work, calls: int) -> None:
    batch = list(islice(work.arguments, calls))
    gc.collect()
    gc.disable()  # when it collects next depends on what came before
    for arguments in batch:
        await work.call(*arguments)
    gc.enable()


async def _measure(work: Work, calls: int) -> float:
    """Make batches of calls for the time of a block, at least a few; return the median batch's seconds per call."""
    seconds: list[float] = []
    end = perf_counter() + _BLOCK_SECONDS
    while len(seconds) < _FEWEST or perf_counter() < end:
        batch = list(islice(work.arguments, calls))
        started = perf_counter()
        for arguments in batch:
            answer = await work.call(*arguments)
        seconds.append((perf_counter() - started) / calls)
        if not work.right(answer, *batch[-1]):
            raise WrongAnswerError(f"{work.call.__name__}{batch[-1]} answered {answer!r}")
    return median(seconds)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
