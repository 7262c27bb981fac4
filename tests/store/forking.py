"""A process that forks while it has a store open: `python -m tests.store.forking WAY [URL]`.

WAY is when it forks: `used`, `held`, in which the child outlives the store, or `unused`, before the store is used.
With a URL the store is in Redis mode. It prints what came of it.
"""

# ruff: noqa: T201  what it prints is its result

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from typing import Any

from taskstore import MemoryTaskStore, TaskCreateRequest, TaskStoreError
from taskstore.redis import RedisTaskStore, connect
from tests.store.operating import connections, until

Store = MemoryTaskStore | RedisTaskStore
_stores: list[Store] = []
"""What a child inherits."""


def report_calls() -> list[str]:
    """Call the inherited store on a loop of this process, close it, and return the names of what came out."""
    outcomes = []

    async def call(operation: Callable[[], Any]) -> None:
        try:
            async with asyncio.timeout(5):
                await operation()
        except (TaskStoreError, RuntimeError, TimeoutError) as error:
            outcomes.append(type(error).__name__)
        else:
            outcomes.append("done")

    async def use() -> None:
        (store,) = _stores
        await call(lambda: store.get_task("B"))
        await call(store.list_tasks)
        await call(store.aclose)
        await call(lambda: store.get_task("B"))

    asyncio.run(use())
    return outcomes


def report_from_child() -> list[str]:
    """Fork, as `multiprocessing` does, and return the outcomes of the child."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("fork")) as pool:
        return pool.submit(report_calls).result()


async def use_after_fork(store: Store) -> None:
    """Print what a child gets, and then what this process gets."""
    before = await connection_of(store)
    print("child:", *report_from_child())
    tasks = await asyncio.wait_for(asyncio.gather(*(store.get_task(task_id) for task_id in ("A", "B"))), 5)
    print("parent:", *(video_id for task in tasks for video_id in task.video_ids))
    print("same connection:", await connection_of(store) == before)


async def close_before_child(store: Store, url: str) -> None:
    """Close the store while a child lives, and print how many connections the server has of it in the end."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        os.close(writing)
        os.read(reading, 1)  # until the parent closes its end
        os._exit(0)
    await store.aclose()
    with suppress(TimeoutError):
        await until(lambda: not connections(url))
    print("left open:", connections(url))
    os.close(writing)
    os.waitpid(child, 0)  # noqa: ASYNC222  nothing else runs here


def main(way: str, url: str = "") -> None:
    """Make a store, and fork."""
    store: Store = RedisTaskStore(connect(url)) if url else MemoryTaskStore()
    _stores.append(store)
    if way == "unused":
        print("child:", *report_from_child())
        print("parent:", *report_calls())
    else:
        asyncio.run(open_and_fork(way, store, url))


async def open_and_fork(way: str, store: Store, url: str) -> None:
    """Use the store, and fork."""
    async with store:
        for task_id in ("A", "B"):
            await store.create_task(TaskCreateRequest(video_ids=(task_id,)), task_id=task_id)
        await (close_before_child(store, url) if way == "held" else use_after_fork(store))


async def connection_of(store: Store) -> Any:
    """The server's number for the connection of a store."""
    return await store.parts[0].server.read("CLIENT", "ID") if isinstance(store, RedisTaskStore) else None


if __name__ == "__main__":
    main(*sys.argv[1:])
