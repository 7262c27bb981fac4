"""Adapters: how the suite calls a store with other names than ours, and reads what that store returns.

An adapter is a table. Nothing is rebuilt: what the suite gets is a view of the store's own object, so that a caller's
change of it, a time without a zone and a value of a wrong type are seen as the store's callers see them.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Any, TypeAlias

from conformance.spec.equality import same, snapshot
from conformance.spec.model import FIELDS
from taskstore import FailureKind, InvalidArgument, TaskCreateRequest, TaskFinal, TaskStatus, TaskStoreError

__all__ = ["AdaptedStore", "Adapter", "Call", "Raise"]

Give: TypeAlias = str | Callable[[Mapping[str, Any]], Any]
"""What is passed: the name of one of our arguments, or a function of those that were given, by name."""
Read: TypeAlias = str | Callable[[Any], Any]
"""How a field is read: the name of an attribute or a key, or a function of the store's object."""
REQUESTED = ("video_ids", "webhook_url", "config")
PAGE = ("tasks", "total", "limit", "offset", "next", "unreadable")
_CHANGES = ("progress", "current_step", "result_url", "error_message", "error_traceback")
_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "create_task": ("request",),
    "get_task": ("task_id",),
    "list_tasks": (),
    "update_task_status": ("task_id", "status"),
    "cancel_task": ("task_id",),
}
"""The five operations, each with the arguments that it always has."""
_MAINTENANCE: Mapping[str, tuple[str, ...]] = {"purge": ("before",), "restore": ("task",)}
_OPTIONAL = {"list_tasks": ("status", "limit", "offset"), "update_task_status": _CHANGES}
"""The arguments that follow, by position."""
_DEFAULTS: Mapping[str, Any] = {"limit": 50, "offset": 0}
_FACTS: Mapping[str, Any] = {
    "argument": "",
    "status": None,
    "address": "",
    "failure_kind": FailureKind.BROKEN,
    "write_may_have_happened": True,
}
_EXACT = 2**53
"""Up to here a float holds every integer."""
_STATUSES = {status.value: status for status in TaskStatus}


class Call:
    """How one of our operations is called: the store's method, and where our arguments go.

    `Call("submit", "config", videos="video_ids")` calls `submit(config, videos=video_ids)`. The arguments of
    `create_task` are `video_ids`, `webhook_url`, `config` and `task_id`. An optional argument that is `None` is left
    out. One that is given and has no place raises `InvalidArgument`.
    """

    def __init__(self, method: str, /, *positional: Give, **named: Give) -> None:
        self._method = method
        self._positional = positional
        self._named = named
        self.ours = {theirs: ours for theirs, ours in named.items() if isinstance(ours, str)}
        """By the method's argument, ours."""
        places = (*positional, *named.values())
        self._places = None if any(callable(one) for one in places) else set(places)

    def __call__(self, store: Any, **given: Any) -> Any:
        """Call the method of a store."""
        for name, value in given.items():
            if self._places is not None and name not in self._places and value != _DEFAULTS.get(name):
                raise InvalidArgument(name, f"has no place in {self._method}")
        positional = (one(given) if callable(one) else given.get(one) for one in self._positional)
        named = {
            name: one(given) if callable(one) else given[one]
            for name, one in self._named.items()
            if callable(one) or one in given
        }
        return getattr(store, self._method)(*positional, **named)


class Raise:
    """Which of our exceptions stands for one of the store's, and how its fields are read.

    `Raise(TaskFinal, status="state")` reads `status` from the attribute `state`. A field that is not named is read from
    the attribute of its name. Where the exception has none, `task_id` is that of the call, and a text is that of the
    exception.
    """

    def __init__(self, kind: type[TaskStoreError], /, **facts: Read) -> None:
        self._kind = kind
        self._facts = facts

    def __call__(self, error: BaseException | None, task_id: Any) -> TaskStoreError:
        """Our exception for one of the store's, in a call about a task."""
        known = {**_FACTS, "task_id": task_id}
        values = {}
        for one in fields(self._kind):  # type: ignore[arg-type]  # each of our exceptions is a dataclass
            how = self._facts.get(one.name)
            default = () if how else (known.get(one.name, str(error)),)
            values[one.name] = how(error) if callable(how) else getattr(error, how or one.name, *default)
        return self._kind(**values)


