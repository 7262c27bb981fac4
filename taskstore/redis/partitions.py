"""Redis mode in several partitions: more tasks than one node of a cluster holds, with a hash tag for each partition.

The id of a task says which partition it is in, so what concerns one task is one request, as in a single partition. A
listing asks all partitions at once, and merges what they give in their common order.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from zlib import crc32

from taskstore.arguments import (
    Change,
    check_new_id,
    check_page,
    check_request,
    check_status,
    check_task,
    check_task_id,
    new_task_id,
)
from taskstore.base import BaseStore
from taskstore.contract import MAX_LIMIT
from taskstore.errors import InvalidArgument, StoreUnavailable
from taskstore.redis.server import Server
from taskstore.redis.store import DEFAULT_LIFETIME, DEFAULT_PREFIX, Entry, RedisTaskStore, page_of
from taskstore.status import TaskStatus
from taskstore.values import Task, TaskCreateRequest, TaskPage

_Result = TypeVar("_Result")


def partition_of(task_id: str, partitions: int) -> int:
    """The number of the partition that has a task, from 0. The form of the stored data depends on it."""
    return crc32(task_id.encode(errors="surrogatepass")) % partitions


class PartitionedTaskStore(BaseStore):
    """A task store in Redis whose tasks are spread over several hash tags: `{prefix:0}`, `{prefix:1}` and so on.

    Takes over `server`. In a Redis Cluster a partition is on the node that has its slot, elsewhere on the one server.
    The number of partitions cannot change. `open_store` has it recorded and checked; whoever opens a store in another
    way awaits `store.parts[0].claim(partitions)`.
    """

    def __init__(
        self,
        server: Server,
        *,
        partitions: int,
        prefix: str = DEFAULT_PREFIX,
        lifetime: timedelta = DEFAULT_LIFETIME,
    ) -> None:
        super().__init__()
        shared: dict[str, Any] = {"prefix": prefix, "lifetime": lifetime, "remembered": OrderedDict()}
        self.parts = tuple(RedisTaskStore(server, partition=number, **shared) for number in range(partitions))

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Task:
        self._check_open()
        video_ids, metadata = check_request(request)
        new_id = new_task_id() if task_id is None else check_new_id(task_id)
        return await self._part(new_id).create(new_id, video_ids, metadata, is_new=task_id is None)

    async def get_task(self, task_id: str) -> Task:
        self._check_open()
        return await self._part(check_task_id(task_id)).get_task(task_id)

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> TaskPage:
        self._check_open()
        wanted = "" if status is None else check_status(status).value
        place = check_page(limit, offset, after) or ("", "")
        if offset > MAX_LIMIT:
            raise InvalidArgument("offset", f"must be at most {MAX_LIMIT} in a store of several partitions")
        until = self.parts[0].server.deadline()
        if offset:  # the page begins behind the task before it, so records that are skipped are not read
            total, _, skipped = await self._merged(wanted, offset, place, 0, until)
            if len(skipped) < offset:
                return page_of([], total, limit, offset, None)
            place = skipped[-1][0].created_us, skipped[-1][0].task_id.decode(errors="replace")
        read = 2 * limit // len(self.parts) + 4  # a partition has its share of the page, and now and then more
        total, more, chosen = await self._merged(wanted, limit, place, read, until)
        by_part: dict[RedisTaskStore, list[Entry]] = {}
        for entry, part in chosen:
            by_part.setdefault(part, []).append(entry)
        tasks = await _together(part.tasks_of(entries, until) for part, entries in by_part.items())
        following = {part: iter(found) for part, found in zip(by_part, tasks, strict=True)}
        found = [next(following[part]) for _, part in chosen]
        return page_of(found, total, limit, offset, chosen[-1][0] if more else None)

    async def purge(self, before: datetime) -> int:
        """As in the contract, one partition after the other."""
        self._check_open()
        removed = 0
        for part in self.parts:
            try:
                removed += await part.purge(before)
            except StoreUnavailable as error:
                error.write_may_have_happened |= bool(removed)  # in a partition before this one
                raise
        return removed

    async def restore(self, task: Task, *, lifetime: timedelta | None = None) -> None:
        """As in the contract; `lifetime` is how long the task lives from now on, if not as long as a new one."""
        self._check_open()
        await self._part(check_task(task).task_id).restore(task, lifetime=lifetime)

    async def ping(self) -> None:
        """Ask the server of each partition for a sign of life.

        Raises:
            StoreUnavailable: if one gives none.
        """
        self._check_open()
        await _together(part.ping() for part in self.parts)

    async def rebuild_indexes(self, until: float | None = None) -> None:
        """Fill the indexes of all partitions from the records, until a moment of the loop's clock at most.

        Raises:
            StoreUnavailable: if a server fails, or time is up: the next call of this store goes on from there.
        """
        self._check_open()
        await _together(part.rebuild_indexes(until) for part in self.parts)

    async def aclose(self) -> None:
        await super().aclose()
        for part in self.parts:
            part.server.close()
        await asyncio.sleep(0)  # the turn of the loop in which sockets are closed

    def _part(self, task_id: str) -> RedisTaskStore:
        return self.parts[partition_of(task_id, len(self.parts))]

    async def _apply(self, task_id: str, change: Change) -> Task:
        return await self._part(task_id)._apply(task_id, change)  # noqa: SLF001  the same method of a store of this one

    async def _merged(
        self, wanted: str, limit: int, place: tuple[int | str, str], read: int, until: float
    ) -> tuple[int, bool, list[tuple[Entry, RedisTaskStore]]]:
        """The length of all indexes, whether more follows, and the first entries of all with their partitions."""
        asked = await _together(part.entries(wanted, limit, 0, place, read, until) for part in self.parts)
        entries = [(entry, part) for part, (_, _, some) in zip(self.parts, asked, strict=True) for entry in some]
        entries.sort(key=lambda pair: pair[0][:2], reverse=True)
        more = len(entries) > limit or any(one for _, one, _ in asked)
        return sum(total for total, _, _ in asked), more, entries[:limit]


async def _together(calls: Iterable[Awaitable[_Result]]) -> list[_Result]:
    """Make calls at once, and return their results; the first exception is raised when all have ended."""
    results = await asyncio.gather(*calls, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results  # type: ignore[return-value]  # no exception is among them
