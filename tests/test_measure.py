"""`conformance measure`: what it times of a store, what it concludes, and how it ends."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from conformance.commands import main
from conformance.examples import key_value_store
from conformance.examples.diskcache_store import DiskCache
from conformance.files import FileError
from conformance.harness import Harness
from conformance.measure import page, run
from conformance.measure.claims import AUTO_CLIP, Latency, Throughput, read_claims
from conformance.measure.estimate import Estimate
from conformance.measure.operations import workload_of
from conformance.measure.timing import Effort
from conformance.subjects.memory import MemoryHarness

ROOT = Path(__file__).parents[1]
STORES = """
import asyncio
import os
import signal
from contextlib import asynccontextmanager
from pathlib import Path

from hypothesis import strategies as st

from conformance import Harness
from conformance.compare import WHOLE, Operation

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

class Broken(Mine):
    def operations(self):
        return (*Mine.operations(self)[:2], Operation("fail", lambda store: 1 / 0, reads=WHOLE))

class Interrupting(Mine):
    @asynccontextmanager
    async def open(self, namespace):
        first = Path("first")
        if not first.exists():
            first.write_text(str(os.getpid()))
        if first.read_text() != str(os.getpid()):
            os.kill(os.getppid(), signal.SIGINT)
            await asyncio.sleep(60)
        yield Store()

class ReadOnly(Mine):
    def operations(self):
        return Mine.operations(self)[:1]
