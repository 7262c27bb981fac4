"""The gate: what it decides from blocks, counts and results, and how it ends. Nothing is timed here."""

from __future__ import annotations

import asyncio
import json
import random
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import redis

from benchmarks.gate import __main__ as command
from benchmarks.gate import growth, requirements, run
from benchmarks.gate.blocks import ROUNDS, NotMeasuredError, Worker
from benchmarks.gate.counts import MOST, MOST_KEYS, Cost, count_costs, count_keys, find_excess, find_left
from benchmarks.gate.decision import ARMS, Arm, Decision, Round, confirm, decide, median_interval
from benchmarks.gate.instructions import Instructions, can_count, count_instructions, find_more
from benchmarks.gate.invariants import Invariants
from benchmarks.gate.result import EXIT_STATUS
from benchmarks.gate.versions import ROOT, NotInstalledError, Version, install
from benchmarks.gate.worker import OPERATIONS
from benchmarks.workload import fill
from conformance.results.document import SCHEMA, AboutSubject, Level, ListedRequirement, Result, Results, Suite, Verdict
from conformance.results.fingerprint import fingerprint
from conformance.subjects.redis import RedisHarness
from conformance.subjects.servers import EmbeddedServer
from taskstore import MemoryTaskStore, Task, TaskPage, TaskStatus, TaskStore
from taskstore.redis import RedisTaskStore, connect

CODE = "0" * 64
"""A fingerprint that nothing has."""


def rounds_of(
    noise: float = 0.0, head: float = 1.0, slowed: tuple[str, ...] = OPERATIONS, count: int = ROUNDS
) -> list[Round]:
    """Make rounds in which a block of 1 ms varies by the noise, and the head takes so many times as long."""
    varying = random.Random(7)  # noqa: S311  the same blocks in every run

    def blocks(name: str, arm: Arm) -> list[float]:
        factor = head if arm == "head" and name in slowed else 1.0
        process = varying.gauss(0, noise)
        return [0.001 * factor * 2.718 ** (process + varying.gauss(0, noise)) for _ in range(4)]

    return [{name: {arm: blocks(name, arm) for arm in ARMS} for name in OPERATIONS} for _ in range(count)]


def test_identical_code_passes() -> None:
    decision = decide(rounds_of())
    assert decision.verdict == "passed"
    assert [one.operation for one in decision.comparisons] == list(OPERATIONS)
    assert [one.ratio for one in decision.comparisons] == pytest.approx([1] * len(OPERATIONS))
    assert [one.noise for one in decision.comparisons] == pytest.approx([0] * len(OPERATIONS))


def test_identical_code_passes_on_an_ordinary_day() -> None:
    assert decide(rounds_of(noise=0.03)).verdict == "passed"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_one_operation_that_takes_a_fifth_longer_is_slower(operation: str) -> None:
    decision = decide(rounds_of(noise=0.02, head=1.2, slowed=(operation,)))
    assert decision.verdict == "slower"
    assert [one.operation for one in decision.comparisons if one.verdict == "slower"] == [operation]


def test_what_is_less_than_a_tenth_passes_however_sure_it_is() -> None:
    assert decide(rounds_of(head=1.09)).verdict == "passed"
    assert decide(rounds_of(head=1.11)).verdict == "slower"


def test_what_became_faster_passes() -> None:
    assert decide(rounds_of(noise=0.03, head=0.5)).verdict == "passed"


def test_a_slowdown_within_the_noise_of_the_day_is_not_told() -> None:
    decision = decide(rounds_of(noise=0.3, head=1.2))
    assert decision.verdict == "noisy"
    assert "slower" not in {one.verdict for one in decision.comparisons}


def test_a_slowdown_is_held_against_what_identical_code_differs_by() -> None:
    def day(control: float) -> list[Round]:
        blocks: dict[Arm, list[float]] = {"base": [1.0, 1.0], "head": [1.25, 1.25], "control": [control, control]}
        return [{"redis get": blocks}] * ROUNDS

    assert decide(day(control=1.2)).verdict == "slower"
    assert decide(day(control=1.3)).verdict == "noisy"
    assert decide(day(control=0.7)).verdict == "noisy"


