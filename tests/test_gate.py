"""The gate: what it counts, what it makes of that, and how it ends. Nothing is timed here."""

import asyncio
import shutil
from datetime import datetime
from pathlib import Path

import pytest

from benchmarks import versions
from benchmarks.gate import __main__ as command
from benchmarks.gate.counts import FEW, Count, count_costs, count_keys
from benchmarks.gate.instructions import ROOT, NotCountedError, compare, count, find_more
from benchmarks.gate.worker import OPERATIONS
from conformance.backends.redis import RedisHarness
from conformance.backends.servers import EmbeddedServer
from taskstore import Task
from taskstore.redis import RedisTaskStore


class Chatty(RedisTaskStore):
    """Asks the server twice where once would do, and purges nothing."""

    async def get_task(self, task_id: str) -> Task:
        await self.ping()
        return await super().get_task(task_id)

    async def purge(self, before: datetime) -> int:
        return 0


class ChattyHarness(RedisHarness):
    store_class = Chatty


def counted(kind: type[RedisHarness]) -> list[Count]:
    with (harness := kind()).running():
        return [*asyncio.run(count_costs(harness, "costs", FEW)), *asyncio.run(count_keys(harness, "keys"))]


def test_the_store_costs_what_is_written() -> None:
    assert all(count.found == count.most for count in counted(RedisHarness))


def test_a_request_more_and_keys_that_are_left_are_found() -> None:
    exceeded = [count for count in counted(ChattyHarness) if count.found > count.most]
    assert exceeded[:2] == [
        ("requests of get among 100 tasks", 2, 1),
        ("commands of get among 100 tasks", 2, 1),
    ]
    assert "keys after purge" in {count.what for count in exceeded}


SLOWER = """
_get_task, _list_tasks = MemoryTaskStore.get_task, MemoryTaskStore.list_tasks

async def _get_more(self, task_id):
    for _ in range(100):
        pass
    return await _get_task(self, task_id)

async def _list_more(self, *arguments):
    for _ in range(len(self._created)):
        pass
    return await _list_tasks(self, *arguments)

MemoryTaskStore.get_task, MemoryTaskStore.list_tasks = _get_more, _list_more
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="there is no Valgrind")
def test_instructions_of_both_are_counted_whatever_else_the_machine_does(
    tmp_path: Path, server: EmbeddedServer
) -> None:
    shutil.copytree(ROOT / "taskstore", tmp_path / "taskstore")
    store = tmp_path / "taskstore" / "memory.py"
    store.write_text(f"{store.read_text('utf-8')}\n{SLOWER}", "utf-8")
    found = count(ROOT, tmp_path, server.url)
    assert found.keys() == {*OPERATIONS}
    said = [*find_more(found)]
    assert any(line.startswith("memory get runs") for line in said)
    assert said[-1].startswith("memory list of many runs")
    assert "times the instructions of one of few" in said[-1]
    assert all(0.95 < head / base < 1.05 for name, (base, head) in found.items() if name.startswith("redis"))


@pytest.mark.slow
def test_two_versions_are_timed_in_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "TURNS", 1)
    ratios = versions.compare(ROOT, ROOT)
    assert len(ratios) == len(versions.OPERATIONS)
    assert all(0.1 < ratio < 10 for ratio in ratios)


def test_what_cannot_be_counted_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotCountedError, match="no-such-revision"):
        compare("no-such-revision", "")
    (tmp_path / "taskstore").mkdir()
    (tmp_path / "taskstore" / "__init__.py").write_text("raise RuntimeError('no store here')")
    with pytest.raises(NotCountedError, match=r"no store here|No such file"):
        count(tmp_path, tmp_path, "redis://127.0.0.1:1/0")


@pytest.mark.parametrize(("found", "status"), [(1, 0), (2, 1)])
def test_a_count_that_is_too_high_has_its_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: int, status: int
) -> None:
    async def counts(*_: object) -> list[Count]:
        return [Count("requests of get", found, 1)]

    monkeypatch.setattr(command, "count_costs", counts)
    monkeypatch.setattr(command, "count_keys", counts)
    monkeypatch.setattr(command, "compare", lambda *_: {})
    assert command.main([]) == status
    assert ("requests of get: 2, not 1" in capsys.readouterr().out) == bool(status)
