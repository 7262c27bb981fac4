"""Values as trees, which are compared by content whatever library their class comes from."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from numbers import Number
from typing import Any

from conformance.operations.operation import WHOLE, EarlierId, Operation, OperationsError
from conformance.operations.parts import parts_of
from conformance.text import full_name, source

_DEEP = 50
_WORD = 5
"""Letters of an id that may be a word, and is not replaced in texts."""
_LONG = 400
"""Letters of a value that are shown."""


@dataclass(frozen=True)
class Tree:
    """A value as it was at one moment: its parts are compared or, without parts, its `value`."""

    kind: type
    value: Any = None
    parts: Mapping[str, Tree] | None = None
    tolerance: float = 0.0
    text: Callable[[], str] = field(default=str, compare=False, repr=False)
    """Gives the beginning of the value as Python, as it is when asked."""

    @property
    def raised(self) -> str:
        """The full name of the exception, if it is one."""
        return full_name(self.kind) if issubclass(self.kind, BaseException) else ""


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


@dataclass(frozen=True)
class Mismatch:
    """Where two trees part: `path` is the Python that leads there, part by part."""

    kind: str  # `value`, `type`, `order`, `exception` or `message`
    what: str
    texts: tuple[str, str]
    path: tuple[str, ...] = ()


def mismatches(one: Tree, other: Tree) -> Iterator[Mismatch]:  # noqa: C901  one way to differ after the other
    """Every place where two values differ in value, type or order, as deep inside as possible."""
    if one == other:
        return
    kind, what = "value", one.kind.__name__
    mine, theirs = one.parts, other.parts
    if one.kind is not other.kind and (one.raised or other.raised):
        kind, what = "exception", f"{one.raised or 'a result'} / {other.raised or 'a result'}"
    elif one.kind is not other.kind:
        kind = "value" if type(None) in (one.kind, other.kind) else "type"
        what = f"{one.kind.__name__} / {other.kind.__name__}"
    elif mine is None or theirs is None:
        if one.tolerance and isinstance(one.value, Number) and abs(one.value - other.value) <= one.tolerance:
            return
    elif one.raised:
        kind, what = "message", one.raised
    elif mine.keys() != theirs.keys():
        what = "length" if len(mine) != len(theirs) else "keys"
    elif issubclass(one.kind, Sequence) and sorted(map(repr, mine.values())) == sorted(map(repr, theirs.values())):
        kind = "order"
    else:
        for label, part in mine.items():
            yield from (replace(it, path=(label, *it.path)) for it in mismatches(part, theirs[label]))
        return
    yield Mismatch(kind, what, (one.text(), other.text()))
    if kind == "type" and {one.kind, other.kind} == {list, tuple}:  # that is accepted often, and a lost member is not
        yield from mismatches(replace(one, kind=other.kind), other)
