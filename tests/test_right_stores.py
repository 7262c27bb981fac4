"""Stores that are right and made otherwise than ours: nothing that the suite asks of them fails."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone

import pytest

from conformance.cases import find_cases
from conformance.cases.records import named
from conformance.engine.play import Player
from conformance.engine.scene import Scene, cancel, create, get, purge
from conformance.engine.tally import Finding, Tally
from conformance.harness import Capability, Harness
from conformance.mutants.trial import run as run_case
from conformance.mutants.wrapper import Wrapper
from conformance.subjects.memory import MemoryHarness
from conformance.subjects.redis import RedisHarness
from conformance.subjects.servers import EmbeddedServer
from conformance.tour.plan import plan
from taskstore import InvalidArgument, MemoryTaskStore, TaskStore


def findings(harness: Harness, scene: Scene) -> list[Finding]:
    return asyncio.run(Player(harness, Tally()).play(scene))


class Shared(Wrapper):
    """An instance of a store that others use too."""

    async def aclose(self) -> None:
        """Leave the store open for them."""


class Hub(MemoryHarness):
    """The instances of a namespace share one store in memory, which goes with the last of them."""

    capabilities = MemoryHarness.capabilities | {Capability.SHARED}

    def __init__(self) -> None:
        super().__init__()
        self._stores: dict[str, MemoryTaskStore] = {}
        self._opened: Counter[str] = Counter()

    @asynccontextmanager
    async def open(self, namespace: str) -> AsyncIterator[TaskStore]:
        self._opened[namespace] += 1
        try:
            yield Shared(self._stores.setdefault(namespace, MemoryTaskStore()))
        finally:
            self._opened[namespace] -= 1
            if not self._opened[namespace]:
                del self._stores[namespace]


def test_what_is_shared_in_memory_stays_while_an_instance_is_open() -> None:
    (scene,) = [one for one in plan(1) if one.name == "restored on the other instance"]
    assert findings(Hub(), scene) == []


class WithoutPurge(RedisHarness):
    """Our store in Redis, of which nobody says that it can purge and restore."""

    capabilities = RedisHarness.capabilities - {Capability.MAINTENANCE}


@pytest.mark.parametrize("lacks", [Capability.MAINTENANCE, Capability.CALLER_IDS])
def test_a_store_that_cannot_purge_goes_on_with_a_server_that_was_started_again(lacks: Capability) -> None:
    harness = WithoutPurge(EmbeddedServer())
    harness.capabilities -= {lacks}
    case = find_cases()["topology.test_an_open_store_goes_on_with_a_server_that_was_started_again"]
    with harness.running():
        outcome = run_case(case, harness)
    assert outcome.verdict == "pass", outcome


class TakesAnyMoment(MemoryTaskStore):
    """A purge before a moment that is none in UTC removes nothing."""

    async def purge(self, before: datetime) -> int:
        try:
            return await super().purge(before)
        except InvalidArgument:
            return 0


@pytest.mark.parametrize("kind", [MemoryTaskStore, TakesAnyMoment])
def test_a_purge_before_the_first_moment_may_be_refused_and_need_not(kind: type[MemoryTaskStore]) -> None:
    harness = MemoryHarness()
    harness.store_class = kind
    first = datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))
    assert findings(harness, Scene("a purge", (create(), cancel(), purge(first), get()), ())) == []


@pytest.mark.parametrize(
    ("keys", "ids", "is_right"),
    [
        (["p:a", "p:b"], {"a", "b"}, True),
        (["p:a", "p:a"], {"a", "b"}, False),
        (["p:a"], {"a", "b"}, False),
        (["a:x"], {"a"}, False),
        (["0f3e"], {"task_1"}, True),
        (["0f3e", "9c1d"], {"task_1"}, False),
        (["0f3e", "0f3e"], {"task_1", "task_2"}, False),
    ],
)
def test_a_key_may_have_another_name_than_its_task(keys: list[str], ids: set[str], is_right: bool) -> None:
    assert named(keys, ids) is is_right
