"""The seven operations that faults happen to: how each is called, and how its effects are counted."""

# ruff: noqa: D102  `Operation` says once what each method promises

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from conformance.engine.arguments import for_store
from conformance.engine.belief import Possible, with_lost_calls
from conformance.engine.observe import differences, record_of, result_of
from conformance.harness import Capability
from conformance.spec.model import Call, Request, Span, State, step
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


class Operation:
    """One operation. Its arguments are alike in every call, so that only the target tells two calls apart."""

    name: str
    method: str
    writes = True
    repeatable = True
    """Whether the contract lets a caller repeat it if its outcome is unknown."""
    needs: frozenset[Capability] = frozenset()
    """What a store has to declare for it."""
    shared = False
    """Whether calls on different targets do one another's work."""

    async def prepare(self, direct: Any) -> Target:
        """Set up what one call is about: a new task, if nothing else is needed."""
        return Target(await direct.create_task(a_request()))

    async def rehearse(self, direct: Any) -> None:
        """Make one call that is not counted, so that the server has what it needs for the next."""
        await self.call(direct, await self.prepare(direct))

    def arguments(self, target: Target) -> dict[str, Any]:
        """What it is called with, in the model's words."""
        return {"task_id": target.task.task_id}

    def state(self, target: Target) -> State:
        """What of the store the answer depends on, before the call."""
        return State(None, {target.task.task_id: (record_of(target.task), Span())})

    async def call(self, store: Any, target: Target) -> Any:
        """Make the call."""
        arguments = {name: for_store(value) for name, value in self.arguments(target).items()}
        return await getattr(store, self.method)(**arguments)

    def is_right(self, target: Target, answer: Any) -> bool:
        """Whether an answer is this call's own: one that the model allows, for the first time or made again."""
        call, observed = Call(self.method, self.arguments(target)), result_of(answer, has_cursor=False)
        return any(
            not differences(outcome.result, observed)
            for possible in with_lost_calls([Possible(self.state(target), (call,))])
            for outcome in step(possible.state, call)
        )

    async def effect(self, direct: Any, targets: Collection[Target]) -> int:
        """How often it has taken effect on these targets."""
        return 0

    def claim(self, answer: Any) -> int:
        """How many effects an answer claims."""
        return int(self.writes)


class Create(Operation):
    """A task for a video of its own."""

    name = "create"
    method = "create_task"
    repeatable = False

    async def prepare(self, direct: Any) -> Target:
        return Target(text=secrets.token_hex(8))

    def arguments(self, target: Target) -> dict[str, Any]:
        return {"request": Request((target.text,))}

    def state(self, target: Target) -> State:
        return State(None)

    async def effect(self, direct: Any, targets: Collection[Target]) -> int:
        videos = {target.text for target in targets}
        page = await direct.list_tasks(limit=MAX_LISTED)
        return sum(task.video_ids[0] in videos for task in page.tasks)


class Get(Operation):
    """A task of its own."""

    name = "get"
    method = "get_task"
    writes = False


class List(Operation):
    """The first ten tasks, while nobody writes."""

    name = "list"
    method = "list_tasks"
    writes = False

    async def prepare(self, direct: Any) -> Target:
        return Target(await direct.list_tasks(limit=MAX_LISTED))

    def arguments(self, target: Target) -> dict[str, Any]:
        return {"limit": 10}

    def state(self, target: Target) -> State:
        return State(None, {task.task_id: (record_of(task), Span()) for task in target.task.tasks})


class Cancel(Operation):
    """A final write. Repeated, it succeeds and writes nothing."""

    name = "cancel"
    method = "cancel_task"
    leaves = TaskStatus.CANCELLED

    async def effect(self, direct: Any, targets: Collection[Target]) -> int:
        found = {task.task_id for task in (await direct.list_tasks(self.leaves, limit=MAX_LISTED)).tasks}
        return sum(target.task.task_id in found for target in targets)


class Update(Cancel):
    """A change to a status that is not final."""

    name = "update"
    method = "update_task_status"
    leaves = TaskStatus.CLIPPING
    repeatable = False

    def arguments(self, target: Target) -> dict[str, Any]:
        return {**super().arguments(target), "status": self.leaves, "progress": 12.5, "current_step": "cut"}


class Purge(Operation):
    """Of final tasks that are old; each one removed is an effect."""

    name = "purge"
    method = "purge"
    needs = frozenset({Capability.MAINTENANCE})
    shared = True
    old = 2

    async def prepare(self, direct: Any) -> Target:
        await asyncio.gather(*[direct.restore(await old_task()) for _ in range(self.old)])
        return Target(text=secrets.token_hex(8), most=self.old)

    async def rehearse(self, direct: Any) -> None:
        await direct.purge(_EPOCH)

    def arguments(self, target: Target) -> dict[str, Any]:
        return {"before": _BEFORE}

    def is_right(self, target: Target, answer: Any) -> bool:
        return type(answer) is int  # calls at the same time share the work: `effect` counts it as a whole

    async def effect(self, direct: Any, targets: Collection[Target]) -> int:
        left: int = (await direct.list_tasks(TaskStatus.CANCELLED, limit=0)).total
        return sum(target.most for target in targets) - left

    def claim(self, answer: Any) -> int:
        return int(answer)


class LongPurge(Purge):
    """More tasks than a store should remove in one go."""

    old = 1_001


class Restore(Cancel):
    """A final task that is not there yet."""

    name = "restore"
    method = "restore"
    needs = frozenset({Capability.MAINTENANCE})

    async def prepare(self, direct: Any) -> Target:
        return Target(await old_task())

    def arguments(self, target: Target) -> dict[str, Any]:
        return {"task": record_of(target.task)}

    def state(self, target: Target) -> State:
        return State(None)


async def old_task() -> Task:
    """A final task of long ago, that no store has."""
    async with MemoryTaskStore(clock=lambda: _OLD_NS) as source:
        return await source.cancel_task((await source.create_task(a_request())).task_id)


OPERATIONS: tuple[Operation, ...] = (Create(), Get(), List(), Update(), Cancel(), Purge(), Restore())
