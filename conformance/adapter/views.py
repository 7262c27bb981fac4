"""Views: a store's own objects, read and changed under our names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from conformance.spec.equality import same, snapshot
from conformance.spec.model import FIELDS
from taskstore import InvalidArgument, Task, TaskStatus

Read: TypeAlias = str | Callable[[Any], Any]
"""How a field is read: the name of an attribute or a key, or a function of the store's object."""
REQUESTED = ("video_ids", "webhook_url", "config")
PAGE = ("tasks", "total", "limit", "offset", "next", "unreadable")
_EXACT = 2**53
"""Up to here a float holds every integer."""
_STATUSES = {status.value: status for status in TaskStatus}


@dataclass(frozen=True)
class Reading:
    """How tasks, pages and statuses are read."""

    task: Mapping[str, Read]
    page: Mapping[str, Read]
    statuses: Mapping[TaskStatus, Any]

    def own_status(self, status: Any) -> Any:
        """The store's status for one of ours; whatever is none of ours stays as it is.

        Raises:
            InvalidArgument: if it is none of ours, and the store has it.
        """
        known = _STATUSES.get(status) if isinstance(status, str) else None
        if known is None and any(
            type(theirs) is type(status) and theirs == status for theirs in self.statuses.values()
        ):
            raise InvalidArgument("status", "is a status of the store, and none of ours")
        return status if known is None else self.statuses.get(known, status)

    def our_status(self, own: Any) -> Any:
        """Our status for one of the store's; whatever stands for none of ours stays as it is."""
        for ours, theirs in self.statuses.items():
            if type(theirs) is type(own) and theirs == own:
                return ours
        text = own.value if isinstance(own, Enum) else own
        return _STATUSES.get(text, own) if isinstance(text, str) else own


class TaskView:
    """A task of the store, read and changed under our names. Nothing is copied."""

    __slots__ = ("_own", "_reading")
    __match_args__ = FIELDS
    __hash__ = None  # type: ignore[assignment]  # what it shows may change
    _own: Any
    _reading: Reading

    def __init__(self, own: Any, reading: Reading) -> None:
        object.__setattr__(self, "_own", own)
        object.__setattr__(self, "_reading", reading)

    @property
    def own(self) -> Any:
        """The store's own object."""
        return self._own

    def __getattr__(self, name: str) -> Any:
        if name not in FIELDS:
            raise AttributeError(f"a task has no {name}")
        reads = self._reading.task
        if name == "metadata" and name not in reads and ("webhook_url" in reads or "config" in reads):
            return {one: self._read(one) for one in ("webhook_url", "config")}
        value = self._read(name)
        if name == "status":
            return self._reading.our_status(value)
        if name == "progress" and type(value) is int and abs(value) <= _EXACT:
            return float(value)
        return value

    def _read(self, name: str) -> Any:
        return _read(self._own, self._reading.task.get(name, name), name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Change the store's own object, as its callers may.

        Raises:
            TypeError: if the field is made by a function. What the object itself raises comes out as well.
        """
        to = self._reading.task.get(name, name)
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

    def model_copy(self, update: Mapping[str, Any]) -> Task:
        """A task of ours with other fields, for `restore`."""
        return Task.model_validate(snapshot(self)).model_copy(update=update)


class PageView:
    """A page of the store. A field that it does not have is `None`."""

    __match_args__ = PAGE
    __hash__ = None  # type: ignore[assignment]  # what it shows may change

    def __init__(self, own: Any, reading: Reading) -> None:
        self._own = own
        self._reading = reading

    @property
    def tasks(self) -> tuple[TaskView, ...]:
        """The tasks, each a view. A list is a page of what it holds."""
        is_list = isinstance(self._own, list | tuple) and "tasks" not in self._reading.page
        tasks = self._own if is_list else _read(self._own, self._reading.page.get("tasks", "tasks"), "tasks")
        return tuple(TaskView(one, self._reading) for one in tasks)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PageView) and all(getattr(self, name) == getattr(other, name) for name in PAGE)

    @property
    def unreadable(self) -> tuple[str, ...]:
        """The keys of records that cannot be read."""
        return tuple(self._field("unreadable") or ())

    def __getattr__(self, name: str) -> Any:
        if name not in PAGE:
            raise AttributeError(f"a page has no {name}")
        return self._field(name)

    def _field(self, name: str) -> Any:
        how = self._reading.page.get(name)
        try:
            return _read(self._own, name if how is None else how, name)
        except AttributeError:
            if how is not None:
                raise
            return None

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
