"""The libraries in memory, few and the strongest, each as it is after installing it, and the least that adapts them.

What a library has not is not built here. Where it has no update, the adapter gets, changes and puts; where it has no
listing in order with a total, `list` is not offered. Two floors stand beside them: a dictionary that copies deeply, and
one that keeps msgspec's JSON. They are what isolation of values costs at least, and have nothing else of a store.
"""

from __future__ import annotations

import platform
import secrets
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from itertools import islice
from typing import Any, ClassVar

import cashews
import msgspec
from a2a.server.context import ServerCallContext
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import a2a_pb2
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]  # its stubs are a package more
from key_value.aio.stores.memory import MemoryStore

from benchmarks.workload import REQUEST
from conformance.subjects.registry import find_subject
from taskstore import TaskCreateRequest, TaskStatus, TaskStore

ROOM = 1_000_000
"""Entries that a cache may hold which would throw old ones out."""

Opener = Callable[[], AbstractAsyncContextManager["Peer"]]


class NotOfferedError(Exception):
    """The library has no such thing."""


class Peer(ABC):
    """A store under test."""

    @abstractmethod
    async def create(self, config: dict[str, Any]) -> str:
        """Store a new task with that configuration, and return its id."""

    @abstractmethod
    async def get(self, task_id: str) -> Any:
        """Return the task as the library hands it out, or raise."""

    @abstractmethod
    def look(self, task: Any) -> Any:
        """Return the configuration of a task that was handed out."""

    @abstractmethod
    def field(self, task: Any, name: str) -> Any:
        """Return another field of it."""

    @abstractmethod
    async def update(self, task_id: str, status: str, **changes: Any) -> Any:
        """Change the status and other fields of a task, and return it."""

    async def list(self, limit: int) -> tuple[list[str], int]:
        """Return the ids of the newest tasks, all of which are read, and how many there are."""
        raise NotOfferedError("no listing in order with a total")


class StorePeer(Peer):
    """Ours and the documented design, by their own operations."""

    def __init__(self, store: TaskStore) -> None:
        self._store = store

    async def create(self, config: dict[str, Any]) -> str:
        """Create."""
        request = TaskCreateRequest(video_ids=REQUEST.video_ids, webhook_url=REQUEST.webhook_url, config=config)
        return (await self._store.create_task(request)).task_id

    async def get(self, task_id: str) -> Any:
        """Get; ours leaves the metadata text until somebody looks at it."""
        return await self._store.get_task(task_id)

    def look(self, task: Any) -> Any:
        """Look at the metadata."""
        return task.metadata["config"]

    def field(self, task: Any, name: str) -> Any:
        """Read the attribute."""
        return getattr(task, name)

    async def update(self, task_id: str, status: str, **changes: Any) -> Any:
        """Update."""
        return await self._store.update_task_status(task_id, TaskStatus(status), **changes)

    async def list(self, limit: int) -> tuple[list[str], int]:
        """List."""
        page = await self._store.list_tasks(None, limit, 0)
        return [task.task_id for task in page.tasks], page.total


