"""Stores that are right and made otherwise than ours: nothing that the suite asks of them fails."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from conformance.backends.memory import MemoryHarness
from conformance.backends.redis import RedisHarness
from conformance.engine.kinds import scenario
from conformance.engine.scenario import Race, ReadBack, Reopen, Scenario, Wait
from conformance.harness import Capability, Harness
from conformance.tasks.calls import Id, cancel, create, get, purge, restore, update
from conformance.tasks.tables.tasks import BEYOND, restorable
from taskstore import MemoryTaskStore, Task, TaskNotFound
from tests.playing import played


class Hub(MemoryHarness):
    """The instances of a namespace share one store in memory, which goes with the last of them."""

    capabilities = MemoryHarness.capabilities | {Capability.SHARED}

    def __init__(self) -> None:
        super().__init__()
        self._stores: dict[str, MemoryTaskStore] = {}
        self._opened: Counter[str] = Counter()

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[Any]:
        self._opened[namespace] += 1
        try:
            yield self._stores.setdefault(namespace, MemoryTaskStore())
        finally:
            self._opened[namespace] -= 1
            if not self._opened[namespace]:
                del self._stores[namespace]


def test_what_is_shared_in_memory_stays_while_an_instance_is_open() -> None:
    over = restore(restorable(), on=1), Reopen(1), get(Id("a"), on=1), ReadBack()
    assert not played(Hub(), [scenario(create("a"), over, instances=2)]).findings


class AnswersLate(MemoryTaskStore):
    """A call has worked before it answers."""

    async def cancel_task(self, task_id: str) -> Task:
        task = await super().cancel_task(task_id)
        await asyncio.sleep(0)
        return task


class Denies(AnswersLate):
    async def get_task(self, task_id: str) -> Task:
        raise TaskNotFound(task_id)


def test_a_call_without_an_answer_may_have_ended_a_task_and_excuses_nothing_else() -> None:
    harness = MemoryHarness()
    both = Race((cancel(Id("a")), cancel(Id("b"))), cancelled_after=1)
    harness.store_class = AnswersLate
    assert not played(harness, [Scenario((create("a"), create("b"), both, purge(BEYOND)))]).findings
    harness.store_class = Denies
    assert played(harness, [Scenario((create("a"), create("b"), both, get(Id("b"))))]).findings


class LastCalledFirst(MemoryTaskStore):
    """Of updates at the same time the last one takes effect first."""

    turns = 6

    async def update_task_status(self, *arguments: Any, **named: Any) -> Task:
        self.turns -= 1
        for _ in range(self.turns):
            await asyncio.sleep(0)
        return await super().update_task_status(*arguments, **named)


def test_calls_at_the_same_time_may_take_effect_in_any_order() -> None:
    harness = MemoryHarness()
    harness.store_class = LastCalledFirst
    race = Race(tuple(update(Id("a"), "clipping", progress=number) for number in range(1, 7)))
    assert not played(harness, [Scenario((create("a"), race, get(Id("a"))))]).findings


class Blind(RedisHarness):
    inspector = Harness.inspector


def test_a_server_harness_without_an_inspector_lets_time_pass_and_cleans_up() -> None:
    harness = Blind()
    with harness.running():
        assert not played(harness, [Scenario((create("a"), Wait(timedelta(days=8)), get(Id("a"))))]).findings
        assert harness.administer("DBSIZE") == 0
