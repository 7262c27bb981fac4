"""Values as trees, which are compared by content whatever library their class comes from."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping, Sequence
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

_ATOMS = (
    str,
    bytes,
    bytearray,
    Number,
    date,
    time,
    timedelta,
    tzinfo,
    UUID,
    PurePath,
    Enum,
    type,
    type(None),
    EarlierId,
)
_MOST_DRAINED = 10_000
_DEEP = 50
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")
MARK = "changed by the caller"


class IncomparableError(Exception):
    """A value that cannot be compared by content."""

    def __init__(self, kind: type) -> None:
        super().__init__(f"cannot compare {kind.__module__}.{kind.__qualname__}, give view= to its Operation")


@dataclass(frozen=True)
class Drained:
    """The items of a generator, and the exception that ended it."""

    items: Any
    ended: BaseException | None = None


async def drained(result: Any) -> Any:
    """A result; a generator or another iterator is run to its end."""
    if not isinstance(result, (Iterator, AsyncIterator)):
        return result
    items = list[Any]()
    try:
        if isinstance(result, AsyncIterator):
            async for item in result:
                items.append(item)
                if len(items) >= _MOST_DRAINED:
                    break
        else:
            items.extend(item for _, item in zip(range(_MOST_DRAINED), result, strict=False))
    except Exception as error:  # noqa: BLE001  how it ends is part of what is compared
        return Drained(items, error)
    return items


def parts_of(value: Any) -> dict[str, Any] | None:
    """The parts of a value, each under the Python that leads to it: `.name`, `['key']` or `[0]`; None if it has none.

    Raises:
        IncomparableError: if it can be compared neither as one nor by its parts.
    """
    if isinstance(value, _ATOMS):
        return None
    if isinstance(value, Mapping):  # the order of keys does not count
        return dict(sorted((f"[{source(key)}]", value[key]) for key in value))
    if isinstance(value, Sequence) and not hasattr(value, "_fields"):
        return {f"[{index}]": one for index, one in enumerate(value)}
    if isinstance(value, AbstractSet):
        return {f"[{text}]": one for text, one in sorted((source(one), one) for one in value)}
    names = _names_of(value)
    if isinstance(value, BaseException) and not names:
        return {
            ".args": _ADDRESS.sub("0x…", str(value.args[0] if isinstance(value, KeyError) and value.args else value))
        }
    if not names:
        raise IncomparableError(type(value))
    return {f".{name}": _attribute(value, name) for name in names}


def _names_of(value: Any) -> list[str]:  # noqa: PLR0911  one for each kind of class
    kind: Any = type(value)
    if hasattr(kind, "_fields"):
        return [*kind._fields]
    if hasattr(kind, "model_fields"):  # pydantic
        shown = [name for name, one in kind.model_fields.items() if not one.exclude]
        return [*shown, *kind.model_computed_fields, *(value.model_extra or ())]
    if dataclasses.is_dataclass(kind):
        return [one.name for one in dataclasses.fields(kind)]
    if hasattr(kind, "__attrs_attrs__"):
        return [one.name for one in kind.__attrs_attrs__]
    if hasattr(kind, "DESCRIPTOR") and hasattr(value, "ListFields"):  # protobuf
        return [one.name for one in kind.DESCRIPTOR.fields if not one.has_presence or value.HasField(one.name)]
    if callable(value) or (hasattr(value, "__iter__") and hasattr(value, "__getitem__")):
        return []  # a function, or a container of a kind that is not known here
    slots = [slot for one in kind.__mro__ for slot in getattr(one, "__slots__", ())]
    named = [name for name in dict.fromkeys([*slots, *getattr(value, "__dict__", ())]) if not name.startswith("_")]
    return [name for name in named if hasattr(value, name)] or [*getattr(kind, "__match_args__", ())]


def _attribute(value: Any, name: str) -> Any:
    try:
        return getattr(value, name)
    except Exception as error:  # noqa: BLE001  what a property raises is compared as well
        return error


def parts_or_none(value: Any) -> dict[str, Any]:
    """The parts of a value; of one that cannot be taken apart none."""
    try:
        return parts_of(value) or {}
    except IncomparableError:
        return {}


def inside(value: Any, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every part of a value at any depth, with the Python that leads to it from the one around it."""
    for label, part in parts_or_none(value).items() if depth < _DEEP else ():
        yield label, part
        yield from inside(part, depth + 1)


