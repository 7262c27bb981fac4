"""The tables of scenarios: a right store passes each, and each finds the wrong stores that it is for."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import pytest

from conformance.backends.memory import ExpiringMemoryHarness, MemoryHarness
from conformance.engine.finding import Coverage
from conformance.tasks.contract import play
from conformance.tasks.tables import arguments, lifetimes, places, races
from taskstore import MemoryTaskStore, Task, TaskFinal, TaskPage, TaskStatus, memory

TABLES = (lifetimes, races, places, arguments)


def played(table: Any, harness: MemoryHarness) -> Coverage:
    """What a table finds on a store."""
    coverage = Coverage()
    asyncio.run(play(harness, table.scenarios("default"), coverage))
    return coverage


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
@pytest.mark.parametrize("harness", [MemoryHarness, ExpiringMemoryHarness])
def test_a_right_store_passes(table: Any, harness: type[MemoryHarness]) -> None:
    coverage = played(table, harness())
    assert not [(one.requirements, one.expected, one.actual, *one.lines) for one in coverage.findings.values()]
    assert coverage.exercised


class _RenewsOnceAMinute(MemoryTaskStore):
    def _renew(self, task_id: str) -> None:
        left = self._deadline_of.get(task_id, 0) - self._now_ms()
        if left < timedelta(days=7, minutes=-1) // timedelta(milliseconds=1):
            super()._renew(task_id)


class _WaitsWhileItListsMany(MemoryTaskStore):
    async def list_tasks(self, *arguments: Any, **named: Any) -> TaskPage:
        page = await super().list_tasks(*arguments, **named)
        if len(page.tasks) <= 100:
            return page
        await asyncio.sleep(0)
        tasks = tuple([task for one in page.tasks if (task := self._tasks.get(one.task_id))])
        return page.model_copy(update={"tasks": tasks})


class _RefusesRepetitionsOfFailures(MemoryTaskStore):
    async def _apply(self, task_id: str, change: Any) -> Task:
        if self._live(task_id).status is TaskStatus.FAILED:
            raise TaskFinal(task_id, TaskStatus.FAILED)
        return await super()._apply(task_id, change)


class _CutsPages(MemoryTaskStore):
    async def list_tasks(self, *arguments: Any, **named: Any) -> TaskPage:
        page = await super().list_tasks(*arguments, **named)
        return page.model_copy(update={"tasks": page.tasks[:999]})


WRONG = {
    _RenewsOnceAMinute: (lifetimes, ExpiringMemoryHarness, "EXP-03"),
    _WaitsWhileItListsMany: (races, MemoryHarness, "LIST-03"),
    _RefusesRepetitionsOfFailures: (arguments, MemoryHarness, "LIFE-10"),
    _CutsPages: (places, MemoryHarness, "LIST-04"),
}


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.__name__)
def test_a_wrong_store_is_found(wrong: type[MemoryTaskStore]) -> None:
    table, harness, requirement = WRONG[wrong]
    backend = type("Wrong", (harness,), {"store_class": wrong})()
    assert requirement in {number for one in played(table, backend).findings.values() for number in one.requirements}


@pytest.mark.parametrize("digits", ["{:032x}", "{0:016x}{0:016x}"])
def test_ids_that_can_be_guessed_are_found(monkeypatch: pytest.MonkeyPatch, digits: str) -> None:
    count = itertools.count(10**12)
    monkeypatch.setattr(memory, "new_task_id", lambda: f"task_{digits.format(next(count))}")
    found = played(arguments, MemoryHarness()).findings.values()
    assert [one.requirements[0] for one in found] == ["ID-02"]
