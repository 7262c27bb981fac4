"""What the cases say of stores that flatter themselves, of harnesses that fail, and of right stores that differ."""

import asyncio
import sys
import types
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import redis

from conformance.backends.memory import ExpiringMemoryHarness, MemoryHarness
from conformance.backends.redis import RedisHarness
from conformance.guard import HarnessFailedError, guarded
from conformance.harness import Capability, Harness
from conformance.tasks import case as cases_of
from conformance.tasks.calibration import CalibrationError, calibrate
from conformance.tasks.case import Backend, Namespace, NotTestable
from conformance.tasks.cases import find_cases
from taskstore import MemoryTaskStore, TaskStore

KEPT = "sharing.test_tasks_outlive_the_process_that_wrote_them"


def play(name: str, harness: Harness) -> None:
    find_cases()[name](Backend("backend", harness, {}))


_ONLY: list[MemoryTaskStore] = []


@asynccontextmanager
async def open_dictionary() -> AsyncIterator[TaskStore]:
    if not _ONLY:
        _ONLY.append(MemoryTaskStore())
    yield _ONLY[0]


class Dictionary(MemoryHarness):
    """A dictionary of this process that is declared to be shared and kept."""

    capabilities = frozenset({Capability.SHARED, Capability.PERSISTENT})
    opener = f"{__name__}:open_dictionary"

    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        return open_dictionary()

    def environment(self, namespace: str) -> Mapping[str, str]:
        return {}


@pytest.mark.parametrize("declared", [Dictionary.capabilities, {Capability.PERSISTENT}])
def test_a_dictionary_of_this_process_is_neither_shared_nor_kept(declared: frozenset[Capability]) -> None:
    _ONLY.clear()
    harness = Dictionary()
    harness.capabilities = declared
    with pytest.raises((AssertionError, LookupError), match="no task"):
        play(KEPT, harness)


def test_without_an_opener_nobody_can_tell_and_the_hook_is_named() -> None:
    harness = Dictionary()
    harness.opener = ""
    with pytest.raises(NotTestable) as untold:
        play(KEPT, harness)
    assert untold.value.hook == "opener"


def test_an_opener_that_another_process_cannot_import_is_a_fault_of_the_harness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    module = types.ModuleType("only_in_this_process")
    vars(module)["open_store"] = open_dictionary
    monkeypatch.setitem(sys.modules, module.__name__, module)
    harness = Dictionary()
    harness.opener = f"{module.__name__}:open_store"
    with pytest.raises(HarnessFailedError, match="another process cannot import only_in_this_process"):
        play(KEPT, harness)


class Breaks(ExpiringMemoryHarness):
    def advance(self, namespace: str, by: timedelta) -> None:
        raise OSError("no clock")

    @asynccontextmanager
    async def open_at(self, namespace: str, url: str, seconds: float) -> AsyncIterator[Any]:
        raise OSError("no socket")
        yield


def test_what_a_hook_raises_is_a_fault_of_the_harness() -> None:
    with pytest.raises(HarnessFailedError, match=r"`advance` .* OSError: no clock \(.*test_cases.py:\d+ in advance"):
        play("expiry.test_nothing_is_left_by_any_listing", Breaks())
    with pytest.raises(HarnessFailedError, match="`open_at` of the harness raised OSError: no socket"):
        asyncio.run(enter(guarded(Breaks()).open_at("x", "redis://127.0.0.1:1/0", 1)))


class AwayStore(MemoryTaskStore):
    async def create_task(self, *_: Any, **__: Any) -> Any:
        raise redis.ConnectionError("refused")


class Away(MemoryHarness):
    store_class = AwayStore


def test_a_store_whose_server_is_away_is_not_judged() -> None:
    with pytest.raises(HarnessFailedError, match=r"ConnectionError: refused \(start its server, or let RedisServer"):
        cases_of.probe(Away())


async def enter(opened: AbstractAsyncContextManager[Any]) -> None:
    async with opened:
        pass


@pytest.mark.anyio
async def test_what_the_store_raises_in_the_block_of_a_hook_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError):
        async with guarded(MemoryHarness()).open("x"):
            raise KeyError("the store's own")


def test_a_case_that_does_not_end_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cases_of, "_SECONDS", 0.01)

    @cases_of.case("API-02")
    async def waits(namespace: Namespace) -> None:  # noqa: ARG001  a case takes one
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError, match=r"^the case has not ended after 0\.01 s$"):
        waits(Backend("backend", MemoryHarness(), {}))


class HidesItsServer(RedisHarness):
    capabilities = RedisHarness.capabilities - {Capability.REMOTE}


def test_a_server_that_is_not_declared_is_found_out() -> None:
    harness = HidesItsServer()
    with harness.running(), pytest.raises(CalibrationError, match="REMOTE is not declared, and there is `url`"):
        calibrate(harness)


class Lazy:
    """Takes turns with three connections after some calls. Each is opened when it is first used."""

    def __init__(self, open_one: Callable[[], AbstractAsyncContextManager[Any]], calls: int) -> None:
        self._open, self._stack, self._turn, self._after = open_one, AsyncExitStack(), 0, calls

    async def __aenter__(self) -> Any:
        self._stores = [await self._stack.enter_async_context(self._open()) for _ in range(3)]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def __getattr__(self, operation: str) -> Any:
        self._turn += 1
        return getattr(self._stores[self._turn % 3 if self._turn > self._after else 0], operation)


class LazyHarness(RedisHarness):
    def open(self, namespace: str) -> AbstractAsyncContextManager[Any]:
        return Lazy(partial(self.open_at, namespace, self.url(), 5), calls=12)


def test_a_pool_may_open_its_connections_when_it_needs_them() -> None:
    harness = LazyHarness()
    with harness.running():
        play("cost.test_every_operation_is_one_request", harness)
