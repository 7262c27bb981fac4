"""The keys of one server that begin alike."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from taskstore.redis.server import Server
from taskstore.tools.lines import BATCH


async def batches(server: Server, prefix: str) -> AsyncIterator[list[bytes]]:
    """The keys that begin with `prefix`, each once, in batches. SCAN alone may give a key more than once."""
    pattern = re.sub(r"([*?\[\]\\])", r"\\\1", prefix) + "*"
    seen: set[bytes] = set()
    cursor = b"0"
    while True:
        match await server.read("SCAN", cursor, "MATCH", pattern, "COUNT", 1_000):
            case [bytes(cursor), [*keys]]:
                new = [key for key in dict.fromkeys(keys) if key not in seen]
            case reply:
                raise server.unexpected(reply, writes=False)
        seen.update(new)
        for first in range(0, len(new), BATCH):
            yield new[first : first + BATCH]
        if cursor == b"0":
            return