"""


def measured(operation: str, entries: int, ms: list[float], **quantiles: float) -> dict[str, Any]:
    """One operation, whose blocks have a round each."""
    single = {"n": 1_000, "quantiles": {share: ms / 1e3 for share, ms in quantiles.items()}}
    info = {"operation": operation, "entries": entries, "blocks": [1] * len(ms), "single_calls": [single] * len(ms)}
    return {"extra_info": info, "stats": {"data": [one / 1e3 for one in ms]}}


def figures(*rows: dict[str, Any]) -> list[run.Figure]:
    return run.figures_of({"benchmarks": list(rows)}, run.miss_of(1))


def latency(**more: Any) -> Latency:
    stated = {"id": "C1", "kind": "latency", "operation": "get", "range": [1, 2], "sentence": {"en": "It is quick."}}
    return Latency.model_validate({**stated, **more})


class InRedisMode(MemoryHarness):
    mode = "redis"


def judge(claim: Any, *rows: dict[str, Any], harness: Harness | None = None) -> str:
    [judged] = run.judge_claims([claim], figures(*rows), harness or MemoryHarness())
    return judged.verdict


@pytest.mark.parametrize(("ms", "verdict"), [(1.5, "confirmed"), (0.5, "faster"), (2.5, "slower")])
def test_a_latency_is_judged_in_its_unit(ms: float, verdict: str) -> None:
    row = measured("get", 100, [ms] * 9)
    assert judge(latency(), row) == verdict
    assert judge(latency(range=[1_000, 2_000], unit="µs"), row) == verdict


def test_a_quantile_is_of_single_calls_and_needs_enough_of_them() -> None:
    claim = latency(quantile=0.99)
    row = measured("get", 100, [0.1] * 9, **{"0.99": 1.5})
    assert judge(claim, row) == "confirmed"
    row["extra_info"]["single_calls"] = [{**row["extra_info"]["single_calls"][0], "n": 99}] * 9
    assert judge(claim, row) == "not-measured"


def test_a_throughput_below_its_range_is_slower() -> None:
    stated = {"id": "C1", "kind": "throughput", "operation": "get", "range": [1_000, 2_000], "sentence": {"en": "-"}}
    claim = Throughput.model_validate(stated)
    assert judge(claim, measured("get", 100, [2.0] * 9)) == "slower"
    assert judge(claim, measured("get", 100, [0.1] * 9)) == "faster"


def test_sizes_that_disagree_are_under_specified_and_one_that_is_missing_decides_nothing() -> None:
    claim = latency(entries=[10, 100])
    few, many = measured("get", 10, [0.1] * 9), measured("get", 100, [9.0] * 9)
    assert judge(claim, few, many) == "under-specified"
    assert judge(claim, few) == "not-measured"
    assert judge(latency(), few, many) == "slower"  # without sizes: at the most entries


def test_a_claim_about_another_mode_is_left_out() -> None:
    row = measured("get", 100, [1.5] * 9)
    assert judge(latency(mode="memory"), row) == "confirmed"
    assert run.judge_claims([latency(mode="memory")], figures(row), InRedisMode()) == []


def test_fewer_than_nine_blocks_decide_nothing_and_many_claims_need_more() -> None:
    assert judge(latency(), measured("get", 100, [1.5] * 8)) == "inconclusive"
    assert (run.blocks_for(1), run.blocks_for(8), run.blocks_for(40)) == (9, 9, 11)


def test_growth_is_found_block_by_block() -> None:
    moods = [1.0, 3.0, 2.0] * 3  # of the machine, which both sizes met
    found = run.exponents_of(
        figures(measured("list", 10, moods), measured("list", 1_000, [10 * one for one in moods])), run.miss_of(1)
    )
    assert found["list"].value == pytest.approx(0.5)
    assert found["list"].interval == pytest.approx((0.5, 0.5))


def test_a_plan_has_the_sizes_and_quantiles_of_the_claims() -> None:
    plan = run.plan_of("memory", read_claims(AUTO_CLIP).claim, [], Effort(1, 0.1), 0)
    assert plan.entries == (100, 1_000, 10_000)
    assert run.plan_of("memory", [latency(quantile=0.9)], [7], Effort(1, 0.1), 0).effort.quantiles == (0.5, 0.9, 0.99)


def claims_file(tmp_path: Path, text: str) -> Path:
    (file := tmp_path / "claims.toml").write_text(text, "utf-8")
    return file


CLAIM = '[document]\ntitle.en = "T"\n[[claim]]\nid = "C1"\nkind = "latency"\noperation = "get"\nsentence.en = "S"\n'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[document]\ntitle.en = 'T'", "claim: Field required"),
        (CLAIM + "range = [2, 1]", "range: 2 is not below 1"),
        (CLAIM + "range = [1, 2]\nunit = 'years'", "unit"),
        (CLAIM + "range = [1, 2]\nmade_up = 1", "made_up"),
        (CLAIM + "range = [1, 2]\nsentence = 1", "Cannot overwrite"),
    ],
)
def test_a_file_of_claims_that_is_wrong_is_refused_with_its_fault(tmp_path: Path, text: str, fault: str) -> None:
    file = claims_file(tmp_path, text)
    with pytest.raises(FileError, match="not a file of claims") as refused:
        read_claims(file)
    assert fault in str(refused.value)


@pytest.mark.parametrize("guide", ["measure.md", "measure.zh-CN.md"])
def test_the_files_of_the_guide_are_read(guide: str, tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / guide).read_text("utf-8"), re.DOTALL)
    assert blocks
    for block in blocks:
        assert len(read_claims(claims_file(tmp_path, block)).claim) == 1


def test_ids_of_claims_differ(tmp_path: Path) -> None:
    claim = CLAIM + "range = [1, 2]\n"
    with pytest.raises(FileError, match="claims have the same id: C1"):
        read_claims(claims_file(tmp_path, claim + claim.partition("[[claim]]")[2].join(["[[claim]]", ""])))


def test_the_examples_are_files_of_claims_about_what_is_measured() -> None:
    examples = {"auto_clip": (43, MemoryHarness()), "diskcache": (13, DiskCache())}
    for name, (count, harness) in examples.items():
        claims = read_claims(AUTO_CLIP.with_name(f"{name}.toml")).claim
        assert len(claims) == count
        assert all({"en", "zh"} <= claim.sentence.keys() for claim in claims)
        stated = {claim.operation for claim in claims if isinstance(claim, Latency)}
        assert stated <= workload_of(harness, name).works.keys()


def test_a_task_store_that_names_no_operations_is_measured_by_those_of_a_task_store() -> None:
    workload = workload_of(key_value_store.KeyValueMemoryHarness(), "jobs")
    assert set(workload.works) == {"create", "get", "list", "update"}


def test_the_page_escapes_what_a_document_says() -> None:
    [judged] = run.judge_claims(
        [latency(sentence={"en": "<script>alert(1)</script>"})], figures(measured("get", 1, [1.5] * 9)), MemoryHarness()
    )
    made = page.page_of("<b>", "T", [judged], figures(measured("get", 1, [1.5] * 9)), {}, {})
    assert "<script" not in made
    assert "<b>" not in made
    assert "confirmed" in made


def test_the_chinese_page_has_a_text_for_every_english_one() -> None:
    found = figures(measured("(empty await)", 0, [0.1] * 9), measured("get", 1, [1.5] * 9))
    sentence = {"en": "S", "zh": "句"}
    claims = [latency(sentence=sentence), latency(sentence=sentence, operation="no")]
    judged = run.judge_claims(claims, found, MemoryHarness())
    left_out = {"remove": "it takes only the name of an entry, and may remove it"}
    made = page.page_of("store", "T", judged, found, {"get": Estimate(0.5, None, 9)}, left_out, "zh")
    text = re.sub(r"<style>.*?</style>|<[^>]*>", " ", made, flags=re.DOTALL)
    english = {"store", "get", "no", "remove", "ms", "await", "empty"}
    assert {*re.findall(r"[A-Za-z]{2,}", text)} <= english


@pytest.fixture
def measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    (tmp_path / "stores.py").write_text(STORES)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "stores", raising=False)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(ROOT)]))
    # pytest-benchmark switches itself off in a worker of pytest-xdist, and takes what a worker starts for one.
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST")]:
        monkeypatch.delenv(name)
    return lambda store, *options: main(["measure", "--store", store, "--seconds", "0.002", *options])


@pytest.mark.once
def test_a_store_with_operations_of_its_own_is_measured_and_held_to_a_budget(
    measure: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    claims = claims_file(tmp_path, CLAIM + "range = [0, 1]\nunit = 's'\n")
    (tmp_path / "budget.toml").write_text(CLAIM + "range = [0, 1]\nunit = 'ns'\n")
    files = ("--claims", str(claims), "--budget", "budget.toml", "--json", "made.json", "--page", "made.html")
    assert measure("stores:Mine", "--entries", "20", *files) == 1
    out = capsys.readouterr().out
    assert "C1 confirmed: S" in out
    assert "C1 slower: S" in out
    assert "remove was not timed" in out
    made = json.loads((tmp_path / "made.json").read_text())
    assert {row["extra_info"]["operation"] for row in made["benchmarks"]} == {"(empty await)", "get", "put", "scan"}
    assert all(row["extra_info"]["blocks"][8] for row in made["benchmarks"])
    assert "<td>confirmed</td>" in (tmp_path / "made.html").read_text("utf-8")
    assert "<td>符合</td>" in (tmp_path / "made.zh.html").read_text("utf-8")


@pytest.mark.once
def test_an_operation_that_raises_is_told(measure: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert measure("stores:Broken", "--blocks", "1", "--entries", "5") == 3
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "Traceback" not in said


@pytest.mark.once
@pytest.mark.usefixtures("interruptible")
def test_an_interrupted_run_keeps_the_blocks_before(
    measure: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert measure("stores:Interrupting", "--entries", "5", "--json", "made.json") == 130
    assert capsys.readouterr().err == "interrupted\n"
    made = json.loads((tmp_path / "made.json").read_text())
    assert {tuple(map(bool, row["extra_info"]["blocks"])) for row in made["benchmarks"]} == {(True,)}


@pytest.mark.parametrize(
    ("store", "options", "said"),
    [
        ("stores:ReadOnly", (), "none of its operations writes an entry"),
        ("stores:Nothing", (), "Nothing"),
        ("memory", ("--claims", "nowhere.toml"), "nowhere.toml: No such file"),
        ("memory", ("--entries", "0"), "positive numbers"),
        ("memory", ("--budget", str(AUTO_CLIP)), "each claim of a budget has to be about"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is(
    measure: Callable[..., int], capsys: pytest.CaptureFixture[str], store: str, options: tuple[str, ...], said: str
) -> None:
    assert measure(store, *options) == 2
    assert said in capsys.readouterr().err