def changes_of(value: Any, spared: Any, path: str = "") -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every change that a caller can make to a value in its place, and the Python that makes it, without the value."""
    if isinstance(value, dict):
        yield f"{path}[{MARK!r}] = True", partial(value.__setitem__, MARK, True)
    for kind, method, mark in ((list, "append", MARK), (set, "add", MARK), (bytearray, "extend", MARK.encode())):
        if isinstance(value, kind):
            yield f"{path}.{method}({mark!r})", partial(getattr(value, method), mark)
    for label, part in parts_or_none(value).items() if path.count(".") + path.count("[") < _DEEP else ():
        name = label[1:]
        if name in spared or name[1:-2] in spared or isinstance(value, (set, frozenset)):
            continue
        if label.startswith(".") and type(part) is str:
            yield f"{path}{label} = {MARK!r}", partial(setattr, value, name, MARK)
        yield from changes_of(part, spared, path + label)


@dataclass(frozen=True)
class Tree:
    """A value as it was at one moment. A leaf has no `parts`: its `value` is compared, `written` is what is read."""

    kind: type
    value: Any = None
    written: str = ""
    parts: Mapping[str, Tree] | None = None
    tolerance: float = 0.0

    @property
    def is_sequence(self) -> bool:
        """Whether it has parts in an order."""
        return self.parts is not None and issubclass(self.kind, Sequence) and not hasattr(self.kind, "_fields")

    @property
    def is_collection(self) -> bool:
        """Whether it is a list, a set or a mapping."""
        return self.is_sequence or issubclass(self.kind, (AbstractSet, Mapping))

    @property
    def is_nothing(self) -> bool:
        """Whether it is None, False, zero or empty."""
        return not self.value if self.parts is None else not self.parts

    @property
    def text(self) -> str:
        """The value as Python."""
        if self.parts is None:
            return self.written or source(self.value)
        inside = [(label, part.text) for label, part in self.parts.items()]
        if issubclass(self.kind, Mapping):
            written = f"{{{', '.join(f'{label[1:-1]}: {text}' for label, text in inside)}}}"
            return written if self.kind is dict else f"{self.kind.__name__}({written})"
        if self.is_collection:
            texts = ", ".join(text for _, text in inside)
            if issubclass(self.kind, tuple):
                return f"({texts}{',' if len(inside) == 1 else ''})"
            return f"[{texts}]" if self.is_sequence else f"{{{texts}}}" if inside else f"{self.kind.__name__}()"
        named = (text if label == ".args" else f"{label[1:]}={text}" for label, text in inside)
        return f"{self.kind.__name__}({', '.join(named)})"


class Id:
    """The kind of a leaf that is an id of the store: its value is the position among those that the store gave."""


class Observer:
    """Makes trees of one store's values. It knows the ids that the store gave, and the Python that names each."""

    def __init__(self) -> None:
        self.ids: list[Any] = []
        self.names: list[str] = []

    def look(self, value: Any, operation: Operation, name: str = WHOLE, depth: int = 0) -> Tree:
        """A value that this operation gave, as a tree.

        Raises:
            IncomparableError: if a part of it cannot be compared by content.
        """
        parts = parts_of(value) if depth < _DEEP else {}
        if parts is not None:
            generic = getattr(type(value), "__pydantic_generic_metadata__", None)
            kind = (generic and generic["origin"]) or type(value)
            named = ((label, _name(label, name), part) for label, part in parts.items())
            trees = {
                self._label(label): self.look(part, operation, inner, depth + 1)
                for label, inner, part in named
                if inner not in operation.ignored
            }
            return Tree(kind, parts=trees)
        if name in operation.ids and value in self.ids:
            position = self.ids.index(value)
            return Tree(Id, position, self.names[position])
        if name in operation.times and value is not None:
            zone = "aware" if getattr(value, "tzinfo", None) else "naive"
            return Tree(type(value), zone, f"<{zone} {type(value).__name__}>" if isinstance(value, date) else "<time>")
        if isinstance(value, str) and (matched := self._matched(value)) != value:
            return Tree(type(value), matched)
        kept = bytearray(value) if isinstance(value, bytearray) else value  # it may change
        return Tree(type(value), kept, tolerance=operation.tolerances.get(name, (0.0, ""))[0])

    def learn(self, value: Any, operation: Operation, path: str, name: str = WHOLE, depth: int = 0) -> None:
        """Remember the new ids in a result; `path` is the Python that names it."""
        for label, part in parts_or_none(value).items() if depth < _DEEP else ():
            self.learn(part, operation, path + label, _name(label, name), depth + 1)
        is_id = name in operation.ids and isinstance(value, Hashable) and isinstance(value, _ATOMS)
        if is_id and value not in (None, "", *self.ids):
            self.ids.append(value)
            self.names.append(path)

    def _label(self, label: str) -> str:
        """A key that is an id stands under its position."""
        known = label[2:-2] if label.startswith("['") else None
        return f"[<id {self.ids.index(known)}>]" if known in self.ids else label

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
    """`value`, `type`, `order` or `exception`."""
    what: str
    texts: tuple[str, str]
    path: tuple[str, ...] = ()
    is_loss: bool = False
    """Whether one has nothing where the other has something."""


