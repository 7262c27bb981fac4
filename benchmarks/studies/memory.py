"""Bytes per task, in both modes and both designs, for tasks of about 400 bytes of JSON.

That is read in two ways: the whole task is 400 bytes, as the documented design stores it, or its metadata alone are.

In Redis by what the server's memory grew (`INFO`). In memory mode by what Python allocated (`tracemalloc`); every task
is made from a request of its own, as an application has it from a network.
"""

import asyncio
import gc
import json
import tracemalloc
from collections.abc import Iterator
from functools import partial
from itertools import product, repeat

import redis

from benchmarks.backends import DESIGNS, PRIVATE, harness_of, url_of
from benchmarks.document import Depth
from benchmarks.studies.document import Measured
from conformance import Harness
from conformance.measure.tasks import METADATA, REQUEST, STEPS
from conformance.measure.timing import gather
from taskstore import TaskCreateRequest, TaskStore

NAMESPACE = "memory"
REQUESTS = {
    "task": json.dumps(
        {"video_ids": ["dQw4w9WgXcQ"], "webhook_url": "https://editor.example.com/clips", "config": {"clips": 8}}
    ),
    "metadata": json.dumps({"video_ids": REQUEST.video_ids, **METADATA}),
}
"""What of a task is 400 bytes of JSON: the whole of it, or its metadata alone."""
SCALES: dict[Depth, tuple[tuple[str, int], ...]] = {
    "quick": (("task", 1_000),),
    "default": (("task", 2_000), ("metadata", 2_000)),
    "full": (("task", 1_000), ("task", 100_000), ("metadata", 100_000)),
}


def run(depth: Depth) -> Iterator[Measured]:
    """Fill stores, and weigh them."""
    for design, (part, tasks) in product(DESIGNS, SCALES[depth]):
        for mode, transport in PRIVATE.items():
            harness = harness_of(design, transport)
            with harness.running():
                weigh = _weigh_in_memory if mode == "memory" else _weigh_in_redis
                total = asyncio.run(weigh(harness, part, tasks))
                harness.discard(NAMESPACE)
            yield {(design, mode, part, tasks): {"bytes": total / tasks}}


async def _weigh_in_memory(harness: Harness, part: str, tasks: int) -> int:
    async with harness.open(NAMESPACE) as store:
        await _create(store, 16, part)  # whatever is made once is made now
        gc.collect()
        tracemalloc.start()
        try:
            await _create(store, tasks, part)
            gc.collect()
            return tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()


async def _weigh_in_redis(harness: Harness, part: str, tasks: int) -> int:
    with redis.Redis.from_url(url_of("embedded")) as client:
        async with harness.open(NAMESPACE) as store:
            await _create(store, 16, part)  # loads the scripts
        client.execute_command("FLUSHALL", "SYNC")  # Valkey frees in the background otherwise
        before = await _used(client)
        async with harness.open(NAMESPACE) as store:
            await _create(store, tasks, part)
        return await _used(client) - before


async def _create(store: TaskStore, tasks: int, part: str) -> None:
    """Create tasks, and take every second one a step further."""
    requests = map(TaskCreateRequest.model_validate_json, repeat(REQUESTS[part]))
    created = await gather((partial(store.create_task, request) for request in requests), tasks)
    some = created[::2]
    await gather((partial(store.update_task_status, task.task_id, *STEPS[0]) for task in some), len(some))


async def _used(client: redis.Redis) -> int:
    """Return the bytes that the server has allocated, as soon as no other client is connected.

    The server's own count of clients' buffers is up to a second old, and a buffer can be larger than the tasks.

    Raises:
        TimeoutError: if another client stays connected for ten seconds.
    """
    async with asyncio.timeout(10):
        while client.info("clients")["connected_clients"] > 1:  # noqa: ASYNC110  the server tells nobody
            await asyncio.sleep(0.01)
    return int(client.info("memory")["used_memory"])
