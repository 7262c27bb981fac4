"""The keys of one server that begin alike."""

from __future__ import annotations

from collections.abc import AsyncIterator

from taskstore.redis.server import Server
from taskstore.tools.lines import BATCH


async def batches(server: Server, prefix: str) -> AsyncIterator[list[bytes]]:
    """The keys that begin with `prefix`, each once, in batches. SCAN alone may give a key more than once."""
    seen: set[bytes] = set()
    cursor = b"0"
    while True:
        cursor, keys = await server.scan(cursor, prefix)
        new = [key for key in dict.fromkeys(keys) if key not in seen]
        seen.update(new)
        for first in range(0, len(new), BATCH):
            yield new[first : first + BATCH]
        if cursor == b"0":
            return
