"""`taskstore migrate`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict

from taskstore.address import parse
from taskstore.arguments import check_new_id, check_task
from taskstore.errors import RecordUnreadable, SettingsInvalid, StoreUnavailable, TaskExists, TaskNotFound
from taskstore.opening import open_redis
from taskstore.status import TaskStatus
from taskstore.tools.place import batches, ids_of, keys, settings_of
from taskstore.values import Task

if TYPE_CHECKING:
    from taskstore.redis import RedisTaskStore


async def migrate(options: argparse.Namespace) -> int:
    """Copy every task of SOURCE to TARGET: to another server, prefix or number of partitions.

    Ids, times, all other fields and the remaining lifetime are kept. A task that has no end gets a new lifetime.
    SOURCE is not changed. Stop its writers first: tasks that they write meanwhile may be missed.
    A task that TARGET has already stays there as it is, so that an interrupted run can be repeated.
    Each task that is not copied is named, and makes the exit status 1.
    """
    prefix = options.source_prefix
    source = settings_of(options.source, None if options.documented else prefix, options.source_partitions)
    target = settings_of(options.target, options.target_prefix, options.target_partitions)
    if options.documented and parse(source.url).cluster:
        raise SettingsInvalid((("SOURCE", "with --documented is one server: name each node of the cluster"),))
    counts = Counter[str]()
    async with open_redis(source) as old, open_redis(target) as new:
        sources: list[tuple[RedisTaskStore, str, set[str], Any]]
        if options.documented:
            prefix = prefix or "task:"
            ids = {key.removeprefix(prefix) async for key in keys(old, prefix)}
            sources = [(old, prefix, ids, partial(_read_documented, old, prefix, options.zone))]
        else:
            sources = [(part, f"{part.base}:task:", await ids_of(part), part.get_task) for part in old.parts]
        try:
            for part, begin, found, read in sources:
                copy = partial(_copy, part, begin, read, new, options.dry_run)
                for batch in batches(found):
                    counts.update(await asyncio.gather(*map(copy, batch)))
        finally:
            copied, there, left = (f"{counts[name]:,} {name}" for name in ("copied", "there already", "not copied"))
            print(f"{'a run would give: ' if options.dry_run else ''}{copied}, {there}, {left}")
    return int(counts["not copied"] > 0)


async def _copy(
    source: RedisTaskStore,
    prefix: str,
    read: Callable[[str], Awaitable[Task]],
    target: RedisTaskStore,
    is_dry: bool,
    task_id: str,
) -> str:
    """Copy a task, and return what became of it. Its key in the source is `prefix` and the id."""
    try:
        left_ms = await source.server.read("PTTL", f"{prefix}{task_id}")
        task = await read(check_new_id(task_id))
        with suppress(TaskNotFound):
            if await target.get_task(task_id) == task:
                return "there already"
            raise TaskExists(task_id)  # noqa: TRY301  another one
        if not is_dry:
            lifetime = timedelta(milliseconds=max(left_ms, 1_000)) if left_ms >= 0 else None
            await target.restore(task, lifetime=lifetime)
    except TaskNotFound:
        return "expired"
    except (OverflowError, RecordUnreadable, TaskExists, ValueError) as fault:
        print(f"not copied: {prefix}{task_id}: {' '.join(str(fault).split())}", file=sys.stderr)
        return "not copied"
    return "copied"


class _Documented(BaseModel):
    """A record of the documented design, a JSON text with naive local times. What is not here is as in a task."""

    model_config = ConfigDict(extra="allow")

    task_id: str
    status: TaskStatus = TaskStatus.PENDING
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None = None


async def _read_documented(store: RedisTaskStore, prefix: str, zone: ZoneInfo | None, task_id: str) -> Task:
    """The task under a key, with times of this zone, or of this machine's.

    A cancelled task has no `completed_at` in the documented design: it gets its `updated_at`. Times that a clock set
    back has put out of order are put in order. What else a task cannot have is named and left out.
    """
    try:
        text = await store.server.read("GET", f"{prefix}{task_id}")
    except StoreUnavailable as error:
        if error.detail.startswith("WRONGTYPE"):
            raise ValueError("it is not a string") from None
        raise
    if text is None:
        raise TaskNotFound(task_id)
    record = _Documented.model_validate_json(text)
    if record.task_id != task_id:
        raise ValueError("task_id is that of another task")

    def aware(time: datetime) -> datetime:
        return time if time.tzinfo else time.replace(tzinfo=zone).astimezone()

    given = {name: value for name, value in record if value is not None}
    taken = {*Task.model_fields, "metadata"} - {"metadata_json"}
    if record.status is not TaskStatus.FAILED:
        taken -= {"error_message", "error_traceback"}
    if not record.status.is_final:
        taken -= {"completed_at"}
    if left_out := sorted(given.keys() - taken):
        print(f"left out of {prefix}{task_id}: {', '.join(left_out)}", file=sys.stderr)
    fields = {"progress": 0.0, "current_step": "", **{name: value for name, value in given.items() if name in taken}}
    created = fields["created_at"] = aware(record.created_at)
    updated = fields["updated_at"] = max(created, aware(record.updated_at))
    if record.status.is_final:
        fields["completed_at"] = min(updated, max(created, aware(record.completed_at or updated)))
    return check_task(Task.model_validate(fields))
