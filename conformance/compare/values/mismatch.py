"""Where two snapshots differ, of which kind, and where in the value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from conformance.compare.values.snapshot import Id, Leaf, Node, Snapshot
from conformance.spec.equality import same


class Kind(StrEnum):
    """How two sides differ."""

    VALUE = "value"
    TYPE = "type"
    EXCEPTION = "exception"
    MESSAGE = "message"
    """Both raise the same exception, with other facts or another text."""
    ORDER = "order"
    ALIASING = "aliasing"
    """A value that the caller holds changes later, or a change of it by the caller reaches the store."""
    HANGING = "hanging"
    """One side does not return."""


NO_RETURN = "no return"
"""Used in place of an exception's name for a call that does not return."""


class HungError(Exception):
    """A call did not return in time."""


@dataclass(frozen=True)
class Outcome:
    """What a call returned or raised on one side."""

    snapshot: Snapshot
    raised: bool = False
    message: str = ""
    """What the exception says."""

    @property
    def name(self) -> str:
        """The full name of the exception; `a result` if there was none."""
        kind = self.snapshot.type
        if kind is HungError:
            return NO_RETURN
        return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.") if self.raised else "a result"

    @property
    def text(self) -> str:
        """The outcome as a person reads it."""
        if self.snapshot.type is HungError:
            return "does not return"
        return f"raises {self.snapshot.type.__name__}({self.message!r})" if self.raised else self.snapshot.text


@dataclass(frozen=True)
class Mismatch:
    """Where two outcomes part: `path` is the Python that leads there, part by part."""

    kind: Kind
    what: str
    texts: tuple[str, str]
    path: tuple[str, ...] = ()
    is_loss: bool = False
    """One side has nothing where the other has something."""

    def where(self, drawn: set[str]) -> str:
        """The fields that lead there; keys that the caller drew, and indexes, are content, not a name."""
        return "".join(label for label in self.path if label not in drawn and not re.fullmatch(r"\[(\d+|<.*)\]", label))


def outcome_mismatches(one: Outcome, other: Outcome) -> list[Mismatch]:
    """How two outcomes of one call differ: as exceptions, or as results."""
    if one.name != other.name:
        texts = one.text, other.text
        kind = Kind.HANGING if HungError in (one.snapshot.type, other.snapshot.type) else Kind.EXCEPTION
        return [Mismatch(kind, f"{one.name} / {other.name}", texts, is_loss=one.raised != other.raised)]
    found = list(mismatches(one.snapshot, other.snapshot))
    if found and one.raised:
        texts = (one.text, other.text) if one.text != other.text else (one.snapshot.text, other.snapshot.text)
        return [Mismatch(Kind.MESSAGE, one.name, texts)]
    return found


def mismatches(one: Snapshot, other: Snapshot) -> Iterator[Mismatch]:
    """Every place where two values differ in value, type or order, as deep inside as possible."""
    if one.type is not other.type and not _both_values(one, other):
        texts = one.text, other.text
        if type(None) in (one.type, other.type):
            yield Mismatch(Kind.VALUE, f"{_kind(one)} / {_kind(other)}", texts, is_loss=True)
        else:
            yield Mismatch(Kind.TYPE, f"{one.type.__name__} / {other.type.__name__}", texts)
    elif isinstance(one, Leaf) or isinstance(other, Leaf):
        if not (isinstance(one, Leaf) and isinstance(other, Leaf) and _alike(one, other)):
            texts = one.text, other.text
            yield Mismatch(Kind.VALUE, one.type.__name__, texts, is_loss=_is_nothing(one) != _is_nothing(other))
    elif one.is_sequence and (len(one.parts) > 1 or len(other.parts) > 1) and _is_rearranged(one, other):
        yield Mismatch(Kind.ORDER, one.type.__name__, (_in_order(one), _in_order(other)))
    elif one.parts.keys() != other.parts.keys():
        yield _keys_mismatch(one, other)
    else:
        for label, part in one.parts.items():
            for found in mismatches(part, other.parts[label]):
                yield replace(found, path=(label, *found.path))


def _both_values(one: Snapshot, other: Snapshot) -> bool:
    """Whether both are ids, whose types the stores choose."""
    return (
        isinstance(one, Leaf) and isinstance(other, Leaf) and isinstance(one.value, Id) and isinstance(other.value, Id)
    )


def _is_nothing(snapshot: Snapshot) -> bool:
    return not snapshot.value if isinstance(snapshot, Leaf) else not snapshot.parts


def _kind(snapshot: Snapshot) -> str:
    return "None" if snapshot.type is type(None) else "a value"


def _alike(one: Leaf, other: Leaf) -> bool:
    if one.tolerance and one.value != other.value:
        try:
            apart = abs(one.value - other.value)
            return bool(getattr(apart, "total_seconds", lambda: apart)() <= one.tolerance)
        except TypeError:
            return False
    return same(one.value, other.value)


def _keys_mismatch(one: Node, other: Node) -> Mismatch:
    texts = one.text, other.text
    if not issubclass(one.type, Mapping):
        return Mismatch(
            Kind.VALUE, f"{one.type.__name__} of another length", texts, is_loss=not (one.parts and other.parts)
        )
    only = one.parts.keys() - other.parts.keys(), other.parts.keys() - one.parts.keys()
    kinds = [{"text" if label[1] in "'\"" else "not text" for label in labels} for labels in only]
    if all(kinds) and kinds[0] != kinds[1]:
        return Mismatch(Kind.TYPE, "keys " + " / ".join(" or ".join(sorted(kind)) for kind in kinds), texts)
    return Mismatch(Kind.VALUE, "keys", texts, is_loss=not all(only))


def _is_rearranged(one: Node, other: Node) -> bool:
    """Whether two sequences hold the same values in different orders."""
    mine, left = [*one.parts.values()], [*other.parts.values()]
    if len(mine) != len(left) or all(next(mismatches(*pair), None) is None for pair in zip(mine, left, strict=True)):
        return False
    for part in mine:
        match = next((index for index, known in enumerate(left) if next(mismatches(part, known), None) is None), None)
        if match is None:
            return False
        del left[match]
    return True


def _in_order(sequence: Node) -> str:
    return f"[{', '.join(_name_of(part) for part in sequence.parts.values())}]"


def _name_of(snapshot: Snapshot) -> str:
    """The id in it, where there is one: enough to tell the order."""
    leaves = snapshot.parts.values() if isinstance(snapshot, Node) else [snapshot]
    ids = [leaf.text for leaf in leaves if isinstance(leaf, Leaf) and isinstance(leaf.value, Id)]
    return ids[0] if ids else snapshot.text
