"""The parts of a value, whatever library its class comes from."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta, tzinfo
from enum import Enum
from inspect import isawaitable
from numbers import Number
from pathlib import PurePath
from typing import Any
from uuid import UUID

from conformance.operations.operation import EarlierId, Operation
from conformance.text import source

_ATOMS = (str, bytes, Number, date, time, timedelta, tzinfo, UUID, PurePath, Enum, type, type(None), EarlierId)
_DEEP = 50


async def drained(result: Any) -> Any:
    """A result; a generator or another iterator is run to its end."""
    if isinstance(result, AsyncIterator):
        return [item async for item in result]
    return list(result) if isinstance(result, Iterator) else result


async def settled(operation: Operation, result: Any) -> Any:
    """What comes out of a call that was begun, as it is compared."""
    if isawaitable(result):
        result = await result
    result = await drained(result)
    return operation.view(result) if operation.view else result


def parts_of(value: Any) -> dict[str, Any] | None:
    """The parts of a value, each under the Python that leads to it: `.name`, `['key']` or `[0]`.

    None if it is compared as it is, and no parts if it cannot be taken apart.
    """
    kind = type(value)
    if isinstance(value, _ATOMS):
        return None
    if isinstance(value, Mapping | AbstractSet):  # the order of keys does not count
        keys = sorted(value, key=source)
        return {f"[{source(key)}]": value[key] if isinstance(value, Mapping) else key for key in keys}
    if isinstance(value, Sequence) and not hasattr(kind, "_fields"):
        return {f"[{index}]": one for index, one in enumerate(value)}
    if callable(value) or (hasattr(kind, "__getitem__") and not hasattr(kind, "_fields")):
        return {}  # a function, or a container of a kind that is not known here
    slots = [slot for one in kind.__mro__ for slot in getattr(one, "__slots__", ())]
    named = *slots, *getattr(value, "__dict__", ()), *getattr(kind, "__match_args__", ())
    parts = {f".{name}": getattr(value, name) for name in named if not name.startswith("_") and hasattr(value, name)}
    return parts or (
        {".args": re.sub(r"0x[0-9a-f]{6,}", "0x…", str(value))} if isinstance(value, BaseException) else {}
    )


def inside(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A value and every part of it at any depth, each with the Python that leads there, label by label."""
    yield path, value
    for label, part in (parts_of(value) or {}).items() if len(path) < _DEEP else ():
        yield from inside(part, (*path, label))


def imports_of(value: Any, text: str) -> list[str]:
    """The Python that imports the classes of a value and of its parts, as far as a text names them."""
    kinds = {("datetime", "UTC")}
    for _, part in inside(value):
        kinds.add((type(part).__module__, type(part).__name__))
    named = [(module, name) for module, name in sorted(kinds) if re.search(rf"\b{name}\b", text)]
    return [f"from {module} import {name}" for module, name in named if module != "builtins"]
