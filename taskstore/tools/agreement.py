"""Whether the indexes of a store and its records agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from taskstore.errors import RecordUnreadable, TaskNotFound
from taskstore.redis import RedisTaskStore
from taskstore.status import TaskStatus
from taskstore.tools.checks import Finding, Level
from taskstore.tools.common import say
from taskstore.tools.lines import BATCH
from taskstore.tools.scan import batches
from taskstore.values import microseconds

_NAMED = 20
"""Ids and keys that are named of each kind."""


def subject() -> str:
    """The subject of what is found here."""
    return say("indexes", "索引")


@dataclass
class Agreement:
    """What was found of the records and the indexes of a store."""

    records: int = 0
    unlisted: list[str] = field(default_factory=list)
    """Ids of tasks that an index lacks, or has in another place."""
    ghosts: list[str] = field(default_factory=list)
    """An index and an id in it that has no record there."""
    unreadable: list[str] = field(default_factory=list)
    """Keys of records that cannot be read, and why."""

    @property
    def agrees(self) -> bool:
        """Whether there is nothing to repair."""
        return not self.unlisted and not self.ghosts

    def wrong(self) -> Iterator[Finding]:
        """What a repair is for."""
        kinds = (
            (self.unlisted, say("tasks are missing in an index", "个任务不在应有的索引中")),
            (self.ghosts, say("entries of an index have no such task", "个索引条目没有对应的任务")),
        )
        for found, kind in kinds:
            if found:
                yield Finding(Level.WRONG, subject(), f"{len(found):,} {kind}: {_some(found)}. {_repair()}")

    def findings(self) -> Iterator[Finding]:
        """All that there is to say."""
        yield from self.wrong()
        if self.unreadable:
            kind = say(
                "records cannot be read; look at them, then delete or move them", "条记录无法读取，请查看后删除或移走"
            )
            text = f"{len(self.unreadable):,} {kind}: {_some(self.unreadable)}"
            yield Finding(Level.WRONG, say("records", "记录"), text)
        if self.agrees:
            text = say(f"{self.records:,} records, and the indexes agree", f"{self.records:,} 条记录，与索引一致")
            yield Finding(Level.FINE, subject(), text)


async def examine(parts: Iterable[RedisTaskStore]) -> Agreement:
    """Read every record and every index. What looks wrong is looked at again, since others may write meanwhile."""
    found = Agreement()
    for part in parts:
        await _examine(part, found)
    return found


async def _examine(part: RedisTaskStore, found: Agreement) -> None:
    await part.list_tasks(limit=0)  # forgets what has expired
    statuses: dict[str, TaskStatus] = {}
    prefix = f"{part.base}:task:"
    async for keys in batches(part.server, prefix):
        ids = [key.decode(errors="backslashreplace").removeprefix(prefix) for key in keys]
        for task_id, record in zip(ids, await _all(_look, part, ids), strict=True):
            found.records += record.is_there
            if record.fault:
                found.unreadable.append(f"{prefix}{task_id} ({record.fault})")
            if record.status is not None:
                statuses[task_id] = record.status
            if not record.is_listed and not (await _look(part, task_id)).is_listed:
                found.unlisted.append(task_id)
    for name in _indexes():
        async for ids in _entries(part, name):
            doubtful = [one for one in ids if one not in statuses or not _belongs(name, statuses[one])]
            for task_id, is_ghost in zip(doubtful, await _all(_is_ghost, part, doubtful, name), strict=True):
                if is_ghost:
                    found.ghosts.append(f"{name} {task_id}")


class _Record(NamedTuple):
    """Whether a record is there, its status or why it cannot be read, and whether the indexes name it."""

    is_there: bool = True
    status: TaskStatus | None = None
    fault: str = ""
    is_listed: bool = True


async def _look(part: RedisTaskStore, task_id: str) -> _Record:
    try:
        task = await part.get_task(task_id)
    except TaskNotFound:
        return _Record(is_there=False)
    except RecordUnreadable as fault:
        return _Record(fault=fault.reason)
    names = [name for name in _indexes() if _belongs(name, task.status)]
    scores = await asyncio.gather(*(part.server.read("ZSCORE", f"{part.base}:{name}", task_id) for name in names))
    created = float(microseconds(task.created_at))
    is_listed = all(
        score is not None and (not name.startswith("created") or float(score) == created)
        for name, score in zip(names, scores, strict=True)
    )
    return _Record(status=task.status, is_listed=is_listed)


def _belongs(name: str, status: TaskStatus) -> bool:
    """Whether a task of that status belongs into an index."""
    return name in {"created", "deadlines", f"created:{status}"} or (name == "finished" and status.is_final)


async def _is_ghost(part: RedisTaskStore, task_id: str, name: str) -> bool:
    """Whether an entry of an index names no task, or one that does not belong there."""
    record = await _look(part, task_id)
    if record.fault or (record.status is not None and _belongs(name, record.status)):
        return False
    return await _is_in(part, name, task_id)


async def _is_in(part: RedisTaskStore, name: str, task_id: str) -> bool:
    return await part.server.read("ZSCORE", f"{part.base}:{name}", task_id) is not None


async def _entries(part: RedisTaskStore, name: str) -> AsyncIterator[list[str]]:
    first = 0
    while ids := await part.server.read("ZREVRANGE", f"{part.base}:{name}", first, first + BATCH - 1):
        yield [task_id.decode(errors="backslashreplace") for task_id in ids]
        first += len(ids)


_Found = TypeVar("_Found")


async def _all(
    look: Callable[..., Awaitable[_Found]], part: RedisTaskStore, ids: list[str], *more: str
) -> list[_Found]:
    return await asyncio.gather(*(look(part, task_id, *more) for task_id in ids))


def _indexes() -> list[str]:
    return ["created", "deadlines", "finished", *(f"created:{status}" for status in TaskStatus)]


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (say(f" and {more:,} more", f" 等，另有 {more:,} 个") if more > 0 else "")


def _repair() -> str:
    return say("--repair fills the indexes anew.", "--repair 会重建索引。")
