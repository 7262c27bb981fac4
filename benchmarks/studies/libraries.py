"""Libraries that keep one document under an id, each as it is after installing it: how it puts a document, and gets it.

Two floors are beside them in memory: a dictionary that copies deeply, and one that keeps msgspec's JSON. They are what
isolation of values costs at least, and have nothing else of a store.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import deepcopy
from functools import partial
from typing import Any

import cashews
import msgspec
from redis.asyncio import Redis

from benchmarks.document import Mode
from benchmarks.studies.document import FLOORS, PLAIN
from benchmarks.subjects import url_of

ROOM = 1_000_000
"""Entries that cashews may hold; it would throw old ones out."""
Peer = tuple[Callable[[str, Any], Awaitable[Any]], Callable[[str], Awaitable[Any]]]
"""How a document is put under an id, and got."""


@asynccontextmanager
async def dictionary(pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> AsyncIterator[Peer]:
    """Make a floor: a dictionary."""
    items: dict[str, Any] = {}

    async def put(task_id: str, document: Any) -> None:
        items[task_id] = pack(document)

    async def get(task_id: str) -> Any:
        return unpack(items[task_id])

    yield put, get


@asynccontextmanager
async def _redis_py() -> AsyncIterator[Peer]:
    async def put(task_id: str, document: Any) -> None:
        await client.set(task_id, json.dumps(document))

    async def get(task_id: str) -> Any:
        return json.loads(await client.get(task_id) or "")

    async with Redis.from_url(url_of("embedded")) as client:
        yield put, get
        await client.flushall()


@asynccontextmanager
async def _cashews(url: str = "", **options: Any) -> AsyncIterator[Peer]:
    cache = cashews.Cache()
    cache.setup(url or url_of("embedded"), **options)
    yield cache.set, cache.get
    await cache.clear()
    await cache.close()


_copied, _encoded = FLOORS
PEERS: Mapping[Mode, Mapping[str, Callable[[], AbstractAsyncContextManager[Peer]]]] = {
    "memory": {
        _copied: partial(dictionary, deepcopy, deepcopy),
        _encoded: partial(dictionary, msgspec.json.encode, msgspec.json.decode),
        # Its task that looks at every entry once a second would be timed with the calls.
        "cashews": partial(_cashews, "mem://", size=ROOM, check_interval=0),
    },
    "redis": {PLAIN: _redis_py, "cashews": _cashews},
}
