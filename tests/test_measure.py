"""`conformance measure`: how it times, what it times of a store, what it concludes, and how it ends."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from conformance.backends.memory import MemoryHarness
from conformance.commands import main
from conformance.files import CommandFailedError, FileError
from conformance.measure.block import Figures, time_store
from conformance.measure.claims import Latency, read_claims
from conformance.measure.estimate import bounds_for, estimate
from conformance.measure.figures import judge_by_figures
from conformance.measure.tasks import PAGE, STEPS, fill, works
from conformance.measure.timing import Effort, Timed, time_calls
from conformance.process import in_new_process
from statements.document import AUTO_CLIP
from taskstore import MemoryTaskStore

ROOT = Path(__file__).parents[1]
STORES = """
import time
from contextlib import asynccontextmanager

from hypothesis import strategies as st

from conformance import Harness
from conformance.compare import WHOLE, Operation, earlier_ids
from conformance import process

class Store:
    def __init__(self):
        self.entries = {}

    def put(self, key, value):
        self.entries[key] = value

    async def get(self, key):
        return self.entries[key]

    async def scan(self):
        for value in self.entries.values():
            yield value

    def remove(self, key):
        del self.entries[key]

class Mine(Harness):
    @asynccontextmanager
    async def open(self, namespace):
        yield Store()

    def operations(self):
        key = {"key": st.integers(0, 9)}
        return (
            Operation("get", "get", key, reads="key"),
            Operation("put", "put", {**key, "value": st.just("v")}, writes="key"),
            Operation("scan", "scan", reads=WHOLE),
            Operation("remove", "remove", key, writes="key"),
        )

class Numbered(Mine):
    def operations(self):
        def add(store, value):
            store.put(len(store.entries), value)
            return [len(store.entries) - 1]

        return (
            Operation("add", add, {"value": st.just("v")}, ids=(WHOLE,), writes=WHOLE),
            Operation("many", lambda store, ids: [store.entries[key] for key in ids],
                      {"ids": st.lists(earlier_ids(), min_size=1)}, reads=WHOLE),
        )

class Broken(Mine):
    def operations(self):
        return (*Mine.operations(self)[:2], Operation("fail", lambda store: 1 / 0, reads=WHOLE))

class AsyncDiscard(Mine):
    async def discard(self, namespace):
        pass

class Hanging(Mine):
    def operations(self):
        process.LIMIT = 2
        return (*Mine.operations(self)[:2], Operation("wait", lambda store: time.sleep(60), reads=WHOLE))

class ReadOnly(Mine):
    def operations(self):
        return Mine.operations(self)[:1]