def test_a_machine_that_slows_down_steadily_is_no_slowdown() -> None:
    places: dict[Arm, tuple[int, int]] = {"base": (0, 5), "head": (1, 4), "control": (2, 3)}
    drifting = {arm: [0.001 * 1.2**place for place in there_and_back] for arm, there_and_back in places.items()}
    decision = decide([{"redis get": drifting}] * ROUNDS)
    assert decision.verdict == "passed"
    assert decision.comparisons[0].ratio == pytest.approx(1)


def test_a_slowdown_is_told_if_a_second_run_has_it_too() -> None:
    def decision(slowed: tuple[str, ...], noise: float = 0.0) -> Decision:
        return decide(rounds_of(noise, head=1.3, slowed=slowed))

    first = decision(("redis get",))
    assert confirm(first, decision(("redis get",))).verdict == "slower"
    assert confirm(first, decision(())).verdict == "passed"
    assert confirm(first, decision((), noise=0.4)).verdict == "noisy"
    other = confirm(first, decision(("memory get",)))
    assert other.verdict == "noisy"
    assert [one.operation for one in other.comparisons if one.verdict == "noisy"] == ["memory get"]


def test_the_interval_is_that_of_many_bootstrap_samples() -> None:
    drawing = random.Random(3)  # noqa: S311  the same draws in every run
    values = [drawing.gauss(0, 1) for _ in range(15)]
    drawn = sorted(median(drawing.choices(values, k=15)) for _ in range(20_000))
    for miss in (0.1, 0.05, 0.02):
        low, high = median_interval(values, miss)
        assert low == pytest.approx(drawn[round(20_000 * miss / 2)])
        assert high == pytest.approx(drawn[round(20_000 * (1 - miss / 2)) - 1])


def test_an_interval_asks_for_an_odd_number() -> None:
    with pytest.raises(ValueError, match="even"):
        median_interval([1.0, 2.0], 0.05)


def results(verdicts: dict[int, Verdict] | None = None, build: str = "") -> Results:
    """Two tests on each subject, all of which pass but for those of these numbers."""
    levels: dict[str, Level] = {"LIFE-01": "MUST", "LIFE-02": "SHOULD"}
    tests = [(subject, number) for subject in requirements.SUBJECTS for number in levels]
    return Results(
        schema=SCHEMA,
        suite=Suite(
            version="1",
            fingerprint=build or fingerprint(),
            python="3",
            platform="",
            client="",
            hypothesis="6",
            seed=1,
        ),
        started=datetime.now(UTC),
        seconds=1.0,
        exit_status=0,
        subjects=tuple(AboutSubject(name=name) for name in requirements.SUBJECTS),
        requirements=tuple(
            ListedRequirement(id=number, level=level, text="", claims=()) for number, level in levels.items()
        ),
        results=tuple(
            Result(
                test=f"requirement_{number}",
                doc="",
                requirements=(number,),
                subject=subject,
                verdict=(verdicts or {}).get(index, "pass"),
            )
            for index, (subject, number) in enumerate(tests)
        ),
    )


def test_a_must_that_fails_or_breaks_is_broken_and_a_should_is_not() -> None:
    assert list(requirements.judge(results())) == []
    assert list(requirements.judge(results({0: "fail"}))) == ["memory: LIFE-01 (requirement_LIFE-01): fail: "]
    broken = "embedded: LIFE-01 (requirement_LIFE-01): harness-error: "
    assert list(requirements.judge(results({2: "harness-error"}))) == [broken]
    assert list(requirements.judge(results({1: "fail"}))) == []


def test_a_suite_that_decided_nothing_or_about_something_else_is_broken() -> None:
    undecided = list(requirements.judge(results({0: "not-run", 3: "not-testable"})))
    assert undecided == ["2 tests decided nothing, requirement_LIFE-01 on memory for one: "]
    other = results(build=CODE)
    assert list(requirements.judge(other)) == ["the suite had another taskstore than the one that is here"]
    only_memory = results({2: "not-applicable", 3: "not-applicable"})
    assert list(requirements.judge(only_memory)) == ["embedded: no requirement was decided"]


