"""The tables of scenarios: a right store passes each, and each finds the wrong stores that it is for."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from conformance.backends.memory import ExpiringMemoryHarness, MemoryHarness
from conformance.tasks.tables import arguments, lifetimes, places, races
from taskstore import MemoryTaskStore, TaskPage, memory
from tests.playing import broken, played

TABLES = (lifetimes, races, places, arguments)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
@pytest.mark.parametrize("harness", [MemoryHarness, ExpiringMemoryHarness])
def test_a_right_store_passes(table: Any, harness: type[MemoryHarness]) -> None:
    coverage = played(harness(), table.scenarios())
    assert not [(one.requirements, one.expected, one.actual, *one.lines) for one in coverage.findings.values()]
    assert coverage.exercised


class _WaitsWhileItListsMany(MemoryTaskStore):
    async def list_tasks(self, *arguments: Any, **named: Any) -> TaskPage:
        page = await super().list_tasks(*arguments, **named)
        if len(page.tasks) <= 100:
            return page
        await asyncio.sleep(0)
        tasks = tuple([task for one in page.tasks if (task := self._tasks.get(one.task_id))])
        return page.model_copy(update={"tasks": tasks})


def test_a_listing_that_others_change_is_found() -> None:
    harness = MemoryHarness()
    harness.store_class = _WaitsWhileItListsMany
    assert "LIST-03" in broken(played(harness, races.scenarios()))


@pytest.mark.parametrize("digits", ["{:032x}", "{0:016x}{0:016x}"])
def test_ids_that_can_be_guessed_are_found(monkeypatch: pytest.MonkeyPatch, digits: str) -> None:
    count = itertools.count(10**12)
    monkeypatch.setattr(memory, "new_task_id", lambda: f"task_{digits.format(next(count))}")
    found = played(MemoryHarness(), arguments.scenarios()).findings.values()
    assert [one.requirements[0] for one in found] == ["ID-02"]
