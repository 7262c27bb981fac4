"""A view of a task, for stores whose tasks have other names than ours.

A class of the adopter calls such a store under our names, and returns views of the objects that the store returned.
So a caller's change, a time without a zone and a value of a wrong type are seen as the store's own callers see them.
"""

from collections.abc import Mapping
from typing import Any

from conformance.tasks.spec.model import FIELDS


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
