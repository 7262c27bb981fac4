"""`conformance compare`: what it finds, what it must not take for a pass, and how it ends."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import uuid
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import jsonschema
import pytest
from hypothesis import strategies as st

from conformance.commands import main
from conformance.compare import WHOLE, Operation, earlier_ids, key_value
from conformance.compare.document import Finding, Report, Status
from conformance.compare.known import Known, written
from conformance.compare.operations import hostile
from conformance.compare.operations.operation import EarlierId
from conformance.compare.report import report_of, text_of
from conformance.compare.search import Search
from conformance.compare.sequences.coverage import Coverage
from conformance.compare.sequences.limit import Limit
from conformance.compare.sequences.play import Player
from conformance.compare.sequences.side import Side
from conformance.compare.sequences.steps import Call, Change
from conformance.compare.values.mismatch import Kind
from conformance.harness import Capability, Harness

HERE = __name__
SCHEMA = Path(__file__).parents[1] / "conformance/compare/schema.json"


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


class Twice(Shelf):
    """Wrong in a harmless way at each put, and in two others that this must not hide."""

    async def put(self, label: Any, note: Any = None) -> Any:
        box_id = await super().put(tuple(label) if isinstance(label, list) else label, note)
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


class Printing(Shelf):
    def count(self) -> int:
        print("noise")  # noqa: T201
        warnings.warn("noise", stacklevel=1)
        return super().count()


class ShelfHarness(Harness):
    kind: type[Shelf] = Shelf
    operations_of: Callable[[], Any]

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        yield self.kind()

    def operations(self) -> Any:
        box = {"box_id": earlier_ids()}
        labels = st.text(max_size=3) | st.lists(st.integers(), max_size=2)
        read: Any = {"ids": ("box_id", WHOLE), "times": ("since",)}
        return (
            Operation("put", Shelf.put, {"label": labels}, {"note": st.text(max_size=2)}, writes=WHOLE, **read),
            Operation("look", look, box, reads="box_id", **read),
            Operation("relabel", relabel, {**box, "label": st.text(max_size=3)}, writes="box_id", **read),
            Operation("rows", lambda store: store.rows(), reads=WHOLE, **read),
            Operation("count", lambda store: store.count(), reads=WHOLE),
        )


def look(store: Shelf, box_id: str) -> Any:
    return store.look(box_id)


def relabel(store: Shelf, box_id: str, label: str) -> Any:
    return store.relabel(box_id, label)


def put(store: Shelf, label: Any, note: Any = None) -> Any:
    return store.put(label, note)


def harness(shelf: type[Shelf], named: Callable[[], Any] | None = None) -> Harness:
    class Named(ShelfHarness):
        kind = shelf

        def operations(self) -> Any:
            if named is not None:
                return named()
            first, *others = super().operations()
            return (Operation("put", put, first.arguments, first.optional, first.ids, writes=WHOLE), *others)

    return Named()


def searched(wrong: type[Shelf], named: Callable[[], Any] | None = None, *, seconds: float = 20) -> Search:
    pair = ("right", harness(Shelf, named)), ("wrong", harness(wrong, named))
    search = Search(*pair, seconds=seconds, most_random=30, seed=1)
    list(search.run())
    return search


def test_a_search_ends_by_itself_and_does_the_same_each_time() -> None:
    one, other = searched(Miscounting), searched(Miscounting)

    assert one.sequences == other.sequences
    assert one.coverage.rows == other.coverage.rows
    assert one.findings == other.findings


def test_a_store_that_does_not_differ_is_alike_and_exercised() -> None:
    search = searched(Shelf)

    assert search.findings == []
    assert report_of(search).not_exercised == ()
    assert report_of(search).status is Status.ALIKE
    assert search.coverage.largest == 51
    assert search.coverage.rows["rows"].longest == 51


@pytest.mark.parametrize(
    ("wrong", "kind", "script"),
    [
        (
            Miscounting,
            "value",
            ["await store.put(label='0')"] * 3 + ["store.count()   # right: 3   wrong: 2"],
        ),
        (
            Reversed,
            "order",
            [
                "result1 = await store.put(label='0')",
                "result2 = await store.put(label='0')",
                "store.rows()   # right: [result1, result2]   wrong: [result2, result1]",
            ],
        ),
        (
            Leaving,
            "exception",
            ["store.count()   # right: 0   wrong: raises SystemExit('0')"],
        ),
    ],
)
def test_one_fault_is_one_finding_with_the_shortest_script(wrong: type[Shelf], kind: str, script: list[str]) -> None:
    (found,) = searched(wrong).findings

    assert found.kind == kind
    assert [re.sub(r"label='\w'", "label='0'", line) for line in found.script] == script


def test_one_fault_that_shows_in_several_operations_is_one_finding() -> None:
    (found,) = searched(RaisingAnother).findings

    assert (found.operation, found.kind, found.what) == ("look", "exception", "LookupError / KeyError")
    assert found.also_in == {"relabel"}


def test_live_objects_are_one_finding() -> None:
    (found,) = searched(Live).findings

    assert (found.operation, found.argument, found.kind) == ("look", "", "aliasing")


def test_a_change_that_only_a_later_call_shows_is_a_live_object() -> None:
    operations = {one.name: one for one in ShelfHarness().operations()}
    here, there = (Side(kind(), operations, kind.__name__, Limit(20, print)) for kind in (Shelf, Live))
    box = {"box_id": EarlierId(0)}
    steps = (Call("put", {"label": "a"}), Call("look", box), Change(0, 0), Call("relabel", {**box, "label": "b"}))

    found = asyncio.run(Player((here, there), Coverage(operations), audits=()).play(steps))

    assert {(one.operation, one.mismatch.kind) for one in found if one.index == 3} == {("look", Kind.ALIASING)}


def test_a_difference_that_always_shows_hides_no_other() -> None:
    found = {(it.operation, it.argument, it.kind) for it in searched(Twice).findings}

    assert found == {("put", "", "value"), ("put", "label", "type"), ("relabel", "label", "value")}


class Dictionary(dict[str, Any]):
    def put(self, key: str, value: Any) -> None:
        self[key] = value


class JsonDictionary(dict[str, Any]):
    def put(self, key: str, value: Any) -> None:
        self[key] = [*value] if isinstance(value, tuple) else value


def test_an_argument_that_two_operations_take_alike_is_one_cause() -> None:
    def named() -> Any:
        return key_value(set="put", add=lambda store, *pair: store.put(*pair), delete=None, values=values)

    values = st.just("a") | st.tuples(st.just("a"))

    search = Search(("plain", harness(Dictionary, named)), ("json", harness(JsonDictionary, named)), most_random=30)  # type: ignore[arg-type]

    (found,) = search.run()

    assert found.title == "put(value: tuple / list): get is of another type"
    assert "add" in found.also_in


def test_a_profile_takes_hostile_values_in_the_place_of_its_own() -> None:
    operations = key_value(keys=hostile.keys(), values=hostile.values(), lifetimes=hostile.values(), lifetime="ttl")

    assert [operation.name for operation in operations] == ["set", "get", "delete"]


def test_what_cannot_be_compared_is_no_pass() -> None:
    search = searched(Dark)

    assert report_of(search).status is Status.NOT_EXERCISED
    assert any("cannot compare" in gap and "Opaque, give view=" in gap for gap in report_of(search).not_exercised)


def failing(store: Any, wrong_name: Any) -> Any:
    return store.put(wrong_name=wrong_name)


@pytest.mark.parametrize(
    ("named", "gap"),
    [
        (
            lambda: [Operation("put", failing, {"wrong_name": st.text()})],
            "put never gave a result: TypeError / TypeError",
        ),
        (
            lambda: [
                Operation("put", put, {"label": st.text()}, writes=WHOLE, ids=(WHOLE,)),
                Operation("rows", lambda store: store.rows()[:1], reads=WHOLE, ids=(WHOLE,)),
            ],
            "rows never gave a list longer than 1",
        ),
        (
            lambda: [
                Operation("put", put, {"label": st.text()}, writes=WHOLE, ids=(WHOLE,)),
                Operation("look", look, {"box_id": st.just("nothing")}),
            ],
            "look never gave a result: LookupError / LookupError",
        ),
        (lambda: [Operation("rows", lambda _: [], reads=WHOLE)], "rows only ever gave empty results"),
    ],
)
def test_what_was_not_exercised_is_no_pass(named: Callable[[], Any], gap: str) -> None:
    search = searched(Shelf, named)

    assert report_of(search).status is Status.NOT_EXERCISED
    assert gap in report_of(search).not_exercised


def test_an_entry_that_has_an_empty_list_is_something() -> None:
    def named() -> Any:
        return [
            Operation(
                "put", lambda store, key: store.boxes.update({key: {"notes": []}}), {"key": st.text()}, writes="key"
            ),
            Operation("look", lambda store, key: store.boxes.get(key), {"key": st.text()}, reads="key"),
            Operation("page", lambda store: {"boxes": [*store.boxes]}, reads=WHOLE),
        ]

    search = searched(Shelf, named)

    assert report_of(search).status is Status.ALIKE
    assert search.coverage.rows["look"].filled > 0
    assert search.coverage.rows["page"].longest == 51


class Clearing(dict[str, Any]):
    """`clear` takes away what begins with a text."""

    def put(self, key: str) -> None:
        self[key] = key

    def clear_all(self, prefix: str = "a") -> None:
        for key in [one for one in self if one.startswith(prefix)]:
            del self[key]


class ClearingLess(Clearing):
    def clear_all(self, prefix: str = "a") -> None:
        super().clear_all(f"{prefix}:")


def test_entries_are_read_after_a_write_that_names_none() -> None:
    prefixes = st.sampled_from(["a", "b"])

    def named() -> Any:
        return [
            Operation("put", "put", {"key": st.sampled_from(["b", "a", "a:b"])}, writes="key"),
            Operation("clear_all", "clear_all", {}, {"prefix": prefixes}, writes=WHOLE),
            Operation("get", "get", {"key": st.sampled_from(["b", "a", "a:b"])}, reads="key", positional=("key",)),
        ]

    pair = ("one", harness(Clearing, named)), ("less", harness(ClearingLess, named))  # type: ignore[arg-type]
    search = Search(*pair, most_random=0)

    assert [(found.operation, found.also_in) for found in search.run()] == [("clear_all", {"get"})]


class Copying(dict[str, Any]):
    def put(self, key: str, value: Any) -> None:
        self[key] = json.dumps(value)

    def take(self, key: str) -> Any:
        return json.loads(self[key]) if key in self else None


class Colliding(Copying):
    def put(self, key: str, value: Any) -> None:
        super().put(key.lower(), value)

    def take(self, key: str) -> Any:
        return super().take(key.lower())


def test_a_difference_that_nobody_had_read_is_not_put_down_to_a_change_by_the_caller() -> None:
    def named() -> Any:
        values = st.sampled_from(["text", {"a": 1}, {"a": [2]}])
        return key_value(get="take", set="put", delete=None, keys=st.sampled_from(["a", "A"]), values=values)

    pair = ("apart", harness(Copying, named)), ("colliding", harness(Colliding, named))  # type: ignore[arg-type]
    search = Search(*pair, most_random=200, seed=1)
    list(search.run())

    assert search.findings
    assert [found.title for found in search.findings if found.kind == "aliasing"] == []


def test_time_that_is_over_is_no_pass() -> None:
    assert report_of(searched(Shelf, seconds=0.001)).status is Status.TIME_OVER


@pytest.mark.parametrize(
    ("named", "told"),
    [
        (list, "operations() is empty"),
        (lambda: [1], "holds a int, not an Operation"),
        (lambda: [Operation("put", 7)], "call is a int, not the name of a method or a function"),  # type: ignore[arg-type]
        (lambda: [Operation("put", "add")], "operation 'put': the store has no method 'add'"),
        (lambda: [Operation("put", put, {"label": st.none()})] * 2, "operations() names 'put' 2 times"),
        (lambda: [Operation("put", put, {"lable": st.none()})], "call does not take (store, lable)"),
        (lambda: [Operation("put", put)], "call does not take"),
        (lambda: [Operation("put", put, {"label": "text"})], "label is a str, not a Hypothesis strategy"),  # type: ignore[dict-item]
        (lambda: [Operation("put", put, {"label": st.integers(2, 1)})], "the strategy of label cannot be used"),
        (lambda: [Operation("put", put, {"label": st.none()}, reads="box")], "reads='box' is none of its arguments"),
        (lambda: [Operation("put", put, {"label": st.none()}, ignored={"a": ""})], "without a reason"),
        (lambda: [Operation("put", put, {"label": st.none()}, ids="id")], "ids is a text"),
        (lambda: [Operation("put it", put, {"label": st.none()})], "its name is no Python identifier"),
    ],
)
def test_operations_that_cannot_be_used_are_wrong_usage(
    named: Callable[[], Any], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(globals(), "named", lambda: harness(Shelf, named))

    assert main(["compare", f"{HERE}:right", f"{HERE}:named"]) == 2
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def right() -> Harness:
    return harness(Shelf)


def miscounting() -> Harness:
    return harness(Miscounting)


def printing() -> Harness:
    return harness(Printing)


def unopenable() -> Harness:
    class Broken(Shelf):
        def __init__(self) -> None:
            raise OSError("unopenable")

    return harness(Broken)


class Crashing(ShelfHarness):
    opened = 0

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        self.opened += 1
        if self.opened > 3:
            raise ZeroDivisionError("harness")
        yield Shelf()

    def operations(self) -> Any:
        return right().operations()  # type: ignore[attr-defined]


class Unmanaged(ShelfHarness):
    def running(self) -> Any:
        yield


class Nameless(Harness):
    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        yield Shelf()


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("right", "nonsense"), 2, "'nonsense'"),
        (("right", "Nameless"), 2, "Nameless has no method operations()"),
        (("right", "right", "--seconds", "-1"), 2, "--seconds: a positive number"),
        (("right", "right", "--seconds", "nan"), 2, "--seconds: a positive number"),
        (("right", "right", "--known", "nowhere.toml"), 2, "nowhere.toml"),
        (("right", "Unmanaged"), 2, "Unmanaged: running() returns a generator, decorate it with @contextmanager"),
        (("right", "unopenable"), 3, "unopenable could not be set up: OSError: unopenable"),
        (
            ("right", "Crashing"),
            7,
            "crashed: open of Crashing: ZeroDivisionError: harness (test_compare.py:",
        ),
    ],
)
def test_what_keeps_it_from_comparing_is_one_line_with_a_status(
    arguments: tuple[str, ...], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{HERE}:{name}" for name in arguments[:2]]

    assert main(["compare", *names, *arguments[2:]]) == status
    err = capsys.readouterr().err
    assert told in err
    assert err.count("\n") == 1


def test_the_command_prints_findings_and_coverage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", f"{HERE}:right", f"{HERE}:miscounting", "--seed", "3"]) == 1

    out = capsys.readouterr().out
    assert "1. put: count has another value\n" in out
    assert "    store.count()   # right: 3   miscounting: 2\n" in out
    assert "operation  calls  results" in out
    assert "1 difference between right and miscounting: the plan and random sequences" in out
    assert "at most 51 entries, seed 3. What a search does not find may be there." in out


def test_what_a_store_prints_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", f"{HERE}:right", f"{HERE}:printing"]) == 0

    out, err = capsys.readouterr()
    assert "noise" not in out + err


def test_known_differences_have_a_status_and_have_to_occur(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    known = tmp_path / "known.toml"
    names = f"{HERE}:right", f"{HERE}:miscounting"
    known.write_text('[[known]]\noperation = "put"\nkind = "value"\nreason = "it counts to two"\n')
    assert main(["compare", *names, "--known", str(known)]) == 4
    assert "    known: it counts to two\n" in capsys.readouterr().out

    known.write_text(known.read_text() + '[[known]]\noperation = "gone"\nreason = "was so once"\n')
    assert main(["compare", *names, "--known", str(known)]) == 6
    assert "did not occur (remove them from the file):\n  operation gone\n" in capsys.readouterr().out

    known.write_text(known.read_text().replace('"gone"', '"gone"\nmay_not_occur = true'))
    assert main(["compare", *names, "--known", str(known)]) == 4

    known.write_text('[[known]]\noperation = "put"\nreason = ""\n')
    assert main(["compare", *names, "--known", str(known)]) == 2


def test_differences_are_written_as_known_ones(tmp_path: Path) -> None:
    known = tmp_path / "known.toml"
    names = f"{HERE}:right", f"{HERE}:miscounting"
    assert main(["compare", *names, "--write-known", str(known)]) == 1
    known.write_text(known.read_text().replace('reason = ""', 'reason = "it counts to two"'))

    assert main(["compare", *names, "--known", str(known)]) == 4


def test_a_known_difference_is_met_under_another_operation_or_argument_that_shows_it() -> None:
    finding = Finding(
        operation="put",
        argument="args",
        kind="aliasing",
        where="",
        what="",
        consequence="",
        script=(),
        severity=0,
        also_in={"change"},
        also_arguments={"given"},
    )

    assert Known("", operation="change", argument="given", kind="aliasing").covers(finding)
    assert not Known("", operation="other", argument="args", kind="aliasing").covers(finding)
    assert not Known("", operation="put", argument="args", kind="type").covers(finding)


def test_a_written_entry_names_a_class_only_if_it_is_the_only_one() -> None:
    one = Finding(operation="put", argument="a", kind="type", where="", what="", consequence="", script=(), severity=0)

    assert "classes" not in written([one.model_copy(update={"classes": {"Unicode", "punctuation"}})])
    assert 'classes = ["tuple"]\n' in written([one.model_copy(update={"classes": {"tuple"}})])
    assert "may_not_occur = true\n" in written([one.model_copy(update={"is_random": True})])
    assert "may_not_occur" not in written([one])


def test_the_report_is_written_as_json_and_markdown(tmp_path: Path) -> None:
    files = tmp_path / "report.json", tmp_path / "report.md"
    options = "--json", str(files[0]), "--markdown", str(files[1])
    assert main(["compare", f"{HERE}:right", f"{HERE}:miscounting", *options]) == 1

    jsonschema.validate(json.loads(files[0].read_text()), json.loads(SCHEMA.read_text()))
    report = Report.model_validate_json(files[0].read_bytes())
    assert report.to_json() == files[0].read_text()
    assert report.status is Status.DIFFERENT
    assert [finding.consequence for finding in report.findings] == ["count has another value"]
    assert report.operations["put"].results > 0
    assert "1. **put: count has another value**" in files[1].read_text()


def test_an_interrupted_search_prints_what_it_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = Search.run

    def interrupted(self: Search) -> Iterator[Finding]:
        yield next(original(self))
        raise KeyboardInterrupt

    monkeypatch.setattr(Search, "run", interrupted)

    assert main(["compare", f"{HERE}:right", f"{HERE}:miscounting"]) == 130
    out, err = capsys.readouterr()
    assert "1. put: count has another value" in out
    assert err == "interrupted\n"


class Waiting(Shelf):
    async def relabel(self, box_id: str, label: str) -> dict[str, Any]:
        return await asyncio.Future()


class Looping(Shelf):
    def count(self) -> int:
        while self.boxes:
            pass
        return 0


@pytest.mark.once
@pytest.mark.parametrize(("wrong", "last"), [(Waiting, "await store.relabel(box_id="), (Looping, "store.count()")])
def test_a_call_that_does_not_return_is_a_finding_and_is_not_made_again(
    wrong: type[Shelf], last: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("conformance.compare.search.CALL_SECONDS", 0.5)

    search = searched(wrong)

    assert [one.kind for one in search.findings] == ["hanging"]
    assert search.findings[0].script[-1].startswith(last)
    assert "wrong: does not return" in search.findings[0].script[-1]
    assert search.findings[0].what.endswith(" / no return")
    assert "does not return in wrong" in search.findings[0].title
    assert any("did not return within 0.5 s" in note for note in search.notes)
    assert search.is_planned


class Box(dict[str, int]):
    def discard(self, keys: list[str]) -> None:
        for key in keys:
            self.pop(key, None)

    def read(self, key: str) -> int | None:
        return self.get(key)

    def items_of(self) -> Iterator[object]:
        yield from map(Tagged, self)


class Tagged:
    __slots__ = ("__weakref__",)

    def __init__(self, key: str) -> None:
        KEYS[self] = key


KEYS = WeakKeyDictionary[Any, str]()


class Quoting(Box):
    def read(self, key: str) -> int | None:
        if "'" in key:
            raise KeyError(key)
        return self.get(key)


class BoxHarness(Harness):
    def __init__(self, kind: type[Box]) -> None:
        self.kind = kind

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        yield self.kind()

    def operations(self) -> Any:
        keys = st.sampled_from(["a", "b", "c'"])
        return (
            Operation("discard", "discard", {"keys": st.lists(keys, min_size=1, max_size=2)}, writes="keys"),
            Operation("put", lambda box, key: box.update({key: 1}), {"key": keys}, writes="key"),
            Operation("read", "read", {"key": keys}, reads="key"),
            Operation("items", "items_of", reads=WHOLE, view=lambda items: [KEYS[one] for one in items]),
        )


def test_a_read_that_raises_by_itself_is_not_put_down_to_a_write() -> None:
    search = Search(("right", BoxHarness(Box)), ("wrong", BoxHarness(Quoting)), most_random=30)
    list(search.run())

    assert [one.operation for one in search.findings] == ["read"]
    assert search.findings[0].consequence == "accepted by right; wrong raises KeyError"
    assert search.findings[0].script[-1].endswith("""wrong: raises KeyError("c'")""")


def test_a_view_gets_the_items_of_a_generator() -> None:
    search = Search(("one", BoxHarness(Box)), ("other", BoxHarness(Box)), most_random=0)
    list(search.run())

    assert search.findings == []
    assert search.coverage.rows["items"].longest == 51
    assert not search.coverage.rows["items"].incomparable


class Lasting(Box):
    """Boxes whose entries expire, on a clock of their own."""

    now = 0.0

    def put(self, key: str, ttl: float | None = None) -> None:
        self[key] = 1
        self.ends = {**getattr(self, "ends", {}), key: None if ttl is None else self.now + ttl}

    def read(self, key: str) -> int | None:
        ends = getattr(self, "ends", {}).get(key)
        return None if ends is not None and ends <= self.now else self.get(key)


class Deaf(Lasting):
    def put(self, key: str, ttl: float | None = None) -> None:
        super().put(key)


class ClockHarness(BoxHarness):
    says_lifetime = True

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        self.box = self.kind()
        yield self.box

    def advance(self, namespace: str, by: timedelta) -> None:
        self.box.now += by.total_seconds()  # type: ignore[attr-defined]

    def operations(self) -> Any:
        keys = st.sampled_from(["a", "b", "c'"])
        lifetime = "ttl" if self.says_lifetime else None
        ttls = {"ttl": st.sampled_from([60, None, -1])}
        return (
            Operation("put", "put", {"key": keys}, ttls, writes="key", lifetime=lifetime),
            Operation("read", "read", {"key": keys}, reads="key"),
        )


def test_an_argument_that_is_a_lifetime_lets_an_entry_expire() -> None:
    search = Search(("one", ClockHarness(Lasting)), ("other", ClockHarness(Deaf)), most_random=0)
    found = {one.kind: one for one in search._beyond()}  # noqa: SLF001

    assert found["expiry"].consequence == "after 1 h it is there in other, and not in one"
    assert found["expiry"].script == ("store.put(key='a', ttl=60)",)
    assert search.gaps == []


class WholeSeconds(Lasting):
    def put(self, key: str, ttl: float | None = None) -> None:
        super().put(key, None if ttl is None else int(ttl))


def test_a_fraction_of_a_lifetime_counts() -> None:
    class Fractions(ClockHarness):
        def operations(self) -> Any:
            put, read = super().operations()
            return replace(put, optional={"ttl": st.sampled_from([60, 1.5])}), read

    search = Search(("exact", Fractions(Lasting)), ("whole", Fractions(WholeSeconds)), most_random=0)
    found = {one.kind: one for one in search._beyond()}  # noqa: SLF001

    assert found["expiry"].consequence == "after 1.25 s it is there in exact, and not in whole"
    assert found["expiry"].script == ("store.put(key='a', ttl=1.5)",)


class DictionaryHarness(Harness):
    def __init__(self, kind: type[dict[str, Any]]) -> None:
        self.kind = kind

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        yield self.kind()


class Labelled(dict[str, Any]):
    def put(self, key: str, tags: Any = ()) -> None:
        self[key] = sorted(set(tags))

    def drop(self, tag: str) -> None:
        for key in [key for key, tags in self.items() if tag in tags]:
            del self[key]

    def tags(self, key: str) -> Any:
        return self.get(key, [])


class Collecting(Labelled):
    """Keeps the tags of an entry that is put again, and drops those whose tag begins alike."""

    def put(self, key: str, tags: Any = ()) -> None:
        super().put(key, {*tags, *self.get(key, ())})

    def drop(self, tag: str) -> None:
        for key in [key for key, tags in self.items() if any(one.startswith(tag) for one in tags)]:
            del self[key]


def test_what_an_optional_argument_leaves_behind_is_found_beside_another_difference() -> None:
    class TagHarness(DictionaryHarness):
        def operations(self) -> Any:
            keys, tags = {"key": st.sampled_from(["k", "l"])}, st.sampled_from(["a", "ab"])
            return (
                Operation("put", "put", keys, {"tags": st.lists(tags, max_size=2)}, writes="key"),
                Operation("drop", "drop", {"tag": tags}, writes=WHOLE),
                Operation("tags", "tags", keys, reads="key"),
            )

    search = Search(("one", TagHarness(Labelled)), ("other", TagHarness(Collecting)), most_random=100)
    scripts = [[line.partition("(")[0] for line in one.script] for one in search.run()]

    assert ["store.put", "store.put", "store.tags"] in scripts
    assert ["store.put", "store.drop", "store.tags"] in scripts


class Shallow(dict[str, Any]):
    def merge(self, other: Any) -> None:
        self.update(other)


class Deep(dict[str, Any]):
    def merge(self, other: Any) -> None:
        for key, value in other.items():
            self[key] = {**self.get(key, {}), **value}


def test_a_finding_stands_for_those_with_classes_that_do_not_matter() -> None:
    class MergeHarness(DictionaryHarness):
        def operations(self) -> Any:
            inner = st.dictionaries(st.sampled_from("ab"), st.sampled_from([1, 0, "", "\n"]), max_size=1)
            given = {"other": st.dictionaries(st.just("k"), inner, min_size=1)}
            return (
                Operation("merge", "merge", given, writes=WHOLE),
                Operation("all", "copy", reads=WHOLE),
            )

    search = Search(("deep", MergeHarness(Deep)), ("shallow", MergeHarness(Shallow)), most_random=50)
    list(search.run())

    assert [one.title for one in search.findings if one.kind == "value"] == [
        "merge(other): kept by one side, lost by the other: all"
    ]


def test_that_nothing_expired_is_said() -> None:
    harnesses = ClockHarness(Lasting), ClockHarness(Lasting)
    for one in harnesses:
        one.says_lifetime = False
    search = Search(("one", harnesses[0]), ("other", harnesses[1]), most_random=0)
    list(search._beyond())  # noqa: SLF001

    assert any("no entry expired" in gap for gap in report_of(search).not_exercised)


class Kept(ShelfHarness):
    """Shelves that stay for whoever opens the namespace again."""

    def __init__(self) -> None:
        self.shelves: dict[str, Shelf] = {}

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        yield self.shelves.setdefault(namespace, Shelf())


@pytest.mark.parametrize("declares", [True, False])
def test_what_only_one_harness_declares_is_no_finding(declares: bool) -> None:
    kept = Kept()
    if declares:
        kept.capabilities = frozenset({Capability.SHARED, Capability.PERSISTENT})

    search = Search(("own", harness(Shelf)), ("kept", kept), most_random=0)
    list(search.run())

    assert {one.kind for one in search.findings} == (set() if declares else {"instance", "reopening"})
    told = "only kept declares Capability.SHARED; after reopening it is there in kept, and not in own: only kept"
    assert (told in "\n".join(text_of(report_of(search)))) is declares


STUCK = """
from contextlib import asynccontextmanager
import conformance
from conformance.compare import Operation, WHOLE
from conformance.harness import Harness
from hypothesis import strategies as st
import conformance.compare.search
from threading import Lock

