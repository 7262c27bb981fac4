"""The libraries, few and the strongest, each as it is after installing it: only what its documentation asks for is set.

Two floors stand beside them in memory mode: a dictionary that copies deeply, and one that keeps msgspec's JSON. They
are what isolation of values costs at least, and have nothing else of a store.
"""

from __future__ import annotations

import json
import platform
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import islice
from typing import Any, ClassVar

import cashews
import msgspec
from a2a.server.context import ServerCallContext
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import a2a_pb2
from glide import ExpirySet, ExpiryType
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # its stubs are a package more
from key_value.aio.stores.memory import MemoryStore
from key_value.aio.stores.redis import RedisStore

from benchmarks.studies.peers.adapters import DocumentPeer, Peer, StorePeer, present
from benchmarks.studies.place import Design, Mode, Place
from benchmarks.studies.plain import gliding, pooled
from benchmarks.workload import REQUEST

ROOM = 1_000_000
"""Entries that a cache may hold which would throw old ones out."""

Opener = Callable[[Place, int, int | None], AbstractAsyncContextManager[Peer]]
"""Opens a peer on a database of the server, with a lifetime in seconds."""


class RedisPy(DocumentPeer):
    """redis-py by itself, and Python's json."""

    async def put(self, task_id: str, document: dict[str, Any]) -> None:
        """SET."""
        await self.library.set(task_id, json.dumps(document), ex=self.lifetime)

    async def get(self, task_id: str) -> dict[str, Any]:
        """GET."""
        document: dict[str, Any] = json.loads(present(await self.library.get(task_id)))
        return document


class Glide(DocumentPeer):
    """valkey-glide by itself, whose core is written in Rust, and Python's json."""

    async def put(self, task_id: str, document: dict[str, Any]) -> None:
        """SET."""
        expiry = None if self.lifetime is None else ExpirySet(ExpiryType.SEC, self.lifetime)
        await self.library.set(task_id, json.dumps(document), expiry=expiry)

    async def get(self, task_id: str) -> dict[str, Any]:
        """GET."""
        document: dict[str, Any] = json.loads(present(await self.library.get(task_id)))
        return document


