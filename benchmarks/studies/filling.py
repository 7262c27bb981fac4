"""Filling a store: through the store itself, or, where that would take minutes, by copies made inside the server.

Making a copy needs no knowledge of a stored form. Whatever names the original names the copy: a record, under a key
with its id in it, and an entry in every sorted set, with the same score. So a copy was created in the same microsecond
as its original, and dies in the same millisecond. There are at most a thousand originals.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.studies.plain import looking
from benchmarks.studies.turns import heed_cancellation
from benchmarks.workload import METADATA, REQUEST, STEPS
from conformance import Harness
from taskstore import TaskCreateRequest, TaskNotFound, TaskStore

ORIGINALS = 1_000
AT_ONCE = 16
COPIES_PER_REQUEST = 500
_CONFIG = json.dumps(METADATA["config"])

_COPY = """
-- KEYS: the record, and the sorted sets that name the task. ARGV: its id, then the ids that its copies have.
local original = ARGV[1]
if redis.call('EXISTS', KEYS[1]) == 0 then return end
local is_hash = redis.call('TYPE', KEYS[1]).ok == 'hash'
local value = is_hash or redis.call('GET', KEYS[1])
local scores = {}
for k = 2, #KEYS do scores[k] = redis.call('ZSCORE', KEYS[k], original) end
for i = 2, #ARGV do
  local key = string.gsub(KEYS[1], original, ARGV[i])
  redis.call('COPY', KEYS[1], key)
  if is_hash then redis.call('HSET', key, 'task_id', ARGV[i])
  else redis.call('SET', key, string.gsub(value, original, ARGV[i]), 'KEEPTTL') end
  for k = 2, #KEYS do redis.call('ZADD', KEYS[k], scores[k], ARGV[i]) end
end
"""

_WRITE = """
-- ARGV: the first number, the last, the value, and the millisecond of 1970 in which it expires.
for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do redis.call('SET', 'plain:' .. i, ARGV[3], 'PXAT', ARGV[4]) end
"""
_KEYS_PER_REQUEST = 10_000


class FillingFailedError(Exception):
    """The store does not read a copy as it reads the original."""


def new_request() -> TaskCreateRequest:
    """Make a request with values of its own, as one that came over a network has."""
    return TaskCreateRequest(video_ids=REQUEST.video_ids, webhook_url=REQUEST.webhook_url, config=new_config())


def new_short_request() -> TaskCreateRequest:
    """Make one whose whole task is 400 bytes of JSON, as the documented design stores it: in the mean, like `create`.

    Without a step it is 12 bytes less, with one 13 more.
    """
    return TaskCreateRequest(
        video_ids=("dQw4w9WgXcQ",), webhook_url="https://editor.example.com/clips", config={"clips": 8}
    )


def new_config() -> dict[str, Any]:
    """Make a configuration that nobody else holds."""
    config: dict[str, Any] = json.loads(_CONFIG)
    return config


async def create(store: TaskStore, tasks: int, new: Callable[[], TaskCreateRequest] = new_request) -> list[str]:
    """Create tasks through the store, take every second one a step further, and return the ids."""
    ids: list[str] = []
    while len(ids) < tasks:
        heed_cancellation()
        creating = (store.create_task(new()) for _ in range(min(AT_ONCE, tasks - len(ids))))
        created = [task.task_id for task in await asyncio.gather(*creating)]
        await asyncio.gather(*(store.update_task_status(task_id, *STEPS[0]) for task_id in created[::2]))
        ids += created
    return ids


async def fill(
    store: TaskStore,
    harness: Harness,
    namespace: str,
    url: str,
    tasks: int,
    new: Callable[[], TaskCreateRequest] = new_request,
) -> list[str]:
    """Fill a namespace in Redis, and return the ids."""
    return await multiply(store, harness, namespace, url, await create(store, min(ORIGINALS, tasks), new), tasks)


async def multiply(
    store: TaskStore, harness: Harness, namespace: str, url: str, originals: Sequence[str], tasks: int
) -> list[str]:
    """Copy the tasks of a namespace until there are that many, and return the ids of all.

    Raises:
        TaskNotFound: if an original has expired.
        FillingFailedError: if the last copy does not read as its original does.
    """
    ids = [*originals]
    each, more = divmod(tasks - len(ids), len(originals))
    with looking(url) as client:
        keys = harness.inspector(namespace).keys()
        record_of = {task_id: key for key in keys for task_id in re.findall(r"task_[0-9a-f]+$", key)}
        sorted_sets = [key for key in keys if client.type(key) == b"zset"]
        copy = client.register_script(_COPY)
        for place, original in enumerate(originals):
            if original not in record_of:
                raise TaskNotFound(original)
            named = [key for key in sorted_sets if client.zscore(key, original) is not None]
            missing = each + (place < more)
            while missing:
                new = [_like(original) for _ in range(min(missing, COPIES_PER_REQUEST))]
                copy(keys=[record_of[original], *named], args=[original, *new])
                missing -= len(new)
                ids += new
    last = originals[-1] if each else originals[more - 1]
    expected, found = [_without_id(await store.get_task(task_id)) for task_id in (last, ids[-1])]
    if expected != found:
        raise FillingFailedError(f"a copy reads {found}, its original {expected}")
    return ids


def write_keys(url: str, value: bytes, keys: int, end_ms: int) -> None:
    """Write that many keys of no store, `plain:1` and on, which expire in one millisecond of 1970."""
    with looking(url) as client:
        write = client.register_script(_WRITE)
        for first in range(1, keys + 1, _KEYS_PER_REQUEST):
            write(args=[first, min(keys, first + _KEYS_PER_REQUEST - 1), value, end_ms])


def _without_id(task: Any) -> dict[str, Any]:
    fields: dict[str, Any] = task.model_dump(exclude={"task_id"})
    return fields


def _like(task_id: str) -> str:
    return f"task_{secrets.token_hex((len(task_id) - len('task_')) // 2)}"