def mismatches(one: Tree, other: Tree) -> Iterator[Mismatch]:
    """Every place where two values differ in value, type or order, as deep inside as possible."""
    if one.kind is other.kind and one.parts is not None and other.parts is not None:
        if one.parts.keys() == other.parts.keys():
            pairs = ((label, part, other.parts[label]) for label, part in one.parts.items())
            found = [replace(it, path=(label, *it.path)) for label, *pair in pairs for it in mismatches(*pair)]
        else:
            found = [_parts_mismatch(one, other)]
        is_order = found and one.is_sequence and _sorted(one) == _sorted(other)
        yield from [Mismatch("order", one.kind.__name__, (one.text, other.text))] if is_order else found
    elif one.kind is not other.kind:
        is_loss = type(None) in (one.kind, other.kind)
        names = f"{one.kind.__name__} / {other.kind.__name__}"
        yield Mismatch("value" if is_loss else "type", names, (one.text, other.text), is_loss=is_loss)
    elif not _alike(one, other):
        is_loss = one.is_nothing != other.is_nothing
        yield Mismatch("value", one.kind.__name__, (one.text, other.text), is_loss=is_loss)


def _parts_mismatch(one: Tree, other: Tree) -> Mismatch:
    """How two values of one kind differ that have not the same parts."""
    texts = one.text, other.text
    mine, theirs = (one.parts or {}).keys(), (other.parts or {}).keys()
    if len(mine) == len(theirs) and _texts_in(one) != _texts_in(other):
        return Mismatch("type", "keys", texts)
    return Mismatch("value", "length" if one.is_sequence else "keys", texts, is_loss=mine < theirs or theirs < mine)


def _texts_in(tree: Tree) -> int:
    """How many of the keys are text."""
    return sum(label[1] in "'\"" for label in tree.parts or ())


def _sorted(tree: Tree) -> list[str]:
    return sorted(part.text for part in (tree.parts or {}).values())


def _alike(one: Tree, other: Tree) -> bool:
    if one.tolerance and isinstance(one.value, (Number, date)):
        apart: Any = abs(one.value - other.value)
        return bool(getattr(apart, "total_seconds", lambda: apart)() <= one.tolerance)
    return bool(repr(one.value) == repr(other.value) if one.kind is float else one.value == other.value)
