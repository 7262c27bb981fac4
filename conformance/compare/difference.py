"""A difference: what is not the same on two sides, of which kind, and where."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from conformance.compare.picture import Id, Leaf, Node, Picture
from conformance.equality import same


class Kind(StrEnum):
    """How two sides differ."""

    VALUE = "value"
    TYPE = "type"
    EXCEPTION = "exception"
    ORDER = "order"
    ALIASING = "aliasing"
    """What was handed over changes later, or what a caller does to it reaches the store."""


Signature = tuple[str, Kind, str]
"""Operation, kind and description: what makes two findings one difference."""


@dataclass(frozen=True)
class Difference:
    """One difference between two subjects, with the shortest script found that shows it."""

    operation: str
    kind: Kind
    description: str
    script: tuple[str, ...]

    @property
    def signature(self) -> Signature:
        """What makes two findings one difference."""
        return self.operation, self.kind, self.description

    def __str__(self) -> str:
        return "\n".join([f"{self.operation}: {self.kind}, {self.description}", *(f"    {it}" for it in self.script)])


@dataclass(frozen=True)
class Outcome:
    """What a call came to on one side."""

    picture: Picture
    raised: bool
    awaited: bool

    @property
    def name(self) -> str:
        """The exception's full name, or that there was none."""
        kind = self.picture.type
        return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.") if self.raised else "a result"

    @property
    def text(self) -> str:
        """The outcome as a person reads it."""
        return f"raises {self.picture.text}" if self.raised else self.picture.text


@dataclass(frozen=True)
class Mismatch:
    """Where two outcomes part: `path` is the Python that leads there, part by part."""

    kind: Kind
    what: str
    texts: tuple[str, str]
    path: tuple[str, ...] = ()

    def describe(self, drawn: set[str]) -> str:
        """Which field it is and what differs there; keys that the caller drew, and indexes, are content, not a name."""
        named = [label for label in self.path if label not in drawn and not re.fullmatch(r"\[\d+\]", label)]
        return f"{''.join(named)} {self.what}".strip()


def outcome_mismatch(one: Outcome, other: Outcome) -> Mismatch | None:
    """How two outcomes of one call differ: as exceptions, or as results."""
    if one.name != other.name:
        return Mismatch(Kind.EXCEPTION, f"{one.name} / {other.name}", (one.text, other.text))
    found = mismatch(one.picture, other.picture)
    if found and one.raised:
        return Mismatch(Kind.EXCEPTION, f"{one.name}{found.describe(set())}", (one.text, other.text))
    return found


def mismatch(one: Picture, other: Picture) -> Mismatch | None:
    """How two values differ, as deep inside as can be told; None if they are the same in value, type and order."""
    if one.type is not other.type:
        return Mismatch(Kind.TYPE, f"{one.type.__name__} / {other.type.__name__}", (one.text, other.text))
    if isinstance(one, Leaf) or isinstance(other, Leaf):
        alike = isinstance(one, Leaf) and isinstance(other, Leaf) and same(one.value, other.value)
        return None if alike else Mismatch(Kind.VALUE, one.type.__name__, (one.text, other.text))
    if one.parts.keys() != other.parts.keys():
        return _keys_mismatch(one, other)
    for label, part in one.parts.items():
        if found := mismatch(part, other.parts[label]):
            if issubclass(one.type, (list, tuple)) and _rearranged(one, other):
                return Mismatch(Kind.ORDER, one.type.__name__, (_in_order(one), _in_order(other)))
            return replace(found, path=(label, *found.path))
    return None


def _keys_mismatch(one: Node, other: Node) -> Mismatch:
    texts = one.text, other.text
    if not issubclass(one.type, dict):
        return Mismatch(Kind.VALUE, f"{one.type.__name__} of another length", texts)
    only = one.parts.keys() - other.parts.keys(), other.parts.keys() - one.parts.keys()
    kinds = [{"text" if label[1] in "'\"" else "not text" for label in labels} for labels in only]
    if all(kinds) and kinds[0] != kinds[1]:
        return Mismatch(Kind.TYPE, "keys " + " / ".join(" or ".join(sorted(kind)) for kind in kinds), texts)
    return Mismatch(Kind.VALUE, "keys", texts)


def _rearranged(one: Node, other: Node) -> bool:
    left = list(other.parts.values())
    for part in one.parts.values():
        match = next((index for index, known in enumerate(left) if mismatch(part, known) is None), None)
        if match is None:
            return False
        del left[match]
    return True


def _in_order(sequence: Node) -> str:
    return f"[{', '.join(_name_of(part) for part in sequence.parts.values())}]"


def _name_of(picture: Picture) -> str:
    """The id in it, where there is one: enough to tell the order."""
    leaves = picture.parts.values() if isinstance(picture, Node) else [picture]
    ids = [leaf.text for leaf in leaves if isinstance(leaf, Leaf) and isinstance(leaf.value, Id)]
    return ids[0] if ids else picture.text
