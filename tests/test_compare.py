"""The search of `conformance compare`: what it finds, what it tells apart, and what it must not take for a pass."""

import asyncio
import json
import os
import re
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from functools import partial
from math import inf
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import strategies as st

from conformance.compare import WHOLE, Operation, earlier_ids, hostile
from conformance.compare.report import Report
from conformance.compare.search import Search
from conformance.harness import Capability, Harness
from conformance.operations.hostile import Point
from conformance.operations.observer import Observer
from conformance.operations.trees import mismatches
from conformance.text import source
from tests.shelves import SHELF, Harnessed, Listing, Miscounting, Shelf


class Twice(Listing):
    """Wrong in a harmless way at each put, and in two others that this must not hide."""

    async def put(self, label: Any, note: Any = None) -> str:
        box_id = await super().put(label, note)
        self.boxes[box_id]["note"] = note or ""
        return box_id

    async def relabel(self, box_id: str, label: str) -> dict[str, Any]:
        box = await super().relabel(box_id, label)
        self.boxes[box_id]["label"] = label.upper()
        return box


class Leaving(Shelf):
    def count(self) -> int:
        raise SystemExit(0)


class Opaque:
    """Nothing of it can be compared but a property."""

    __slots__ = ()

    @property
    def size(self) -> int:
        return 1


class Dark(Shelf):
    def count(self) -> Any:
        return Opaque()


class Unsteady(Shelf):
    """Forgets how many boxes there are, now and then."""

    calls = 0

    def count(self) -> int:
        type(self).calls += 1
        return -1 if self.calls % 7 == 0 else super().count()


def reported(one: Harness, other: Harness) -> Report:
    search = Search(("one", one), ("other", other))
    asyncio.run(search.run())
    return search.report


def compared(wrong: Callable[[], Any], operations: Any = SHELF, right: Callable[[], Any] = Shelf) -> Report:
    return reported(Harnessed(right, operations), Harnessed(wrong, operations))


def texts(report: Report, *kinds: str) -> set[str]:
    return {line.text for line in report.every_line if not kinds or line.kind in kinds}


def script(report: Report, kind: str) -> list[str]:
    return next([*line.script] for line in report.every_line if line.kind == kind)


@pytest.mark.parametrize(
    ("wrong", "kind", "expected"),
    [
        (Miscounting, "value", ["await store.put(label='0')"] * 3 + ["store.count()", "# one: 3", "# other: 2"]),
        (Leaving, "exception", ["store.count()", "# one: 0", "# other: raises SystemExit(0)"]),
    ],
)
def test_a_fault_is_shown_by_the_shortest_script(wrong: type[Shelf], kind: str, expected: list[str]) -> None:
    report = compared(wrong)
    assert {line.kind for line in report.every_line} == {kind}
    assert [re.sub(r"label='\w'", "label='0'", line) for line in script(report, kind)] == expected


def test_a_difference_that_always_shows_hides_no_other() -> None:
    assert texts(compared(Twice)) == {
        "put > look['note']: NoneType / str",
        "put > relabel['note']: NoneType / str",
        "put(label: integer + list) > look['label']: list / tuple",
        "put > relabel(label: text) > look['label']: str",
        "put(label: integer + list) > change what was passed in > look['label']: length",
        "put(label: integer + list) > look > change the result > look['label']: length",
    }


class Copying(dict[str, Any]):
    """Keeps JSON, as caches do."""

    def put(self, key: str, value: Any) -> None:
        self[key] = json.dumps(value)

    def take(self, key: str) -> Any:
        return json.loads(self[key]) if key in self else None


def caching(values: st.SearchStrategy[Any], *names: str, keys: Sequence[str] = ("a", "b")) -> list[Operation]:
    """Writes with these names, and the read."""
    key = {"key": st.sampled_from(keys)}
    pair = {**key, "value": values}
    writes = [Operation(name, lambda store, **pair: store.put(**pair), pair, writes="key") for name in names or ["put"]]
    return [*writes, Operation("take", "take", key, reads="key")]


class Keeping(Copying):
    def put(self, key: str, value: Any) -> None:
        self[key] = value

    def take(self, key: str) -> Any:
        return self.get(key)


def test_values_inside_built_objects_have_lines_of_their_own() -> None:
    values = st.builds(
        lambda items, labels: {"items": items, "labels": labels},
        hostile.values(),
        st.dictionaries(st.text(max_size=3), st.tuples(st.none() | hostile.values()), max_size=2),
    )
    operations = caching(values)
    found = texts(compared(Copying, operations, Keeping))

    assert {f"put(value: {kind}): a result / TypeError" for kind in ("set", "bytes", "Decimal", "key tuple")} <= found
    assert {f"put(value: {kind}) > take: {kind} / list" for kind in ("tuple", "Pair")} <= found
    assert "put(value: key int) > take: keys" in found


