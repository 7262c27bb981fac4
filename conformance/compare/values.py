"""Values as trees, which are compared by content whatever library their class comes from."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, time, timedelta, tzinfo
from enum import Enum
from functools import partial
from numbers import Number
from pathlib import PurePath
from typing import Any
from uuid import UUID

from conformance.compare.operation import WHOLE, EarlierId, Operation
from conformance.text import source

_ATOMS = (str, bytes, Number, date, time, timedelta, tzinfo, UUID, PurePath, Enum, type, type(None), EarlierId)
_DEEP = 50
MARK = "changed by the caller"


class IncomparableError(Exception):
    """A value that cannot be compared by content."""


async def drained(result: Any) -> Any:
    """A result; a generator or another iterator is run to its end."""
    if isinstance(result, AsyncIterator):
        return [item async for item in result]
    return list(result) if isinstance(result, Iterator) else result


def parts_of(value: Any) -> dict[str, Any] | None:
    """The parts of a value, each under the Python that leads to it: `.name`, `['key']` or `[0]`; None if it has none.

    Raises:
        IncomparableError: if it can be compared neither as one nor by its parts.
    """
    if isinstance(value, _ATOMS):
        return None
    if isinstance(value, Mapping):  # the order of keys does not count
        return {f"[{source(key)}]": value[key] for key in sorted(value, key=source)}
    if isinstance(value, AbstractSet):
        return {f"[{source(one)}]": one for one in sorted(value, key=source)}
    if isinstance(value, Sequence) and not hasattr(value, "_fields"):
        return {f"[{index}]": one for index, one in enumerate(value)}
    names = _names_of(value)
    if not names and isinstance(value, BaseException):
        text = value.args[0] if isinstance(value, KeyError) and value.args else value
        return {".args": re.sub(r"0x[0-9a-f]{6,}", "0x…", str(text))}
    if not names:
        raise IncomparableError(f"cannot compare {type(value).__name__}, give view= to its Operation")
    return {f".{name}": getattr(value, name) for name in names}


def _names_of(value: Any) -> list[str]:
    """The attributes of an object that make it what it is."""
    kind: Any = type(value)
    if callable(value) or (hasattr(value, "__getitem__") and not hasattr(kind, "_fields")):
        return []  # a function, or a container of a kind that is not known here
    slots = [slot for one in kind.__mro__ for slot in getattr(one, "__slots__", ())]
    named = [*getattr(kind, "_fields", ()), *slots, *getattr(value, "__dict__", ())]
    shown = [name for name in dict.fromkeys(named) if not name.startswith("_") and hasattr(value, name)]
    return shown or [*getattr(kind, "__match_args__", ())]


def parts_or_none(value: Any) -> dict[str, Any]:
    """The parts of a value; of one that cannot be taken apart none."""
    try:
        return parts_of(value) or {}
    except IncomparableError:
        return {}


def inside(value: Any) -> Iterator[tuple[str, Any]]:
    """Every part of a value at any depth, with the Python that leads to it from the one around it."""
    for label, part in parts_or_none(value).items():
        yield label, part
        yield from inside(part)


def changes_of(value: Any, spared: Any, path: str) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every change that a caller can make to a value in its place, as Python, and what makes it."""
    if isinstance(value, dict):
        yield f"{path}[{MARK!r}] = True", partial(value.__setitem__, MARK, True)
    if isinstance(value, list):
        yield f"{path}.append({MARK!r})", partial(value.append, MARK)
    if isinstance(value, set):
        yield f"{path}.add({MARK!r})", partial(value.add, MARK)
    for label, part in parts_or_none(value).items() if len(path) < _DEEP * 10 else ():
        name = _name(label, "")
        if label.startswith(".") and type(part) is str and name not in spared:
            yield f"{path}{label} = {MARK!r}", partial(setattr, value, name, MARK)
        yield from changes_of(part, spared, path + label)


