"""Whether the indexes of a store and its records agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from taskstore.errors import RecordUnreadable, TaskNotFound
from taskstore.status import TaskStatus
from taskstore.tools.checks import Finding, Level
from taskstore.tools.common import say
from taskstore.tools.lines import BATCH
from taskstore.tools.place import Place
from taskstore.tools.scan import batches
from taskstore.values import Task, microseconds

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


async def examine(place: Place) -> Agreement:
    """Read every record and every index. What looks wrong is looked at again, since others may write meanwhile."""
    await place.store.list_tasks(limit=0)  # forgets what has expired
    found = Agreement()
    async for keys in batches(place.server, place.key("")):
        ids = [key.decode(errors="backslashreplace").removeprefix(place.key("")) for key in keys]
        for task_id, wrong in zip(ids, await _all(_record, place, ids), strict=True):
            found.records += wrong != _GONE
            if wrong == _UNLISTED and await _record(place, task_id) == _UNLISTED:
                found.unlisted.append(task_id)
            elif wrong not in ("", _GONE, _UNLISTED):
                found.unreadable.append(f"{place.key(task_id)} ({wrong})")
    for name in _indexes():
        async for ids in _entries(place, name):
            for task_id, is_ghost in zip(ids, await _all(_ghost, place, ids, name), strict=True):
                if is_ghost and await _ghost(place, task_id, name):
                    found.ghosts.append(f"{name} {task_id}")
    return found


_GONE, _UNLISTED = "gone", "unlisted"


async def _record(place: Place, task_id: str) -> str:
    """What is wrong with a record: nothing, one of the two above, or why it cannot be read."""
    try:
        task = await place.store.get_task(task_id)
    except TaskNotFound:
        return _GONE
    except RecordUnreadable as fault:
        return fault.reason
    scores = _scores(task)
    stored = await asyncio.gather(*(place.server.read("ZSCORE", place.index(name), task_id) for name in scores))
    fits = (
        score is not None and wanted in (None, float(score))
        for wanted, score in zip(scores.values(), stored, strict=True)
    )
    return "" if all(fits) else _UNLISTED


def _scores(task: Task) -> dict[str, float | None]:
    """The indexes that a task has to be in, and where; a deadline can be anywhere."""
    created = float(microseconds(task.created_at))
    scores = {"created": created, f"created:{task.status}": created, "deadlines": None}
    if task.completed_at is not None:
        scores["finished"] = None
    return scores


async def _ghost(place: Place, task_id: str, name: str) -> bool:
    """Whether an entry of an index names no task, or one that does not belong there."""
    try:
        return name not in _scores(await place.store.get_task(task_id)) and await _is_in(place, name, task_id)
    except RecordUnreadable:
        return False
    except TaskNotFound:
        return await _is_in(place, name, task_id)


async def _is_in(place: Place, name: str, task_id: str) -> bool:
    return await place.server.read("ZSCORE", place.index(name), task_id) is not None


async def _entries(place: Place, name: str) -> AsyncIterator[list[str]]:
    first = 0
    while ids := await place.server.read("ZREVRANGE", place.index(name), first, first + BATCH - 1):
        yield [task_id.decode(errors="backslashreplace") for task_id in ids]
        first += len(ids)


_Found = TypeVar("_Found")


async def _all(look: Callable[..., Awaitable[_Found]], place: Place, ids: list[str], *more: str) -> list[_Found]:
    return await asyncio.gather(*(look(place, task_id, *more) for task_id in ids))


def _indexes() -> list[str]:
    return ["created", "deadlines", "finished", *(f"created:{status}" for status in TaskStatus)]


def _some(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (say(f" and {more:,} more", f" 等，另有 {more:,} 个") if more > 0 else "")


def _repair() -> str:
    return say("--repair fills the indexes anew.", "--repair 会重建索引。")