def test_a_second_fault_is_seen_beside_a_known_one() -> None:
    class Leaky(Keeping):
        def count(self) -> int:
            return len(self)

        def leak(self, cost: int) -> None:
            self.put("leak", cost)

    class Late(Leaky):
        def leak(self, cost: int) -> None:
            if cost < 1000:
                super().leak(cost)

    class Fewer(Late):
        def count(self) -> int:
            return super().count() - 1

    leak = Operation("leak", "leak", {"cost": st.sampled_from([1, 10_000])}, writes=WHOLE)
    operations = [leak, Operation("count", "count", reads=WHOLE)]
    assert texts(compared(Late, operations, Leaky)) == {"leak(cost: another value) > count: 1 / 0"}
    assert "count: 0 / -1" in texts(compared(Fewer, operations, Leaky))


def test_a_second_wrong_exception_is_seen_beside_a_known_one() -> None:
    class Strict(Keeping):
        def ask(self, cost: int, depth: int) -> None:
            if not depth:
                raise ValueError

    class Odd(Strict):
        def ask(self, cost: int, depth: int) -> None:
            if cost > 1:
                raise KeyError if depth else TypeError
            super().ask(cost, depth)

    arguments = {"cost": st.sampled_from([1, 10_000]), "depth": st.sampled_from([0, 7])}
    assert texts(compared(Odd, [Operation("ask", "ask", arguments, writes=WHOLE)], Strict)) == {
        "ask(cost: another value): a result / KeyError",
        "ask(cost: another value, depth: zero): ValueError / TypeError",
    }


def test_a_value_of_ones_own_is_tried_before_hostile_ones_of_its_class() -> None:
    class Picky(Keeping):
        def put(self, key: str, value: Any) -> None:
            if key != "x!y":
                super().put(key, value)

    keys = {"key": hostile.keys() | st.sampled_from(["x!y"])}
    put = Operation("put", "put", keys | {"value": st.just(1)}, writes="key")
    operations = [put, Operation("take", "take", keys, reads="key")]
    report = compared(Picky, operations, Keeping)
    assert texts(report) == {"put(key: punctuation) > take(key: punctuation): int / NoneType"}


class Spaces(dict[tuple[str, str], int]):
    """Entries that two arguments name."""

    def save(self, key: str, space: str) -> None:
        self[key, space] = 1

    def load(self, key: str, space: str) -> int | None:
        return self.get((key, space))


class Moving(Spaces):
    """A save takes the entry from the space that had it."""

    def save(self, key: str, space: str) -> None:
        for name in [name for name in self if name[0] == key]:
            del self[name]
        super().save(key, space)


class Folding(Keeping):
    def put(self, key: str, value: Any) -> None:
        self[key.lower()] = value

    def take(self, key: str) -> Any:
        return self.get(key.lower())


def test_two_names_of_one_entry_are_found() -> None:
    report = compared(Folding, caching(st.just(1), keys=("0", "b", "B")), Keeping)
    assert texts(report) == {"put(key: upper case) > take(key: text): NoneType / int"}


def test_entries_that_differ_in_one_of_two_names_are_told_apart() -> None:
    names = {"key": st.sampled_from(["a", "b"]), "space": st.sampled_from(["x", "y"])}
    operations = [
        Operation("save", "save", names, writes=("key", "space")),
        Operation("load", "load", names, reads=("key", "space")),
        Operation("size", len, reads=WHOLE),
    ]
    assert "save > save(space: another value) > load: int / NoneType" in texts(compared(Moving, operations, Spaces))


PUT = Operation("put", "put", {"label": st.text()}, writes=WHOLE, ids=(WHOLE,))


@pytest.mark.parametrize(
    ("operations", "gap"),
    [
        (
            [PUT, Operation("look", "look", {"box_id": st.just("nothing")})],
            "look never gave a result: LookupError / LookupError",
        ),
        ([Operation("rows", lambda _: [], reads=WHOLE)], "rows only ever gave empty results"),
    ],
)
def test_what_was_not_exercised_is_no_pass(operations: Any, gap: str) -> None:
    report = compared(Shelf, operations)
    assert f"not exercised: {gap}" in report.gaps
    assert report.status == 6


def test_what_cannot_be_compared_and_what_does_not_show_again_is_no_pass() -> None:
    assert "not compared: what count gives as Opaque: give view= to its Operation" in compared(Dark).gaps
    report = compared(Unsteady)

    assert "count differed, and did not when called again" in report.gaps
    assert report.status == (1 if report.every_line else 6)


class Boxes(dict[str, float]):
    """Boxes whose entries expire, on a clock of their own."""

    now = 0.0

    def put(self, key: str, ttl: float | None = None) -> None:
        self[key] = inf if ttl is None else self.now + ttl

    def read(self, key: str) -> bool:
        return self.get(key, 0) > self.now


