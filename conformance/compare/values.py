"""Makes trees of what a store gives, with the ids that it gave in the words of a script."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import partial
from typing import Any

from conformance.operations.operation import WHOLE, EarlierId, Operation, OperationsError
from conformance.operations.parts import parts_of
from conformance.operations.trees import Tree
from conformance.text import source

_DEEP = 50
_WORD = 5
"""Letters of an id that may be a word, and is not replaced in texts."""
_LONG = 400
"""Letters of a value that are shown."""


class Observer:
    """Makes trees of one store's values. It knows the ids that the store gave, in order, and the Python of each."""

    def __init__(self) -> None:
        self.names: dict[Any, str] = {}

    def look(self, value: Any, operation: Operation, path: str = "", name: str = WHOLE, depth: int = 0) -> Tree:
        """A value that this operation gave, as a tree. With a path, the Python that names it, new ids are learned."""
        kind: Any = type(value)
        parts = parts_of(value) if depth < _DEEP else {}
        if parts is not None:
            trees = {}
            if not parts and depth < _DEEP and not isinstance(value, Collection):
                raise OperationsError(f"{operation.name}: cannot compare {kind.__name__}, give view= to its Operation")
            for label, part in parts.items():
                inner = label[1:] if label.startswith(".") else label[2:-2] if label[1] in "'\"" else name
                if inner not in operation.ignored:
                    shown = f"[{self.names[inner]}]" if inner in self.names else label
                    trees[shown] = self.look(part, operation, path and path + label, inner, depth + 1)
            return Tree(kind, parts=trees, text=partial(self._text, value))
        if name in operation.ids:
            if path and value not in (None, ""):
                self.names.setdefault(value, path)
            if value in self.names:
                return Tree(EarlierId, [*self.names].index(value), text=partial(self.names.__getitem__, value))
        tolerance, text = operation.tolerances.get(name, (0.0, ""))[0], partial(self._text, value)
        if name in operation.times and value is not None:
            value = f"{kind.__name__} {'with' if getattr(value, 'tzinfo', None) else 'without'} zone"
        elif kind is str or (kind is float and not tolerance):
            value = self.named(source(value))  # as which NaN is like itself, and 0.0 unlike -0.0
        return Tree(kind, value, None, tolerance, text)

    def _text(self, value: Any) -> str:
        return self.named(f"{'raises ' if isinstance(value, BaseException) else ''}{source(value)}"[:_LONG])

    def named(self, text: str) -> str:
        """The text with names in the place of ids; a short one may be a word."""
        for known, name in self.names.items():
            if isinstance(known, str) and len(known) > _WORD and known in text:
                text = re.sub(rf"'{re.escape(known)}'|(?<!\w){re.escape(known)}(?!\w)", name.replace("\\", r"\\"), text)
        return text
