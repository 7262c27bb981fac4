"""Keys and values that stores have been seen to treat differently, and strategies of them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from uuid import UUID

from conformance.text import source

if TYPE_CHECKING:  # the suite draws nothing from strategies, and Hypothesis takes a moment to import
    from hypothesis import strategies as st


_T = TypeVar("_T")


class Number(IntEnum):
    """An integer of another type."""

    ONE = 1


class Colour(Enum):
    """A value of an enum."""

    RED = "red"


class Text(str):
    """A text of another type."""

    __slots__ = ()


class Pair(NamedTuple):
    """A named tuple."""

    one: int
    two: int


@dataclass
class Point:
    """A plain object."""

    x: int
    y: int


# fmt: off
KEYS: tuple[str, ...] = (
    "k", "key", "a", "a:b", "a::b", "a:", ":a", "a/b", "a.b", "a|b", "a b", "A", "*", "a*", "?", "[a]", "\\", "{a}",
    "%s", "é", "e\u0301", "文字", "𝄞", "7", "-1", "None", "null", "", " a", "\n", "\x00", "\ud800", "k" * 300,
    "k" * 70_000,
)
"""Prefixes and separators of each other, globs, case, Unicode forms, long and empty ones."""

JSON_VALUES: tuple[Any, ...] = (
    "text", 1, 0, -1, 1.5, 1.0, True, False, None, "", "7", "é", "e\u0301", "\x00", [], {}, [1, "a", None], {"a": 1},
    {"a": {"b": []}}, -0.0, 2**53 + 1, 2**70, "x" * 100_000,
)
"""Values that JSON can hold. No number is longer than a client library survives: more is for a strategy of your own."""

OTHER_VALUES: tuple[Any, ...] = (
    (), (1, 2), Pair(1, 2), {1, 2}, frozenset({1}), b"bytes", b"", bytearray(b"bytes"),
    datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1), date(2026, 1, 1), timedelta(seconds=1),  # noqa: DTZ001
    Decimal("1.10"), UUID(int=7), OrderedDict(a=1), Number.ONE, Colour.RED, Text("text"), Point(1, 2),
    float("nan"), float("inf"), "\ud800", "\ud83d\ude00", {1: "a"}, {None: "a"}, {1: "a", "1": "b"}, {("a", 1): "a"},
)
"""Values that JSON cannot hold, or changes."""
# fmt: on
DRAWN: set[str] = set()
"""What one pool drew from these strategies, as Python: a value of the user's own of the same class is tried first."""
HOSTILE_VALUES = JSON_VALUES + OTHER_VALUES
NESTED: tuple[Any, ...] = tuple(made for value in OTHER_VALUES for made in ({"a": value}, [value]))
"""The same inside others."""


def values() -> st.SearchStrategy[Any]:
    """Values of every kind, alone and inside others."""
    from hypothesis import strategies as st

    return (st.sampled_from(HOSTILE_VALUES) | st.sampled_from(NESTED)).map(_noted)


def keys() -> st.SearchStrategy[str]:
    """Texts that are hostile as keys, and plain ones."""
    from hypothesis import strategies as st

    texts = st.sampled_from(KEYS) | st.text(max_size=8) | st.text("abc", min_size=1, max_size=4)
    return texts.map(_noted)


def _noted(value: _T) -> _T:
    DRAWN.add(source(value))
    return value
