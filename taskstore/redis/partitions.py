"""Redis mode in several partitions: more tasks than one node of a cluster holds, with a hash tag for each partition.

The id of a task says which partition it is in, so what concerns one task is one request, as in a single partition. A
listing asks all partitions at once, and merges what they give in their common order.
"""

from __future__ import annotations

from datetime import timedelta
from operator import itemgetter
from typing import Any
from zlib import crc32

from taskstore.arguments import Change
from taskstore.contract import MAX_LIMIT
from taskstore.redis.server import Server
from taskstore.redis.store import DEFAULT_LIFETIME, DEFAULT_PREFIX, Listed, RedisTaskStore, together
from taskstore.values import Task


def partition_of(task_id: str, partitions: int) -> int:
    """The number of the partition that has a task, from 0. The form of the stored data depends on it."""
    return crc32(task_id.encode(errors="surrogatepass")) % partitions


class PartitionedTaskStore(RedisTaskStore):
    """A task store in Redis whose tasks are spread over several hash tags: `{prefix:0}`, `{prefix:1}` and so on.

    In a Redis Cluster a partition is on the node that has its slot, elsewhere on the one server. The number of
    partitions cannot change. `open_store` has it recorded and checked; whoever opens a store in another way awaits
    `claim(partitions)`.
    """

    def __init__(
        self,
        server: Server,
        *,
        partitions: int,
        prefix: str = DEFAULT_PREFIX,
        lifetime: timedelta = DEFAULT_LIFETIME,
    ) -> None:
        super().__init__(server, prefix=prefix, lifetime=lifetime, partition=0)
        parts = (RedisTaskStore(server, prefix=prefix, lifetime=lifetime, partition=at) for at in range(partitions))
        self._parts = [*parts]
        self._server = self._parts[0].server
        for part in self._parts:
            part._remembered = self._remembered

    @property
    def parts(self) -> list[RedisTaskStore]:
        """The partitions."""
        return self._parts

    def part_of(self, task_id: str) -> RedisTaskStore:
        """The partition of a task."""
        return self._parts[partition_of(task_id, len(self._parts))]

    async def listed(
        self, wanted: str, limit: int, offset: int, place: tuple[int | str, str], until: float, read: int | None = None
    ) -> Listed:
        """As of one partition. An offset takes further steps, so that the records that are skipped are not read."""
        if offset > MAX_LIMIT:
            total = (await self.listed(wanted, 0, 0, place, until)).total
            if offset >= total:
                return Listed(total, b"", [], [], [])
            moment, newer = await self._moment_at(f"created:{wanted}".rstrip(":"), offset, until)
            place, offset = (moment + 1, ""), offset - newer
        while offset:
            step = min(offset, MAX_LIMIT)
            skipped = await self.listed(wanted, step, 0, place, until, 0)
            if len(skipped.ids) < step:
                return Listed(skipped.total, b"", [], [], [])
            place, offset = (skipped.moments[-1], skipped.ids[-1].decode(errors="replace")), offset - step
        if read is None:
            read = 2 * limit // len(self._parts) + 4  # the share of a partition, and now and then more
        asked = await together(part.listed(wanted, limit, 0, place, until, read) for part in self._parts)
        entries = [entry for one in asked for entry in zip(one.moments, one.ids, one.texts, strict=True)]
        entries.sort(key=itemgetter(0, 1), reverse=True)
        page = entries[:limit]
        goes_on = len(entries) > limit or any(one.following for one in asked)
        following = b"%d.%b" % page[-1][:2] if goes_on else b""
        ids, texts = [task_id for _, task_id, _ in page], [text for _, _, text in page]
        return Listed(sum(one.total for one in asked), following, ids, texts, [moment for moment, _, _ in page])

    async def _moment_at(self, index: str, offset: int, until: float) -> tuple[int, int]:
        """When the task at an offset was created, and how many are newer: 53 requests, however many there are."""
        low, high, newer = 0, 2**53, 0
        while high - low > 1:
            middle = (low + high) // 2
            counts = await together(
                part.server.read("ZCOUNT", f"{part.base}:{index}", middle, "+inf", until=until) for part in self._parts
            )
            if {*map(type, counts)} != {int}:
                raise self.server.unexpected(counts, writes=False)
            if sum(counts) > offset:
                low = middle
            else:
                high, newer = middle, sum(counts)
        return low, newer

    async def rebuild_indexes(self, until: float | None = None) -> None:
        self._check_open()
        await together(part.rebuild_indexes(until) for part in self._parts)

    def _key(self, task_id: str) -> str:
        return self.part_of(task_id)._key(task_id)

    async def _read(self, task_id: str, until: float) -> Task | None:
        return await self.part_of(task_id)._read(task_id, until)

    async def _insert(self, task_id: str, *form: Any, **life: Any) -> tuple[bool, bytes]:
        return await self.part_of(task_id)._insert(task_id, *form, **life)

    async def _apply(self, task_id: str, change: Change) -> Task:
        return await self.part_of(task_id)._apply(task_id, change)
