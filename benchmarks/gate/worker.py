"""Runs under callgrind with one version of the store, and makes ever more calls of each operation.

callgrind counts from just before the calls to just after them, and writes a file each time. Nothing but the public
interface of `taskstore` is used of the version, which may be older than all else.
"""

import asyncio
import gc
import os
import subprocess
import sys
from contextlib import AsyncExitStack
from itertools import islice
from random import Random

from benchmarks.cancels import cancels
from conformance.measure.tasks import fill, works
from conformance.measure.timing import Calls
from taskstore import TaskStoreSettings, open_store

LONG = "memory list of many"
_NAMES = "create", "get", "update", "cancel", "list"
OPERATIONS = (*(f"{mode} {name}" for mode in ("memory", "redis") for name in _NAMES), LONG)
CALLS = (10, 20, 120)  # after the first ones all is warm
_TASKS, _MANY = 200, 5_000


async def count(url: str) -> None:
    """Fill a store for each operation, and have its calls counted."""
    async with AsyncExitStack() as opened:
        made = []
        for name in OPERATIONS:
            mode, operation, *_ = name.split()
            prefix = f"gate-{os.getpid()}-{operation}"
            settings = TaskStoreSettings(use_redis_for_tasks=mode == "redis", redis_url=url, task_key_prefix=prefix)
            store = await opened.enter_async_context(open_store(settings))
            ids = await fill(store, _MANY if name == LONG else _TASKS)
            known = {**works(store, ids, Random(0)), "cancel": cancels(store, ids)}  # noqa: S311  always the same order
            made.append(known[operation])
        _tell_callgrind("--instr=on")
        for calls in made:
            for count in CALLS:
                await _call(calls, count)


async def _call(calls: Calls, count: int) -> None:
    batch = [*islice(calls, count)]
    gc.collect()
    gc.disable()  # when it collects next depends on what came before
    _tell_callgrind("--zero")
    for call in batch:
        await call()
    _tell_callgrind("--dump")
    gc.enable()


def _tell_callgrind(what: str) -> None:
    subprocess.run(["callgrind_control", what, str(os.getpid())], check=True, capture_output=True)  # noqa: S603, S607


if __name__ == "__main__":
    asyncio.run(count(sys.argv[1]))