class DocumentPeer(Peer):
    """A library that keeps one value under a key: a task is one document."""

    def __init__(self, library: Any) -> None:
        self.library = library

    async def put(self, task_id: str, document: dict[str, Any]) -> None:
        """Store a document."""
        await self.library.set(task_id, document)

    async def get(self, task_id: str) -> dict[str, Any]:
        """Return a document.

        Raises:
            KeyError: if it is not there.
        """
        document: dict[str, Any] = present(await self.library.get(task_id))
        return document

    async def create(self, config: dict[str, Any]) -> str:
        """Put a new document."""
        task_id, now = f"task_{secrets.token_hex(16)}", datetime.now(UTC).isoformat()
        await self.put(
            task_id,
            {
                "task_id": task_id,
                "status": TaskStatus.PENDING.value,
                "progress": 0.0,
                "current_step": "",
                "video_ids": [*REQUEST.video_ids],
                **dict.fromkeys(("result_url", "error_message", "error_traceback", "completed_at")),
                "metadata": {"webhook_url": REQUEST.webhook_url, "config": config},
                "created_at": now,
                "updated_at": now,
            },
        )
        return task_id

    def look(self, task: Mapping[str, Any]) -> Any:
        """Look at the metadata."""
        return task["metadata"]["config"]

    def field(self, task: Mapping[str, Any], name: str) -> Any:
        """Read the key."""
        return task[name]

    async def update(self, task_id: str, status: str, **changes: Any) -> Any:
        """Get, change and put: other callers may come between."""
        updated_at = datetime.now(UTC).isoformat()
        document = {**await self.get(task_id), "status": status, **changes, "updated_at": updated_at}
        await self.put(task_id, document)
        return document


class Dictionary(DocumentPeer):
    """A floor: a dictionary that keeps what `pack` makes of a document, and hands out what `unpack` makes of that."""

    def __init__(self, pack: Callable[[Any], Any], unpack: Callable[[Any], Any]) -> None:
        super().__init__({})
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


class KeyValue(DocumentPeer):
    """A store of py-key-value-aio, one collection."""

    async def put(self, task_id: str, document: dict[str, Any]) -> None:
        """Put."""
        await self.library.put(task_id, document)

    async def list(self, limit: int) -> tuple[list[str], int]:
        """Get all keys that it enumerates and every document, and sort: it has both, if not in order."""
        documents = await self.library.get_many(await self.library.keys())
        found = sorted(filter(None, documents), key=lambda one: (one["created_at"], one["task_id"]), reverse=True)
        return [one["task_id"] for one in found[:limit]], len(found)


class A2a(Peer):
    """The task store of a2a-sdk: a protocol buffer for each task, our fields in its metadata."""

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
        """Read the metadata."""
        return task.metadata[name]

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
        task.status.state = a2a_pb2.TaskState.Value(self._STATES[status])
        task.status.timestamp.GetCurrentTime()
        await self._store.save(task, self._context)


def present(document: Any) -> Any:
    """Return what a cache gave.

    Raises:
        KeyError: if it gave nothing.
    """
    if document is None:
        raise KeyError("no such task")
    return document


@asynccontextmanager
async def _open_store(subject: str) -> AsyncIterator[Peer]:
    async with find_subject(subject)().open("peers") as store:
        yield StorePeer(store)


@asynccontextmanager
async def _open(make: Callable[[], Peer]) -> AsyncIterator[Peer]:
    yield make()


@asynccontextmanager
async def _open_cashews() -> AsyncIterator[Peer]:
    cache = cashews.Cache()
    # Its task that looks at every entry once a second would be timed in the blocks of the others.
    cache.setup("mem://", size=ROOM, check_interval=0)
    try:
        yield DocumentPeer(cache)
    finally:
        await cache.close()


@dataclass(frozen=True)
class Library:
    """A peer by its name; `package` is what it is installed by."""

    name: str
    package: str
    open: Opener

    @property
    def version(self) -> str:
        """The version that is installed."""
        return platform.python_version() if self.package == "python" else version(self.package)


LIBRARIES = (
    Library("ours", "taskstore", partial(_open_store, "memory")),
    Library("documented", "taskstore", partial(_open_store, "documented-memory")),
    Library("dict + deepcopy", "python", partial(_open, partial(Dictionary, deepcopy, deepcopy))),
    Library("dict + msgspec", "msgspec", partial(_open, partial(Dictionary, msgspec.json.encode, msgspec.json.decode))),
    Library("cashews", "cashews", _open_cashews),
    Library("py-key-value", "py-key-value-aio", partial(_open, lambda: KeyValue(MemoryStore()))),
    Library("a2a-sdk", "a2a-sdk", partial(_open, A2a)),
)
