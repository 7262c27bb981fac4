"""The store that a command works on, and the keys in it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from taskstore.settings import TaskStoreSettings

if TYPE_CHECKING:
    from taskstore.redis.partitions import Partition


def settings_of(place: str, prefix: str | None = None, partitions: str | None = None) -> TaskStoreSettings:
    """The settings, with `place` as URL unless it is the word `settings`, and with what else is given."""
    url = None if place == "settings" else place
    given = {"redis_url": url, "task_key_prefix": prefix, "task_partitions": partitions}
    known = {name: value for name, value in given.items() if value is not None}
    return TaskStoreSettings(use_redis_for_tasks=True, **known)


async def keys(part: Partition, prefix: str) -> set[str]:
    """The keys that begin with `prefix`, on the server that has this partition."""
    await part.server.read("EXISTS", part.base)  # in a cluster this finds the node: SCAN names no key
    pattern = re.sub(r"([*?\[\]\\])", r"\\\1", prefix) + "*"
    found = set[str]()
    cursor = b""
    while cursor != b"0":
        cursor, some = await part.server.read("SCAN", cursor or b"0", "MATCH", pattern, "COUNT", 1_000)
        found.update(key.decode(errors="replace") for key in some)
    return found


def batches(names: Iterable[str]) -> list[list[str]]:
    """The names in their order, a hundred at a time."""
    ordered = sorted(names)
    return [ordered[first : first + 100] for first in range(0, len(ordered), 100)]
