"""A snapshot: a value as it was at one moment, in a form in which two sides can be compared."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date
from typing import Any

from conformance.compare.operations.operation import WHOLE, EarlierId, Operation
from conformance.compare.values.parts import IncomparableError, parts_of, type_of
from conformance.text import source


@dataclass(frozen=True)
class Id:
    """The position of an id among those that a side gave. It is negative if only one side gave it."""

    position: int


@dataclass(frozen=True)
class Leaf:
    """A value without parts. `value` is what is compared, `text` what a person reads."""

    type: type
    value: Any
    named: str = ""
    """The text for people, if it is not the value."""
    tolerance: float = 0.0

    @property
    def text(self) -> str:
        """The value as a person reads it."""
        return self.named or source(self.value)


@dataclass(frozen=True)
class Node:
    """A value with parts, each under the Python that leads to it: `.name`, `['key']` or `[0]`."""

    type: type
    parts: dict[str, Snapshot]

    @property
    def is_sequence(self) -> bool:
        """Whether the parts have an order."""
        return issubclass(self.type, Sequence) and not hasattr(self.type, "_fields")

    @property
    def is_collection(self) -> bool:
        """Whether it is a sequence or a set."""
        return self.is_sequence or issubclass(self.type, AbstractSet)

    @property
    def text(self) -> str:
        """The value as a person reads it."""
        inside = [(label, part.text) for label, part in self.parts.items()]
        if issubclass(self.type, Mapping):
            written = "{" + ", ".join(f"{label[1:-1]}: {text}" for label, text in inside) + "}"
            return written if self.type is dict else f"{self.type.__name__}({written})"
        if self.is_sequence:
            texts = ", ".join(text for _, text in inside)
            return f"({texts}{',' if len(inside) == 1 else ''})" if issubclass(self.type, tuple) else f"[{texts}]"
        if issubclass(self.type, AbstractSet):
            return "{" + ", ".join(text for _, text in inside) + "}" if inside else f"{self.type.__name__}()"
        if [*self.parts] == [".args"]:
            return f"{self.type.__name__}({inside[0][1]})"
        return f"{self.type.__name__}({', '.join(f'{label[1:]}={text}' for label, text in inside)})"


Snapshot = Leaf | Node


class Observer:
    """Makes snapshots of one side's values. It knows the ids that the side gave, and the Python that names each."""

    def __init__(self) -> None:
        self.ids: list[Any] = []
        self.names: list[str] = []
        self._positions: dict[Any, int] = {}
        self._in_texts: dict[int, str] = {}
        """Ids that may stand in a text; shorter ones may be words."""
        self._alone = 0

    def look(self, value: Any, operation: Operation) -> Snapshot:
        """A snapshot of a value that this operation took or gave.

        Raises:
            IncomparableError: if a part of it cannot be compared by content.
        """
        return self._look(value, operation, WHOLE, 0)

    def new_ids(self, value: Any, operation: Operation) -> list[tuple[Any, str]]:
        """The ids in a result that were not known, each with the Python that leads to it."""
        found: dict[Any, tuple[Any, str]] = {}
        for one, path in _ids_in(value, operation, WHOLE, "", 0):
            if isinstance(one, Hashable) and self._position(one) is None:
                found.setdefault((type(one), one), (one, path))
        return list(found.values())

    def learn(self, one: Any, name: str) -> int:
        """Remember an id that both sides gave, which a script can name."""
        self._positions[type(one), one] = position = len(self.ids)
        self.ids.append(one)
        if isinstance(one, str) and len(one) > 5:  # noqa: PLR2004
            self._in_texts[position] = one
        self.names.append(name)
        return position

    def learn_alone(self, one: Any) -> int:
        """Remember an id that this side alone gave."""
        self._alone -= 1
        self._positions[type(one), one] = self._alone
        return self._alone

    def _look(self, value: Any, operation: Operation, name: str, depth: int) -> Snapshot:
        parts = parts_of(value)
        if parts is not None:
            if depth > 100:  # noqa: PLR2004  deeper than any result that a person looks at
                return Leaf(type(value), "…", "…")
            return Node(
                type_of(value),
                {
                    self._label(part.label, value, operation): self._look(
                        part.value, operation, name if part.name is None else part.name, depth + 1
                    )
                    for part in parts
                    if part.name not in operation.ignored
                },
            )
        position = self._position(value)
        if name in operation.ids and position is not None:
            return Leaf(type(value), Id(position), self._name(position))
        if name in operation.times and value is not None:
            zone = "aware" if getattr(value, "tzinfo", None) else "naive"
            return Leaf(type(value), zone, f"<{zone} {type(value).__name__}>" if isinstance(value, date) else "<time>")
        if isinstance(value, str) and (matched := self.matched(value)) != value:
            return Leaf(type(value), matched)
        kept = bytearray(value) if isinstance(value, bytearray) else value  # it may change
        return Leaf(type(value), kept, "", operation.tolerances.get(name, (0.0, ""))[0])

    def _label(self, label: str, container: Any, operation: Operation) -> str:
        """A key that is an id stands under its position."""
        if not self.ids or not label.startswith("['") or not isinstance(container, Mapping):
            return label
        position = self._positions.get((str, label[2:-2]))
        return label if position is None else f"[<id {position}>]"

    def _name(self, position: int) -> str:
        return self.names[position] if position >= 0 else f"<id of this side alone {-position}>"

    def _position(self, given: Any) -> int | None:
        return self._positions.get((type(given), given)) if isinstance(given, Hashable) else None

    def matched(self, text: str) -> str:
        """A text with names where ids stood that the store made."""
        for position, known in self._in_texts.items():
            if known in text:
                text = re.sub(rf"(?<!\w){re.escape(known)}(?!\w)", f"<id {position}>", text)
        return text