class WholeSeconds(Boxes):
    def put(self, key: str, ttl: float | None = None) -> None:
        super().put(key, None if ttl is None else int(ttl))


class Renewed(Boxes):
    """Writes that read begin the life of an entry anew."""

    def put(self, key: str, ttl: float | None = None) -> None:
        super().put(key, ttl)
        self[f"{key} length"] = ttl or inf

    def touch(self, key: str) -> None:
        if self.read(key):
            self[key] = self.now + self[f"{key} length"]


class NotRenewed(Renewed):
    def touch(self, key: str) -> None:
        pass


class ClockHarness(Harnessed):
    def __init__(self, make: Callable[[], Any], *more: Operation, lasts: float = 60) -> None:
        keys = {"key": st.sampled_from(["a", "b"])}
        ttls = {"ttl": st.sampled_from([lasts, None, 1.5])}
        put = Operation("put", "put", keys, ttls, writes="key", lifetime="ttl")
        super().__init__(make, [put, *more, Operation("read", "read", keys, reads="key")])

    def advance(self, namespace: str, by: timedelta) -> None:
        self._opened[namespace].now += by.total_seconds()


TOUCH = Operation("touch", "touch", {"key": st.sampled_from(["a", "b"])}, writes="key")


@pytest.mark.parametrize(
    ("right", "wrong", "shown"),
    [
        (Boxes, Boxes, set()),
        (Boxes, WholeSeconds, {"put(ttl: float) > just before its end > read: True / False"}),
        (
            Renewed,
            NotRenewed,
            {"put(ttl: another value) > in the middle > touch > just after its end > read: True / False"},
        ),
    ],
)
def test_each_lifetime_is_read_just_before_and_after_its_end(
    right: type[Boxes], wrong: type[Boxes], shown: set[str]
) -> None:
    more = [TOUCH] if right is Renewed else []
    report = reported(ClockHarness(right, *more), ClockHarness(wrong, *more))
    found = texts(report, "lifetime")
    assert shown <= found
    assert bool(shown) == bool(found)


class Queue:
    """Jobs that are waited for."""

    def __init__(self) -> None:
        self.jobs: list[str] = []

    async def add(self, job: str) -> None:
        self.jobs.append(job)

    async def wait(self) -> str:
        if not self.jobs:
            await asyncio.Event().wait()
        return self.jobs.pop(0)

    async def left(self) -> list[str]:
        return self.jobs.copy()


class Impatient(Queue):
    async def wait(self) -> str:
        return self.jobs.pop(0) if self.jobs else ""


QUEUE = (
    Operation("add", "add", {"job": st.sampled_from(["a", "b"])}, writes=WHOLE),
    Operation("wait", "wait", writes=WHOLE, seconds=0.02),
    Operation("left", "left", reads=WHOLE),
)


def test_an_operation_that_waits_has_a_time_out_of_its_own() -> None:
    report = compared(Impatient, QUEUE, Queue)
    assert texts(report) == {"wait: TimeoutError / a result"}
    assert script(report, "exception") == ["await store.wait()", "# one: raises TimeoutError()", "# other: ''"]


class Jobs:
    """Jobs that are taken, and put back if they fail: behind the others, or before them."""

    place = 99

    def __init__(self) -> None:
        self.waiting: list[str] = []

    def add(self) -> str:
        job = uuid4().hex
        self.waiting.append(job)
        return job

    def take(self) -> str:
        self.taken = self.waiting.pop(0)
        return self.taken

    def fail(self, job: str) -> None:
        if self.taken == job:
            self.waiting.insert(self.place, job)


class Hasty(Jobs):
    place = 0


JOBS = (
    Operation("add", "add", writes=WHOLE, ids=[WHOLE]),
    Operation("take", "take", writes=WHOLE, ids=[WHOLE]),
    Operation("fail", "fail", {"job": earlier_ids()}, writes="job"),
)


def test_what_one_write_leaves_another_needs() -> None:
    assert "add × 2 > take > fail > take: EarlierId" in texts(compared(Hasty, JOBS, Jobs))


SHELVES: dict[str, Keeping] = {}
"""What all harnesses keep, by namespace: as a server does."""


class Recent:
    """Keeps the last of what is pushed."""

    def __init__(self, most: int = 5) -> None:
        self._most = most
        self._items = dict[str, list[int]]()

    def push(self, key: str, item: int) -> None:
        self._items[key] = [*self._items.get(key, []), item][-self._most :]

    def items(self, key: str) -> list[int]:
        return self._items.get(key, [])


