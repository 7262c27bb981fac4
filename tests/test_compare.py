from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import strategies as st

from conformance.commands import main
from conformance.compare import WHOLE, Difference, Kind, Operation, Search, compare, earlier_ids
from conformance.harness import Harness
from conformance.subjects.registry import find_subject

EXAMPLE = "conformance.examples.fastapi_service"


class Shelf:
    """Five operations, right as far as it goes; each of those below is wrong in one way."""

    def __init__(self) -> None:
        self.boxes: dict[str, dict[str, Any]] = {}

    async def put(self, label: Any) -> str:
        box_id = f"box-{id(self)}-{len(self.boxes)}"
        self.boxes[box_id] = {"box_id": box_id, "label": label, "since": datetime.now(UTC)}
        return box_id

    async def look(self, box_id: str) -> dict[str, Any]:
        if box_id not in self.boxes:
            raise LookupError(f"no box {box_id}")
        return dict(self.boxes[box_id])

    async def relabel(self, box_id: str, label: str) -> dict[str, Any]:
        await self.look(box_id)
        self.boxes[box_id]["label"] = label
        return await self.look(box_id)

    def rows(self) -> list[str]:
        return list(self.boxes)

    def count(self) -> int:
        return len(self.boxes)


class Miscounting(Shelf):
    def count(self) -> int:
        return min(2, len(self.boxes))


class CountingInFloats(Shelf):
    def count(self) -> int:
        return float(len(self.boxes))  # type: ignore[return-value]


class RaisingAnother(Shelf):
    async def look(self, box_id: str) -> dict[str, Any]:
        return dict(self.boxes[box_id])


class Reversed(Shelf):
    def rows(self) -> list[str]:
        return list(self.boxes)[::-1]


class Live(Shelf):
    async def look(self, box_id: str) -> dict[str, Any]:
        await super().look(box_id)
        return self.boxes[box_id]


class ShelfHarness(Harness):
    def __init__(self, kind: type[Shelf]) -> None:
        self._kind = kind

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        yield self._kind()

    def operations(self) -> tuple[Operation, ...]:
        box, label = {"box_id": earlier_ids()}, {"label": st.text(max_size=3)}
        read: Any = {"ids": ("box_id", WHOLE), "times": ("since",)}
        return (
            Operation("put", lambda store, label: store.put(label), label, **read),
            Operation("look", lambda store, box_id: store.look(box_id), box, **read),
            Operation("relabel", lambda store, **given: store.relabel(**given), {**box, **label}, **read),
            Operation("rows", lambda store: store.rows(), **read),
            Operation("count", lambda store: store.count()),
        )


def differences(wrong: type[Shelf]) -> list[Difference]:
    return compare(ShelfHarness(Shelf), ShelfHarness(wrong), examples=60, seconds=20)


def test_a_store_does_not_differ_from_itself() -> None:
    assert differences(Shelf) == []


@pytest.mark.parametrize(
    ("wrong", "kind", "script"),
    [
        (
            Miscounting,
            Kind.VALUE,
            ["await store.put(label='')"] * 3 + ["store.count()   # A: 3   B: 2"],
        ),
        (CountingInFloats, Kind.TYPE, ["store.count()   # A: 0   B: 0.0"]),
        (
            Reversed,
            Kind.ORDER,
            [
                "result1 = await store.put(label='')",
                "result2 = await store.put(label='')",
                "store.rows()   # A: [result1, result2]   B: [result2, result1]",
            ],
        ),
    ],
)
def test_one_fault_is_one_difference_with_the_shortest_script(
    wrong: type[Shelf], kind: Kind, script: list[str]
) -> None:
    (found,) = differences(wrong)

    assert found.kind == kind
    assert list(found.script) == script


def test_another_exception_is_found_wherever_it_comes_out() -> None:
    found = differences(RaisingAnother)

    assert {(it.operation, it.kind, it.description) for it in found} == {
        ("look", Kind.EXCEPTION, "LookupError / KeyError"),
        ("relabel", Kind.EXCEPTION, "LookupError / KeyError"),
    }
    assert all(len(it.script) == 1 and f"await store.{it.operation}(" in it.script[0] for it in found)


def test_live_objects_are_found_by_what_others_and_callers_do_to_them() -> None:
    found = differences(Live)

    assert {it.kind for it in found} == {Kind.ALIASING}
    assert {it.operation for it in found} == {"look", "relabel"}
    assert any("result2['changed by the caller'] = True" in it.script for it in found)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("described-memory", "described-redis", {Kind.TYPE, Kind.EXCEPTION, Kind.ALIASING}),
        (f"{EXAMPLE}:MemoryMode", f"{EXAMPLE}:RedisMode", {Kind.TYPE, Kind.ALIASING}),
    ],
)
def test_modes_that_differ_are_found_to_differ(one: str, other: str, expected: set[Kind]) -> None:
    here, there, found = find_subject(one)(), find_subject(other)(), set()

    with here.running(), there.running():
        search = Search((one, here), (other, there), examples=200, seconds=30, seed=0)
        for difference in search.differences():
            found.add(difference.kind)
            if expected <= found:
                break

    assert found >= expected


def test_our_modes_do_not_differ(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "memory", "embedded", "--examples", "40", "--seed", "7"]) == 0
    assert capsys.readouterr().out == "0 differences between memory and embedded in 40 examples (seed 7)\n"


def test_a_difference_is_printed_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", f"{__name__}:right", f"{__name__}:in_floats", "--examples", "50", "--seed", "3"]) == 1

    out = capsys.readouterr().out
    assert "1. count: type, int / float\n    store.count()   # right: 0   in_floats: 0.0\n" in out
    assert "1 difference between right and in_floats in" in out


def test_an_unknown_subject_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "memory", "nonsense"]) == 2
    assert "unknown store 'nonsense'" in capsys.readouterr().err


def test_other_operations_cannot_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "memory", f"{__name__}:right"]) == 2
    assert "memory names the operations ['create_task'" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "status"), [("unopenable", 3), ("missing", 2)])
def test_a_subject_that_cannot_be_set_up_has_a_status_of_its_own(
    name: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", f"{__name__}:right", f"{__name__}:{name}"]) == status
    assert name in capsys.readouterr().err


def right() -> Harness:
    return ShelfHarness(Shelf)


def in_floats() -> Harness:
    return ShelfHarness(CountingInFloats)


def unopenable() -> Harness:
    class Broken(Shelf):
        def __init__(self) -> None:
            raise OSError("unopenable")

    return ShelfHarness(Broken)