@dataclass(frozen=True)
class Tree:
    """A value as it was at one moment. A leaf has no `parts`: its `value` is compared, and `written` is shown."""

    kind: type
    value: Any = None
    written: str = ""
    parts: Mapping[str, Tree] | None = None
    tolerance: float = 0.0

    @property
    def is_sequence(self) -> bool:
        """Whether it has parts in an order."""
        return issubclass(self.kind, Sequence) and self.parts is not None and not hasattr(self.kind, "_fields")

    @property
    def is_nothing(self) -> bool:
        """Whether it is None, False, zero or empty."""
        return not (self.value if self.parts is None else self.parts)

    @property
    def text(self) -> str:
        """The value as Python."""
        if self.parts is None:
            return self.written or source(self.value)
        named = [(label, part.text) for label, part in self.parts.items()]
        if issubclass(self.kind, Mapping):
            return f"{{{', '.join(f'{label[1:-1]}: {text}' for label, text in named)}}}"
        if self.is_sequence or issubclass(self.kind, AbstractSet):
            inside = ", ".join(text for _, text in named)
            if issubclass(self.kind, tuple):
                return f"({inside},)" if len(named) == 1 else f"({inside})"
            return f"[{inside}]" if self.is_sequence else f"{{{inside}}}"
        texts = (text if label == ".args" else f"{label[1:]}={text}" for label, text in named)
        return f"{self.kind.__name__}({', '.join(texts)})"


class Id:
    """The kind of a leaf that is an id of the store: its value is the position among those that the store gave."""


class Observer:
    """Makes trees of one store's values. It knows the ids that the store gave, and the Python that names each."""

    def __init__(self) -> None:
        self.ids: list[Any] = []
        self.names: list[str] = []

    def look(self, value: Any, operation: Operation, path: str = "", name: str = WHOLE, depth: int = 0) -> Tree:
        """A value that this operation gave, as a tree. With a path, the Python that names it, new ids are learned.

        Raises:
            IncomparableError: if a part of it cannot be compared by content.
        """
        parts = parts_of(value) if depth < _DEEP else {}
        if parts is not None:
            trees = {}
            for label, part in parts.items():
                inner = _name(label, name)
                if inner not in operation.ignored:
                    shown = f"[<id {self.ids.index(inner)}>]" if inner in self.ids else label
                    trees[shown] = self.look(part, operation, path and path + label, inner, depth + 1)
            return Tree(type(value), parts=trees)
        if name in operation.ids:
            if path and value not in (None, "", *self.ids):
                self.ids.append(value)
                self.names.append(path)
            if value in self.ids:
                position = self.ids.index(value)
                return Tree(Id, position, self.names[position])
        if name in operation.times and value is not None:
            zone = "aware" if getattr(value, "tzinfo", None) else "naive"
            return Tree(type(value), zone, f"<{zone} {type(value).__name__}>" if isinstance(value, date) else "<time>")
        kept = self._matched(value) if type(value) is str else value
        return Tree(type(value), kept, tolerance=operation.tolerances.get(name, (0.0, ""))[0])

    def _matched(self, text: str) -> str:
        """A text with names where ids stood that the store made; short ones may be words."""
        for position, known in enumerate(self.ids):
            if isinstance(known, str) and len(known) > 5 and known in text:  # noqa: PLR2004
                text = re.sub(rf"(?<!\w){re.escape(known)}(?!\w)", f"<id {position}>", text)
        return text


def _name(label: str, around: str) -> str:
    """The field that a part is; a member of a list is what the list is."""
    return label[1:] if label.startswith(".") else label[2:-2] if label[1] in "'\"" else around


@dataclass(frozen=True)
class Mismatch:
    """Where two trees part: `path` is the Python that leads there, part by part."""

    kind: str
    """`value`, `type`, `order`, `exception`, `message` or `hanging`."""
    what: str
    texts: tuple[str, str]
    path: tuple[str, ...] = ()


def mismatches(one: Tree, other: Tree) -> Iterator[Mismatch]:
    """Every place where two values differ in value, type or order, as deep inside as possible."""
    kind, what = "value", one.kind.__name__
    if one.kind is not other.kind:
        kind = "value" if type(None) in (one.kind, other.kind) else "type"
        what = f"{one.kind.__name__} / {other.kind.__name__}"
    elif one.parts is None or other.parts is None:
        if _alike(one, other):
            return
    elif one.is_sequence and one.text != other.text and _sorted(one) == _sorted(other):
        kind = "order"
    elif one.parts.keys() == other.parts.keys():
        for label, part in one.parts.items():
            yield from (replace(it, path=(label, *it.path)) for it in mismatches(part, other.parts[label]))
        return
    else:
        what = "length" if len(one.parts) != len(other.parts) else "keys"
    yield Mismatch(kind, what, (one.text, other.text))


def _sorted(tree: Tree) -> list[str]:
    return sorted(part.text for part in (tree.parts or {}).values())


def _alike(one: Tree, other: Tree) -> bool:
    if one.tolerance and isinstance(one.value, Number):
        return bool(abs(one.value - other.value) <= one.tolerance)
    return bool(repr(one.value) == repr(other.value) if one.kind is float else one.value == other.value)
