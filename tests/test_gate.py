"""The gate: what it decides from results and counts, and how it ends. Nothing is timed here."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.gate import __main__ as command
from benchmarks.gate.counts import FEW, MOST, MOST_KEYS, Cost, Counts, count_costs, count_keys, find_excess
from benchmarks.gate.instructions import ROOT, NotCountedError, compare, count, find_more
from benchmarks.gate.worker import OPERATIONS
from benchmarks.workload import fill
from conformance.results.document import SCHEMA, AboutSubject, Level, ListedRequirement, Result, Results, Suite, Verdict
from conformance.results.fingerprint import fingerprint
from conformance.subjects.redis import RedisHarness
from conformance.subjects.servers import EmbeddedServer
from taskstore import Task
from taskstore.redis import RedisTaskStore, connect


def results(verdicts: dict[int, Verdict] | None = None, build: str = "") -> Results:
    """Two tests on each subject, all of which pass but for those of these numbers."""
    levels: dict[str, Level] = {"LIFE-01": "MUST", "LIFE-02": "SHOULD"}
    tests = [(subject, number) for subject in command.SUBJECTS for number in levels]
    return Results(
        schema=SCHEMA,
        suite=Suite(version="1", fingerprint=build or fingerprint(), python="3", platform="", client="", seed=1),
        started=datetime.now(UTC),
        seconds=1.0,
        exit_status=0,
        subjects=tuple(AboutSubject(name=name) for name in command.SUBJECTS),
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
    assert list(command.find_broken(results())) == []
    assert list(command.find_broken(results({0: "fail"}))) == ["memory: LIFE-01 (requirement_LIFE-01): fail: "]
    broken = "embedded: LIFE-01 (requirement_LIFE-01): harness-error: "
    assert list(command.find_broken(results({2: "harness-error"}))) == [broken]
    assert list(command.find_broken(results({1: "fail"}))) == []


def test_a_suite_that_decided_nothing_or_about_something_else_is_broken() -> None:
    undecided = list(command.find_broken(results({0: "not-run", 3: "not-testable"})))
    assert undecided == ["2 tests decided nothing, requirement_LIFE-01 on memory for one: "]
    other = list(command.find_broken(results(build="0" * 64)))
    assert other == ["the suite had another taskstore than the one that is here"]
    only_memory = list(command.find_broken(results({2: "not-applicable", 3: "not-applicable"})))
    assert only_memory == ["embedded: no requirement was decided"]


def test_what_is_broken_is_told_with_its_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def counted(*_: object) -> Counts:
        return Counts({}, {})

    monkeypatch.setattr(command, "count", counted)
    (written := tmp_path / "results.json").write_text(results({0: "fail"}).to_json(), "utf-8")
    assert command.main(["run", "--results", str(written), "--json", str(tmp_path / "gate.json")]) == 1
    assert json.loads((tmp_path / "gate.json").read_text("utf-8"))["verdict"] == "broken"
    assert "memory: LIFE-01" in capsys.readouterr().out
    assert command.main(["run", "--results", str(tmp_path / "nothing.json")]) == 2
    assert capsys.readouterr().err.startswith(f"{tmp_path / 'nothing.json'}: ")


class Chatty(RedisTaskStore):
    """Asks the server twice where once would do, and purges nothing."""

    async def get_task(self, task_id: str) -> Task:
        await self.ping()
        return await super().get_task(task_id)

    async def purge(self, before: datetime) -> int:
        return 0


class ChattyHarness(RedisHarness):
    def open(self, namespace: str) -> Chatty:
        return Chatty(connect(self._server.url), prefix=namespace)

    def open_at(self, namespace: str, url: str, seconds: float) -> Chatty:
        return Chatty(connect(url, connect_timeout=seconds, timeout=seconds), prefix=namespace)


def counted(kind: type[RedisHarness]) -> Counts:
    async def fill_and_count() -> dict[str, Cost]:
        async with harness.open("counted") as store:
            ids = await fill(store, FEW)
        costs = await count_costs(harness, "counted", server.url, ids)
        harness.discard("counted")
        return costs

    server = EmbeddedServer()
    with (harness := kind(server)).running():
        costs = asyncio.run(fill_and_count())
        return Counts({FEW: costs}, asyncio.run(count_keys(harness, "keys", server.url)))


def test_the_store_costs_what_is_written() -> None:
    assert counted(RedisHarness) == Counts({FEW: MOST}, MOST_KEYS)


def test_a_request_more_and_keys_that_are_left_are_found() -> None:
    excess = list(find_excess(counted(ChattyHarness)))
    assert excess[:2] == [
        "with 100 tasks get needs 2 requests, not 1",
        "with 100 tasks get needs 2 commands, not 1",
    ]
    assert excess[2].startswith("keys that are there, after purge: ")


SLOWER = """
_get_task, _list_tasks = MemoryTaskStore.get_task, MemoryTaskStore.list_tasks

async def _get_more(self, task_id):
    for _ in range(100):
        pass
    return await _get_task(self, task_id)

async def _list_more(self, *arguments):
    for _ in range(len(self._tasks)):
        pass
    return await _list_tasks(self, *arguments)

MemoryTaskStore.get_task, MemoryTaskStore.list_tasks = _get_more, _list_more
"""


@pytest.mark.once
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="there is no Valgrind")
def test_instructions_of_both_are_counted_whatever_else_the_machine_does(tmp_path: Path) -> None:
    for package in ("taskstore", "conformance"):
        shutil.copytree(ROOT / package, tmp_path / package)
    store = tmp_path / "taskstore" / "memory.py"
    store.write_text(f"{store.read_text('utf-8')}\n{SLOWER}", "utf-8")
    with EmbeddedServer() as server:
        found = count(ROOT, tmp_path, server.url)
    assert {one.operation for one in found} == set(OPERATIONS)
    said = [*find_more(found)]
    assert any(line.startswith("memory get runs") for line in said)
    assert said[-1].startswith("memory list of many runs")
    assert "times the instructions of one of few" in said[-1]
    assert all(0.95 < one.head / one.base < 1.05 for one in found if one.operation.startswith("redis"))


def test_what_cannot_be_counted_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotCountedError, match="no-such-revision"):
        compare("no-such-revision", "")
    (tmp_path / "taskstore").mkdir()
    (tmp_path / "taskstore" / "__init__.py").write_text("raise RuntimeError('no store here')")
    with pytest.raises(NotCountedError, match=r"no store here|there is no"):
        count(tmp_path, tmp_path, "redis://127.0.0.1:1/0")
