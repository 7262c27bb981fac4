"""The store that a command works on, and the ids in it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import TYPE_CHECKING

from taskstore.settings import TaskStoreSettings
from taskstore.status import TaskStatus

if TYPE_CHECKING:
    from taskstore.redis import RedisTaskStore

_INDEXES = ["created", *(f"created:{status}" for status in TaskStatus), "finished", "deadlines"]


def settings_of(place: str, prefix: str | None = None, partitions: str | None = None) -> TaskStoreSettings:
    """The settings, with `place` as URL unless it is the word `settings`, and with what else is given."""
    url = None if place == "settings" else place
    given = {"redis_url": url, "task_key_prefix": prefix, "task_partitions": partitions}
    known = {name: value for name, value in given.items() if value is not None}
    return TaskStoreSettings(use_redis_for_tasks=True, **known)


async def keys(part: RedisTaskStore, prefix: str) -> AsyncIterator[str]:
    """The keys that begin with `prefix`. A key may come twice."""
    cursor = b""
    while cursor != b"0":
        cursor, found = await part.server.scan(cursor or b"0", prefix)
        for key in found:
            yield key.decode(errors="replace")


async def ids_of(part: RedisTaskStore) -> set[str]:
    """The ids of a partition: those that an index names, and those of its records.

    The indexes come first: in a cluster a command with a key finds the node to scan.
    """
    ids = set[str]()
    for index in _INDEXES:
        first = 0
        while found := await part.server.read("ZREVRANGE", f"{part.base}:{index}", first, first + 999):
            ids.update(task_id.decode(errors="replace") for task_id in found)
            first += len(found)
    prefix = f"{part.base}:task:"
    return ids | {key.removeprefix(prefix) async for key in keys(part, prefix)}


def batches(ids: Iterable[str]) -> list[list[str]]:
    """The ids in their order, a hundred at a time."""
    ordered = sorted(ids)
    return [ordered[first : first + 100] for first in range(0, len(ordered), 100)]
