"""Redis mode in several partitions: more tasks than one node of a cluster holds, with a hash tag for each partition.

The id of a task says which partition it is in, so what concerns one task is one request, as in a single partition. A
listing asks all partitions at once, and merges their pages in the common order.
"""

from __future__ import annotations

from datetime import timedelta
from zlib import crc32

from taskstore.contract import MAX_LIMIT
from taskstore.redis.server import Server
from taskstore.redis.store import DEFAULT_LIFETIME, DEFAULT_PREFIX, Listed, RedisTaskStore, together


def partition_of(task_id: str, partitions: int) -> int:
    """The number of the partition that has a task, from 0. The form of the stored data depends on it."""
    return crc32(task_id.encode(errors="surrogatepass")) % partitions


class PartitionedTaskStore(RedisTaskStore):
    """A task store in Redis whose tasks are spread over hash tags: `{prefix:0/3}`, `{prefix:1/3}` and `{prefix:2/3}`.

    In a Redis Cluster a partition is on the node that has its slot, elsewhere on the one server. Another number of
    partitions has other keys: `taskstore migrate` copies tasks from one number to another.
    """

    def __init__(
        self,
        server: Server,
        *,
        partitions: int,
        prefix: str = DEFAULT_PREFIX,
        lifetime: timedelta = DEFAULT_LIFETIME,
    ) -> None:
        super().__init__(server, prefix=prefix, lifetime=lifetime, partition=(0, partitions))
        self.parts = [
            RedisTaskStore(server, prefix=prefix, lifetime=lifetime, partition=(number, partitions))
            for number in range(partitions)
        ]
        self.server = self.parts[0].server

    def part_of(self, task_id: str) -> RedisTaskStore:
        return self.parts[partition_of(task_id, len(self.parts))]

    async def _list(
        self, status: str, limit: int, offset: int, place: tuple[int | str, str], until: float, read: int | None = None
    ) -> Listed:
        if offset > MAX_LIMIT:
            total = (await self._list(status, 0, 0, place, until)).total
            if offset >= total:
                return Listed(total, False, [])
        while offset:  # without reading the records that are skipped
            skipped = await self._list(status, min(offset, MAX_LIMIT), 0, place, until, 0)
            if not skipped.goes_on:
                return Listed(skipped.total, False, [])
            place, offset = skipped.entries[-1][:2], offset - len(skipped.entries)
        if read is None:
            read = 2 * limit // len(self.parts) + 4  # the share of a partition, and now and then more
        pages = await together(part._list(status, limit, 0, place, until, read) for part in self.parts)
        entries = [entry for page in pages for entry in page.entries]
        entries.sort(key=lambda entry: (entry[0], entry[1].encode()), reverse=True)
        goes_on = len(entries) > limit or any(page.goes_on for page in pages)
        return Listed(sum(page.total for page in pages), goes_on, entries[:limit])
