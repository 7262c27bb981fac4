"""`taskstore migrate`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, ConfigDict

from taskstore.address import parse
from taskstore.arguments import check_new_id, check_task
from taskstore.errors import RecordUnreadable, SettingsInvalid, TaskExists, TaskNotFound
from taskstore.opening import open_redis
from taskstore.status import TaskStatus
from taskstore.tools.place import batches, keys, settings_of
from taskstore.tools.printing import on_one_line
from taskstore.values import Task

if TYPE_CHECKING:
    from taskstore.redis import RedisTaskStore
    from taskstore.redis.partitions import Partition


async def migrate(options: argparse.Namespace) -> int:
    """Copy every task of SOURCE to TARGET: to another server, prefix or number of partitions.

    Ids, times, all other fields and the remaining lifetime are kept. A task that has no end gets a new lifetime.
    SOURCE is not changed. Stop its writers first: tasks that they write meanwhile may be missed.
    A task that TARGET has already stays there as it is, so that an interrupted run can be repeated.
    Each task that is not copied is named, and makes the exit status 1.
    """
    source = settings_of(options.source, options.source_prefix, options.source_partitions)
    target = settings_of(options.target, options.target_prefix, options.target_partitions)
    if options.documented and parse(source.url).cluster:
        raise SettingsInvalid((("SOURCE", "with --documented is one server: name each node of the cluster"),))
    counts = Counter[str]()
    async with open_redis(source) as old, open_redis(target) as new:
        try:
            for part in old.parts[:1] if options.documented else old.parts:
                prefix = options.source_prefix or "task:" if options.documented else part.key("")
                for batch in batches(await keys(part, prefix)):
                    counts.update(await asyncio.gather(*(_copy(options, part, prefix, new, key) for key in batch)))
        finally:
            print(*(f"{counts[name]:,} {name}" for name in ("copied", "there already", "not copied")), sep=", ")
    return int(counts["not copied"] > 0)


async def _copy(options: argparse.Namespace, source: Partition, prefix: str, target: RedisTaskStore, key: str) -> str:
    """Copy the task under a key, which is `prefix` and its id, and return what became of it."""
    try:
        left_ms = await source.server.read("PTTL", key)
        task_id = check_new_id(key.removeprefix(prefix))
        task = await (_read_documented(source, key, task_id) if options.documented else source.get(task_id))
        try:
            await target.restore(task, lifetime=timedelta(milliseconds=max(left_ms, 1_000)) if left_ms >= 0 else None)
        except TaskExists:
            if await target.get_task(task_id) != task:
                raise
            return "there already"
    except TaskNotFound:
        return "expired"
    except (OverflowError, RecordUnreadable, TaskExists, ValueError) as fault:
        reason = " ".join(str(fault).split())
        print(on_one_line(f"not copied: {key}: {reason}"), file=sys.stderr)
        return "not copied"
    return "copied"


_Local = Annotated[datetime, AfterValidator(datetime.astimezone)]


class _Documented(Task):
    """A record of the documented design, a JSON text with naive local times."""

    model_config = ConfigDict(extra="allow")

    status: TaskStatus = TaskStatus.PENDING
    progress: float = 0.0
    current_step: str = ""
    created_at: _Local
    updated_at: _Local
    completed_at: _Local | None = None


async def _read_documented(part: Partition, key: str, task_id: str) -> Task:
    """The task under a key. Its times are those of this machine's zone: set TZ where it was another.

    A cancelled task has no `completed_at` in the documented design: it gets its `updated_at`. Times that a clock set
    back has put out of order are put in order. What else a task cannot have is named and left out.
    """
    text = await part.of_type("string", key, part.server.read("GET", key))
    if text is None:
        raise TaskNotFound(task_id)
    record = _Documented.model_validate_json(text)
    if record.task_id != task_id:
        raise ValueError("task_id is that of another task")

    lost = set(record.model_extra or ())
    if record.status is not TaskStatus.FAILED:
        lost |= {"error_message", "error_traceback"}
    if not record.status.is_final:
        lost |= {"completed_at"}
    if left_out := sorted(name for name, value in record if name in lost and value is not None):
        print(on_one_line(f"left out of {key}: {', '.join(left_out)}"), file=sys.stderr)
    updated = max(record.created_at, record.updated_at)
    ended = min(updated, max(record.created_at, record.completed_at or updated))
    times = {"updated_at": updated, "completed_at": ended if record.status.is_final else None}
    return check_task(record.model_copy(update=dict.fromkeys(lost) | times))