def _ids_in(value: Any, operation: Operation, name: str, path: str, depth: int) -> Iterable[tuple[Any, str]]:
    try:
        parts = parts_of(value) if depth < 100 else None  # noqa: PLR2004  as above
    except IncomparableError:
        return
    for part in parts or ():
        yield from _ids_in(
            part.value, operation, name if part.name is None else part.name, path + part.label, depth + 1
        )
    if parts is None and name in operation.ids and value is not None and value != "":
        yield value, path


def mentions(snapshot: Snapshot, entries: set[Any]) -> bool:
    """Whether one of these entries is in a snapshot, as an id or as a key."""
    if isinstance(snapshot, Leaf):
        return isinstance(snapshot.value, Hashable) and (type(snapshot.value), snapshot.value) in entries
    return any(mentions(part, entries) for part in snapshot.parts.values())


def without(snapshot: Snapshot, entries: set[Any]) -> Snapshot:
    """A snapshot of a listing without the members that mention one of these entries."""
    if isinstance(snapshot, Leaf) or not entries:
        return snapshot
    kept = {
        label: without(part, entries)
        for label, part in snapshot.parts.items()
        if not ((snapshot.is_sequence or issubclass(snapshot.type, (Mapping, AbstractSet))) and mentions(part, entries))
        and not _is_key(label, entries)
    }
    if snapshot.is_sequence:
        kept = {f"[{index}]": part for index, part in enumerate(kept.values())}
    return Node(snapshot.type, kept)


def _is_key(label: str, entries: set[Any]) -> bool:
    return any(
        label in (f"[{source(value)}]", f"[<id {value.position}>]" if isinstance(value, Id) else "")
        for _, value in entries
    )


def filled(value: Any, replace: Any) -> Any:
    """A drawn value with every `EarlierId` in it replaced."""
    if isinstance(value, EarlierId):
        return replace(value)
    if type(value) in (list, tuple, set, frozenset):
        return type(value)(filled(one, replace) for one in value)
    if type(value) is dict:
        return {filled(key, replace): filled(one, replace) for key, one in value.items()}
    return value
