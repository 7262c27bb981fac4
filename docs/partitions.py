"""What partitions cost and how they spread, as two tables: `python docs/partitions.py` prints them.

A node works on one core. So the seconds that the busiest node's processor spent on some operations (`INFO cpu`) say how
many a second there can be, also where all nodes and their client share the cores of one machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import pairwise
from statistics import median
from typing import Any

import redis

from conformance.subjects.redis_namespace import Monitor
from conformance.subjects.servers import EmbeddedServer
from conformance.subjects.topologies import cluster_nodes
from taskstore import TaskCreateRequest, TaskStatus
from taskstore.redis import PartitionedTaskStore, RedisTaskStore, connect

SLOTS = 16_384
SPREAD = 12
"""Partitions in the first table."""
TASKS = 12_000
PAGES = 1_000
AT_ONCE = 100
TIMED = 300
REQUEST = TaskCreateRequest(video_ids=["v1"], webhook_url="https://example.org/done", config={"text": "x" * 400})


@contextmanager
def servers(number: int) -> Iterator[list[EmbeddedServer]]:
    """The nodes of a cluster of so many with equal shares of the slots, or one server if 0."""
    bounds = [SLOTS * at // number for at in range(number + 1)] if number else []
    with ExitStack() as undo:
        shares = [range(*pair) for pair in pairwise(bounds)]
        nodes = cluster_nodes(undo, *shares) if number else [undo.enter_context(EmbeddedServer())]
        while number and not all(agrees(node, number) for node in nodes):
            time.sleep(0.05)
        yield nodes


def ask(node: EmbeddedServer, *command: str) -> Any:
    """The reply of a node, as redis-py reads it."""
    with redis.Redis.from_url(node.url) as client:
        return client.execute_command(*command)


def agrees(node: EmbeddedServer, number: int) -> bool:
    """Whether a node sees all others, and the cluster as whole."""
    told = ask(node, "CLUSTER INFO")
    return (told["cluster_state"], told["cluster_known_nodes"]) == ("ok", str(number))


@asynccontextmanager
async def opened(nodes: Sequence[EmbeddedServer], partitions: int) -> AsyncIterator[RedisTaskStore]:
    """A store in so many partitions."""
    is_cluster = ask(nodes[0], "INFO", "cluster")["cluster_enabled"]
    to = connect(nodes[0].url.replace("redis:", "redis+cluster:" if is_cluster else "redis:"), timeout=60)
    store = RedisTaskStore(to) if partitions == 1 else PartitionedTaskStore(to, partitions=partitions)
    async with store:
        await store.list_tasks(limit=0)  # connects to every node
        yield store


async def spread(nodes: Sequence[EmbeddedServer]) -> tuple[list[str], list[str]]:
    """How records and memory spread over the nodes, and how many operations a second the busiest node allows.

    And how many a second one process of the application allows, by the time of its own processor.
    """
    limits: list[str] = []
    own: list[str] = []

    async def work(call: Callable[[Any], Awaitable[Any]], arguments: Sequence[Any]) -> list[Any]:
        before, done, started = list(map(spent, nodes)), [], time.process_time()
        for first in range(0, len(arguments), AT_ONCE):
            done += await asyncio.gather(*map(call, arguments[first : first + AT_ONCE]))
        busiest = max(spent(node) - was for node, was in zip(nodes, before, strict=True))
        limits.append(f"{len(arguments) / busiest:,.0f}")
        own.append(f"{len(arguments) / (time.process_time() - started):,.0f}")
        return done

    async with opened(nodes, SPREAD) as store:
        empty = list(map(used, nodes))
        ids = [task.task_id for task in await work(lambda _: store.create_task(REQUEST), range(TASKS))]
        grown = [used(node) - was for node, was in zip(nodes, empty, strict=True)]
        await work(store.get_task, 4 * ids)
        await work(lambda one: store.update_task_status(one, TaskStatus.CLIPPING, progress=50), ids)
        await work(lambda _: store.list_tasks(), range(PAGES))
    keys = " + ".join(f"{ask(node, 'DBSIZE'):,}" for node in nodes)
    megabytes = " + ".join(f"{one / 1e6:.1f}" for one in grown)
    return [str(len(nodes)), keys, megabytes, f"{sum(grown) / TASKS:,.0f}", *limits], own


def spent(node: EmbeddedServer) -> float:
    """Seconds that the processor has worked for a node."""
    info = ask(node, "INFO", "cpu")
    return float(info["used_cpu_user"] + info["used_cpu_sys"])


def used(node: EmbeddedServer) -> int:
    """Bytes that a node uses."""
    return int(ask(node, "INFO", "memory")["used_memory"])


async def calls(nodes: Sequence[EmbeddedServer], partitions: int) -> list[str]:
    """Requests of a call of each operation, and its median milliseconds, on a store with 200 tasks."""
    cells = []
    async with opened(nodes, partitions) as store:
        ids = [(await store.create_task(REQUEST)).task_id for _ in range(200)]
        for call in (
            lambda: store.create_task(REQUEST),
            lambda: store.get_task(ids[7]),
            lambda: store.update_task_status(ids[8], TaskStatus.CLIPPING),
            store.list_tasks,
            lambda: store.list_tasks(offset=100),
        ):
            times = [await timed(call) for _ in range(TIMED)]
            monitors = [Monitor(node.url) for node in nodes]
            before = sum(monitor.count() for monitor in monitors)
            await timed(call)
            requests = sum(monitor.count() for monitor in monitors) - before - len(nodes)  # each counts one of its own
            for monitor in monitors:
                monitor.close()
            cells.append(f"{requests}: {1_000 * median(times):.2f}")
    return cells


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """The seconds of a call."""
    start = time.perf_counter()
    await call()
    return time.perf_counter() - start


def main() -> None:
    """Print both tables."""
    print("| nodes | keys | MB | bytes per task | create | get | update | list |\n|--:|---|---|--:|--:|--:|--:|--:|")
    for number in (1, 2, 3):
        with servers(number) as nodes:
            cells, own = asyncio.run(spread(nodes))
            print("|", " | ".join(cells), "|")
    print("| one process | | | |", " | ".join(own), "|")
    print("\n| where | partitions | create | get | update | list | list, offset 100 |\n|---|--:|--:|--:|--:|--:|--:|")
    for number, where in ((0, "one server"), (3, "a cluster of three")):
        for partitions in (1, 3):
            with servers(number) as nodes:
                print("|", " | ".join([where, str(partitions), *asyncio.run(calls(nodes, partitions))]), "|")


if __name__ == "__main__":
    main()
