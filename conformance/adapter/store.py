"""An adapter, and the store that it makes of another."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from conformance.adapter.calls import DEFAULTS, Call, Raised, made
from conformance.adapter.views import PAGE, REQUESTED, PageView, Read, Reading, TaskView
from conformance.spec.model import FIELDS
from taskstore import InvalidArgument, TaskCreateRequest, TaskFinal, TaskStatus, TaskStoreError

_FIVE = ("create_task", "get_task", "list_tasks", "update_task_status", "cancel_task")
_MAINTENANCE = {"purge": "before", "restore": "task"}
"""The other operations, each with its argument."""
_OPTIONAL = frozenset(
    {"webhook_url", "config", "progress", "current_step", "result_url", "error_message", "error_traceback"}
)


@dataclass(frozen=True)
class Adapter:
    """How a store is called and read. `open` of a harness returns what `adapt` gives."""

    calls: Mapping[str, str | Call | Callable[..., Any]]
    """By our operation: the store's method, if it takes our arguments; a `Call`; or a function of the store and our
    arguments. Neither methods nor functions have to be coroutine functions."""
    task: Mapping[str, Read] = field(default_factory=dict)
    """By our field of a task, how it is read. A field that is not named has our name. `webhook_url` and `config` may be
    named in place of `metadata`."""
    page: Mapping[str, Read] = field(default_factory=dict)
    """The same of a page: `tasks`, `total`, `limit`, `offset`, `next`, `unreadable`."""
    statuses: Mapping[TaskStatus, Any] = field(default_factory=dict)
    """By our status the store's, where it is another than our text."""
    raises: Mapping[type[BaseException] | None, Raised] = field(default_factory=dict)
    """By the store's exception, ours: a class, a `Raise`, or a function of the exception that returns ours, or `None`
    if it stands for none. The key `None` stands for a result that is `None`."""

    def __post_init__(self) -> None:
        """Refuse what is none of our names.

        Raises:
            ValueError: for the first one, for an operation that is left out, and for two statuses that are one.
        """
        _check_names("operation", self.calls, (*_FIVE, *_MAINTENANCE))
        _check_names("field of a task", self.task, (*FIELDS, *REQUESTED))
        _check_names("field of a page", self.page, PAGE)
        if missing := [name for name in _FIVE if name not in self.calls]:
            raise ValueError(f"the adapter says nothing of {missing[0]}")
        by_own: dict[str, TaskStatus] = {}
        for status, own in self.statuses.items():
            if (other := by_own.setdefault(repr(own), status)) is not status:
                raise ValueError(
                    f"{other.name} and {status.name} are both {own!r} in the store, and cannot be told apart: name one "
                    "of them, and leave the other out"
                )

    @asynccontextmanager
    async def adapt(self, opened: Any) -> AsyncIterator[Any]:
        """The store under our names while it is open. `opened` is a context manager, async or not, or the store."""
        if hasattr(opened, "__aenter__"):
            async with opened as store:
                yield AdaptedStore(self, store)
        elif hasattr(opened, "__enter__"):
            with opened as store:
                yield AdaptedStore(self, store)
        else:
            yield AdaptedStore(self, opened)

    @property
    def reading(self) -> Reading:
        """How results are read."""
        return Reading(self.task, self.page, self.statuses)


def _check_names(what: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if unknown := [name for name in given if name not in known]:
        raise ValueError(f"{unknown[0]!r} is no {what}: {', '.join(known)}")


class AdaptedStore:
    """A store under our names. Every other attribute is that of the store itself."""

    def __init__(self, adapter: Adapter, own: Any) -> None:
        self._adapter = adapter
        self._reading = adapter.reading
        self._own = own

    async def create_task(self, request: TaskCreateRequest, *, task_id: str | None = None) -> Any:
        """Create a task, from the fields of the request."""
        if not isinstance(request, TaskCreateRequest):
            raise InvalidArgument("request", f"must be a TaskCreateRequest, not {type(request).__name__}")
        given = {name: getattr(request, name, None) for name in REQUESTED}
        return await self._task("create_task", given | ({} if task_id is None else {"task_id": task_id}))

    async def get_task(self, task_id: str) -> Any:
        """Read a task."""
        return await self._task("get_task", {"task_id": task_id})

    async def list_tasks(
        self, status: Any = None, limit: Any = DEFAULTS["limit"], offset: Any = DEFAULTS["offset"], *, after: Any = None
    ) -> PageView:
        """Read a page."""
        given = {"limit": limit, "offset": offset}
        given |= {name: one for name, one in (("status", status), ("after", after)) if one is not None}
        return PageView(await self._call("list_tasks", given), self._reading)

    async def update_task_status(
        self,
        task_id: str,
        status: Any,
        progress: Any = None,
        current_step: Any = None,
        result_url: Any = None,
        error_message: Any = None,
        error_traceback: Any = None,
    ) -> Any:
        """Update a task."""
        given = {
            "task_id": task_id,
            "status": status,
            "progress": progress,
            "current_step": current_step,
            "result_url": result_url,
            "error_message": error_message,
            "error_traceback": error_traceback,
        }
        return await self._task("update_task_status", given)

    async def cancel_task(self, task_id: str) -> Any:
        """Cancel a task."""
        return await self._task("cancel_task", {"task_id": task_id})

    def __getattr__(self, name: str) -> Any:
        if name not in _MAINTENANCE:
            return getattr(self._own, name)
        if name not in self._adapter.calls:
            raise AttributeError(f"the adapter says nothing of {name}")

        async def maintain(*positional: Any, **named: Any) -> Any:
            return await self._call(name, dict(zip((_MAINTENANCE[name],), positional, strict=False)) | named)

        return maintain

    async def _task(self, operation: str, given: dict[str, Any]) -> Any:
        answer = await self._call(operation, given)
        if answer is not None:
            return TaskView(answer, self._reading)
        if None in self._adapter.raises and (error := made(self._adapter.raises[None], None, given.get("task_id"))):
            raise error
        return None

    async def _call(self, operation: str, given: dict[str, Any]) -> Any:
        passed = {name: value for name, value in given.items() if value is not None or name not in _OPTIONAL}
        if "status" in passed:
            passed["status"] = self._reading.own_status(passed["status"])
        call = self._adapter.calls[operation]
        try:
            answer = getattr(self._own, call)(**passed) if isinstance(call, str) else call(self._own, **passed)
            return await answer if inspect.isawaitable(answer) else answer
        except TaskStoreError:
            raise
        except Exception as error:
            if (ours := self._ours(error, given.get("task_id"), call)) is None:
                raise
            raise ours from error

    def _ours(self, error: Exception, task_id: Any, call: object) -> TaskStoreError | None:
        """Our exception for one of the store's: what it says of a status and of an argument is translated as well."""
        raises = self._adapter.raises
        kind = next((one for one in type(error).__mro__ if one in raises), None)
        found = None if kind is None else made(raises[kind], error, task_id)
        if isinstance(found, TaskFinal):
            found.status = self._reading.our_status(found.status)
        elif isinstance(found, InvalidArgument):
            ours = {theirs: name for name, theirs in self._adapter.task.items() if isinstance(theirs, str)}
            ours |= call.ours if isinstance(call, Call) else {}
            found.argument = ours.get(found.argument, found.argument)
        return found
