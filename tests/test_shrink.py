"""Shrinking a scenario: what is left has nothing superfluous."""

import asyncio
from typing import Any

from conformance.backends.memory import MemoryHarness
from conformance.engine.kinds import scenario
from conformance.engine.scenario import Call, Race, Scenario
from conformance.engine.shrink import Actions, shrink
from conformance.operations.operation import Operation
from conformance.tasks.calls import cancel, create
from conformance.tasks.tables.tasks import to
from taskstore import MemoryTaskStore, Task
from tests.playing import played


def test_what_a_simpler_action_makes_superfluous_is_left_out() -> None:
    pad, keep, tie, end = (Call(name, {}) for name in ("pad", "keep", "tie", "end"))
    operations = {name: Operation(name, name) for name in ("pad", "keep", "tie", "end")}

    async def replay(actions: Actions) -> Actions:
        calls = Scenario(actions).calls
        shows = keep in calls and end in calls and (tie not in calls or pad in calls)
        return actions if shows else ()

    shortest = asyncio.run(shrink((pad, Race((keep, tie)), end), replay, operations))
    assert shortest == (keep, end)


class TakesLess(MemoryTaskStore):
    async def update_task_status(self, task_id: str, status: Any, *given: Any, **named: Any) -> Task:
        if named.get("progress"):
            named["progress"] = max(named["progress"], 0)
        return await super().update_task_status(task_id, status, *given, **named)


def test_a_script_has_no_idle_step_and_the_simplest_values() -> None:
    harness = MemoryHarness()
    harness.store_class = TakesLess
    calls = create("a"), to("clipping"), cancel("nobody"), to("uploading", progress=-5e-324, current_step="s")
    (found,) = played(harness, [scenario(calls)]).findings.values()
    created, updated = found.lines
    assert created.startswith("a = await store.create_task(")
    assert updated.endswith("progress=-1.0)")