def test_what_an_earlier_run_wrote_is_judged_and_no_suite_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judged: Callable[..., None]
) -> None:
    monkeypatch.setattr(requirements, "run", lambda _: pytest.fail("the suite was run"))
    given: list[Any] = []
    judged()

    def look(*arguments: Any) -> Invariants:
        given.append(arguments[-1])
        return Invariants(("broken",), {}, {}, {})

    monkeypatch.setattr(run, "look", look)
    made = results({0: "fail"})
    not_ours = made.results[0].model_copy(update={"subject": "documented-memory", "verdict": "not-run"})
    other = AboutSubject(name="documented-memory")
    made = made.model_copy(update={"subjects": (*made.subjects, other), "results": (*made.results, not_ours)})
    written = tmp_path / "results.json"
    written.write_text(made.model_dump_json(by_alias=True), "utf-8")
    assert command.main(["run", "--results", str(written)]) == EXIT_STATUS["broken"]
    assert requirements.find_broken_requirements(given[0]) == ["memory: LIFE-01 (requirement_LIFE-01): fail: "]


def test_results_that_cannot_be_read_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "nothing.json"
    assert command.main(["run", "--results", str(missing)]) == 2
    assert capsys.readouterr().err.startswith(f"{missing}: ")


class Chatty(RedisTaskStore):
    """Asks the server twice where once would do."""

    async def get_task(self, task_id: str) -> Task:
        await self.ping()
        return await super().get_task(task_id)


class ChattyHarness(RedisHarness):
    def open_at(self, namespace: str, url: str, seconds: float) -> Chatty:
        return Chatty(connect(url, connect_timeout=seconds, timeout=seconds), prefix=namespace)


def count(harness: RedisHarness, server: EmbeddedServer) -> dict[str, Cost]:
    async def fill_and_count() -> dict[str, Cost]:
        async with harness.open("counted") as store:
            ids = await fill(store, growth.FEW)
        return await count_costs(harness, "counted", server.url, ids)

    with harness.running():
        return asyncio.run(fill_and_count())


def test_the_store_costs_what_is_written() -> None:
    server = EmbeddedServer()
    assert count(RedisHarness(server), server) == MOST


def test_a_request_more_is_found() -> None:
    server = EmbeddedServer()
    excess = list(find_excess(count(ChattyHarness(server), server)))
    assert excess == ["get needs 2 requests, not 1", "get needs 2 commands of the server, not 1"]


class Hoarding(RedisTaskStore):
    """Purges nothing."""

    async def purge(self, before: datetime) -> int:
        return 0


class HoardingHarness(RedisHarness):
    def open(self, namespace: str) -> Hoarding:
        return Hoarding(connect(self._server.url), prefix=namespace)


def test_keys_that_are_left_are_found() -> None:
    server = EmbeddedServer()
    with (harness := RedisHarness(server)).running():
        assert asyncio.run(count_keys(harness, "keys", server.url)) == MOST_KEYS
    with (harness := HoardingHarness(server)).running():
        assert "keys that are there, after purge: 7, not 0" in find_left(
            asyncio.run(count_keys(harness, "keys", server.url))
        )


def test_a_listing_that_looks_at_every_task_grows() -> None:
    class Scanning(MemoryTaskStore):
        async def list_tasks(
            self, status: TaskStatus | None = None, limit: int = 50, offset: int = 0, *, after: str | None = None
        ) -> TaskPage:
            sorted(self._tasks.values(), key=lambda task: task.created_at)
            return await super().list_tasks(status, limit, offset, after=after)

    async def exponent(of: type[MemoryTaskStore]) -> float:
        stores: dict[int, TaskStore] = {growth.FEW: of(), growth.MANY: of()}
        for tasks, store in stores.items():
            await fill(store, tasks)
        return await growth.find_exponent(stores)

    flat, linear = asyncio.run(exponent(MemoryTaskStore)), asyncio.run(exponent(Scanning))
    assert list(growth.find_growth({"memory": flat})) == []
    assert list(growth.find_growth({"memory": linear})) == [
        f"a listing in memory mode grows with an exponent of {linear:.2f}, not 0.25"
    ]


