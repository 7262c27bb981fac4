"""`taskstore migrate`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ValidationError

from taskstore.address import parse
from taskstore.arguments import check_new_id
from taskstore.errors import RecordUnreadable, SettingsInvalid, TaskExists, TaskNotFound
from taskstore.opening import open_redis
from taskstore.tools import documented
from taskstore.tools.place import batches, ids_of, keys, settings_of
from taskstore.values import Task

if TYPE_CHECKING:
    from taskstore.redis import RedisTaskStore


class _Source(NamedTuple):
    """Where records are: a key is an id behind the prefix."""

    store: RedisTaskStore
    prefix: str
    ids: set[str]
    read: Callable[[str], Awaitable[Task]]


async def migrate(options: argparse.Namespace) -> int:
    """Copy every task of SOURCE to TARGET: to another server, prefix or number of partitions.

    Ids, times, all other fields and the remaining lifetime are kept. A task that has no end gets a new lifetime.
    SOURCE is not changed. Stop its writers first: tasks that they write meanwhile may be missed.
    A task that TARGET has already stays there as it is, so that an interrupted run can be repeated.
    Each task that is not copied is named, and makes the exit status 1.
    """
    prefix = None if options.documented else options.source_prefix
    source = settings_of(options.source, prefix, options.source_partitions)
    target = settings_of(options.target, options.target_prefix, options.target_partitions)
    if options.documented and parse(source.url).cluster:
        raise SettingsInvalid((("SOURCE", "with --documented is one server: name each node of the cluster"),))
    counts = Counter[str]()
    async with open_redis(source) as old, open_redis(target) as new:
        try:
            async for found in _sources(old, options):
                for batch in batches(found.ids):
                    copies = (_copy(found, task_id, new, is_dry=options.dry_run) for task_id in batch)
                    counts.update(await asyncio.gather(*copies))
        finally:
            copied, there, left = (f"{counts[name]:,} {name}" for name in ("copied", "there already", "not copied"))
            print(f"{'a run would give: ' if options.dry_run else ''}{copied}, {there}, {left}")
    return int(counts["not copied"] > 0)


async def _sources(store: RedisTaskStore, options: argparse.Namespace) -> AsyncIterator[_Source]:
    if options.documented:
        prefix = options.source_prefix or "task:"
        ids = {key.removeprefix(prefix) async for key in keys(store, prefix)}
        yield _Source(store, prefix, ids, partial(documented.read, store, prefix, options.zone))
    else:
        for part in store.parts:
            yield _Source(part, f"{part.base}:task:", await ids_of(part), part.get_task)


async def _copy(source: _Source, task_id: str, target: RedisTaskStore, *, is_dry: bool) -> str:
    """Copy a task, and return what became of it."""
    key = f"{source.prefix}{task_id}"
    try:
        left_ms = await source.store.server.read("PTTL", key)
        task = await source.read(check_new_id(task_id))
        with suppress(TaskNotFound):
            if await target.get_task(task_id) == task:
                return "there already"
            return _leave(key, "TARGET has another task under this id")
        if not is_dry:
            lifetime = timedelta(milliseconds=max(left_ms, 1_000)) if left_ms >= 0 else None
            await target.restore(task, lifetime=lifetime)
    except TaskNotFound:
        return "expired"
    except ValidationError as fault:
        first = fault.errors()[0]
        return _leave(key, f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
    except (OverflowError, RecordUnreadable, TaskExists, ValueError) as fault:
        return _leave(key, fault)
    return "copied"


def _leave(key: str, reason: object) -> str:
    print(f"not copied: {key}: {reason}", file=sys.stderr)
    return "not copied"
