"""Clients: they make their planned calls on a store one after the other, and record when and with which result.

An interval begins before the call is scheduled and ends when the caller has the answer. So calls of several clients on
one event loop overlap in memory mode too, where no operation awaits: their order is then the loop's. That can show what
a store does wrong between awaits of its own, and an answer that was not made at one instant. It cannot show anything
inside an operation that never awaits, where there is nothing to come between; nor a race of threads, which the contract
excludes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from conformance.verify.histories.history import FIELDS, LIST, Interval, Planned
from taskstore import StoreUnavailable, TaskCreateRequest, TaskFinal, TaskStatus


class Client:
    """What makes calls on one store. `labels` are the tasks known by now, shared among the clients of a process.

    Without `labels` each task has its label as its id.
    """

    def __init__(self, store: Any, labels: dict[str, str] | None, origin: int) -> None:
        self._store = store
        self._labels = labels
        self._origin = origin

    async def make(self, calls: Iterable[Planned]) -> list[Interval]:
        """Make the calls in order, and return them. Calls on a task that was not created are left out."""
        made = []
        for call in calls:
            await turns(call.pause)
            if self._labels is None or call.operation in ("create_task", LIST) or call.task in self._labels:
                made.append(await self._make(call))
        return made

    async def _make(self, call: Planned) -> Interval:
        called = self._now()
        sent = asyncio.ensure_future(self._send(call))
        if call.gives_up is not None:
            await turns(call.gives_up)
            sent.cancel()
            await asyncio.wait([sent])
            return Interval(call, called, None)
        result, written = await sent
        return Interval(call, called, None if result is None else self._now(), result, written)

    async def _send(self, call: Planned) -> tuple[dict[str, Any] | None, float]:
        """The result, None if its answer was lost; and when the task that it returned was written."""
        try:
            answer = await self._call(call)
            if call.operation == "create_task" and self._labels is not None:
                self._labels[call.task] = answer.task_id
            if call.operation == LIST:
                return {"page": {"tasks": [self._recorded(task) for task in answer.tasks], "total": answer.total}}, 0.0
            updated_at = answer.updated_at
            return {"task": self._recorded(answer)}, updated_at.timestamp() if isinstance(updated_at, datetime) else 0.0
        except StoreUnavailable as fault:
            return None if fault.write_may_have_happened else {"raised": "StoreUnavailable"}, 0.0
        except TaskFinal as final:
            return {"raised": "TaskFinal", "status": str(final.status)}, 0.0
        except Exception as fault:  # noqa: BLE001  whatever is raised is judged
            return {"raised": type(fault).__name__}, 0.0

    async def _call(self, call: Planned) -> Any:
        given = dict(call.arguments)
        if call.operation == "create_task":
            request = TaskCreateRequest(video_ids=tuple(given.pop("video_ids")))
            return await self._store.create_task(request, **given)
        if given.get("status") is not None:
            given["status"] = TaskStatus(given["status"])
        if "task_id" in given and self._labels is not None:
            given["task_id"] = self._labels[given["task_id"]]
        return await getattr(self._store, call.operation)(**given)

    def _recorded(self, task: Any) -> dict[str, Any]:
        """A task without its times, and with its label as id."""
        labels = {task.task_id: task.task_id} if self._labels is None else self._labels
        label = next((label for label, task_id in labels.items() if task_id == task.task_id), None)
        known = task.video_ids[0] if label is None else label  # its creation may not have been answered yet
        return {"task_id": known, "status": str(task.status), **{name: getattr(task, name) for name in FIELDS}}

    def _now(self) -> int:
        return time.monotonic_ns() - self._origin


async def turns(number: int) -> None:
    """Let the others have so many turns."""
    for _ in range(number):
        await asyncio.sleep(0)
