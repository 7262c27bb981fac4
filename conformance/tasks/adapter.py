"""Adapters: how the suite calls a store with other names than ours, and reads what that store returns.

An adapter is a table. Nothing is rebuilt: what the suite gets is a view of the store's own object, so that a caller's
change of it, a time without a zone and a value of a wrong type are seen as the store's callers see them.
"""

# ruff: noqa: N802  a table's entry reads like a value

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, fields
from functools import partial
from inspect import signature
from typing import Any, TypeAlias

from conformance.harness import HookMissingError
from conformance.operations.operation import Operation
from conformance.operations.parts import settled
from conformance.tasks.spec.model import FIELDS
from taskstore import (
    FailureKind,
    InvalidArgument,
    Task,
    TaskFinal,
    TaskPage,
    TaskStatus,
    TaskStoreError,
)
from taskstore.contract import MaintainedTaskStore

Played: TypeAlias = Callable[..., Any]
Read: TypeAlias = str | Callable[[Any], Any]
"""How a field is read: the name of an attribute or a key, or a function of the store's object."""
_METADATA = ("webhook_url", "config")
_PAGE = tuple(TaskPage.model_fields)


def Call(method: str, /, *positional: str, **named: str) -> Played:
    """How one of our operations is called: the store's method, and where our arguments go.

    `Call("submit", "config", videos="video_ids")` calls `submit(config, videos=video_ids)`. The arguments of
    `create_task` are `video_ids`, `webhook_url`, `config` and `task_id`. An optional argument that is `None` is left
    out. A call that gives one without a place is not made.
    """
    places = {*positional, *named.values()}

    def call(store: Any, **given: Any) -> Any:
        for name in given.keys() - places:
            raise HookMissingError(f"adapter.calls: {method} has no {name}")
        theirs = {name: given[ours] for name, ours in named.items() if ours in given}
        return getattr(store, method)(*map(given.get, positional), **theirs)

    return call


@dataclass(frozen=True)
class Adapter:
    """How a store is called and read. `open` of a harness returns what `adapt` gives."""

    calls: Mapping[str, str | Played]
    """By our operation: the store's method, if it takes our arguments; a `Call`; or a function of the store and our
    arguments. Neither methods nor functions have to be coroutine functions."""
    task: Mapping[str, Read] = field(default_factory=dict)
    """By our field of a task, how it is read. A field that is not named has our name."""
    page: Mapping[str, Read] = field(default_factory=dict)
    """The same of a page: `tasks`, `total`, `limit`, `offset`, `next`, `unreadable`."""
    statuses: Mapping[TaskStatus, Any] = field(default_factory=dict)
    """By our status the store's, where it is another than our text. `None` if it has none: no call gives that one."""
    raises: Mapping[type[BaseException] | None, type[TaskStoreError]] = field(default_factory=dict)
    """By the store's exception, ours. The key `None` stands for a result that is `None`. A field of ours is read from
    the attribute that has this name in a task; where there is none, `task_id` is that of the call, and a text is that
    of the exception."""

    @asynccontextmanager
    async def adapt(self, opened: Any) -> AsyncIterator[Any]:
        """The store under our names while it is open. `opened` is an async context manager, or the store."""
        async with AsyncExitStack() as stack:
            if hasattr(opened, "__aenter__"):
                opened = await stack.enter_async_context(opened)
            yield AdaptedStore(self, opened)

    def own_status(self, status: Any) -> Any:
        """The store's status for one of ours. What neither has stays as it is; what only the store has is refused."""
        if status in [*TaskStatus]:
            own = self.statuses.get(status, status)
            if own is None:
                raise HookMissingError(f"adapter.statuses: {status}")
            return own
        if self.our_status(status) is not status:
            raise InvalidArgument("status", "is a status of the store, and none of ours")
        return status

    def our_status(self, own: Any) -> Any:
        """Our status for one of the store's; whatever stands for none of ours stays as it is."""
        for ours in TaskStatus:
            if self.statuses.get(ours, ours.value) in (own, getattr(own, "value", own)):
                return ours
        return own

    def our_error(self, error: BaseException | None, task_id: Any) -> Any:
        """Our exception for one of the store's, or for a result that is `None`, with our status."""
        kinds = type(error).__mro__ if error else (None,)
        ours = next((self.raises[kind] for kind in kinds if kind in self.raises), None)
        if ours is None:
            return None
        known = {"task_id": task_id, "failure_kind": FailureKind.BROKEN, "write_may_have_happened": True}
        facts = {}
        for fact in fields(ours):  # type: ignore[arg-type]  # ours are dataclasses
            default = known.get(fact.name, str(error))
            facts[fact.name] = _read(error, self.task, fact.name, default)
        if ours is TaskFinal:
            facts["status"] = self.our_status(facts["status"])
        return ours(**facts)