class Dictionary(DocumentPeer):
    """A floor: a dictionary that keeps what `pack` makes of a document, and hands out what `unpack` makes of that."""

    def __init__(self, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> None:
        super().__init__({}, None)
        self._pack, self._unpack = pack, unpack

    async def put(self, task_id: str, document: dict[str, Any]) -> None:
        """Set an item."""
        self.library[task_id] = self._pack(document)

    async def get(self, task_id: str) -> dict[str, Any]:
        """Get an item."""
        document: dict[str, Any] = self._unpack(self.library[task_id])
        return document

    async def list(self, limit: int) -> tuple[list[str], int]:
        """Take the newest, since a dictionary keeps the order of insertion."""
        ids = [*islice(reversed(self.library), limit)]
        documents = [await self.get(task_id) for task_id in ids]
        return [one["task_id"] for one in documents], len(self.library)


class Cashews(DocumentPeer):
    """A cache of cashews."""

    async def put(self, task_id: str, document: dict[str, Any]) -> None:
        """Set."""
        await self.library.set(task_id, document, expire=self.lifetime)

    async def get(self, task_id: str) -> dict[str, Any]:
        """Get."""
        document: dict[str, Any] = present(await self.library.get(task_id))
        return document


class KeyValue(DocumentPeer):
    """A store of py-key-value-aio, one collection."""

    async def put(self, task_id: str, document: dict[str, Any]) -> None:
        """Put."""
        await self.library.put(task_id, document, ttl=self.lifetime)

    async def get(self, task_id: str) -> dict[str, Any]:
        """Get."""
        document: dict[str, Any] = present(await self.library.get(task_id))
        return document

    async def list(self, limit: int) -> tuple[list[str], int]:
        """Get all keys that it enumerates and every document, and sort: it has both, if not in order."""
        documents = await self.library.get_many(await self.library.keys())
        found = sorted(filter(None, documents), key=lambda one: (one["created_at"], one["task_id"]), reverse=True)
        return [one["task_id"] for one in found[:limit]], len(found)


class A2a(Peer):
    """The task store of a2a-sdk in memory: a protocol buffer for each task, our fields in its metadata."""

    _STATES: ClassVar = {"pending": "TASK_STATE_SUBMITTED", "analyzing": "TASK_STATE_WORKING"}

    def __init__(self) -> None:
        self._store = InMemoryTaskStore()
        self._context = ServerCallContext()

    async def create(self, config: dict[str, Any]) -> str:
        """Save a new task."""
        task = a2a_pb2.Task(id=f"task_{secrets.token_hex(16)}", context_id="peers")
        task.metadata.update(
            {
                "progress": 0.0,
                "current_step": "",
                "video_ids": [*REQUEST.video_ids],
                "webhook_url": REQUEST.webhook_url,
                "config": config,
            }
        )
        await self._save(task, "pending")
        return str(task.id)

    async def get(self, task_id: str) -> Any:
        """Get."""
        return present(await self._store.get(task_id, self._context))

    def look(self, task: Any) -> Any:
        """Turn the metadata into Python's values."""
        return MessageToDict(task.metadata["config"])

    def field(self, task: Any, name: str) -> Any:
        """Read the state, or the metadata."""
        return a2a_pb2.TaskState.Name(task.status.state) if name == "status" else task.metadata[name]

    async def update(self, task_id: str, status: str, **changes: Any) -> Any:
        """Get, change and save: other callers may come between."""
        task = await self.get(task_id)
        task.metadata.update(changes)
        await self._save(task, status)
        return task

    async def list(self, limit: int) -> tuple[list[str], int]:
        """List, by the time of the last update."""
        page = await self._store.list(a2a_pb2.ListTasksRequest(page_size=limit), self._context)
        return [task.id for task in page.tasks], page.total_size

    async def _save(self, task: Any, status: str) -> None:
        task.status.state = a2a_pb2.TaskState.Value(self._STATES.get(status, status))
        task.status.timestamp.GetCurrentTime()
        await self._store.save(task, self._context)


@asynccontextmanager
async def _open_store(design: Design, mode: Mode, place: Place, database: int, _: int | None) -> AsyncIterator[Peer]:
    with place.harness(design, mode, database) as harness:
        async with harness.open("peers") as store:
            yield StorePeer(store, lambda by: harness.advance("peers", by))


@asynccontextmanager
async def _open_redis_py(place: Place, database: int, lifetime: int | None) -> AsyncIterator[Peer]:
    async with pooled(place.url(database)) as client:
        yield RedisPy(client, lifetime)


@asynccontextmanager
async def _open_glide(place: Place, database: int, lifetime: int | None) -> AsyncIterator[Peer]:
    async with gliding(place.url(database)) as client:
        yield Glide(client, lifetime)


@asynccontextmanager
async def _open_dictionary(
    pack: Callable[[Any], Any], unpack: Callable[[Any], Any], _: Place, __: int, ___: int | None
) -> AsyncIterator[Peer]:
    yield Dictionary(pack, unpack)


@asynccontextmanager
async def _open_cashews(mode: Mode, place: Place, database: int, lifetime: int | None) -> AsyncIterator[Peer]:
    cache = cashews.Cache()
    if mode == "memory":
        # Its task that looks at every entry once a second would be timed in the blocks of the others.
        cache.setup("mem://", size=ROOM, check_interval=0)
    else:
        cache.setup(place.url(database))
    try:
        yield Cashews(cache, lifetime)
    finally:
        await cache.close()


@asynccontextmanager
async def _open_key_value(mode: Mode, place: Place, database: int, lifetime: int | None) -> AsyncIterator[Peer]:
    if mode == "memory":
        yield KeyValue(MemoryStore(), lifetime)
        return
    async with RedisStore(url=place.url(database)) as store:
        yield KeyValue(store, lifetime)


@asynccontextmanager
async def _open_a2a(_: Place, __: int, ___: int | None) -> AsyncIterator[Peer]:
    yield A2a()


@dataclass(frozen=True)
class Library:
    """A peer by its name, in one mode; `package` is what it is installed by."""

    name: str
    mode: Mode
    package: str
    open: Opener

    @property
    def version(self) -> str:
        """The version that is installed."""
        return platform.python_version() if self.package == "python" else version(self.package)


LIBRARIES = (
    Library("ours", "memory", "taskstore", partial(_open_store, "ours", "memory")),
    Library("described", "memory", "taskstore", partial(_open_store, "described", "memory")),
    Library("dict + deepcopy", "memory", "python", partial(_open_dictionary, deepcopy, deepcopy)),
    Library("dict + msgspec", "memory", "msgspec", partial(_open_dictionary, msgspec.json.encode, msgspec.json.decode)),
    Library("cashews", "memory", "cashews", partial(_open_cashews, "memory")),
    Library("py-key-value", "memory", "py-key-value-aio", partial(_open_key_value, "memory")),
    Library("a2a-sdk", "memory", "a2a-sdk", _open_a2a),
    Library("ours", "redis", "taskstore", partial(_open_store, "ours", "redis")),
    Library("described", "redis", "taskstore", partial(_open_store, "described", "redis")),
    Library("redis-py", "redis", "redis", _open_redis_py),
    Library("valkey-glide", "redis", "valkey-glide", _open_glide),
    Library("cashews", "redis", "cashews", partial(_open_cashews, "redis")),
    Library("py-key-value", "redis", "py-key-value-aio", partial(_open_key_value, "redis")),
)