Raised: TypeAlias = type[TaskStoreError] | Raise | Callable[[BaseException], TaskStoreError | None]


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
        _check_names("operation", self.calls, (*_REQUIRED, *_MAINTENANCE))
        _check_names("field of a task", self.task, (*FIELDS, *REQUESTED))
        _check_names("field of a page", self.page, PAGE)
        if missing := [name for name in _REQUIRED if name not in self.calls]:
            raise ValueError(f"the adapter says nothing of {missing[0]}")
        for own in (owns := [*self.statuses.values()]):
            if owns.count(own) > 1:
                raise ValueError(f"several statuses are {own!r} in the store: name one of them, leave the others out")

    @asynccontextmanager
    async def adapt(self, opened: Any) -> AsyncIterator[Any]:
        """The store under our names while it is open. `opened` is a context manager, async or not, or the store."""
        async with AsyncExitStack() as stack:
            if hasattr(opened, "__aenter__"):
                opened = await stack.enter_async_context(opened)
            elif hasattr(opened, "__enter__"):
                opened = stack.enter_context(opened)
            yield AdaptedStore(self, opened)

    def own_status(self, status: Any) -> Any:
        """The store's status for one of ours; whatever is none of ours stays as it is.

        Raises:
            InvalidArgument: if it is none of ours, and the store has it.
        """
        known = _STATUSES.get(status) if isinstance(status, str) else None
        if known is None and self.our_status(status) is not status:
            raise InvalidArgument("status", "is a status of the store, and none of ours")
        return status if known is None else self.statuses.get(known, status)

    def our_status(self, own: Any) -> Any:
        """Our status for one of the store's; whatever stands for none of ours stays as it is."""
        for ours, theirs in self.statuses.items():
            if type(theirs) is type(own) and theirs == own:
                return ours
        text = own.value if isinstance(own, Enum) else own
        return _STATUSES.get(text, own) if isinstance(text, str) else own

    def our_error(self, operation: str, error: BaseException | None, task_id: Any) -> TaskStoreError | None:
        """Our exception for one of the store's, or for a result that is `None`.

        What it says of a status and of an argument is translated as well.
        """
        kinds = (None,) if error is None else type(error).__mro__
        raised: Any = next((self.raises[kind] for kind in kinds if kind in self.raises), None)
        if isinstance(raised, type):
            raised = Raise(raised)
        found = raised(error, task_id) if isinstance(raised, Raise) else raised and raised(error)
        if isinstance(found, TaskFinal):
            found.status = self.our_status(found.status)
        elif isinstance(found, InvalidArgument):
            call = self.calls[operation]
            ours = {theirs: name for name, theirs in self.task.items() if isinstance(theirs, str)}
            ours |= call.ours if isinstance(call, Call) else {}
            found.argument = ours.get(found.argument, found.argument)
        return found


def _check_names(what: str, given: Mapping[str, Any], known: tuple[str, ...]) -> None:
    if unknown := [name for name in given if name not in known]:
        raise ValueError(f"{unknown[0]!r} is no {what}: {', '.join(known)}")


