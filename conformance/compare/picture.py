"""A picture: what a value looked like at one moment, in a form that two sides can be compared by."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from math import isfinite
from typing import Any

from pydantic import BaseModel

from conformance.compare.operation import WHOLE, Operation
from taskstore import TaskStoreError

_SHOWN = 60
_ADDRESS = re.compile(r"0x[0-9a-f]+")


@dataclass(frozen=True)
class Id:
    """Which of the ids that a side gave this is."""

    position: int


@dataclass(frozen=True)
class Leaf:
    """A value without parts. `value` is what is compared, `text` what a person reads."""

    type: type
    value: Any
    text: str


@dataclass(frozen=True)
class Node:
    """A value with parts, each under the Python that leads to it: `.name`, `['key']` or `[0]`."""

    type: type
    parts: dict[str, Picture]

    @property
    def text(self) -> str:
        """The value as a person reads it."""
        inside = [(label, part.text) for label, part in self.parts.items()]
        if issubclass(self.type, dict):
            written = "{" + ", ".join(f"{label[1:-1]}: {text}" for label, text in inside) + "}"
            return written if self.type is dict else f"{self.type.__name__}({written})"
        if issubclass(self.type, (list, tuple)):
            return _row(self.type, (text for _, text in inside))
        return f"{self.type.__name__}({', '.join(f'{label[1:]}={text}' for label, text in inside)})"


Picture = Leaf | Node


def parts_of(value: Any) -> list[tuple[str, str | None, Any]] | None:
    """The parts of a value: the Python that leads to each, its name if it has one, itself. None if it has no parts.

    Keys come in a fixed order: theirs does not count.
    """
    if isinstance(value, dict):
        return sorted(((f"[{source(key)}]", str(key), part) for key, part in value.items()), key=lambda part: part[0])
    if isinstance(value, (list, tuple)):
        return [(f"[{index}]", None, part) for index, part in enumerate(value)]
    return [(f".{name}", name, getattr(value, name)) for name in names] if (names := _attributes(value)) else None


def _attributes(value: Any) -> list[str]:
    if isinstance(value, BaseModel):
        kind = type(value)
        return [name for name, known in kind.model_fields.items() if not known.exclude] + [*kind.model_computed_fields]
    if isinstance(value, (Enum, type)) or callable(value):
        return []
    if dataclasses.is_dataclass(value):
        return [known.name for known in dataclasses.fields(value)]
    return list(getattr(value, "__dict__", {}))


def source(value: Any) -> str:
    """The Python that makes a value."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, BaseModel):
        given = (f"{name}={source(getattr(value, name))}" for name in sorted(value.model_fields_set))
        return f"{type(value).__name__}({', '.join(given)})"
    if isinstance(value, str):
        return _text_source(value)
    if type(value) is float and not isfinite(value):
        return f"float('{value}')"
    if type(value) is dict:
        return "{" + ", ".join(f"{source(key)}: {source(part)}" for key, part in value.items()) + "}"
    return _row(type(value), map(source, value)) if type(value) in (list, tuple) else repr(value)


def _text_source(value: str) -> str:
    if len(value) > _SHOWN and value == value[0] * len(value):
        return f"{value[0]!r} * {len(value)}"
    written = str.__repr__(value)
    return written if type(value) is str else f"{type(value).__name__}({written})"


def _row(kind: type, parts: Iterable[str]) -> str:
    """A list or a tuple of parts that are Python already."""
    inside = [*parts]
    if issubclass(kind, list):
        return f"[{', '.join(inside)}]"
    return f"({inside[0]},)" if len(inside) == 1 else f"({', '.join(inside)})"


class Observer:
    """Makes the pictures of one side, and knows the ids that it gave, and the Python that names each."""

    def __init__(self) -> None:
        self.ids: list[Any] = []
        self.names: list[str] = []
        self._positions: dict[Any, int] = {}

    def look(self, value: Any, operation: Operation) -> Picture:
        """A picture of a value that this operation took or gave."""
        return self._look(value, operation, WHOLE)

    def learn(self, value: Any, operation: Operation, expression: str, name: str = WHOLE) -> None:
        """Remember the ids in a result, which a script can name by `expression`."""
        parts = parts_of(value)
        for label, own_name, part in parts or ():
            self.learn(part, operation, expression + label, name if own_name is None else own_name)
        if parts is not None or name not in operation.ids or value is None or not isinstance(value, Hashable):
            return
        if self._position(value) is None:
            self._positions[type(value), value] = len(self.ids)
            self.ids.append(value)
            self.names.append(expression)

    def look_at_exception(self, error: Exception, operation: Operation) -> Picture:
        """A picture of an exception: its fields if it is the contract's, else its message, with ids matched."""
        fields = vars(error) if isinstance(error, TaskStoreError) else {"message": self._matched(str(error))}
        return Node(type(error), {f".{name}": self._look(field, operation, name) for name, field in fields.items()})

    def _look(self, value: Any, operation: Operation, name: str) -> Picture:
        parts = parts_of(value)
        if parts is not None:
            looks = {
                label: self._look(part, operation, name if own_name is None else own_name)
                for label, own_name, part in parts
            }
            return Node(type(value), looks)
        if name in operation.ids and (position := self._position(value)) is not None:
            return Leaf(type(value), Id(position), self.names[position])
        if name in operation.times and value is not None:
            zone = "aware" if isinstance(value, datetime) and value.tzinfo else "naive"
            return Leaf(type(value), zone, f"<{zone} {type(value).__name__}>")
        return Leaf(type(value), value, source(value))

    def _position(self, given: Any) -> int | None:
        return self._positions.get((type(given), given)) if isinstance(given, Hashable) else None

    def _matched(self, message: str) -> str:
        """A message with names where ids and addresses of objects stood."""
        for position, known in enumerate(self.ids):
            if str(known):
                message = re.sub(rf"(?<!\w){re.escape(str(known))}(?!\w)", f"<id {position}>", message)
        return _ADDRESS.sub("0x…", message)
