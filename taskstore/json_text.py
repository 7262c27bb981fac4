"""JSON values as text: what may be stored, and the one way to write it.

msgspec turns a tuple into a list, a key `1` into `"1"` and NaN into `null`. So that nothing changes on its way through
a store, a value is checked before it is written. It is kept as text from then on: text is immutable, and texts of
values that differ in type differ (`1`, `1.0` and `true`).
"""

from math import isfinite
from typing import Any, TypeAlias

import msgspec

from taskstore.errors import InvalidArgument

JsonObject: TypeAlias = dict[str, Any]
"""A dict from `str` to JSON values: `None`, `bool`, `int`, `float`, `str`, lists and dicts of these, no subclass."""

MAX_DEPTH = 100
_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1
_SURROGATE = "holds a lone surrogate, which has no UTF-8 form"
_write = msgspec.json.Encoder().encode
_write_sorted = msgspec.json.Encoder(order="sorted").encode
_read = msgspec.json.Decoder().decode


def encode(argument: str, value: object, depth: int = MAX_DEPTH) -> str:
    """Check a JSON object, and write it as text."""
    if type(value) is not dict:
        raise InvalidArgument(argument, f"must be a JSON object, not {type(value).__name__}")
    _check(argument, value, depth)
    try:
        return write(value)
    except UnicodeEncodeError:
        raise InvalidArgument(argument, _SURROGATE) from None


def write(value: object) -> str:
    """Write a value that was checked before."""
    return _write(value).decode()


def decode(text: str | bytes) -> Any:
    """Read JSON. What is not JSON, or nested too deep to be read, raises `ValueError`."""
    try:
        return _read(text)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise ValueError(str(fault)) from None


def in_order(text: str) -> bytes:
    """Write JSON text again, with keys in their order: equal for values that are equal in value and type."""
    return _write_sorted(decode(text))


def check_text(argument: str, value: object) -> str:
    """Return a value that is exactly `str`, and can be written."""
    if type(value) is not str:
        raise InvalidArgument(argument, f"must be text, not {type(value).__name__}")
    try:
        value.isascii() or value.encode()  # what is ASCII is not copied
    except UnicodeEncodeError:
        raise InvalidArgument(argument, _SURROGATE) from None
    return value


def _check(argument: str, value: Any, depth: int) -> None:  # noqa: C901  one rule for each type
    """Check a list or a dict, and what it holds."""
    if depth == 0:
        raise InvalidArgument(argument, "is nested too deep")
    if type(value) is dict:
        for key in value:
            if type(key) is not str:
                raise InvalidArgument(argument, f"has a key that is not text but {type(key).__name__}")
        value = value.values()
    for item in value:
        kind = type(item)
        if kind is str or kind is bool or item is None:
            continue
        if kind is int:
            if not _MIN_INT <= item <= _MAX_INT:
                raise InvalidArgument(argument, "holds an integer that is not from -2**63 to 2**64 - 1")
        elif kind is float:
            if not isfinite(item):
                raise InvalidArgument(argument, "holds NaN or an infinity, which JSON has not")
        elif kind is dict or kind is list:
            _check(argument, item, depth - 1)
        else:
            raise InvalidArgument(argument, f"holds a {kind.__name__}, which is not a JSON value")