class AdaptedStore:
    """A store under our names. Every other attribute is that of the store itself."""

    def __init__(self, adapter: Adapter, own: Any) -> None:
        self._adapter, self._own = adapter, own

    def __getattr__(self, name: str) -> Any:
        """One of our operations, as a coroutine function, or another attribute."""
        return partial(self._play, name) if name in self._adapter.calls else getattr(self._own, name)

    async def _play(self, operation: str, /, *positional: Any, **named: Any) -> Any:
        given = self._given(operation, positional, named)
        call = Operation(operation, self._adapter.calls[operation])
        fault = answer = None
        try:
            answer = await settled(call, call.invoke(self._own, given))
        except TaskStoreError:
            raise
        except Exception as error:  # noqa: BLE001  if it stands for none of ours, it comes out
            fault = error
        if fault is None and (operation in ("purge", "restore") or isinstance(answer, Task)):
            return answer
        if answer is None:
            if ours := self._adapter.our_error(fault, given.get("task_id")):
                raise ours from fault
            if fault:
                raise fault
            return None
        view = _page if operation == "list_tasks" else TaskView
        with suppress(Exception):
            return view(answer, self._adapter)
        return answer  # which is no page

    def _given(self, operation: str, positional: tuple[Any, ...], named: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call, without optional ones that are `None`; those of a request by themselves."""
        ours = signature(getattr(MaintainedTaskStore, operation))
        optional = {name for name, parameter in ours.parameters.items() if parameter.default is None}.union(_METADATA)
        given = ours.bind(self, *positional, **named).arguments
        del given["self"]
        if operation == "create_task":
            given |= vars(given.pop("request"))
        given = {name: value for name, value in given.items() if value is not None or name not in optional}
        if "status" in given:
            given["status"] = self._adapter.own_status(given["status"])
        return given


class TaskView:
    """A task of the store, read under our names. Nothing is copied."""

    __match_args__ = FIELDS
    __slots__ = ("_adapter", "_own")

    def __init__(self, own: Any, adapter: Adapter) -> None:
        self._own, self._adapter = own, adapter

    def __getattr__(self, name: str) -> Any:
        if name not in FIELDS:
            raise AttributeError(f"a task has no {name}")
        value = _read(self._own, self._adapter.task, name)
        if name == "status":
            return self._adapter.our_status(value)
        return value


def _page(own: Any, adapter: Adapter) -> TaskPage:
    """A page with views of what the store listed. A field that the store does not have is `None`."""
    values: dict[str, Any] = {name: _read(own, adapter.page, name, None) for name in _PAGE}
    values["tasks"] = tuple(TaskView(task, adapter) for task in values["tasks"])
    values["unreadable"] = tuple(values["unreadable"] or ())
    return TaskPage.model_construct(**values)


def _read(own: Any, reads: Mapping[str, Read], name: str, *default: Any) -> Any:
    how = reads.get(name, name)
    if not isinstance(how, str):
        return how(own)
    with suppress(LookupError, TypeError):  # it is an attribute, or missing
        return own[how]
    return getattr(own, how, *default)
