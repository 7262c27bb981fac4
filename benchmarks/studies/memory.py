"""Bytes per task, in both modes and both designs, for tasks of about 400 bytes of JSON.

That is read in two ways: the whole task is 400 bytes, as the documented design stores it, or its metadata alone are.

In Redis by what the server's memory grew (`INFO`). In memory mode by what Python allocated (`tracemalloc`); every task
is made from a request of its own, as an application has it from a network.
"""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from benchmarks.document import Depth, Design
from benchmarks.studies.document import Measured
from benchmarks.studies.filling import create, new_request, new_short_request
from benchmarks.studies.place import DESIGNS, Place
from conformance.measure.loop import Loop
from taskstore import TaskCreateRequest

New = Callable[[], TaskCreateRequest]

REQUESTS: dict[str, New] = {"task": new_short_request, "metadata": new_request}
"""What of a task is 400 bytes of JSON: the whole of it, or its metadata alone."""
SCALES: dict[Depth, tuple[tuple[str, int], ...]] = {
    "quick": (("task", 1_000),),
    "default": (("task", 10_000), ("metadata", 10_000)),
    "full": (("task", 1_000), ("task", 100_000), ("metadata", 100_000)),
}


def run(depth: Depth, place: Place) -> Iterator[Measured]:
    """Fill stores, and weigh them."""
    with Loop.running() as loop:
        for design, (part, tasks) in product(DESIGNS, SCALES[depth]):
            total = loop.run(_weigh_in_memory(place, design, REQUESTS[part], tasks))
            yield {(design, "memory", part, tasks): {"bytes": total / tasks}}
            total = loop.run(_weigh_in_redis(place, design, REQUESTS[part], tasks))
            yield {(design, "redis", part, tasks): {"bytes": total / tasks}}


async def _weigh_in_memory(place: Place, design: Design, new: New, tasks: int) -> int:
    with place.harness(design, "memory") as harness:
        async with harness.open("memory") as store:
            await create(store, 16, new)  # whatever is made once is made now
            gc.collect()
            tracemalloc.start()
            try:
                ids = await create(store, tasks, new)
                del ids
                gc.collect()
                return tracemalloc.get_traced_memory()[0]
            finally:
                tracemalloc.stop()


async def _weigh_in_redis(place: Place, design: Design, new: New, tasks: int) -> int:
    with place.harness(design, "redis") as harness, place.looking() as client:
        harness.inspector("memory").keys()  # connects the harness's own client, which stays
        stay = int(client.info("clients")["connected_clients"])
        async with harness.open("memory") as store:
            await create(store, 16, new)  # loads the scripts
        place.empty()
        before = await _used(client, stay)
        async with harness.open("memory") as store:
            await create(store, tasks, new)
        total = await _used(client, stay) - before
    place.empty()
    return total


async def _used(client: Any, stay: int) -> int:
    """Return the bytes that the server has allocated, as soon as no more clients are connected than stay.

    The server's own count of clients' buffers is up to a second old, and a buffer can be larger than the tasks.

    Raises:
        TimeoutError: if another client stays connected for ten seconds.
    """
    async with asyncio.timeout(10):
        while int(client.info("clients")["connected_clients"]) > stay:  # noqa: ASYNC110  the server tells nobody
            await asyncio.sleep(0.01)
    return int(client.info("memory")["used_memory"])