conformance.compare.search.CALL_SECONDS = 0.5

class Store(dict):
    def size(self):
        return len(self)

class Deaf(Store):
    def size(self):
        while "k" in self:
            try:
                while True:
                    pass
            except BaseException:
                pass
        return len(self)

class One(Harness):
    kind = Store
    @asynccontextmanager
    async def open(self, namespace):
        yield self.kind()
    def operations(self):
        keys = {"key": st.just("k")}
        return [
            Operation("set", lambda store, key: store.update({key: 1}), keys, writes="key"),
            Operation("get", "get", keys, reads="key", positional=("key",)),
            Operation("size", "size", reads=WHOLE),
        ]

class Other(One):
    kind = Deaf

test_parity = conformance.parity(One, Other)
"""


@pytest.mark.once
def test_a_call_that_cannot_be_interrupted_ends_the_search_with_what_was_found(tmp_path: Path) -> None:
    (tmp_path / "test_stuck.py").write_text(STUCK)
    script = "store.set(key='k')\n    store.size()   # Other: does not return"
    for command, status in [
        (["conformance", "compare", "test_stuck:One", "test_stuck:Other"], 1),
        (["pytest", "-p", "no:cacheprovider"], 1),
    ]:
        ended = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
        )

        assert ended.returncode == status
        assert script.replace("    " if "pytest" in command else "", "") in ended.stdout


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


class Stamping(Queue):
    """Gives another result each time."""

    async def take(self) -> Any:
        return await super().take(), uuid.uuid4().hex


@pytest.mark.parametrize(("kind", "races"), [(Queue, False), (Hesitating, True), (Stamping, False)])
def test_calls_that_name_no_entry_race_and_what_differs_each_time_does_not(kind: type[Queue], races: bool) -> None:
    class QueueHarness(Harness):
        @asynccontextmanager
        async def open(self, namespace: str) -> AsyncIterator[Any]:
            yield kind()

        def operations(self) -> Any:
            return (
                Operation("add", "add", {"job": st.sampled_from(["a", "b"])}, writes=WHOLE),
                Operation("take", "take", writes=WHOLE),
                Operation("left", "left", reads=WHOLE),
            )

    search = Search(("one", QueueHarness()), ("other", QueueHarness()), most_random=0)
    found = [one for one in search._beyond() if one.kind == "lost update"]  # noqa: SLF001

    assert len(found) == 2 * races
    for one in found:
        assert one.script == (
            "await store.add(job='a')",
            "(await asyncio.gather(store.take(), store.take()))[1]   # 'a'   one after the other: None or 'a'",
        )


class Unsteady(Shelf):
    """Forgets how many boxes there are, now and then."""

    calls = 0

    def count(self) -> int:
        type(self).calls += 1
        return -1 if self.calls % 7 == 0 else super().count()


def test_a_difference_that_does_not_show_again_is_no_pass() -> None:
    search = searched(Unsteady)

    if not search.findings:
        assert report_of(search).status is Status.NOT_EXERCISED
    assert any(gap.startswith("count differed, and did not") for gap in report_of(search).not_exercised)
