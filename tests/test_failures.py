"""Failures as scenarios: right stores pass, and wrong ones are found under the requirement that they break."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any

import pytest

from conformance.core.chapter import play, play_together
from conformance.core.finding import Tally
from conformance.load import SHORT, load
from conformance.subjects.memory import MemoryHarness
from conformance.subjects.redis import RedisHarness
from conformance.tables.failures import FAILURES, alone, scenarios_of, together
from taskstore import FailureKind, StoreUnavailable, Task, TaskNotFound, TaskPage
from taskstore.redis import RedisTaskStore, connect
from taskstore.redis.connection import Connection


@pytest.fixture(scope="module")
def harness() -> Iterator[RedisHarness]:
    harness = RedisHarness()
    with harness.running():
        yield harness


def played(harness: RedisHarness, store_class: Callable[..., Any], *names: str) -> Tally:
    """Play the failures of these names, or all, on a store."""
    harness.store_class = store_class
    rows = [row for row in FAILURES if row.failure.name in names]
    assert len(rows) == len(names)

    async def body() -> Tally:
        tally, capabilities = Tally(seconds=1), harness.capabilities
        if not names:
            await play_together(harness, together(capabilities), tally)
            await play(harness, alone(capabilities), tally)
        for row in rows:
            await play(harness, scenarios_of(row, capabilities), tally, is_short=True)
        return tally

    return asyncio.run(body())


def numbers_of(tally: Tally) -> set[str]:
    return {number for finding in tally.findings.values() for number in finding.requirements}


class Slow(RedisTaskStore):
    async def _later(self, name: str, *arguments: Any, **named: Any) -> Any:
        await asyncio.sleep(0.003)
        return await getattr(super(), name)(*arguments, **named)

    def __getattribute__(self, name: str) -> Any:
        if name in ("create_task", "get_task", "list_tasks", "update_task_status", "cancel_task"):
            return lambda *arguments, **named: Slow._later(self, name, *arguments, **named)
        return super().__getattribute__(name)


class Pool:
    """Three stores, each with a connection that it opens when its turn comes."""

    def __init__(self, url: str, namespace: str, seconds: float) -> None:
        servers = [connect(url, connect_timeout=seconds, timeout=seconds) for _ in range(3)]
        self._stores = [RedisTaskStore(server, prefix=namespace) for server in servers]
        self._turn = 0

    async def __aenter__(self) -> Any:
        self._open = AsyncExitStack()
        for store in self._stores:
            await self._open.enter_async_context(store)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    def __getattr__(self, name: str) -> Any:
        self._turn += 1
        return getattr(self._stores[self._turn % 3], name)


class PoolHarness(RedisHarness):
    def open_at(self, namespace: str, url: str, seconds: float) -> AbstractAsyncContextManager[Any]:
        return Pool(url, namespace, seconds)


def test_right_stores_pass_and_every_requirement_is_exercised(harness: RedisHarness) -> None:
    for store_class in (RedisTaskStore, Slow):
        tally = played(harness, store_class)
        assert not tally.findings
        about = {number for row in FAILURES if not row.needs for number in row.about}
        assert about <= set(tally.exercised)


def test_a_pool_that_opens_its_connections_when_they_are_needed_passes() -> None:
    pooled = PoolHarness()
    with pooled.running():
        assert not played(pooled, RedisTaskStore).findings


def test_a_subject_without_a_server_says_what_is_missing() -> None:
    memory, tally = MemoryHarness(), Tally()
    asyncio.run(play_together(memory, together(memory.capabilities), tally))
    asyncio.run(load(memory, tally))
    assert "remote" in tally.missing["FAIL-01"][0]


class NotFoundWhenAway(RedisTaskStore):
    async def get_task(self, task_id: str) -> Task:
        try:
            return await super().get_task(task_id)
        except StoreUnavailable:
            raise TaskNotFound(task_id) from None


class EmptyWhenLate(RedisTaskStore):
    async def list_tasks(self, *arguments: Any, **named: Any) -> TaskPage:
        try:
            return await super().list_tasks(*arguments, **named)
        except StoreUnavailable:
            return TaskPage(tasks=(), total=0, limit=50, offset=0)


class DropsRefusedWrites(RedisTaskStore):
    async def update_task_status(self, task_id: str, *arguments: Any, **named: Any) -> Task:
        try:
            return await super().update_task_status(task_id, *arguments, **named)
        except StoreUnavailable:
            return await self.get_task(task_id)


class Denies(RedisTaskStore):
    async def _run(self, *arguments: Any, **named: Any) -> Any:
        try:
            return await super()._run(*arguments, **named)
        except StoreUnavailable as error:
            error.write_may_have_happened = False
            raise


class SendsAgain(RedisTaskStore):
    async def _run(self, *arguments: Any, **named: Any) -> Any:
        try:
            return await super()._run(*arguments, **named)
        except StoreUnavailable as error:
            if error.failure_kind is not FailureKind.BROKEN:
                raise
            return await super()._run(*arguments, **named)


class ForgetsTheId(RedisTaskStore):
    async def create_task(self, *arguments: Any, **named: Any) -> Task:
        try:
            return await super().create_task(*arguments, **named)
        except StoreUnavailable as error:
            error.task_id = None
            raise


class NotesThePassword(RedisTaskStore):
    async def get_task(self, task_id: str) -> Task:
        try:
            return await super().get_task(task_id)
        except StoreUnavailable as error:
            error.add_note(f"AUTH {vars(self.server._opener)}")
            raise


class Foreign(RedisTaskStore):
    async def cancel_task(self, task_id: str) -> Task:
        try:
            return await super().cancel_task(task_id)
        except StoreUnavailable as error:
            raise ConnectionError(str(error)) from error


class StaysBroken(RedisTaskStore):
    broken = False

    async def get_task(self, task_id: str) -> Task:
        try:
            if self.broken:
                raise StoreUnavailable(self.server.address, FailureKind.UNREACHABLE, False, "as before")
            return await super().get_task(task_id)
        except StoreUnavailable:
            self.broken = True
            raise


class OneAtATime(RedisTaskStore):
    """A call that is cancelled keeps the lock."""

    async def _run(self, *arguments: Any, **named: Any) -> Any:
        lock = self.__dict__.setdefault("lock", asyncio.Lock())
        await lock.acquire()
        try:
            return await super()._run(*arguments, **named)
        except StoreUnavailable:
            lock.release()
            raise
        finally:
            if not asyncio.current_task().cancelling() and lock.locked():  # type: ignore[union-attr]
                lock.release()


@pytest.mark.parametrize(
    ("store_class", "name", "number"),
    [
        (NotFoundWhenAway, "nothing listens at the first call", "FAIL-01"),
        (NotFoundWhenAway, "each reply is lost", "FAIL-13"),
        (EmptyWhenLate, "the server goes silent", "FAIL-01"),
        (DropsRefusedWrites, "the server is out-of-memory", "FAIL-06"),
        (Denies, "a reply is lost", "FAIL-11"),
        (Denies, "each reply is late", "FAIL-11"),
        (SendsAgain, "a reply is lost", "FAIL-11"),
        (ForgetsTheId, "each reply is lost", "ID-02"),
        (NotesThePassword, "nothing listens any more", "FAIL-05"),
        (Foreign, "half of each reply is lost", "FAIL-13"),
        (StaysBroken, "nothing listens any more", "FAIL-17"),
        (OneAtATime, "the caller is cancelled", "ATOM-06"),
    ],
)
def test_a_wrong_store_is_found(harness: RedisHarness, store_class: type[Any], name: str, number: str) -> None:
    tally = played(harness, store_class, name)
    assert number in numbers_of(tally)
    shown = "\n".join(next(iter(tally.findings.values())).lines)
    assert f"# {name}; `store` goes through a proxy" in shown


def test_a_connection_that_is_used_unseen_is_found(harness: RedisHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Connection, "is_usable", property(lambda self: not self._retired))
    assert "FAIL-14" in numbers_of(played(harness, RedisTaskStore, "the server has closed the connections"))


def test_a_late_reply_that_goes_to_the_next_call_is_found(
    harness: RedisHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "retire", lambda self: None)
    monkeypatch.setattr(Connection, "is_usable", property(lambda self: True))
    assert "FAIL-13" in numbers_of(played(harness, RedisTaskStore, "each reply is late"))


@pytest.mark.parametrize(
    ("store_class", "number"), [(Denies, "FAIL-11"), (DropsRefusedWrites, "ATOM-01"), (Foreign, "FAIL-13")]
)
def test_load_finds_wrong_stores(harness: RedisHarness, store_class: type[Any], number: str) -> None:
    harness.store_class, tally = store_class, Tally()
    asyncio.run(load(harness, tally, SHORT))
    assert number in numbers_of(tally)


def test_load_passes_a_right_store_and_shares_it_with_another_process(harness: RedisHarness) -> None:
    harness.store_class, tally = RedisTaskStore, Tally()
    asyncio.run(load(harness, tally, SHORT, processes=2))
    assert not tally.findings
    assert tally.exercised["ATOM-01"] > 50
