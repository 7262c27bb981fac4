"""Values as trees, which are compared by content whatever library their class comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Number
from typing import Any

from conformance.text import full_name


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

    @property
    def outcome(self) -> str:
        """The exception, or that there is none."""
        return self.raised or "a result"


@dataclass(frozen=True)
class Mismatch:
    """Where two trees part: `path` is the Python that leads there, part by part."""

    kind: str  # `value`, `type`, `order`, `exception` or `message`
    what: str
    texts: tuple[str, str]
    path: tuple[str, ...] = ()


def mismatches(one: Tree, other: Tree) -> Iterator[Mismatch]:
    """Yield every place where two values differ in value, type or order, as deep inside as possible."""
    if one == other:
        return
    texts = one.text(), other.text()
    if one.kind is not other.kind:
        yield _of_kinds(one, other, texts)
        if {one.kind, other.kind} == {list, tuple}:  # that is accepted often, and a lost member is not
            yield from mismatches(replace(one, kind=other.kind), other)
    elif one.parts is None or other.parts is None:
        if not _is_tolerated(one, other):
            yield Mismatch("value", one.kind.__name__, texts)
    elif one.raised:
        yield Mismatch("message", one.raised, texts)
    else:
        yield from _in_parts(one, other, texts)


def _in_parts(one: Tree, other: Tree, texts: tuple[str, str]) -> Iterator[Mismatch]:
    mine, theirs = one.parts or {}, other.parts or {}
    if mine.keys() != theirs.keys():
        yield Mismatch("value", "length" if len(mine) != len(theirs) else "keys", texts)
    elif issubclass(one.kind, Sequence) and _members(one) == _members(other):
        yield Mismatch("order", one.kind.__name__, texts)
    else:
        for label, part in mine.items():
            for inner in mismatches(part, theirs[label]):
                yield replace(inner, path=(label, *inner.path))


def _of_kinds(one: Tree, other: Tree, texts: tuple[str, str]) -> Mismatch:
    if one.raised or other.raised:
        return Mismatch("exception", f"{one.outcome} / {other.outcome}", texts)
    kind = "value" if type(None) in (one.kind, other.kind) else "type"
    return Mismatch(kind, f"{one.kind.__name__} / {other.kind.__name__}", texts)


def _is_tolerated(one: Tree, other: Tree) -> bool:
    if not one.tolerance or not isinstance(one.value, Number):
        return False
    return bool(abs(one.value - other.value) <= one.tolerance)


def _members(tree: Tree) -> list[str]:
    return sorted(map(repr, (tree.parts or {}).values()))
