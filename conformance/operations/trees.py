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
