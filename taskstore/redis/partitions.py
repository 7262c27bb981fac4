"""Redis mode in several partitions: more tasks than one node of a cluster holds, with a hash tag for each partition.

The id of a task says which partition it is in, so what concerns one task is one request, as in a single partition. A
listing asks all partitions at once, and merges their pages in the common order.
"""

from __future__ import annotations

import asyncio
from operator import itemgetter
from typing import Any
from zlib import crc32

from taskstore.contract import MAX_LIMIT
from taskstore.redis.server import Server
from taskstore.redis.store import Listed, RedisTaskStore


def partition_of(task_id: str, partitions: int) -> int:
    """The number of the partition that has a task, from 0. The form of the stored data depends on it."""
    return crc32(task_id.encode(errors="surrogatepass")) % partitions


class PartitionedTaskStore(RedisTaskStore):
    """A task store in Redis whose tasks are spread over hash tags: `{prefix:0/3}`, `{prefix:1/3}` and `{prefix:2/3}`.

    In a Redis Cluster a partition is on the node that has its slot, elsewhere on the one server. Another number of
    partitions has other keys: `taskstore migrate` copies tasks from one number to another.
    """

    def __init__(self, server: Server, *, partitions: int, **more: Any) -> None:
        """Take `prefix` and `lifetime` as `RedisTaskStore` does."""
        super().__init__(server, partition=(0, partitions), **more)
        self.parts = [RedisTaskStore(server, partition=(at, partitions), **more) for at in range(partitions)]

    def part_of(self, task_id: str) -> RedisTaskStore:
        return self.parts[partition_of(task_id, len(self.parts))]

    async def _list(
        self, status: str, limit: int, offset: int, place: tuple[int | str, str], until: float, read: int = MAX_LIMIT
    ) -> Listed:
        while True:  # first past the tasks that are skipped, a thousand at a time, without reading their records
            size = min(offset, MAX_LIMIT) or limit
            share = 2 * size // len(self.parts) + 4  # what a partition has of a page, and now and then more
            most = 0 if offset else min(share, read)
            pages = await asyncio.gather(*(part._list(status, size, 0, place, until, most) for part in self.parts))
            total = sum(page[0] for page in pages)
            entries = sorted((entry for *_, page in pages for entry in page), key=itemgetter(0, 1), reverse=True)
            if not offset:
                return total, len(entries) > size or any(page[1] for page in pages), entries[:size]
            if offset >= total or not entries:
                return total, False, []
            place, offset = entries[:size][-1][:2], offset - size