KEPT = Invariants((), {}, {}, {})


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Replace what takes time by what it found, or raised."""

    def replace(
        invariants: Invariants = KEPT,
        rounds: object = (),
        head: str = "",
        again: object = None,
        instructions: tuple[Instructions, ...] = (),
        base: str = CODE,
    ) -> None:
        runs = iter((rounds, rounds if again is None else again))

        def look(*_: object) -> Invariants:
            return invariants

        def measure(*_: object) -> Any:
            if isinstance(made := next(runs), Exception):
                raise made
            return made

        @contextmanager
        def installed(source: str) -> Iterator[dict[Arm, Version]]:
            if source == "nowhere":
                raise NotInstalledError("no such revision")
            yield {arm: Version(source, Path(arm), (head or fingerprint()) if arm == "head" else base) for arm in ARMS}

        monkeypatch.setattr(run, "can_count", lambda: bool(instructions))
        monkeypatch.setattr(run, "count_instructions", lambda *_: instructions)
        monkeypatch.setattr(run, "look", look)
        monkeypatch.setattr(run, "measure", measure)
        monkeypatch.setattr(run, "installed", installed)

    return replace


def gate(tmp_path: Path, base: str = "somewhere") -> tuple[int, dict[str, Any]]:
    file = tmp_path / "new" / "gate.json"
    status = command.main(["run", "--base", base, "--json", str(file)])
    return status, json.loads(file.read_text("utf-8"))


def test_a_run_that_passes(tmp_path: Path, judged: Callable[..., None]) -> None:
    judged(rounds=tuple(rounds_of()))
    status, result = gate(tmp_path)
    assert (status, result["verdict"], result["exit_status"]) == (0, "passed", 0)
    assert result["schema"] == "gate/2"
    assert result["head"]["fingerprint"] == fingerprint()
    assert result["base"] == {"source": "somewhere", "fingerprint": CODE}
    assert len(result["rounds"]) == ROUNDS


def test_the_same_store_is_not_timed(tmp_path: Path, judged: Callable[..., None]) -> None:
    judged(rounds=AssertionError("not to be called"), base=fingerprint())
    status, result = gate(tmp_path)
    assert (status, result["rounds"]) == (0, [])
    assert result["reasons"] == ["the store is the same in both: nothing is measured"]


def test_what_is_broken_is_not_timed(tmp_path: Path, judged: Callable[..., None]) -> None:
    judged(
        invariants=Invariants(("memory: LIFE-01 (a): fail: ",), {}, {}, {}), rounds=AssertionError("not to be called")
    )
    status, result = gate(tmp_path)
    assert (status, result["verdict"], result["rounds"]) == (1, "broken", [])
    assert result["reasons"] == ["memory: LIFE-01 (a): fail: "]


def test_what_is_slower_is_told_by_name(
    tmp_path: Path, judged: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    judged(rounds=tuple(rounds_of(head=1.5, slowed=("redis list",))))
    assert gate(tmp_path)[0] == 3
    assert "redis list takes 1.50 times as long (1.50 to 1.50)" in capsys.readouterr().out


def test_a_call_that_runs_a_tenth_more_instructions_is_slower_and_is_not_timed(
    tmp_path: Path, judged: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    judged(rounds=AssertionError("not to be called"), instructions=(Instructions("memory get", 1_000, 1_110),))
    status, result = gate(tmp_path)
    assert (status, result["reasons"]) == (3, ["memory get runs 11.0% more instructions a call: 1,110, not 1,000"])
    assert "instructions of a call, × base: memory get 1.110" in capsys.readouterr().out
    judged(rounds=tuple(rounds_of()), instructions=(Instructions("memory get", 1_000, 1_090),))
    assert gate(tmp_path)[0] == 0


def test_instructions_that_could_not_be_counted_are_said_and_decide_nothing(
    tmp_path: Path, judged: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise NotMeasuredError("no way to ask")

    judged(rounds=tuple(rounds_of()), instructions=(Instructions("memory get", 1, 1),))
    monkeypatch.setattr(run, "count_instructions", refuse)
    assert gate(tmp_path)[0] == 0
    assert "not counted: no way to ask" in capsys.readouterr().out


SLOWER = """
_get_task = MemoryTaskStore.get_task

