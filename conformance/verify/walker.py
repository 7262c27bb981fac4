"""A walker: a side that goes many ways through a bounded world, with the model beside it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from conformance.harness import Capability, Harness
from conformance.verify.bounded_world import ADVANCE, READS
from conformance.verify.model import LIFETIME, STATUSES, Call, Record, Result, State, step
from conformance.verify.reachable import Place
from conformance.verify.side import Side, difference
from taskstore import Task, TaskStatus


class DiffersError(Exception):
    """The subject has left the model. `done` are the calls that were made, `look` is the one that shows it."""

    def __init__(
        self, lifetime: int | None, done: tuple[Call, ...], look: Call, expected: Result, got: Result, words: str
    ) -> None:
        super().__init__(words)
        self.lifetime = lifetime
        self.done = done
        self.look = look
        self.expected = expected
        self.got = got


class Walker(Side):
    """A side that comes to the same store again and again, each time as to an empty one."""

    def __init__(self, name: str, harness: Harness) -> None:
        super().__init__(name, harness)
        self._state = State(lifetime=LIFETIME if self.expires else None)
        self._done: tuple[Call, ...] = ()

    def can(self, calls: Iterable[Call]) -> bool:
        """Whether the store has these operations, with these arguments."""
        return all(
            call.operation == ADVANCE
            or (call.operation in self.operations and (self.has_cursor or "after" not in call.arguments))
            for call in calls
        )

    def at(self, place: Place) -> State:
        """The model's state there."""
        state = State(lifetime=LIFETIME if self.expires else None)
        for call in place.path:
            _, state = _step(state, call)
        return state

    async def begin(self, path: Iterable[Call]) -> None:
        """Come to an empty world, and go along a path.

        Raises:
            DiffersError: if a result on the way is not the model's.
        """
        await self._empty()
        for call in path:
            await self.go(call)

    async def go(self, call: Call) -> None:
        """Make a call.

        Raises:
            DiffersError: if its result is not the model's.
        """
        self._done = (*self._done, call)
        expected, self._state = _step(self._state, call)
        self._compare(call, expected, await self.do(call))

    async def look(self) -> None:
        """Look at the listing, unless the last call only read.

        Raises:
            DiffersError: if it is not the model's.
        """
        if self._done[-1].operation not in READS:
            await self._compare_look(Call("list_tasks", {}, self._done[-1].at))

    async def look_everywhere(self) -> None:
        """Look at all that can be seen.

        Raises:
            DiffersError: if some of it is not the model's.
        """
        at = self._done[-1].at
        await self._compare_look(Call("list_tasks", {}, at))
        for status in STATUSES:
            await self._compare_look(Call("list_tasks", {"status": status, "limit": 0}, at))
        for task_id in dict.fromkeys(call.new_id for call in self._done if call.new_id):
            await self._compare_look(Call("get_task", {"task_id": task_id}, at))
        if words := self.changed():
            raise DiffersError(self._state.lifetime, self._done, self._done[-1], None, None, words)

    async def do(self, call: Call) -> Result:
        """Make a call, or let time pass."""
        if call.operation != ADVANCE:
            return await super().do(call)
        self._pass(call.at)
        return None

    async def _empty(self) -> None:
        """Where instances share a world, the tasks are in it and not in the store, which can stay open."""
        stays, operations = Capability.SHARED in self.harness.capabilities, self.operations
        if stays:
            self.harness.discard(self._world)
        else:
            await self.__aexit__()
        type(self).__init__(self, self.name, self.harness)
        self.operations = operations
        if not stays:
            await self.__aenter__()

    async def _compare_look(self, call: Call) -> None:
        expected, _ = _step(self._state, call)
        self._compare(call, expected, await self.do(call))

    def _compare(self, look: Call, expected: Result, got: Result) -> None:
        if (words := difference(expected, got)) is not None:
            raise DiffersError(self._state.lifetime, self._done, look, expected, got, words)

    def _given(self, call: Call) -> dict[str, Any]:
        record = call.arguments.get("task")
        if isinstance(record, Record) and record not in self._tasks:
            self._tasks[record] = self._altered(record)
        return super()._given(call)

    def _altered(self, record: Record) -> Task:
        """A task that was seen, as a record says that it could have been."""
        seen = next(task for task, _ in reversed(self._handed) if self._ids.get(task.task_id) == record.task_id)
        altered: Task = seen.model_copy(
            update={
                "status": TaskStatus(record.status),
                "progress": record.progress,
                "current_step": record.current_step,
                "result_url": record.result_url,
                "error_message": record.error_message,
                "error_traceback": record.error_traceback,
                "updated_at": self._time(record.task_id, record.updated),
                "completed_at": record.completed and self._time(record.task_id, record.completed),
            }
        )
        return altered

    def _time(self, label: str, moment: int) -> datetime:
        """When a task's moment was. One that it has not had where nothing expires is bound to a time before all."""
        moments = self._moments[label]
        for time, known in moments.items():
            if known == moment:
                return time
        time = min(moments) - timedelta(days=1)
        moments[time] = moment
        return time


def keeps(state: State, call: Call) -> bool:
    """Whether the model says that the call, made there, changes nothing."""
    return call.operation != ADVANCE and step(state, call)[1] == state


def _step(state: State, call: Call) -> tuple[Result, State]:
    return (None, state) if call.operation == ADVANCE else step(state, call)
