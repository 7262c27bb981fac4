"""JSON values as text: what may be stored, and the one way it is written.

Python's own encoder turns a tuple into a list, a key `1` into `"1"` and takes NaN; a store of live objects would keep
each as it was. So that both modes agree, a value is looked at before it is written, and is kept as text from then on:
text is immutable, equal only when values are equal in type too (`1`, `1.0` and `true` differ), and keeps every digit.
"""

from __future__ import annotations

import json
from math import isfinite
from typing import Any, TypeAlias

from taskstore.errors import InvalidArgument

JsonObject: TypeAlias = dict[str, Any]
"""A dict from `str` to JSON values: `None`, `bool`, `int`, `float`, `str`, lists and dicts of these, no subclass."""

MAX_DEPTH = 100
_INT_BOUND = 10**4_300

write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode
"""Writes a value that was checked before."""
decode = json.loads
"""Reads text that `encode` wrote: a fresh value at every call."""
write_sorted = json.JSONEncoder(sort_keys=True).encode
"""Writes the same for values that are equal in value and type, whatever the order of their keys."""


def encode(argument: str, value: object, depth: int = MAX_DEPTH) -> str:
    """Write a JSON value as text, or refuse it, naming the place inside `argument`.

    Raises:
        InvalidArgument: for anything but exactly the JSON types, a non-finite float, an integer of more than 4,300
            digits, a lone surrogate, or lists and objects nested more than `depth` deep.
    """
    try:
        _check(value, depth)
    except InvalidArgument as fault:
        raise InvalidArgument(argument + fault.argument, fault.reason) from None
    return write(value)


def check_text(argument: str, value: object) -> str:
    """Return a value that is a text, and can be written.

    Raises:
        InvalidArgument: if it is not exactly `str`, or has a lone surrogate.
    """
    if type(value) is not str:
        raise InvalidArgument(argument, f"must be text, not {type(value).__name__}")
    if not (value.isascii() or is_encodable(value)):
        raise InvalidArgument(argument, "holds a lone surrogate, which has no UTF-8 form")
    return value


def is_encodable(text: str) -> bool:
    """Whether a text has a UTF-8 form, that is, no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check(value: Any, depth: int) -> None:
    """Refuse what `encode` refuses; the argument that is named is the place inside `value`."""
    kind = type(value)
    if kind is str:
        check_text("", value)
    elif kind is list or kind is dict:
        if depth == 0:
            raise InvalidArgument("", "is nested too deep")
        _check_inside(value, depth - 1)
    elif kind is int:
        if not -_INT_BOUND < value < _INT_BOUND:
            raise InvalidArgument("", "holds an integer of more than 4,300 digits")
    elif kind is float:
        if not isfinite(value):
            raise InvalidArgument("", "holds NaN or an infinity, which JSON has not")
    elif value is not None and kind is not bool:
        raise InvalidArgument("", f"holds a {kind.__name__}, which is not a JSON value")


def _check_inside(value: list[Any] | dict[Any, Any], depth: int) -> None:
    if isinstance(value, dict):
        for key in value:
            if type(key) is not str:
                raise InvalidArgument("", f"has a key that is not text but {type(key).__name__}")
            _check(key, depth)
    at: object = None
    try:
        for at, item in value.items() if isinstance(value, dict) else enumerate(value):  # noqa: B007  `except` reads it
            if type(item) is not str or not item.isascii():  # what most values are needs no call
                _check(item, depth)
    except InvalidArgument as fault:
        fault.argument = f"[{at!r}]{fault.argument}"
        raise
