"""The tables of scenarios find the wrong stores that they are for."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from conformance.backends.memory import MemoryHarness
from conformance.tasks.tables import arguments, races
from taskstore import MemoryTaskStore, TaskPage, memory
from tests.playing import broken, played


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
