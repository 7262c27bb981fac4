"""The parts of a value, whatever library its class comes from, and values that cannot be taken apart."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cache
from pathlib import PurePath
from typing import Any
from uuid import UUID

from conformance.compare.operations.operation import EarlierId
from conformance.text import source

_ATOMS = (
    *(str, bytes, bytearray, int, float, complex, Decimal, Fraction, date, time, timedelta, tzinfo, UUID, PurePath),
    *(Enum, type, type(None), EarlierId),
)
_MOST_DRAINED = 10_000
_DEEP = 20
_ADDRESS = re.compile(r"0x[0-9a-f]{6,}")


class IncomparableError(Exception):
    """A value that cannot be compared by content."""

    def __init__(self, kind: type) -> None:
        super().__init__(f"cannot compare {kind.__module__}.{kind.__qualname__}, give view= to its Operation")


@dataclass(frozen=True)
class Part:
    """A part of a value: the Python that leads to it, its name if it has one, and itself."""

    label: str
    name: str | None
    value: Any


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
            for _, item in zip(range(_MOST_DRAINED), result, strict=False):
                items.append(item)
    except Exception as error:  # noqa: BLE001  how it ends is part of what is compared
        return Drained(items, error)
    return Drained(items)


def parts_of(value: Any) -> list[Part] | None:  # noqa: PLR0911  one for each kind of value
    """The parts of a value; None if it is compared as one.

    Raises:
        IncomparableError: if it can be neither.
    """
    if _is_atom(type(value)):  # type: ignore[arg-type]  # a class has a hash, which mypy does not see
        return None
    if isinstance(value, Mapping):  # the order of keys does not count
        found = [Part(f"[{source(key)}]", key if isinstance(key, str) else None, value[key]) for key in value]
        return sorted(found, key=lambda part: part.label)
    if isinstance(value, Sequence):
        names = getattr(value, "_fields", None)
        if names is not None:
            return _named(value, names)
        return [Part(f"[{index}]", None, one) for index, one in enumerate(value)]
    if isinstance(value, AbstractSet):
        return [Part(f"[{text}]", None, one) for text, one in sorted((source(one), one) for one in value)]
    if isinstance(value, BaseException):
        names = [name for name in vars(value) if not name.startswith("_")]
        told = _named(value, names)
        return told or [Part(".args", None, _ADDRESS.sub("0x…", str(value)))]
    if isinstance(value, Drained):
        return _named(value, ("items", "ended"))
    names = _attributes(value)
    if not names:
        raise IncomparableError(type(value))
    return _named(value, names)


def inside(value: Any, depth: int = 0) -> Iterator[Part]:
    """Every part of a value, at any depth."""
    try:
        parts = parts_of(value) if depth < _DEEP else None
    except IncomparableError:
        return
    for part in parts or ():
        yield part
        yield from inside(part.value, depth + 1)


def type_of(value: Any) -> type:
    """The type of a value; for a parametrized pydantic model the generic one."""
    generic = getattr(type(value), "__pydantic_generic_metadata__", None)
    return generic["origin"] or type(value) if generic else type(value)


@cache
def _is_atom(kind: type) -> bool:
    return issubclass(kind, _ATOMS)


def _named(value: Any, names: Any) -> list[Part]:
    return [Part(f".{name}", name, _attribute(value, name)) for name in names]


def _attribute(value: Any, name: str) -> Any:
    """An attribute, or the exception that reading it raises, which is compared as well."""
    try:
        return getattr(value, name)
    except Exception as error:  # noqa: BLE001  whatever a property raises
        return error


def _attributes(value: Any) -> list[str]:
    kind = type(value)
    if (declared := _declared(kind)) is not None:  # type: ignore[arg-type]  # as above
        return [*declared, *(getattr(value, "model_extra", None) or ())]
    if (descriptor := getattr(kind, "DESCRIPTOR", None)) is not None and hasattr(value, "ListFields"):  # protobuf
        return [field.name for field in descriptor.fields if not field.has_presence or value.HasField(field.name)]
    if callable(value) or (hasattr(value, "__iter__") and hasattr(value, "__getitem__")):
        return []  # a function, or a container of a kind that is not known here
    slots = [slot for one in kind.__mro__ for slot in _as_tuple(one.__dict__.get("__slots__", ()))]
    named = [*slots, *getattr(value, "__dict__", ())]
    found = [name for name in dict.fromkeys(named) if name not in ("__dict__", "__weakref__") and hasattr(value, name)]
    shown = getattr(kind, "__match_args__", ())  # what a class shows whose attributes are all private, as views are
    return [*shown] if shown and all(name.startswith("_") for name in found) else found


@cache
def _declared(kind: type) -> list[str] | None:
    """The fields that a class declares; None if it is of no kind that declares them all."""
    if (fields := getattr(kind, "model_fields", None)) is not None:  # pydantic
        return [*(name for name, field in fields.items() if not field.exclude), *kind.model_computed_fields]  # type: ignore[attr-defined]
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    if (attributes := getattr(kind, "__attrs_attrs__", None)) is not None:
        return [attribute.name for attribute in attributes]
    return None


def _as_tuple(slots: Any) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)