class AdaptedStore:
    """A store under our names. Every other attribute is that of the store itself."""

    def __init__(self, adapter: Adapter, own: Any) -> None:
        self._adapter = adapter
        self._own = own

    def __getattr__(self, name: str) -> Any:
        """One of our operations, as a coroutine function."""
        required = {**_REQUIRED, **_MAINTENANCE}.get(name)
        if required is None:
            return getattr(self._own, name)
        if name not in self._adapter.calls:
            raise AttributeError(f"the adapter says nothing of {name}")
        names = (*required, *_OPTIONAL.get(name, ()))

        async def operation(*positional: Any, **named: Any) -> Any:
            given = {**dict(zip(names, positional, strict=False)), **named}
            if name == "create_task":
                request = given.pop("request")
                if not isinstance(request, TaskCreateRequest):
                    raise InvalidArgument("request", f"must be a TaskCreateRequest, not {type(request).__name__}")
                given |= {one: getattr(request, one, None) for one in REQUESTED}
            elif name == "list_tasks":
                given = {**_DEFAULTS, **given}
            always = (*required, "video_ids", *_DEFAULTS)
            given = {one: value for one, value in given.items() if value is not None or one in always}
            answer = await self._call(name, given)
            if name == "list_tasks":
                return PageView(answer, self._adapter)
            return answer if name in _MAINTENANCE or answer is None else TaskView(answer, self._adapter)

        return operation

    async def _call(self, name: str, given: dict[str, Any]) -> Any:
        if "status" in given:
            given["status"] = self._adapter.own_status(given["status"])
        call, task_id = self._adapter.calls[name], given.get("task_id")
        try:
            answer = getattr(self._own, call)(**given) if isinstance(call, str) else call(self._own, **given)
            answer = await answer if inspect.isawaitable(answer) else answer
        except TaskStoreError:
            raise
        except Exception as error:
            if (ours := self._adapter.our_error(name, error, task_id)) is None:
                raise
            raise ours from error
        if answer is None and name not in _MAINTENANCE and (ours := self._adapter.our_error(name, None, task_id)):
            raise ours
        return answer


class TaskView:
    """A task of the store, read and changed under our names. Nothing is copied."""

    __slots__ = ("_adapter", "_own")
    __match_args__ = FIELDS
    __hash__ = None  # type: ignore[assignment]  # what it shows may change
    _adapter: Adapter
    _own: Any

    def __init__(self, own: Any, adapter: Adapter) -> None:
        object.__setattr__(self, "_own", own)
        object.__setattr__(self, "_adapter", adapter)

    @property
    def own(self) -> Any:
        """The store's own object."""
        return self._own

    def __getattr__(self, name: str) -> Any:
        reads = self._adapter.task
        if name not in FIELDS:
            raise AttributeError(f"a task has no {name}")
        if name == "metadata" and name not in reads and ("webhook_url" in reads or "config" in reads):
            return {one: _read(self._own, reads.get(one, one), one) for one in ("webhook_url", "config")}
        value = _read(self._own, reads.get(name, name), name)
        if name == "status":
            return self._adapter.our_status(value)
        return float(value) if name == "progress" and type(value) is int and abs(value) <= _EXACT else value

    def __setattr__(self, name: str, value: Any) -> None:
        """Change the store's own object, as its callers may.

        Raises:
            TypeError: if the field is made by a function. What the object itself raises comes out as well.
        """
        to = self._adapter.task.get(name, name)
        if not isinstance(to, str):
            raise TypeError(f"{name} is made by a function")
        if isinstance(self._own, MutableMapping):
            self._own[to] = value
        else:
            setattr(self._own, to, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaskView) and same(snapshot(self), snapshot(other))

    def __repr__(self) -> str:
        return repr(self._own)


class PageView:
    """A page of the store. A field that it does not have is `None`."""

    __match_args__ = PAGE

    def __init__(self, own: Any, adapter: Adapter) -> None:
        self._own = own
        self._adapter = adapter

    @property
    def tasks(self) -> tuple[TaskView, ...]:
        """The tasks, each a view. A list is a page of what it holds."""
        reads = self._adapter.page
        is_list = isinstance(self._own, list | tuple) and "tasks" not in reads
        tasks = self._own if is_list else _read(self._own, reads.get("tasks", "tasks"), "tasks")
        return tuple(TaskView(one, self._adapter) for one in tasks)

    def __getattr__(self, name: str) -> Any:
        if name not in PAGE:
            raise AttributeError(f"a page has no {name}")
        reads = self._adapter.page
        try:
            value = _read(self._own, reads.get(name, name), name)
        except AttributeError:
            if name in reads:
                raise
            value = None
        return tuple(value or ()) if name == "unreadable" else value

    def __repr__(self) -> str:
        return repr(self._own)


def _read(own: Any, how: Read, name: str) -> Any:
    if not isinstance(how, str):
        return how(own)
    try:
        return own[how] if isinstance(own, Mapping) else getattr(own, how)
    except (KeyError, AttributeError):
        kind = "key" if isinstance(own, Mapping) else "attribute"
        raise AttributeError(f"{type(own).__name__} has no {kind} {how!r}, which is read as {name}") from None