"""
CLAIM = '[[claim]]\nid = "C1"\nkind = "latency"\noperation = "get"\nsentence.en = "S"\n'


@pytest.mark.parametrize(
    ("seconds", "most_rounds", "single", "made"),
    [
        (0, 50, 1_000, None),
        (0.0005, 100, 100, None),
        (0.02, 1, 1, 2),
        (0.25, 1, 1, 1),  # so long that it is not repeated to warm up
    ],
)
def test_short_calls_share_a_round_and_a_long_one_is_timed_once(
    seconds: float, most_rounds: int, single: int, made: int | None
) -> None:
    numbers = count()
    calls = (partial(asyncio.sleep, seconds) for _ in numbers)
    timed = asyncio.run(time_calls(calls, Effort(seconds=0.01)))
    assert seconds <= min(timed.rounds) < seconds + 0.05
    assert len(timed.rounds) <= most_rounds
    assert len(timed.single) == single
    assert made in (None, next(numbers))


@pytest.mark.anyio
async def test_the_calls_that_are_timed_of_a_task_store_do_what_they_are_timed_for() -> None:
    async with MemoryTaskStore() as store:
        ids = await fill(store, 60)
        answers = {name: await next(calls)() for name, calls in works(store, ids, Random(0)).items()}
    assert answers["get"].task_id in ids
    assert (answers["list"].total, len(answers["list"].tasks)) == (60, PAGE)
    assert (answers["update"].status, answers["update"].progress) == STEPS[0][:2]
    assert answers["create"].task_id not in ids


def test_a_process_of_its_own_has_a_hash_seed_of_its_own_and_its_failure_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "0")  # as tox sets one for all that it starts
    assert len({in_new_process(hash, "task") for _ in range(3)}) == 3
    with pytest.raises(CommandFailedError, match=r"TypeError: .*test_measure.py:"):
        in_new_process(figures, None)
    with pytest.raises(CommandFailedError, match=r"the process ended \(status -6\)"):
        in_new_process(os.abort)


def figures(ms: Mapping[int, list[float]]) -> Figures:
    return {("mine", "get", size): [Timed((one / 1e3,), (0.0015,) * 100) for one in ms[size]] for size in ms}


def latency(**more: Any) -> Latency:
    stated = {"id": "C1", "kind": "latency", "operation": "get", "range": [1, 2], "sentence": {"en": "S"}, **more}
    return Latency.model_validate(stated)


@pytest.mark.parametrize(("blocks", "interval", "level"), [(13, (2, 12), 0.9966), (8, None, 1)])
def test_an_interval_has_the_level_of_the_pair_that_was_found(
    blocks: int, interval: tuple[int, int] | None, level: float
) -> None:
    assert estimate(range(1, blocks + 1)).interval == interval
    assert bounds_for(blocks)[1] == pytest.approx(level, abs=5e-5)


SLOW = {100: [4.5] * 9}


@pytest.mark.parametrize(
    ("stated", "found", "verdict", "lines"),
    [
        ({}, {100: [1.5] * 9}, "confirmed", ["100 entries: median 1.5 ms (1.5 ms – 1.5 ms): confirmed"]),
        (
            {},
            {10: [0.1] * 9, **SLOW},  # at the most entries
            "slower",
            ["100 entries: median 4.5 ms (4.5 ms – 4.5 ms): slower by a factor of 2.2"],
        ),
        ({}, {100: [1.5] * 3}, "inconclusive", ["100 entries: median 1.5 ms: inconclusive"]),
        ({"entries": [10, 100]}, {10: [0.1] * 9, **SLOW}, "under-specified", []),
        ({"quantile": 0.99}, {100: [0.1] * 9}, "confirmed", ["100 entries: p99 1.5 ms (1.5 ms – 1.5 ms): confirmed"]),
        (
            {"quantile": 0.999},
            {100: [2.0] * 9},
            "not-measured",
            ["100 entries: the p99.9 needs 1,000 calls in each block: try more --seconds"],
        ),
        ({}, {}, "not-measured", ["0 entries: get was not timed"]),
    ],
)
def test_a_verdict_says_what_it_comes_from_or_what_is_missing(
    stated: dict[str, Any], found: dict[int, list[float]], verdict: str, lines: list[str]
) -> None:
    judged, said = judge_by_figures(latency(**stated), figures(found))
    assert judged == verdict
    assert f"C1 {verdict} (stated " in said[0]
    assert [line for line in said if line.strip() in lines] == [f"    {line}" for line in lines]


def claims_file(tmp_path: Path, text: str) -> Path:
    (tmp_path / "claims.toml").write_text(text, "utf-8")
    return tmp_path / "claims.toml"


@pytest.mark.parametrize(
    ("more", "fault"), [("range = [2, 1]", "range: 2 is not below 1"), ("range = [1, 2]\nmade_up = 1", "made_up")]
)
def test_a_file_of_claims_that_is_wrong_is_refused_with_its_fault(tmp_path: Path, more: str, fault: str) -> None:
    with pytest.raises(FileError, match=f"not a file of claims: .*{fault}"):
        read_claims(claims_file(tmp_path, CLAIM + more))


def test_the_examples_are_files_of_claims_about_what_is_measured() -> None:
    timed = time_store(MemoryHarness(), 20, Effort(seconds=0.001), Random(0)).keys()
    for name, operations in {"auto_clip": timed, "diskcache": {"set", "get"}}.items():
        claims = read_claims(AUTO_CLIP.with_name(f"{name}.toml")).claim
        assert all({"en", "zh"} <= claim.sentence.keys() for claim in claims)
        stated = {claim.operation for claim in claims if isinstance(claim, Latency)}
        assert stated <= operations


@pytest.fixture
def measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    (tmp_path / "stores.py").write_text(STORES)
    (tmp_path / "redis.toml").write_text(CLAIM + "range = [0, 1]\nmode = 'redis'\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "stores", raising=False)
    return lambda store, *options: main(["measure", "--store", store, "--seconds", "0.002", *options])


def test_a_store_with_operations_of_its_own_is_measured_and_held_to_a_budget(
    measure: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claims = claims_file(tmp_path, f"[document]\ntitle.en = 'T'\n{CLAIM}range = [0, 1]\nunit = 's'\n")
    (tmp_path / "budget.toml").write_text(CLAIM + "range = [0, 1]\nunit = 'ns'\n")
    files = ("--claims", str(claims), "--budget", "budget.toml", "--json", "made.json")
    assert measure("stores:Mine", "--entries", "20", "--blocks", "9", *files) == 1
    out, err = capsys.readouterr()
    assert "median (99.6 % interval)" in out
    assert re.search(r"^block 9 of 9, about \d+ s left$", err, re.MULTILINE)
    assert "C1 confirmed (stated 0 ns – 1 s)\n    S\n" in out
    assert ": slower by a factor of" in out
    assert "remove was not timed" in out
    made = json.loads((tmp_path / "made.json").read_text())
    assert {(figure["operation"], len(figure["blocks"])) for figure in made} == {("get", 9), ("put", 9), ("scan", 9)}


@pytest.mark.parametrize(
    ("store", "options", "status", "said"),
    [
        ("stores:Numbered", ("--blocks", "1", "--entries", "5"), 0, ""),  # named by the ids that the store gave
        ("stores:Broken", ("--blocks", "1", "--entries", "5"), 3, "ZeroDivisionError"),
        ("stores:AsyncDiscard", ("--blocks", "1"), 2, "`discard` of the harness has to be a plain function"),
        ("stores:Hanging", ("--blocks", "1", "--entries", "5"), 3, "wait did not return within 2 s\n"),
        ("stores:ReadOnly", (), 2, "none of its operations writes an entry"),
        ("memory", ("--seconds", "nan"), 2, "positive numbers\n"),
        ("memory", ("--budget", "redis.toml"), 2, "redis.toml: no claim is about latency in this mode"),
    ],
)
def test_what_is_measured_and_what_cannot_be(
    measure: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    store: str,
    options: tuple[str, ...],
    status: int,
    said: str,
) -> None:
    assert measure(store, *options) == status
    assert said in capsys.readouterr().err
