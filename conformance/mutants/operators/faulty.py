"""A right store with a fault around it, which knows what is stored and when the fault shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from conformance.mutants.operators.fault import Call, Fault, Namespace, Place, Trace
from conformance.mutants.operators.values import (
    DEFAULTS,
    VALUE_OPERATORS,
    depth_of,
    field_of,
    items_of,
    size_of,
    with_field,
)
from taskstore import Task, TaskCreateRequest, TaskNotFound, TaskPage, TaskStatus


class Faulty:
    """An open store with a fault. What the fault does not concern passes through."""

    def __init__(
        self,
        store: Any,
        fault: Fault,
        way: Callable[[Faulty, Call], Awaitable[Any]],
        trace: Trace,
        namespace: Namespace,
        place: Place,
    ) -> None:
        self.fault = fault
        self.place = place
        self.kept: dict[Any, Any] = {}
        """What this instance has cached, or handed out."""
        self.served: Counter[Any] = Counter()
        self._store = store
        self._way = way
        self._trace = trace
        self.namespace = namespace
        self.is_second = namespace.opened > namespace.closed
        self.is_reopened = namespace.closed > 0
        namespace.opened += 1

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Any:
        named = {} if task_id is None else {"task_id": task_id}
        return await self._do("create_task", request=request, **named)

    async def get_task(self, task_id: str) -> Any:
        return await self._do("get_task", task_id=task_id)

    async def list_tasks(
        self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
    ) -> Any:
        return await self._do("list_tasks", status=status, limit=limit, offset=offset, after=after)

    async def update_task_status(self, task_id: str, status: TaskStatus, progress: Any = None, **texts: Any) -> Any:
        return await self._do("update_task_status", task_id=task_id, status=status, progress=progress, **texts)

    async def cancel_task(self, task_id: str) -> Any:
        return await self._do("cancel_task", task_id=task_id)

    async def purge(self, before: datetime) -> Any:
        return await self._do("purge", before=before)

    async def restore(self, task: Task) -> Any:
        return await self._do("restore", task=task)

    async def aclose(self) -> None:
        await self._store.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def _do(self, operation: str, **arguments: Any) -> Any:
        call = Call(operation, arguments, len(self.place.latest))
        if operation != self.fault.operation and self.fault.way not in ("alias", "stale"):
            return await self.perform(call)
        return await self._way(self, call)

    async def perform(self, call: Call) -> Any:
        """Make the call on the right store, keep what it wrote, and show what is stored wrong."""
        place, arguments = self.place, call.arguments
        try:
            answer = await getattr(self._store, call.operation)(**arguments)
        except TaskNotFound as error:
            place.forget(error.task_id)
            raise
        if call.operation == "restore":
            place.wrote(arguments["task"])
            place.restored.add(arguments["task"].task_id)
        elif call.operation == "purge":
            place.purged(arguments["before"])
        elif call.operation == "list_tasks":
            return self._page_of_stored(answer)
        else:
            if answer.task_id in place.hidden:
                raise TaskNotFound(answer.task_id)
            if call.operation != "get_task":
                self._end_overlay(call, answer)
                place.wrote(answer)
            return self._stored(answer)
        return answer

    def _end_overlay(self, call: Call, answer: Task) -> None:
        """A write replaces what was stored wrong."""
        wrong = self.place.overlay.get(answer.task_id)
        if wrong is None or self.place.latest.get(answer.task_id) == answer:
            return
        given = {name for name, value in call.arguments.items() if value is not None}
        for name in list(wrong):
            if name in given or name in ("status", "updated_at", "completed_at") or "created_at" in wrong:
                del wrong[name]

    def _stored(self, task: Task) -> Task:
        for name, value in self.place.overlay.get(task.task_id, {}).items():
            task = with_field(task, name, value)
        return task

    def _page_of_stored(self, page: TaskPage) -> TaskPage:
        if not self.place.overlay and not self.place.hidden:
            return page
        shown = tuple(self._stored(task) for task in page.tasks if task.task_id not in self.place.hidden)
        gone = len(page.tasks) - len(shown)
        return page.model_copy(update={"tasks": shown, "total": page.total - gone})

    def known(self, call: Call) -> Task | None:
        """The task that a call is about, as it was last written."""
        return self.place.latest.get(call.task_id)

    def holds(self, call: Call, value: Any = None, task: Any = None, status: Any = None) -> bool:
        """Whether the condition of the fault holds for a value of a call, and for a task."""
        if task is not None and status is None:
            status = task.status
        condition = self.fault.condition
        met = Met(self, call, value, getattr(task, "task_id", None), status)
        holds = _CONDITIONS[condition.kind](met, condition.bound)
        self._trace.reached |= holds
        return holds

    def note(self, is_changed: bool = True) -> None:
        """Note that the fault has changed something, if it has."""
        self._trace.changed |= is_changed

    def wrong(self, value: Any, task: Any = None) -> Any:
        """What the operator makes of a value."""
        fault = self.fault
        if fault.operator == "default":
            return DEFAULTS.get(fault.field)
        if fault.operator == "old":
            before = self.place.previous.get(getattr(task, "task_id", ""))
            return value if before is None else field_of(before, fault.field)
        try:
            return VALUE_OPERATORS[fault.operator](value, fault.amount)
        except (TypeError, ValueError, OverflowError, RecursionError):  # beyond its bounds, or a hostile argument
            return value


class Met(NamedTuple):
    """What a condition is about."""

    store: Faulty
    call: Call
    value: Any
    task_id: Any
    status: Any

    def number(self, name: str) -> int:
        """An argument that is a whole number, else -1."""
        given = self.call.arguments.get(name)
        return given if type(given) is int else -1


_CONDITIONS: Mapping[str, Callable[[Met, Any], bool]] = {
    "always": lambda *_: True,
    "status": lambda met, bound: met.status == bound,
    "writes": lambda met, bound: met.store.place.writes[met.task_id] >= bound,
    "restored": lambda met, _: met.task_id in met.store.place.restored,
    "size": lambda met, bound: met.value is not None and size_of(met.value) >= bound,
    "items": lambda met, bound: items_of(met.value) >= bound,
    "depth": lambda met, bound: depth_of(met.value) >= bound,
    "number": lambda met, bound: type(met.value) in (int, float) and met.value >= bound,
    "tasks": lambda met, bound: met.call.tasks > bound,
    "later": lambda met, bound: met.store.namespace.ahead >= timedelta(seconds=bound),
    "second": lambda met, _: met.store.is_second,
    "reopened": lambda met, _: met.store.is_reopened,
    "filter": lambda met, _: met.call.arguments.get("status") is not None,
    "cursor": lambda met, _: met.call.arguments.get("after") is not None,
    "offset": lambda met, bound: met.number("offset") >= bound,
    "limit": lambda met, bound: met.number("limit") >= bound,
}


def changed(call: Call, **arguments: Any) -> Call:
    """The call with other arguments."""
    return replace(call, arguments={**call.arguments, **arguments})
