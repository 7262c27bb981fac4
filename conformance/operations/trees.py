"""Values as trees, which are compared by content whatever library their class comes from."""

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
    parts: Mapping[str, "Tree"] = field(default_factory=dict)
    tolerance: float = 0.0
    text: Callable[[], str] = field(default=str, compare=False, repr=False)
    """Gives the beginning of the value as Python, as it is when asked."""

    @property
    def error(self) -> str:
        """The full name of the exception, if it is one."""
        return full_name(self.kind) if issubclass(self.kind, BaseException) else ""

    @property
    def outcome(self) -> str:
        """The exception, or that there is none."""
        return self.error or "a result"


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
    kind, what = _difference(one, other)
    if what:
        yield Mismatch(kind, what, (one.text(), other.text()))
    if {one.kind, other.kind} == {list, tuple}:  # that is accepted often, and a lost member is not
        yield from mismatches(replace(one, kind=other.kind), other)
    if kind:
        return
    for label, part in one.parts.items():
        for inner in mismatches(part, other.parts[label]):
            yield replace(inner, path=(label, *inner.path))


def _difference(one: Tree, other: Tree) -> tuple[str, str]:
    """Return the kind of a mismatch, and what it is between; nothing if the parts have to be compared."""
    mine = one.parts
    theirs = other.parts
    name = one.kind.__name__
    if one.kind is not other.kind:
        if one.error or other.error:
            return "exception", f"{one.outcome} / {other.outcome}"
        kind = "value" if type(None) in (one.kind, other.kind) else "type"
        return kind, f"{name} / {other.kind.__name__}"
    if one.value != other.value:
        is_near = one.tolerance and isinstance(one.value, Number) and abs(one.value - other.value) <= one.tolerance
        return "value", "" if is_near else name
    if one.error:
        return "message", one.error
    if mine.keys() != theirs.keys():
        return "value", "length" if len(mine) != len(theirs) else "keys"
    is_moved = issubclass(one.kind, Sequence) and sorted(map(repr, mine.values())) == sorted(map(repr, theirs.values()))
    return ("order", name) if is_moved else ("", "")
