"""`conformance compare`: what it finds, what it must not take for a pass, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import takewhile
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from pydantic import BaseModel

from conformance.commands import main
from conformance.compare import WHOLE, Operation, earlier_ids, hostile
from conformance.compare.report import Difference, read_known
from conformance.compare.search import Search
from conformance.compare.values import Observer
from conformance.harness import Capability, Harness
from conformance.operations.operation import OperationsError
from conformance.operations.parts import drained
from conformance.operations.trees import mismatches

HERE = __name__


class Shelf:
    """Operations that are right as far as they go; each of the shelves below is wrong in one way."""

    def __init__(self) -> None:
        self.boxes: dict[str, dict[str, Any]] = {}

    async def put(self, label: Any, note: Any = None) -> str:
        box_id = f"box-{id(self)}-{len(self.boxes)}"
        self.boxes[box_id] = {"box_id": box_id, "label": label, "note": note, "since": datetime.now(UTC)}
        return box_id

    async def look(self, box_id: str) -> dict[str, Any]:
        if box_id not in self.boxes:
            raise LookupError(f"no box {box_id}")
        return dict(self.boxes[box_id])

    async def relabel(self, box_id: str, label: str) -> dict[str, Any]:
        await self.look(box_id)
        self.boxes[box_id]["label"] = label
        return dict(self.boxes[box_id])

    def rows(self) -> list[str]:
        return list(self.boxes)

    def count(self) -> int:
        return len(self.boxes)


class Miscounting(Shelf):
    def count(self) -> int:
        return min(2, len(self.boxes))


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


class Listing(Shelf):
    """Turns lists into tuples, at each put; loses those with a note if `loses`."""

    loses = False

    async def put(self, label: Any, note: Any = None) -> str:
        box_id = await super().put(tuple(label) if isinstance(label, list) else label, note)
        if self.loses and isinstance(label, list) and label:
            del self.boxes[box_id]
        return box_id


class Losing(Listing):
    loses = True


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


class Harnessed(Harness):
    """Opens what `make` makes."""

    def __init__(self, make: Callable[[], Any], operations: Any = None) -> None:
        self._make, self._named = make, operations
        self._opened: dict[str, Any] = {}

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        self._opened[namespace] = self._make()
        yield self._opened[namespace]

    def operations(self) -> Any:
        if self._named is not None:
            return self._named
        box = {"box_id": earlier_ids()}
        labels = st.text(max_size=3) | st.lists(st.integers(), max_size=2)
        read: Any = {"ids": ("box_id", WHOLE), "times": ("since",)}
        return (
            Operation("put", "put", {"label": labels}, {"note": st.text(max_size=2)}, writes=WHOLE, **read),
            Operation("look", "look", box, reads="box_id", **read),
            Operation("relabel", "relabel", {**box, "label": st.text(max_size=3)}, writes="box_id", **read),
            Operation("rows", "rows", reads=WHOLE, **read),
            Operation("count", lambda store: store.count(), reads=WHOLE),
        )


def search_of(one: Harness, other: Harness, seed: int = 0) -> Search:
    search = Search(("one", one), ("other", other), seed=seed)
    asyncio.run(search.run())
    return search


def searched(wrong: Callable[[], Any], operations: Any = None, right: Callable[[], Any] = Shelf) -> Search:
    return search_of(Harnessed(right, operations), Harnessed(wrong, operations))


def found_in(search: Search) -> set[tuple[str, str]]:
    return {(one.operation, one.kind) for one in search.report.findings}


def test_a_store_that_does_not_differ_is_alike_and_exercised() -> None:
    report = searched(Shelf).report
    assert (report.findings, report.gaps, report.status) == ([], set(), 0)
    assert report.operations["rows"].longest == 52
    assert report.sequences == searched(Shelf).report.sequences


@pytest.mark.parametrize(
    ("wrong", "kind", "script"),
    [
        (Miscounting, "value", ["await store.put(label='0')"] * 3 + ["store.count()", "# one: 3", "# other: 2"]),
        (
            Reversed,
            "order",
            [
                "result0 = await store.put(label='0')",
                "result1 = await store.put(label='0')",
                "store.rows()",
                "# one: [result0, result1]",
                "# other: [result1, result0]",
            ],
        ),
        (Leaving, "exception", ["store.count()", "# one: 0", "# other: raises SystemExit(0)"]),
        (
            RaisingAnother,
            "exception",
            [
                "await store.look(box_id='no such id')",
                "# one: raises LookupError('no box no such id')",
                "# other: raises KeyError('no such id')",
            ],
        ),
        (Live, "result", None),
    ],
)
def test_one_fault_is_one_finding_with_the_shortest_script(
    wrong: type[Shelf], kind: str, script: list[str] | None
) -> None:
    (found,) = searched(wrong).report.findings
    assert found.kind == kind
    assert script is None or [re.sub(r"label='\w'", "label='0'", line) for line in found.script] == script


def test_a_difference_that_always_shows_hides_no_other() -> None:
    aliases = {("put", "argument"), ("look", "result")}  # only a list can be changed
    assert found_in(searched(Twice)) == {("put", "value"), ("put", "type"), ("relabel", "value"), *aliases}


class Copying(dict[str, Any]):
    """Keeps JSON, as caches do."""

    def put(self, key: str, value: Any) -> None:
        self[key] = json.dumps(value)

    def take(self, key: str) -> Any:
        return json.loads(self[key]) if key in self else None


def caching(values: st.SearchStrategy[Any], *names: str) -> list[Operation]:
    """Writes with these names, and the read."""
    key = {"key": st.sampled_from(["a", "b"])}
    pair = {**key, "value": values}
    writes = [Operation(name, lambda store, **pair: store.put(**pair), pair, writes="key") for name in names or ["put"]]
    return [*writes, Operation("take", "take", key, reads="key")]


class Keeping(Copying):
    def put(self, key: str, value: Any) -> None:
        self[key] = value

    def take(self, key: str) -> Any:
        return self.get(key)


@dataclass
class Order:
    items: Any
    labels: dict[str, Any]


@pytest.mark.parametrize("seed", range(5))
def test_nested_strategies_give_the_same_findings_on_every_seed(seed: int) -> None:
    values = st.builds(
        lambda items, labels: {"items": items, "labels": labels},
        hostile.values(),
        st.dictionaries(st.text(max_size=3), st.tuples(st.none() | hostile.values()), max_size=2),
    )
    operations = caching(values)
    found = search_of(Harnessed(Keeping, operations), Harnessed(Copying, operations), seed).report.findings

    shows = {(one.operation, one.kind): " ".join(one.shows) for one in found}
    kinds = "argument", "exception", "type", "value"
    assert shows.keys() == {("take", "result"), *(("put", kind) for kind in kinds)}
    for one in ("set", "bytes", "datetime with zone", "Decimal", "UUID", "key tuple"):
        assert f"put(value: {one}) > put: a result / TypeError" in shows["put", "exception"]
    for one in ("Pair", "text of type Text", "OrderedDict"):
        assert f"put(value: {one}) > take: " in shows["put", "type"]
    assert "put(value: key int) > take: keys" in shows["put", "value"]


def test_an_argument_that_two_operations_take_alike_is_one_cause() -> None:
    operations = caching(st.just("a") | st.tuples(st.just("a")), "put", "add")
    (found,) = searched(Copying, operations, Keeping).report.findings

    assert (found.operation, found.kind) == ("put", "type")
    assert found.shows == {f"{name}(value: tuple) > take: tuple / list" for name in ("put", "add")}


class Filling(Keeping):
    def fill(self, items: dict[str, Any]) -> None:
        self.update(items)

    def remove(self, key: str) -> None:
        self.pop(key, None)


class Stopping(Filling):
    """Of several items those are kept that come before a tuple."""

    def fill(self, items: dict[str, Any]) -> None:
        self.update(takewhile(lambda item: not isinstance(item[1], tuple), items.items()))


class Holding(Filling):
    def remove(self, key: str) -> None:
        pass


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("wrong", "shown"),
    [(Stopping, "fill(items: tuple) > take: tuple / NoneType"), (Holding, "remove > take: NoneType / str")],
)
def test_what_follows_from_a_difference_is_no_other(wrong: type[Filling], shown: str, seed: int) -> None:
    key, values = st.sampled_from("abc"), st.sampled_from(["a", "b", 1, True, ("a",)])
    operations = (
        Operation("put", "put", {"key": key, "value": values}, writes="key"),
        Operation("fill", "fill", {"items": st.dictionaries(key, values, min_size=1)}, writes="items"),
        Operation("remove", "remove", {"key": key}, writes="key"),
        Operation("take", "take", {"key": key}, reads="key"),
        Operation("keys", list, reads=WHOLE),
    )
    (found,) = search_of(Harnessed(Filling, operations), Harnessed(wrong, operations), seed).report.findings
    assert shown in found.shows


def test_the_plan_finds_each_argument_that_shows_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    class Reordering(Keeping):
        def put(self, key: str, value: Any) -> None:
            super().put(key, self.pop(key, value))  # it moves to the end

    monkeypatch.setattr("conformance.compare.plan._RANDOM", 0)
    few = {"most": st.integers(1, 2), "start": st.integers(1, 3)}
    page = Operation("page", lambda store, most=9, start=0: sorted([*store][start:][:most]), optional=few, reads=WHOLE)
    found = searched(Reordering, [*caching(st.just(1)), page], Keeping).report.findings
    assert [one.shows for one in found] == [{f"page({name}: another value) > page: str"} for name in few]


def test_a_page_of_what_differs_is_no_other_difference() -> None:
    class Distinct(list[str]):
        def append(self, value: str) -> None:
            self[:] = dict.fromkeys([*self, value])

    add = Operation("add", lambda store, value: store.append(value), {"value": st.sampled_from("ab")}, writes=WHOLE)
    page = Operation("page", lambda store, most=99: store[:most], optional={"most": st.integers(1, 3)}, reads=WHOLE)
    (found,) = searched(Distinct, [add, page], list).report.findings
    assert found.shows == {"add > page: length"}


def test_what_a_list_lacks_is_seen_although_it_was_a_tuple() -> None:
    class Emptying(Copying):
        def put(self, key: str, value: Any) -> None:
            super().put(key, value[:0] if isinstance(value, tuple) else value)

    report = searched(Emptying, caching(st.just("a") | st.tuples(st.just("a"))), Keeping).report
    shows = {place for one in report.findings for place in one.shows}
    assert shows == {f"put(value: tuple) > take: {what}" for what in ("tuple / list", "length")}


def test_a_value_like_the_name_of_a_field_is_not_taken_for_it() -> None:
    class Notes(Keeping):
        def put(self, key: str, value: Any) -> None:
            self[key] = {"kept": deepcopy(value)}

        def note(self, key: str, note: str) -> None:
            self.setdefault(key, {})["note"] = note

    class Numbered(Notes):
        def put(self, key: str, value: Any) -> None:
            super().put(key, {str(one): other for one, other in value.items()})

    put, take = caching(st.dictionaries(st.integers(1, 3), st.just(1), max_size=2))
    note = Operation("note", "note", {**take.arguments, "note": st.sampled_from(["x", "kept"])}, writes="key")
    report = searched(Numbered, [put, note, take], Notes).report
    assert [one.shows for one in report.findings] == [{"put(value: key int) > ['kept']: keys"}]
    assert report.gaps == set()


def test_an_entry_may_be_named_by_two_arguments() -> None:
    class Rooms(dict[tuple[str, str], int]):
        def put(self, room: str, name: str) -> None:
            self[room, name] = 1

        def look(self, room: str, name: str) -> int | None:
            return self.get((room, name))

    class Joined(Rooms):
        def put(self, room: str, name: str) -> None:
            super().put(room, name.strip(":"))

    both: Any = {"room": st.sampled_from("ab"), "name": st.sampled_from(["x", "y", ":x"])}
    operations = (
        Operation("put", "put", both, writes=("room", "name")),
        Operation("look", "look", both, reads=("room", "name")),
    )
    (found,) = searched(Joined, operations, Rooms).report.findings

    assert found.script[:2] == ["store.put(room='a', name=':x')", "store.look(room='a', name=':x')"]


def test_an_argument_of_few_values_is_given_no_other_entry() -> None:
    given = set[str]()
    put = Operation("put", "put", {"label": st.sampled_from("ab")}, writes="label")
    drop = Operation("drop", lambda _, bag: given.add(bag), {"bag": st.sampled_from("xy")}, writes="bag")
    searched(Shelf, [put, drop])
    assert given == {"x", "y"}


def test_a_value_without_a_repr_is_shown_as_the_harness_writes_it() -> None:
    class Silent:
        def __repr__(self) -> str:
            raise ValueError

    operations = [
        Operation("put", "put", {"key": st.just("k"), "value": st.builds(Silent)}, writes="key", show=show),
        Operation("take", "take", {"key": st.just("k")}, reads="key", view=lambda value: type(value).__name__),
    ]
    (found,) = [one for one in searched(Copying, operations, Keeping).report.findings if one.operation == "put"]

    assert found.script[1] == "store.put(key='k', value=Silent())"


def test_each_field_in_which_an_alias_shows_is_listed() -> None:
    class Boxed(dict[str, Any]):
        def put(self, key: str, value: Any, tags: Any) -> None:
            self[key] = {"value": value, "tags": tags}

        def take(self, key: str) -> Any:
            return deepcopy(self.get(key))

    class Sealed(Boxed):
        def put(self, key: str, value: Any, tags: Any) -> None:
            super().put(key, *deepcopy((value, tags)))

    lists = st.lists(st.integers(1, 2), min_size=1, max_size=1)
    key = {"key": st.just("k")}
    operations = (
        Operation("put", "put", {**key, "value": lists, "tags": lists}, writes="key"),
        Operation("take", "take", key, reads="key"),
    )
    (found,) = searched(Boxed, operations, Sealed).report.findings

    assert (found.kind, found.shows) == ("argument", {"put > ['value']", "put > ['tags']"})


def show(value: Any) -> str | None:
    return None if isinstance(value, str) else "Silent()"


PUT = Operation("put", "put", {"label": st.text()}, writes=WHOLE, ids=(WHOLE,))
ONE_ROW = Operation("rows", lambda store: store.rows()[:1], reads=WHOLE, ids=(WHOLE,))


@pytest.mark.parametrize(
    ("operations", "gap"),
    [
        ([PUT, ONE_ROW], "rows never gave a list longer than 1"),
        (
            [PUT, Operation("look", "look", {"box_id": st.just("nothing")})],
            "look never gave a result: LookupError / LookupError",
        ),
        ([Operation("rows", lambda _: [], reads=WHOLE)], "rows only ever gave empty results"),
    ],
)
def test_what_was_not_exercised_is_no_pass(operations: Any, gap: str) -> None:
    report = searched(Shelf, operations).report
    assert f"not exercised: {gap}" in report.gaps
    assert report.status == 6


def test_what_cannot_be_compared_is_refused_and_what_does_not_show_again_is_no_pass() -> None:
    with pytest.raises(OperationsError, match="count: cannot compare Opaque, give view= to its Operation"):
        searched(Dark)
    with pytest.raises(OperationsError, match="lok: Shelf has no method lok"):
        searched(Shelf, [Operation("lok", "lok")])
    report = searched(Unsteady).report

    assert "count differed, and did not when called again" in report.gaps
    assert report.status == (1 if report.findings else 6)


class Boxes(dict[str, float]):
    """Boxes whose entries expire, on a clock of their own."""

    now = 0.0

    def put(self, key: str, ttl: float | None = None) -> None:
        self[key] = inf if ttl is None else self.now + ttl

    def read(self, key: str) -> bool:
        return self.get(key, 0) > self.now

    def has_passed(self, key: str) -> bool:
        return False


class Deaf(Boxes):
    def put(self, key: str, ttl: float | None = None) -> None:
        super().put(key)


class WholeSeconds(Boxes):
    def put(self, key: str, ttl: float | None = None) -> None:
        super().put(key, None if ttl is None else int(ttl))


class Striking(Boxes):
    def has_passed(self, key: str) -> bool:
        return self.now > 0


class ClockHarness(Harnessed):
    def __init__(self, make: Callable[[], Any]) -> None:
        keys = {"key": st.sampled_from(["a", "b"])}
        ttls = {"ttl": st.sampled_from([60, None, 1.5])}
        put = Operation("put", "put", keys, ttls, writes="key", lifetime="ttl")
        reads = (Operation(name, name, keys, reads="key") for name in ("read", "has_passed"))
        super().__init__(make, [put, *reads])

    def advance(self, namespace: str, by: timedelta) -> None:
        self._opened[namespace].now += by.total_seconds()


@pytest.mark.parametrize(
    ("other", "script"),
    [
        (Boxes, []),
        (Deaf, ["store.put(key='a', ttl=60)", "# 0:01:12 pass"]),
        (WholeSeconds, ["store.put(key='a', ttl=1.5)", "# 0:00:01.200000 pass"]),
        (Striking, ["# 0:00:48 pass", "store.has_passed(key='a')"]),
    ],
)
def test_time_passes_by_the_hook_even_a_fraction_of_a_second(other: type[Boxes], script: list[str]) -> None:
    found = search_of(ClockHarness(Boxes), ClockHarness(other)).report.findings
    assert [line for one in found if one.kind == "lifetime" for line in one.script[:2]] == script


class Queue:
    """Jobs that are taken once; `waits` lets two callers take the same."""

    waits = False

    def __init__(self) -> None:
        self.jobs: list[str] = []

    async def add(self, job: str) -> None:
        self.jobs.append(job)

    async def take(self) -> str | None:
        first = self.jobs[0] if self.jobs else None
        if self.waits:
            await asyncio.sleep(0)
        del self.jobs[:1]
        return first

    async def left(self) -> list[str]:
        return self.jobs.copy()


class Hesitating(Queue):
    waits = True


def test_calls_at_the_same_time_that_are_in_no_order_in_one_store_are_a_finding() -> None:
    operations = (
        Operation("add", "add", {"job": st.sampled_from(["a", "b"])}, writes=WHOLE),
        Operation("take", "take", writes=WHOLE),
        Operation("left", "left", reads=WHOLE),
    )
    (found,) = searched(Hesitating, operations, Queue).report.findings

    assert found.kind == "race"
    assert "await asyncio.gather(store.take(), store.take())" in found.script
    assert searched(Queue, operations, Queue).report.status == 0


class Placed(Harnessed):
    """Opens the same store again on the same namespace."""

    def __init__(self) -> None:
        super().__init__(dict, caching(st.just(1)))

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        yield self._opened.setdefault(namespace, Keeping())


class Jobs:
    """Jobs of two states. Their index may be read before it is written, and a page cut before it is filtered."""

    loses = cuts = False

    def __init__(self) -> None:
        self.states: dict[str, str] = {}

    async def submit(self, result: Any = None) -> str:
        known, job_id = self.states.copy(), secrets.token_hex(8)
        if self.loses:
            await asyncio.sleep(0)
            self.states = known
        self.states[job_id] = "new"
        return job_id

    def turn(self, job_id: str, state: str) -> None:
        if job_id in self.states:
            self.states[job_id] = state

    def rows(self, state: str = "") -> list[str]:
        looked_at = [*self.states][: 10 if self.cuts else None]
        return [job_id for job_id in looked_at if state in ("", self.states[job_id])][:10]


class Overlapping(Jobs):
    loses = True


class Cutting(Jobs):
    cuts = True


@pytest.mark.parametrize(("wrong", "found"), [(Jobs, []), (Overlapping, ["race"]), (Cutting, ["value"])])
def test_two_creations_at_once_and_a_filter_of_a_long_list_are_tried(wrong: type[Jobs], found: list[str]) -> None:
    states = st.sampled_from(["done", "new"])
    operations = [
        Operation("submit", "submit", optional={"result": st.integers()}, writes=WHOLE, ids=(WHOLE,)),
        Operation("turn", "turn", {"job_id": earlier_ids(), "state": states}, writes="job_id"),
        Operation("rows", "rows", optional={"state": states}, reads=WHOLE, ids=(WHOLE,)),
    ]
    assert [one.kind for one in searched(wrong, operations, Jobs).report.findings] == found


def test_other_instances_and_restarts_are_compared_unless_one_harness_declares_them() -> None:
    operations = caching(st.just(1))
    search = search_of(Placed(), Harnessed(Keeping, operations))
    assert found_in(search) == {("put", "shared"), ("put", "persistent")}
    assert search.report.findings[0].script[:2] == [
        "store.put(key='a', value=1)",
        "store2 = await opened()  # on the same place",
    ]
    assert found_in(search_of(Placed(), Placed())) == set()

    placed = Placed()
    placed.capabilities = frozenset({Capability.SHARED, Capability.PERSISTENT})
    report = search_of(placed, Harnessed(Keeping, operations)).report
    assert report.status == 0
    assert {"not tried: shared in one: only it declares Capability.SHARED"} <= report.notes


class Data(BaseModel):
    value: Any


class FaultError(Exception):
    def __init__(self, value: Any) -> None:
        super().__init__("the same text")
        self.value = value


ANY = Operation("any", call=print, ignored={"tag": "random"}, tolerances={"left": (2.0, "a clock")})


def parted(one: Any, other: Any) -> list[str]:
    trees = Observer().look(one, ANY), Observer().look(other, ANY)
    return ["".join(found.path) for found in mismatches(*trees)]


@pytest.mark.parametrize("make", [lambda value: Data(value=value), lambda value: Order(value, {})])
def test_objects_are_compared_by_what_is_in_them(make: Callable[[Any], Any]) -> None:
    assert parted(make([1, {"a": 2}]), make([1, {"a": 2}])) == []
    assert [path.partition("[")[2] for path in parted(make([1, {"a": 2}]), make([1, {"a": 3}]))] == ["1]['a']"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({1, 2}, {1, 3}),
        (frozenset({1}), {1}),
        (deque([1]), deque([2])),
        (b"a", bytearray(b"a")),
        (True, 1),
        (0.0, -0.0),
        (timedelta(1), timedelta(2)),
        (ValueError("a"), ValueError("b")),
        (FaultError(1), FaultError(2)),
        ({"left": 60}, {"left": 50}),
    ],
)
def test_values_that_differ_are_told_apart_and_equal_ones_are_not(one: Any, other: Any) -> None:
    assert parted(one, other)
    assert not parted(one, one)
    assert not parted({"tag": 1, "left": 60}, {"tag": 2, "left": 59})


def test_generators_are_drained() -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1

    assert asyncio.run(drained(numbers())) == asyncio.run(drained(iter([1]))) == [1]


class Dying(Shelf):
    def count(self) -> int:
        if self.boxes:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0


class Looping(Shelf):
    def count(self) -> int:
        while self.boxes:
            try:
                asyncio.run(asyncio.sleep(1))
            except BaseException:  # noqa: BLE001, S112  as hard as can be
                continue
        return 0


STORES = Shelf, Miscounting, Listing, Losing, Dying, Looping
right, miscounting, listing, losing, dying, looping = (partial(Harnessed, one) for one in STORES)


def unopenable() -> Harness:
    def fail() -> None:
        raise OSError("unopenable")

    return Harnessed(fail)


def empty() -> Harness:
    return Harnessed(Shelf, [])


def misnamed() -> Harness:
    return Harnessed(Shelf, [Operation("put", "add")])


class Crashing(Harnessed):
    def __init__(self) -> None:
        super().__init__(Shelf)

    def discard(self, namespace: str) -> None:
        if len(self._opened) > 3:
            raise ZeroDivisionError("harness")


@pytest.mark.parametrize(
    ("other", "status", "told"),
    [
        ("nonsense", 2, "'nonsense'"),
        ("empty", 2, "operations() is empty"),
        ("misnamed", 2, "misnamed names ['put']"),
        ("unopenable", 7, "`open` of the harness raised OSError: unopenable"),
        ("Crashing", 7, "`discard` of the harness raised ZeroDivisionError: harness"),
    ],
)
def test_what_keeps_it_from_comparing_is_one_line_with_a_status(
    other: str, status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", f"{HERE}:right", f"{HERE}:{other}"]) == status
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("dying", "a store ended the process (status -9) in dying: store.count()"),
        ("looping", "a call does not return: looping: store.count()"),
    ],
)
def test_a_store_that_ends_or_blocks_the_process_is_reported_with_its_last_call(
    other: str, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.compare.child.CALL_SECONDS", 1)

    assert main(["compare", f"{HERE}:right", f"{HERE}:{other}"]) == 8
    assert told in capsys.readouterr().out


def test_the_command_prints_and_writes_findings_and_coverage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = tmp_path / "report.json", tmp_path / "report.md"
    options = ["--json", str(files[0]), "--markdown", str(files[1]), "--seed", "3"]
    assert main(["compare", f"{HERE}:right", f"{HERE}:miscounting", *options]) == 1

    out = capsys.readouterr().out
    assert "    store.count()\n    # right: 3\n    # miscounting: 2\n" in out
    assert "operation  calls  results  filled  longest" in out
    assert "1 new and 0 known differences between right and miscounting in" in out
    assert max(map(len, out.splitlines())) <= 100
    report = json.loads(files[0].read_text())
    assert (report["status"], [one["kind"] for one in report["findings"]]) == (1, ["value"])
    assert "   store.count()\n" in files[1].read_text()


def test_known_differences_are_accepted_and_hide_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = tmp_path / "known.toml"
    command = ["compare", f"{HERE}:right"]
    assert main([*command, f"{HERE}:listing", "--known", str(known), "--write-known", str(known)]) == 1
    assert main([*command, f"{HERE}:listing", "--known", str(known)]) == 2
    assert "needs a reason" in capsys.readouterr().err

    known.write_text(known.read_text().replace("TODO", "it keeps tuples"))
    assert main([*command, f"{HERE}:listing", "--known", str(known)]) == 0
    assert "known: it keeps tuples" in capsys.readouterr().out
    assert main([*command, f"{HERE}:losing", "--known", str(known)]) == 1
    assert main([*command, f"{HERE}:right", "--known", str(known)]) == 6
    assert "put, type no longer shows" in capsys.readouterr().out


def test_a_class_or_exception_that_is_not_in_the_entry_is_new(tmp_path: Path) -> None:
    known, seen = tmp_path / "known.toml", "put(value: tuple) > get: tuple / list"
    known.write_text(f'[[known]]\noperation = "put"\nkind = "type"\nreason = "JSON"\nshows = ["{seen}"]\n')
    report = searched(Shelf).report
    for shows, reason in (
        ({seen}, "JSON"),
        ({seen, "put(value: set) > get: set / list"}, ""),
        ({"put(value: tuple) > get: tuple / str"}, ""),
    ):
        report.findings = [Difference("put", "type", shows)]
        report.accept(read_known(known))
        assert report.findings[0].reason == reason
