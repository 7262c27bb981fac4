"""One adapter for each peer: the least that makes a task store's operations of what the library offers.

What a library has not is not built here. Where it has no update, the adapter gets, changes and puts; where it has no
listing in order with a total, `list` is not offered.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.workload import REQUEST
from taskstore import TaskCreateRequest, TaskStatus, TaskStore

LIFETIME = 7 * 24 * 3600
_STATUSES = {status.value: status for status in TaskStatus}


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

    async def outlive(self, lifetime: float) -> None:
        """Let a lifetime of that many seconds go by."""
        await asyncio.sleep(lifetime + 0.1)


class StorePeer(Peer):
    """Ours and the described design, by their own operations."""

    def __init__(self, store: TaskStore, advance: Callable[[timedelta], None]) -> None:
        self._store = store
        self._advance = advance

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
        known: Any = _STATUSES.get(status, status)
        return await self._store.update_task_status(task_id, known, **changes)

    async def list(self, limit: int) -> tuple[list[str], int]:
        """List."""
        page = await self._store.list_tasks(None, limit, 0)
        return [task.task_id for task in page.tasks], page.total

    async def outlive(self, lifetime: float) -> None:
        """Move the clock of the namespace: the lifetime is not the caller's to choose."""
        self._advance(timedelta(seconds=LIFETIME + 1))


class DocumentPeer(Peer):
    """A library that keeps one value under a key: a task is one document."""

    def __init__(self, library: Any, lifetime: int | None) -> None:
        self.library = library
        self.lifetime = lifetime

    @abstractmethod
    async def put(self, task_id: str, document: dict[str, Any]) -> None:
        """Store a document."""

    @abstractmethod
    async def get(self, task_id: str) -> dict[str, Any]:
        """Return a document.

        Raises:
            KeyError: if it is not there.
        """

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
                "result_url": None,
                "error_message": None,
                "error_traceback": None,
                "metadata": {"webhook_url": REQUEST.webhook_url, "config": config},
                "created_at": now,
                "updated_at": now,
                "completed_at": None,
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


def present(document: Any) -> Any:
    """Return what a cache gave.

    Raises:
        KeyError: if it gave nothing.
    """
    if document is None:
        raise KeyError("no such task")
    return document
