"""Makes trees of what a store gives, with the ids that it gave in the words of a script."""

import re
from collections.abc import Collection
from functools import partial
from typing import Any

from conformance.operations.operation import WHOLE, EarlierId, Operation
from conformance.operations.parts import field_in, ids_in, parts_of
from conformance.operations.trees import Tree
from conformance.text import source

_DEEP = 50
_WORD = 5
"""Letters of an id that may be a word, and is not replaced in texts."""
_LONG = 400
"""Letters of a value that are shown."""
_FIRST_TIME = 10**8
"""The least whole number that is a time beside others in a tuple: seconds since 1970. Less counts something."""


class Observer:
    """Makes trees of one store's values. It knows the ids that the store gave, in order, and the Python of each."""

    def __init__(self) -> None:
        self.names: dict[Any, str] = {}
        self.recent: list[Any] = []
        """The ids in the order in which writes last gave them."""
        self.places: dict[Any, int] = {}
        """By id, how many others were seen before."""
        self.fields = {WHOLE}
        """The names of fields that results had."""
        self.opaque: dict[str, str] = {}
        """By operation, the class of a value of which nothing else can be compared."""

    def learn(self, value: Any, operation: Operation, path: str) -> None:
        """Note the ids in a result, which the Python `path` names."""
        given = {part: path + "".join(labels) for labels, part in ids_in(value, operation)}
        for part, text in given.items():
            self.names.setdefault(part, text)
        if len(given) == 1 and not operation.is_read:  # a listing may have them in any order
            self.recent = [each for each in self.recent if each not in given]
        self.recent += [part for part in given if part not in self.recent]

    def look(self, value: Any, operation: Operation, name: str = WHOLE, around: tuple[type, ...] = ()) -> Tree:
        """Return a value that this operation gave as a tree. `around` are the classes of the values that it is in."""
        if len(around) == _DEEP:
            return Tree(type(value))
        parts = parts_of(value)
        if parts is None:
            return self._leaf(value, operation, name, is_in_tuple=tuple in around[-1:])
        if not parts and not isinstance(value, Collection):
            self.opaque[operation.name] = type(value).__name__
        trees = {}
        for label, part in parts.items():
            inner = field_in(name, label)
            self.fields.add(inner)
            if inner not in operation.ignored:
                known = self.names.get(inner)
                trees[f"[{known}]" if known else label] = self.look(part, operation, inner, (*around, type(value)))
        return Tree(type(value), parts=trees, text=partial(self._text, value))

    def _leaf(self, value: Any, operation: Operation, name: str, *, is_in_tuple: bool) -> Tree:
        if name in operation.ids and value in self.names:
            place = self.places.setdefault(value, len(self.places))
            return Tree(EarlierId, place, text=partial(self.names.__getitem__, value))

        tolerance, _ = operation.tolerances.get(name, (0.0, ""))
        compared = value
        is_count = is_in_tuple and isinstance(value, int) and value < _FIRST_TIME
        if name in operation.times and not is_count:
            compared = getattr(value, "tzinfo", None) is None
        elif type(value) in (str, float) and not tolerance:
            compared = self.named(source(value), by_place=True)  # NaN is like itself then, and 0.0 unlike -0.0
        return Tree(type(value), compared, tolerance=tolerance, text=partial(self._text, value))

    def _text(self, value: Any) -> str:
        return self.named(f"{'raises ' if isinstance(value, BaseException) else ''}{source(value)}"[:_LONG])

    def named(self, text: str, *, by_place: bool = False) -> str:
        """The text with names in the place of ids, or their places; a short one may be a word."""
        for known, name in self.names.items():
            if isinstance(known, str) and len(known) > _WORD and known in text:
                named = name.replace("\\", r"\\")
                if by_place:
                    named = f"id {self.places.setdefault(known, len(self.places))}"
                text = re.sub(rf"'{re.escape(known)}'|(?<!\w){re.escape(known)}(?!\w)", named, text)
        return text
