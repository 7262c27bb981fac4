"""Shrinking a scenario: what is left has nothing superfluous."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import chain
from typing import Any

from conformance.backends.memory import MemoryHarness
from conformance.engine.finding import Tally
from conformance.engine.shrink import reduce
from conformance.tasks.calls import cancel, create
from conformance.tasks.contract import play
from conformance.tasks.tables.tasks import scenario, to
from taskstore import MemoryTaskStore, Task

Groups = tuple[Any, ...]
"""Groups of words, which stand for actions."""


def fewer(groups: Groups, place: int) -> Iterator[Groups]:
    group = groups[place]
    for gone in range(len(group)) if len(group) > 1 else ():
        yield (*groups[:place], group[:gone] + group[gone + 1 :], *groups[place + 1 :])


def test_what_a_simpler_action_makes_superfluous_is_left_out() -> None:
    shortest: list[Groups] = []

    async def shown(groups: Groups) -> Groups:
        names = [*chain.from_iterable(groups)]
        if "keep" not in names or names[-1] != "end" or ("tie" in names and "pad" not in names):
            return ()
        shortest.append(groups)
        return groups

    longest: Groups = (("pad",), ("keep", "tie"), ("end",))
    asyncio.run(reduce(longest, shown, fewer))
    assert shortest[-1] == (("keep",), ("end",))


class TakesLess(MemoryTaskStore):
    async def update_task_status(self, task_id: str, status: Any, *given: Any, **named: Any) -> Task:
        if named.get("progress"):
            named["progress"] = max(named["progress"], 0)
        return await super().update_task_status(task_id, status, *given, **named)


def test_a_script_has_no_idle_step_and_the_simplest_values() -> None:
    harness, tally = MemoryHarness(), Tally()
    harness.store_class = TakesLess
    calls = create("a"), to("clipping"), cancel("nobody"), to("uploading", progress=-5e-324, current_step="s")
    asyncio.run(play(harness, [scenario(*calls)], tally))
    (found,) = tally.findings.values()
    created, updated = found.lines
    assert created.startswith("a = await store.create_task(")
    assert updated.endswith("progress=-1.0)")
