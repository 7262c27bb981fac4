"""A process that has one version of the store, and makes calls of an operation whenever it is asked to.

It is started with the URL of a server. As soon as every operation is warm it prints where the `taskstore` is that it
imported; then it reads lines, each the name of an operation and a number, makes so many calls, and prints the number.

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

import taskstore
from benchmarks.workload import Work, creating, fill, getting, listing, updating
from conformance.subjects.registry import find_subject

WORKS = {"create": creating, "get": getting, "update": updating, "list": listing}
LONG = "memory list of many"
OPERATIONS = (*(f"{mode} {operation}" for mode in ("memory", "redis") for operation in WORKS), LONG)

_TASKS, _MANY = 200, 5_000


async def serve(url: str) -> None:
    """Open the stores, and answer until nobody asks any more."""
    async with AsyncExitStack() as opened:
        works = {name: await _open(opened, url, name) for name in OPERATIONS}
        for work in works.values():
            await _call(work, 10)
        print(Path(taskstore.__file__).parent, flush=True)
        for line in sys.stdin:
            name, _, calls = line.strip().partition(",")
            await _call(works[name], int(calls))
            print(calls, flush=True)


async def _open(opened: AsyncExitStack, url: str, name: str) -> Work:
    """Fill a store of the operation's own, and make its work."""
    mode, operation, *_ = name.split()
    harness, namespace = find_subject("memory" if mode == "memory" else url)(), f"gate-{os.getpid()}-{operation}"
    opened.enter_context(harness.running())
    opened.callback(harness.discard, namespace)
    store = await opened.enter_async_context(harness.open(namespace))
    return WORKS[operation](harness, store, await fill(store, _MANY if name == LONG else _TASKS))


async def _call(work: Work, calls: int) -> None:
    batch = list(islice(work.arguments, calls))
    gc.collect()
    gc.disable()  # when it collects next depends on what came before
    for arguments in batch:
        answer = await work.call(*arguments)
    gc.enable()
    if not work.right(answer, *batch[-1]):
        raise ValueError(f"{work.call.__name__}{batch[-1]} answered {answer!r}")


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
