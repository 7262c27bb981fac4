"""Values of every kind are compared by content, or named as such that cannot be."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import pytest
from pydantic import BaseModel

from conformance.compare import WHOLE, EarlierId, Operation
from conformance.compare.values.mismatch import mismatches
from conformance.compare.values.parts import IncomparableError, drained
from conformance.compare.values.snapshot import Observer, filled

ANY = Operation("any", call=print)


class Slotted:
    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Plain:
    def __init__(self, value: Any) -> None:
        self.value = value


@dataclasses.dataclass
class Data:
    value: Any


class Model(BaseModel):
    value: Any


class Named(NamedTuple):
    value: Any


class FaultError(Exception):
    def __init__(self, value: Any) -> None:
        super().__init__("the same text")
        self.value = value


class Colour(Enum):
    RED = 1
    BLUE = 2


class AttrsLike:
    """What attrs makes: fields named on the class, and kept in slots of other names."""

    __attrs_attrs__ = (type("Attribute", (), {"name": "value"})(),)

    def __init__(self, value: Any) -> None:
        self.value = value


def parted(one: Any, other: Any, operation: Operation = ANY) -> list[str]:
    snapshots = Observer().look(one, operation), Observer().look(other, operation)
    return ["".join(found.path) for found in mismatches(*snapshots)]


@pytest.mark.parametrize("make", [Slotted, Plain, Data, AttrsLike, Named, FaultError, lambda value: Model(value=value)])
def test_objects_are_compared_by_what_is_in_them(make: Callable[[Any], Any]) -> None:
    assert parted(make([1, {"a": 2}]), make([1, {"a": 2}])) == []
    assert parted(make([1, {"a": 2}]), make([1, {"a": 3}])) == [".value[1]['a']"]
    assert parted(make(1), make(1.0)) == [".value"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({1, 2}, {1, 3}),
        (frozenset({1}), {1}),
        (MappingProxyType({"a": 1}), MappingProxyType({"a": 2})),
        (deque([1]), deque([2])),
        (b"a", "a"),
        (b"a", bytearray(b"a")),
        (True, 1),
        (0.0, -0.0),
        (Colour.RED, Colour.BLUE),
        (Decimal("1.0"), Decimal("1.1")),
        (UUID(int=1), UUID(int=2)),
        (PurePosixPath("a"), PurePosixPath("b")),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)),
        (timedelta(1), timedelta(2)),
        ((1,), [1]),
        (ValueError("a"), ValueError("b")),
    ],
)
def test_values_that_differ_are_told_apart_and_equal_ones_are_not(one: Any, other: Any) -> None:
    assert parted(one, other)
    assert not parted(one, one)


def test_a_protobuf_message_is_compared_by_its_fields() -> None:
    struct = pytest.importorskip("google.protobuf.struct_pb2")
    one, other = struct.Struct(), struct.Struct()
    one["a"], other["a"] = 1, 2

    assert parted(one, other)
    assert not parted(one, one)


@pytest.mark.parametrize("value", [object(), len, (one for one in "ab")])
def test_what_cannot_be_compared_says_so(value: Any) -> None:
    with pytest.raises(IncomparableError, match="give view="):
        Observer().look([value], ANY)


def test_generators_are_drained_and_their_end_counts() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise FaultError(7)

    async def numbers() -> Any:
        yield 1
        yield 2

    def pair(one: Any, other: Any) -> list[str]:
        return parted(asyncio.run(drained(one)), asyncio.run(drained(other)))

    assert not pair(numbers(), numbers())
    assert not pair(failing(), failing())
    assert pair(failing(), iter([1]))
    assert pair(iter([1, 2]), iter([2, 1]))


def test_ids_and_times_are_matched_inside_of_anything() -> None:
    operation = Operation("any", call=print, ids=("key", WHOLE), times=("at",))
    seen = []
    for name in ("first", "second"):
        observer = Observer()
        found: Mapping[str, Any] = {"at": datetime.now(UTC), "inside": [Data({"key": f"{name}-id"})]}
        for one, path in observer.new_ids(found, operation):
            observer.learn(one, f"result1{path}")
        seen.append(observer.look(found, operation))
        assert observer.names == ["result1['inside'][0].value['key']"]
        given = filled([{"of": EarlierId(0)}], lambda _, ids=observer.ids: ids[-1])
        assert given == [{"of": f"{name}-id"}]

    assert list(mismatches(*seen)) == []


def test_fields_are_ignored_or_have_a_tolerance() -> None:
    operation = Operation("any", call=print, ignored={"tag": "random"}, tolerances={"left": (2.0, "a clock")})

    assert not parted({"tag": 1, "left": 60}, {"tag": 2, "left": 59}, operation)
    assert parted({"tag": 1, "left": 60}, {"tag": 2, "left": 50}, operation) == ["['left']"]


def test_a_picture_keeps_bytes_that_change_later() -> None:
    value = bytearray(b"a")
    before = Observer().look(value, ANY)

    value.extend(b"b")

    assert next(mismatches(before, Observer().look(value, ANY)), None) is not None


T = TypeVar("T")


class Envelope(BaseModel, Generic[T]):
    value: T


def test_a_generic_model_is_of_one_type_whatever_it_was_made_for() -> None:
    one: Any = Envelope(value=1)
    other = Envelope[int](value=1)

    assert [*mismatches(Observer().look(one, ANY), Observer().look(other, ANY))] == []
