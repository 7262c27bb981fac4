"""The parts of a value, whatever library its class comes from."""

import re
from collections.abc import Iterator, Mapping, MappingView, Sequence
from collections.abc import Set as AbstractSet
from datetime import date, time, timedelta, tzinfo
from enum import Enum
from functools import cache, reduce
from inspect import isawaitable
from numbers import Number
from pathlib import PurePath
from typing import Any
from uuid import UUID

from conformance.operations.operation import WHOLE, EarlierId, Operation
from conformance.text import source

_ATOMS = (str, bytes, Number, date, time, timedelta, tzinfo, UUID, PurePath, Enum, type, type(None), EarlierId)
_LAZY: Any = Iterator, MappingView
"""Classes of results that ask the store when they are read."""
_DEEP = 50


async def drained(result: Any) -> Any:
    """A result; an iterator is run to its end, and a view of a mapping is read."""
    if hasattr(type(result), "__anext__"):  # asked of its class, which answers sooner than the object
        return [item async for item in result]
    return read(result)


def read(result: Any) -> Any:
    """A result; what would ask the store when it is read is read now."""
    return [*result] if isinstance(result, _LAZY) else result


async def awaited(result: Any) -> Any:
    """A result, awaited if it has to be."""
    return await result if isawaitable(result) else result


async def settled(operation: Operation, result: Any) -> Any:
    """Await a call that was begun, and return its result as it is compared."""
    result = await drained(await awaited(result))
    return operation.view(result) if operation.view else result


def parts_of(value: Any) -> dict[str, Any] | None:
    """The parts of a value, each under the Python that leads to it: `.name`, `['key']` or `[0]`.

    None if it is compared as it is, and no parts if it cannot be taken apart.
    """
    kind: Any = type(value)
    if _is_whole(kind):
        return None
    if isinstance(value, Mapping):  # the order of keys does not count
        return {f"[{source(key)}]": value[key] for key in sorted(value, key=source)}
    if isinstance(value, AbstractSet):
        return {f"[{source(member)}]": member for member in sorted(value, key=source)}
    if not hasattr(kind, "_fields"):  # no named tuple
        if isinstance(value, Sequence):
            return {f"[{index}]": member for index, member in enumerate(value)}
        if callable(value) or _is_closed(kind):
            return {}
    return _attributes_of(value)


@cache
def _is_whole(kind: type) -> bool:
    """Whether values of a class are compared as they are. The answer is kept, for every part of every result asks."""
    return issubclass(kind, _ATOMS)


@cache
def _is_closed(kind: type) -> bool:
    """Whether values of a class cannot be taken apart: a lock, or a container of a kind that is not known here."""
    return any(hasattr(kind, name) for name in ("__getitem__", "__enter__", "__aenter__"))


def _attributes_of(value: Any) -> dict[str, Any]:
    """The public attributes of an object; the text of an exception that has none."""
    names = [name for kind in type(value).__mro__ for name in getattr(kind, "__slots__", ())]
    names += [*getattr(value, "__dict__", ()), *getattr(type(value), "__match_args__", ())]
    public = [name for name in dict.fromkeys(names) if name[:1] != "_" and hasattr(value, name)]
    parts = {f".{name}": getattr(value, name) for name in public}
    if not parts and isinstance(value, BaseException):
        parts[".args"] = re.sub(r"0x[0-9a-f]{6,}", "0x…", str(value))
    return parts


def inside(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """A value and every part of it at any depth, each with the Python that leads there, label by label."""
    yield path, value
    for label, part in (parts_of(value) or {}).items() if len(path) < _DEEP else ():
        yield from inside(part, (*path, label))


def field_in(around: str, label: str) -> str:
    """Return the name of a field; an item of a list or tuple goes by that of what it is in."""
    if label.startswith("."):
        return label[1:]
    return label[2:-2] if label[1] in "'\"" else around


def ids_in(result: Any, operation: Operation) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the ids that the store put into a result of an operation, each with the Python that leads there."""
    if operation.ids == ():  # `WHOLE` is empty
        return
    for path, part in inside(result):
        is_named = reduce(field_in, path, WHOLE) in operation.ids
        if is_named and part not in (None, "") and parts_of(part) is None:
            yield path, part


def imports_of(value: Any, text: str) -> Iterator[str]:
    """Yield the Python that imports the classes of a value and of its parts, as far as a text names them."""
    kinds = {(type(part).__module__, type(part).__name__) for _, part in inside(value)}
    for module, name in sorted({*kinds, ("datetime", "UTC")}):
        if module != "builtins" and re.search(rf"\b{name}\b", text):
            yield f"from {module} import {name}"
