"""How a method of a store is called in place of an operation, and what its exceptions stand for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from conformance.adapter.views import Read
from taskstore import FailureKind, InvalidArgument, TaskStoreError

Give: TypeAlias = str | Callable[[Mapping[str, Any]], Any]
"""What is passed: the name of one of our arguments, or a function of those that were given, by name."""
DEFAULTS: Mapping[str, Any] = {"limit": 50, "offset": 0}


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
            if self._places is not None and name not in self._places and value != DEFAULTS.get(name):
                raise InvalidArgument(name, f"has no place in {self._method}")
        named = {name: _passed(one, given) for name, one in self._named.items() if callable(one) or one in given}
        return getattr(store, self._method)(*(_passed(one, given) for one in self._positional), **named)


def _passed(give: Give, given: Mapping[str, Any]) -> Any:
    return give(given) if callable(give) else given.get(give)


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
        values: dict[str, Any] = {}
        for one in fields(self._kind):  # type: ignore[arg-type]  # each of our exceptions is a dataclass
            how = self._facts.get(one.name)
            if how is None:
                default = task_id if one.name == "task_id" else _FACTS.get(one.name, str(error))
                values[one.name] = getattr(error, one.name, default)
            else:
                values[one.name] = getattr(error, how) if isinstance(how, str) else how(error)
        return self._kind(**values)


_FACTS: Mapping[str, Any] = {
    "argument": "",
    "status": None,
    "address": "",
    "failure_kind": FailureKind.BROKEN,
    "write_may_have_happened": True,
}
Raised: TypeAlias = type[TaskStoreError] | Raise | Callable[[BaseException], TaskStoreError | None]


def made(raised: Raised, error: BaseException | None, task_id: Any) -> TaskStoreError | None:
    """Our exception for one of the store's, or `None` if it stands for none of ours."""
    if isinstance(raised, type):
        return Raise(raised)(error, task_id)
    if isinstance(raised, Raise):
        return raised(error, task_id)
    return None if error is None else raised(error)
