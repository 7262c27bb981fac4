"""The seven operations, as what a fault happens to: how each is called, and how its effects are counted."""

# ruff: noqa: D102  `Operation` says once what each method promises

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from conformance.harness import Witness
from conformance.strategies import a_request
from taskstore import MemoryTaskStore, Task, TaskStatus

MAX_LISTED = 1_000
_OLD_NS = 1_000_000_000 * 10**9  # September 2001
_BEFORE = datetime(2002, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Target:
    """What one call is about: a task or text, and how many effects one call can have at most."""

    task: Any = None
    text: str = ""
    most: int = 1


class Operation(ABC):
    """One operation. Its arguments are alike in every call, so that nothing but the target tells two calls apart."""

    name: str
    method: str
    writes = True
    repeatable = True
    """Whether the contract lets a caller repeat it when it does not know what became of it."""
    shared = False
    """Whether calls on different targets do one another's work."""

    async def prepare(self, direct: Any) -> Target:
        """Set up what one call is about."""
        return Target(await direct.create_task(a_request()))

    async def rehearse(self, direct: Any) -> None:
        """Make one call that counts for nothing, so that the server knows what it needs for the next."""
        await self.call(direct, await self.prepare(direct))

    @abstractmethod
    async def call(self, store: Any, target: Target) -> Any:
        """Make the call."""

    @abstractmethod
    def is_right(self, target: Target, answer: Any) -> bool:
        """Whether an answer is this call's own."""

    async def effect(self, direct: Any, witness: Witness, targets: Collection[Target]) -> int:
        """How often it has taken effect on these targets; a read never has."""
        return 0

    def claim(self, answer: Any) -> int:
        """How many effects an answer claims."""
        return 1


class Create(Operation):
    """A task for a video of its own."""

    name = "create"
    method = "create_task"
    repeatable = False

    async def prepare(self, direct: Any) -> Target:
        return Target(text=secrets.token_hex(8))

    async def call(self, store: Any, target: Target) -> Any:
        return await store.create_task(a_request(video=target.text))

    def is_right(self, target: Target, answer: Any) -> bool:
        return list(answer.video_ids) == [target.text]

    async def effect(self, direct: Any, witness: Witness, targets: Collection[Target]) -> int:
        videos = {target.text for target in targets}
        page = await direct.list_tasks(limit=MAX_LISTED)
        return sum(task.video_ids[0] in videos for task in page.tasks)


class Get(Operation):
    """A task of its own."""

    name = "get"
    method = "get_task"
    writes = False

    async def call(self, store: Any, target: Target) -> Any:
        return await store.get_task(target.task.task_id)

    def is_right(self, target: Target, answer: Any) -> bool:
        return bool(answer == target.task)

    def claim(self, answer: Any) -> int:
        return 0


class List(Operation):
    """The first ten tasks; nobody writes meanwhile."""

    name = "list"
    method = "list_tasks"
    writes = False

    async def prepare(self, direct: Any) -> Target:
        return Target(await direct.list_tasks(limit=10))

    async def call(self, store: Any, target: Target) -> Any:
        return await store.list_tasks(limit=10)

    def is_right(self, target: Target, answer: Any) -> bool:
        return list(answer.tasks) == list(target.task.tasks) and answer.total == target.task.total

    def claim(self, answer: Any) -> int:
        return 0


class Update(Operation):
    """A change to a status that is not final, so that each write counts in the revision."""

    name = "update"
    method = "update_task_status"
    repeatable = False

    async def call(self, store: Any, target: Target) -> Any:
        return await store.update_task_status(target.task.task_id, TaskStatus.CLIPPING, 12.5, "cut")

    def is_right(self, target: Target, answer: Any) -> bool:
        return bool(answer.task_id == target.task.task_id and answer.progress == 12.5)  # noqa: PLR2004  see `call`

    async def effect(self, direct: Any, witness: Witness, targets: Collection[Target]) -> int:
        return sum(witness.revision(target.task.task_id) - 1 for target in targets)


class Cancel(Update):
    """A final write: made again it succeeds, and writes nothing."""

    name = "cancel"
    method = "cancel_task"
    repeatable = True

    async def call(self, store: Any, target: Target) -> Any:
        return await store.cancel_task(target.task.task_id)

    def is_right(self, target: Target, answer: Any) -> bool:
        return bool(answer.task_id == target.task.task_id and answer.status == TaskStatus.CANCELLED)


class Purge(Operation):
    """Of final tasks that are old; each one removed is an effect."""

    name = "purge"
    method = "purge"
    shared = True
    old = 2

    async def prepare(self, direct: Any) -> Target:
        await asyncio.gather(*[direct.restore(await old_task()) for _ in range(self.old)])
        return Target(text=secrets.token_hex(8), most=self.old)

    async def rehearse(self, direct: Any) -> None:
        await direct.purge(_EPOCH)

    async def call(self, store: Any, target: Target) -> Any:
        return await store.purge(_BEFORE)

    def is_right(self, target: Target, answer: Any) -> bool:
        return isinstance(answer, int)

    async def effect(self, direct: Any, witness: Witness, targets: Collection[Target]) -> int:
        left: int = (await direct.list_tasks(TaskStatus.CANCELLED, limit=0)).total
        return sum(target.most for target in targets) - left

    def claim(self, answer: Any) -> int:
        return int(answer)


class LongPurge(Purge):
    """More tasks than a store should remove in one go."""

    old = 1_001


class Restore(Operation):
    """A task that is not there yet."""

    name = "restore"
    method = "restore"

    async def prepare(self, direct: Any) -> Target:
        return Target(await old_task())

    async def call(self, store: Any, target: Target) -> Any:
        return await store.restore(target.task)

    def is_right(self, target: Target, answer: Any) -> bool:
        return answer is None

    async def effect(self, direct: Any, witness: Witness, targets: Collection[Target]) -> int:
        there = [target.task.task_id for target in targets if witness.raw(target.task.task_id) is not None]
        return sum(witness.revision(task_id) for task_id in there)


async def old_task() -> Task:
    """A final task of long ago, that no store has."""
    async with MemoryTaskStore(clock=lambda: _OLD_NS) as source:
        return await source.cancel_task((await source.create_task(a_request())).task_id)


OPERATIONS: tuple[Operation, ...] = (Create(), Get(), List(), Update(), Cancel(), Purge(), Restore())