async def _more(self, task_id):
    for _ in range(100):
        pass
    return await _get_task(self, task_id)

MemoryTaskStore.get_task = _more
"""


@pytest.mark.once
@pytest.mark.skipif(not can_count(), reason="there is no Valgrind")
def test_instructions_of_both_are_counted_whatever_else_the_machine_does(tmp_path: Path) -> None:
    for package in ("taskstore", "conformance"):
        shutil.copytree(ROOT / package, tmp_path / package)
    store = tmp_path / "taskstore" / "memory.py"
    store.write_text(f"{store.read_text('utf-8')}\n{SLOWER}", "utf-8")
    versions: dict[Arm, Version] = {"base": Version("tree", ROOT, ""), "head": Version("copy", tmp_path, "")}
    with EmbeddedServer() as server:
        found = count_instructions(versions, server.url)
        assert count_all_keys(server) == 0
    assert {one.operation for one in found} == set(OPERATIONS)
    assert [said.partition(" runs")[0] for said in find_more(found)] == ["memory get"]
    assert all(0.95 < one.head / one.base < 1.05 for one in found if one.operation != "memory get")


def test_what_a_second_run_does_not_confirm_passes_and_is_told(tmp_path: Path, judged: Callable[..., None]) -> None:
    judged(rounds=tuple(rounds_of(head=1.5, slowed=("redis list",))), again=tuple(rounds_of()))
    status, result = gate(tmp_path)
    assert (status, result["verdict"], len(result["rounds"])) == (0, "passed", 2 * ROUNDS)
    assert result["reasons"] == ["in a first run, not in a second: redis list takes 1.50 times as long (1.50 to 1.50)"]


def test_a_second_run_that_breaks_off_is_no_pass(tmp_path: Path, judged: Callable[..., None]) -> None:
    judged(rounds=tuple(rounds_of(head=1.5)), again=NotMeasuredError("a worker ended"))
    assert gate(tmp_path)[0] == EXIT_STATUS["not-measured"]


@pytest.mark.parametrize(
    ("base", "parts", "reason"),
    [
        ("nowhere", {}, "no such revision"),
        ("somewhere", {"rounds": NotMeasuredError("a worker ended")}, "a worker ended"),
        ("somewhere", {"head": CODE}, "the taskstore that runs here is not that of the working tree"),
    ],
)
def test_what_could_not_be_measured_has_a_status_of_its_own(
    tmp_path: Path, judged: Callable[..., None], base: str, parts: dict[str, Any], reason: str
) -> None:
    judged(**parts)
    status, result = gate(tmp_path, base)
    assert (status, result["verdict"], result["reasons"]) == (4, "not-measured", [reason])


def test_noise_has_a_status_that_no_failure_shares(tmp_path: Path, judged: Callable[..., None]) -> None:
    judged(rounds=tuple(rounds_of(noise=0.3, head=1.2)))
    status, result = gate(tmp_path)
    assert (status, result["verdict"]) == (5, "noisy")


def test_the_exit_statuses_differ_and_are_none_of_a_command_line() -> None:
    assert len({*EXIT_STATUS.values(), 2}) == len(EXIT_STATUS) + 1


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (".ci/run", "tox -e gate -- --results reports/out/conformance.json || [ $? = {} ]"),
        (".github/workflows/ci.yml", "gate || test $? = {}  #"),
    ],
)
def test_ci_accepts_noise_and_no_failure(file: str, said: str) -> None:
    assert said.format(EXIT_STATUS["noisy"]) in (ROOT / file).read_text("utf-8")


def test_the_help_names_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["run", "--help"])
    told = capsys.readouterr().out
    assert all(re.search(rf"\b{status}\b", told) for status in EXIT_STATUS.values())


@pytest.mark.parametrize("slowed", [(), *((operation,) for operation in OPERATIONS), OPERATIONS], ids=" and ".join)
def test_resampled_rounds_of_identical_code_pass_and_a_slowdown_in_them_is_found(slowed: tuple[str, ...]) -> None:
    """As many rounds as a run has are drawn again and again; in each the arms change places, as identical code may."""
    drawing = random.Random(7)  # noqa: S311  the same draws in every run
    recorded = rounds_of(noise=0.02)

    def redraw(one: Round) -> Round:
        places = drawing.sample(ARMS, len(ARMS))
        return {
            name: {
                arm: [seconds * (1.2 if arm == "head" and name in slowed else 1.0) for seconds in arms[place]]
                for arm, place in zip(ARMS, places, strict=True)
            }
            for name, arms in one.items()
        }

    for _ in range(20):
        decision = decide([redraw(one) for one in drawing.choices(recorded, k=ROUNDS)])
        assert {one.operation for one in decision.comparisons if one.verdict == "slower"} == set(slowed)
        assert decision.verdict == ("slower" if slowed else "passed")


def test_the_fingerprint_changes_with_the_source_and_not_with_the_place(tmp_path: Path) -> None:
    ours, copy = ROOT / "taskstore", tmp_path / "copy"
    shutil.copytree(ours, copy, ignore=shutil.ignore_patterns("__pycache__"))
    assert fingerprint(copy) == fingerprint(ours)
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "memory.pyc").write_bytes(b"compiled")
    assert fingerprint(copy) == fingerprint(ours)
    script = copy / "redis" / "lua" / "list.lua"
    script.write_text(script.read_text("utf-8") + "\n", "utf-8")
    changed = fingerprint(copy)
    assert changed != fingerprint(ours)
    script.rename(script.with_name("other.lua"))
    assert fingerprint(copy) != changed


def count_all_keys(server: EmbeddedServer) -> int:
    with redis.Redis.from_url(server.url) as client:
        return int(client.dbsize())


def test_a_worker_measures_the_version_that_it_is_given(tmp_path: Path) -> None:
    for package in ("taskstore", "conformance"):
        shutil.copytree(ROOT / package, tmp_path / package)
    version = Version("a copy", tmp_path, fingerprint(tmp_path / "taskstore"))
    with EmbeddedServer() as server:
        with Worker.running(version, server.url) as worker:
            worker.expect(version.folder / "taskstore")
            assert 0 < worker.measure("redis get") < 1
        assert count_all_keys(server) == 0


def test_a_worker_that_fails_says_why(tmp_path: Path) -> None:
    (tmp_path / "taskstore").mkdir()
    (tmp_path / "taskstore" / "__init__.py").write_text("raise RuntimeError('no store here')")
    with (
        Worker.running(Version("a folder", tmp_path, CODE), "redis://127.0.0.1:1/0") as worker,
        pytest.raises(NotMeasuredError, match="RuntimeError: no store here"),
    ):
        worker.expect(tmp_path / "taskstore")


RAISES_LATER = """
_get_task = MemoryTaskStore.get_task

async def _raise_later(self, task_id):
    if __import__("os").path.exists({mark!r}):
        raise RuntimeError("only here")
    return await _get_task(self, task_id)

MemoryTaskStore.get_task = _raise_later
"""


def test_a_head_that_raises_only_while_it_is_measured_is_not_measured(tmp_path: Path) -> None:
    for package in ("taskstore", "conformance"):
        shutil.copytree(ROOT / package, tmp_path / package)
    store, mark = tmp_path / "taskstore" / "memory.py", tmp_path / "warm"
    store.write_text(f"{store.read_text('utf-8')}\n{RAISES_LATER.format(mark=str(mark))}", "utf-8")
    version = Version("a copy", tmp_path, fingerprint(tmp_path / "taskstore"))
    with EmbeddedServer() as server, Worker.running(version, server.url) as worker:
        worker.expect(version.folder / "taskstore")
        mark.touch()
        with pytest.raises(NotMeasuredError, match="RuntimeError: only here"):
            worker.measure("memory get")


def test_no_such_revision_is_not_installed(tmp_path: Path) -> None:
    with pytest.raises(NotInstalledError, match="no-such-revision"):
        install("no-such-revision", tmp_path)
