"""A view of a task, for stores whose tasks have other names than ours, and of a store that lacks statuses.

A class of the adopter calls such a store under our names, and returns views of the objects that the store returned.
So a caller's change, a time without a zone and a value of a wrong type are seen as the store's own callers see them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from conformance.harness import HookMissingError
from conformance.tasks.spec.model import FIELDS
from taskstore import InvalidArgument


class TaskView:
    """A task of the store, read under our names. Nothing is copied.

    Args:
        own: the store's object, a mapping or any other.
        reads: by our field of a task, the name of the key or attribute that holds it, or a function of `own`. A field
            that is not named has our name.
    """

    __match_args__ = FIELDS
    __slots__ = ("_own", "_reads")

    def __init__(self, own: Any, reads: Mapping[str, Any]) -> None:
        self._own = own
        self._reads = reads

    def __getattr__(self, name: str) -> Any:
        if name not in FIELDS:
            raise AttributeError(f"a task has no {name}")
        read = self._reads.get(name, name)
        if callable(read):
            return read(self._own)
        if isinstance(self._own, Mapping):
            return self._own[read]
        return getattr(self._own, read)


class StoreView:
    """A store that refuses some statuses as invalid: it says that it lacks them, as an adapter would.

    So this breaks the requirement about statuses, and no other.
    """

    def __init__(self, store: Any, lacking: Collection[str]) -> None:
        self._store = store
        self._lacking = lacking

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        async def view(*given: Any, **named: Any) -> Any:
            try:
                return await method(*given, **named)
            except InvalidArgument as error:
                is_ours = any(value in self._lacking for value in (*given, *named.values()))
                if is_ours and error.argument == "status":
                    raise HookMissingError("status") from error
                raise

        return view if name in ("list_tasks", "update_task_status") else method
