"""The records of the documented design: a JSON string for each task under `task:<id>`, with naive local times."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, tzinfo
from typing import Any

from taskstore.errors import RecordUnreadable
from taskstore.redis.server import Server
from taskstore.status import TaskStatus
from taskstore.tools.lines import LONGEST, Bad, Found, NotATaskError, object_of, task_of
from taskstore.tools.scan import batches

PREFIX = "task:"


async def read(server: Server, prefix: str, zone: tzinfo | None) -> AsyncIterator[list[Found | Bad]]:
    """The tasks under the keys that begin with `prefix`, in batches; a record that is none is named.

    `zone` is that of the application's times; `None` is that of this machine.
    """
    async for keys in batches(server, prefix):
        found = await asyncio.gather(*(_read(server, key, prefix, zone) for key in keys))
        yield [one for one in found if one is not None]


async def _read(server: Server, key: bytes, prefix: str, zone: tzinfo | None) -> Found | Bad | None:
    """What is under a key; nothing if it has expired meanwhile."""
    name = key.decode(errors="backslashreplace")
    try:
        text = await server.read("GETRANGE", key, 0, LONGEST - 1, unreadable=name)
        left_ms = await server.read("PTTL", key)
        if left_ms == -2:  # noqa: PLR2004  the reply for a key that is not there
            return None
        task, changes = convert(text, name.removeprefix(prefix), zone)
    except RecordUnreadable as fault:
        return Bad(name, fault.reason)
    except NotATaskError as fault:
        return Bad(name, str(fault))
    return Found(task, None if left_ms < 0 else left_ms, changes)


def convert(text: bytes, task_id: str, zone: tzinfo | None) -> tuple[Any, tuple[str, ...]]:
    """The task in a record, and what had to be left out of it.

    A cancelled task gets its last update as `completed_at`, since the documented design gives it none. Times that a
    clock set back has put before others are read as those. An error of a task that has not failed, and a completion of
    one that goes on, are left out: the store has no such task.

    Raises:
        NotATaskError: if it is not a record, or holds what the store does not take.
    """
    fields = object_of(text)
    if fields.get("task_id") != task_id:
        raise NotATaskError("task_id: it is that of another task")
    try:
        status = TaskStatus(fields.get("status", TaskStatus.PENDING))
    except ValueError:
        raise NotATaskError(f"status: must be one of {', '.join(TaskStatus)}") from None
    created = _moment(fields, "created_at", zone)
    updated = max(created, _moment(fields, "updated_at", zone))
    out = []
    completed = None
    if status.is_final:
        ended = _moment(fields, "completed_at", zone) if fields.get("completed_at") else updated
        completed = min(max(created, ended), updated)
    elif fields.get("completed_at") is not None:
        out.append("completed_at")
    if status is not TaskStatus.FAILED:
        out += [name for name in ("error_message", "error_traceback") if fields.get(name) is not None]
    kept = {name: value for name, value in fields.items() if name not in out}
    times = {"created_at": created, "updated_at": updated, "completed_at": completed}
    return task_of({"progress": 0.0, "current_step": "", **kept, "status": status, **times}), tuple(out)


def _moment(fields: dict[str, Any], name: str, zone: tzinfo | None) -> datetime:
    try:
        moment = datetime.fromisoformat(fields.get(name, ""))
        if moment.tzinfo is None:
            moment = moment.astimezone() if zone is None else moment.replace(tzinfo=zone)
        moment.utctimetuple()  # a zone may lead out of the years that there are
    except (TypeError, ValueError, OverflowError):
        raise NotATaskError(f"{name}: must be a time in ISO form") from None
    return moment