def test_what_many_writes_of_one_entry_leave_is_read() -> None:
    keys = {"key": st.sampled_from("ab")}
    push = Operation("push", "push", {**keys, "item": st.integers(0, 9)}, writes="key")
    items = Operation("items", "items", keys, reads="key")

    report = compared(partial(Recent, 6), [push, items], Recent)

    assert texts(report) == {"push × 6 > items: length"}


class Placed(Harnessed):
    """Opens the same store again on the same namespace; with `wide` a clearing empties all that begin with its name."""

    capabilities = frozenset({Capability.SHARED})
    wide = False

    def __init__(self, *capabilities: Capability) -> None:
        clear = Operation("clear", self.clear, writes=WHOLE)
        super().__init__(dict, [*caching(st.just(1)), clear])
        self.capabilities = frozenset(capabilities)

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        self.namespace = namespace
        yield SHELVES.setdefault(namespace, Keeping())

    def clear(self, store: Keeping) -> None:
        store.clear()
        own = next(name for name, kept in SHELVES.items() if kept is store)
        for name in [*SHELVES] if self.wide else []:
            if name.startswith(own):
                SHELVES[name].clear()

    def discard(self, namespace: str) -> None:
        SHELVES.pop(namespace, None)


class Wide(Placed):
    wide = True


def test_other_instances_and_restarts_are_compared_unless_one_harness_declares_them() -> None:
    placed, lone = Placed(), Harnessed(Keeping, [*caching(st.just(1)), Operation("clear", Keeping.clear, writes=WHOLE)])
    report = reported(placed, lone)
    assert {line.kind for line in report.every_line} == {"shared", "persistent"}
    assert script(report, "shared")[:2] == [
        "put(store, key='a', value=1)",
        "store2 = await opened()  # on the same place",
    ]
    assert reported(placed, Placed()).every_line == []

    report = reported(Placed(Capability.SHARED, Capability.PERSISTENT), lone)
    assert report.status == 0
    assert {"not tried: shared in one: only it declares Capability.SHARED"} <= report.notes


def test_what_is_done_in_one_namespace_is_looked_for_in_another() -> None:
    report = reported(Placed(), Wide())
    assert texts(report) == {"another namespace > put > clear > take: int / NoneType"}
    assert {line.kind for line in report.every_line} == {"neighbour"}


def test_what_another_process_wrote_has_to_be_there(tmp_path: Path) -> None:
    class Filed(Placed):
        @asynccontextmanager
        async def open(self, namespace: str) -> AsyncIterator[Any]:
            yield Files(tmp_path / namespace)

    class Files(Keeping):
        def __init__(self, path: Path) -> None:
            self.path = path

        def put(self, key: str, value: Any) -> None:
            self.path.with_suffix(f".{key}").write_text(json.dumps(value))

        def take(self, key: str) -> Any:
            file = self.path.with_suffix(f".{key}")
            return json.loads(file.read_text()) if file.exists() else None

    shared = Filed(Capability.SHARED), Placed(Capability.SHARED)
    report = reported(*shared)
    assert {line.kind for line in report.every_line} >= {"process"}
    assert "store2 = await opened()  # in another process" in script(report, "process")


def test_a_store_that_opens_in_no_other_process_is_compared_without_one() -> None:
    process = os.getpid()

    class Bound(Placed):
        def open(self, namespace: str) -> Any:
            assert os.getpid() == process
            return super().open(namespace)

    one = Placed(Capability.SHARED)
    report = reported(one, Bound(Capability.SHARED))
    assert report.sequences == reported(one, one).sequences
    assert any(note.startswith("not tried: process in other: ") for note in report.notes)


LEFT = Operation("left", print, ignored={"tag": "random"}, tolerances={"left": (2.0, "a clock")})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({1, 2}, {1, 3}),
        (frozenset({1}), {1}),
        (deque([1]), deque([2])),
        (True, 1),
        (0.0, -0.0),
        (ValueError("a"), ValueError("b")),
        (Point(1, 2), Point(1, 3)),
        ({"left": 60}, {"left": 50}),
    ],
)
def test_values_that_differ_are_told_apart_and_equal_ones_are_not(one: Any, other: Any) -> None:
    def differ(*values: Any, operation: Operation = LEFT) -> bool:
        return any(mismatches(*(Observer().look(value, operation) for value in values)))

    assert differ(one, other)
    assert not differ(one, one)
    assert not differ({"tag": 1, "left": 60}, {"tag": 2, "left": 59})
    timed = replace(LEFT, times=(WHOLE,))
    assert differ((True, 3, 1.7e9), (True, 2, 1.8e9), operation=timed)
    assert not differ((True, 3, 1.7e9), (True, 3, 1.8e9), operation=timed)


def test_an_object_without_repr_is_shown_by_what_it_holds() -> None:
    class Node:
        def __init__(self) -> None:
            self.itself = self

    assert source(Node()) == "Node(itself=…)"
