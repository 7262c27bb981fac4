"""A server that fails is never "not found" and never an empty list, and the exception says what to do."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from conformance.case import World, calls, case, not_testable
from conformance.environment import application
from conformance.harness import Capability
from conformance.strategies import a_request
from taskstore import (
    RecordUnreadable,
    StoreUnavailable,
    TaskStatus,
    TaskStore,
    Trouble,
)

PASSWORD = "s3cret-w0rd"
OPERATIONS: dict[str, Callable[[TaskStore], Awaitable[object]]] = {
    "create": lambda store: store.create_task(a_request()),
    "get": lambda store: store.get_task("task_0"),
    "list": lambda store: store.list_tasks(),
    "update": lambda store: store.update_task_status("task_0", TaskStatus.CLIPPING),
    "cancel": lambda store: store.cancel_task("task_0"),
}


def unused_port() -> int:
    """A port of loopback at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def silent_port() -> Iterator[int]:
    """A port of loopback that accepts connections, and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield listener.getsockname()[1]


async def failures(world: World, port: int, seconds: float) -> AsyncIterator[tuple[str, StoreUnavailable]]:
    """What each operation raises on a store whose server is at that port, with a password in its URL."""
    url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
    for name, operation in OPERATIONS.items():
        async with world.harness.open_at(world.name, url, seconds) as store:
            with pytest.raises(StoreUnavailable) as raised:
                await operation(store)
            yield name, raised.value


@case("FAIL-01", needs=Capability.REMOTE)
async def test_nothing_listening_is_not_not_found(world: World) -> None:
    """Each operation raises StoreUnavailable, as unreachable."""
    async for name, error in failures(world, unused_port(), 5):
        assert error.trouble is Trouble.UNREACHABLE, name


@case("FAIL-11", needs=Capability.REMOTE)
async def test_nothing_listening_means_that_nothing_was_written(world: World) -> None:
    """A request that never left did not happen, and the exception says so."""
    async for name, error in failures(world, unused_port(), 5):
        assert error.write_may_have_happened is False, name


@case("FAIL-01", needs=Capability.REMOTE, mode="redis")
async def test_opening_fails_when_nothing_listens(world: World) -> None:
    """A wrong address is found at opening, not in the first request."""
    with application(world, {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(unused_port())}):
        with pytest.raises(StoreUnavailable) as raised:
            async with world.open_from_environment():
                pass
        assert raised.value.trouble is Trouble.UNREACHABLE


@case("FAIL-04", needs=Capability.REMOTE, mode="redis")
async def test_the_exception_says_what_to_check(world: World) -> None:
    """Printed, it names the address, redis-cli ping, the settings and memory mode, in English and Chinese."""
    port = unused_port()
    async with contextlib.AsyncExitStack() as opened:
        opened.enter_context(application(world, {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port)}))
        with pytest.raises(StoreUnavailable) as raised:
            await opened.enter_async_context(world.open_from_environment())
    assert raised.value.address == f"127.0.0.1:{port}/0"
    assert raised.value.address in str(raised.value)
    printed = "".join(traceback.format_exception_only(raised.value))
    for word in (
        f"redis-cli -h 127.0.0.1 -p {port} ping",
        "REDIS_HOST",
        "REDIS_PORT",
        "USE_REDIS_FOR_TASKS=false",
        "Check",
        "请确认",
    ):
        assert word in printed


@case("FAIL-11", needs=Capability.REMOTE)
async def test_the_exception_says_whether_something_was_written(world: World) -> None:
    """With nothing listening it says so in words; where a server stays silent, the words are those of the facts."""
    with silent_port() as silent:
        for port in (unused_port(), silent):
            async for name, error in failures(world, port, 0.1):
                assert ("Nothing was written" in str(error)) is not error.write_may_have_happened, name


@case("FAIL-05", needs=Capability.REMOTE)
async def test_a_password_is_in_no_message(world: World) -> None:
    """Whether the server is away or silent, no exception or cause of it holds the password, nor does the store."""
    with silent_port() as silent:
        for port in (unused_port(), silent):
            url = f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
            async with world.harness.open_at(world.name, url, 0.1) as store:
                assert PASSWORD not in f"{store} {store!r}"
                outcomes = [await asyncio.gather(run(store), return_exceptions=True) for run in OPERATIONS.values()]
                for (outcome,) in outcomes:
                    seen = outcome if isinstance(outcome, BaseException) else None
                    while seen is not None:
                        assert PASSWORD not in f"{seen} {seen!r} {seen.args} {vars(seen)}"
                        seen = seen.__cause__ or seen.__context__


async def writes_are_refused(store: TaskStore, task_id: str, trouble: Trouble) -> None:
    """Create, update and cancel raise StoreUnavailable with that trouble, and did not happen."""
    for write in calls(
        lambda: store.create_task(a_request()),
        lambda: store.update_task_status(task_id, TaskStatus.CLIPPING),
        lambda: store.cancel_task(task_id),
    ):
        with pytest.raises(StoreUnavailable) as raised:
            await write()
        assert raised.value.trouble is trouble
        assert raised.value.write_may_have_happened is False


@case("FAIL-06", needs=Capability.REMOTE)
async def test_out_of_memory_is_said(world: World) -> None:
    """A write that the server has no memory for raises, did not happen, and reading goes on."""
    async with world.open() as store:
        task = await store.create_task(a_request())
        with world.harness.make_trouble(Trouble.OUT_OF_MEMORY):
            await writes_are_refused(store, task.task_id, Trouble.OUT_OF_MEMORY)
            assert await store.get_task(task.task_id) == task
        assert list((await store.list_tasks()).tasks) == [task]


@case("FAIL-06", needs=Capability.REMOTE)
async def test_read_only_is_said(world: World) -> None:
    """A write to a replica raises and did not happen; what is there can be read, and is never 'not found'."""
    async with world.open() as store:
        task = await store.create_task(a_request())
        with world.harness.make_trouble(Trouble.READ_ONLY):
            await writes_are_refused(store, task.task_id, Trouble.READ_ONLY)
            assert await store.get_task(task.task_id) == task
            assert list((await store.list_tasks()).tasks) == [task]
        assert list((await store.list_tasks()).tasks) == [task]


@case("FAIL-01", needs=Capability.REMOTE)
async def test_a_silent_server_is_not_not_found(world: World) -> None:
    """A server that accepts and never answers raises StoreUnavailable once the time is over."""
    with silent_port() as port:
        async for name, error in failures(world, port, 0.1):
            assert error.trouble in (Trouble.TIMEOUT, Trouble.UNREACHABLE), name


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_is_named(world: World) -> None:
    """Text that is no record, a record cut short, and a value of another type are refused by get, update and cancel."""
    async with world.open() as store:
        task = await store.create_task(a_request())
        raw = world.witness.raw(task.task_id)
        assert raw is not None
        for wrong in (b"", b"not json", b"{}", b"[1]", raw[: len(raw) // 2], raw[:-5], b"\xff\xfe", None):
            if wrong is None:
                world.witness.overwrite_with_another_type(task.task_id)
            else:
                world.witness.overwrite(task.task_id, wrong)
            for call in calls(
                lambda: store.get_task(task.task_id),
                lambda: store.update_task_status(task.task_id, TaskStatus.CLIPPING),
                lambda: store.cancel_task(task.task_id),
            ):
                with pytest.raises(RecordUnreadable) as refused:
                    await call()
                assert refused.value.key.endswith(task.task_id)


@case("FAIL-09", needs=Capability.SHARED)
async def test_a_record_with_a_wrong_value_is_named(world: World) -> None:
    """One whose status is none, or whose times are no times, is not handed out, and stays as it is."""
    async with world.open() as store:
        task = await store.create_task(a_request())
        raw = world.witness.raw(task.task_id)
        assert raw is not None
        wrongs = (
            re.sub(right, wrong, raw)
            for right, wrong in (
                (b'"pending"', b'"nothing"'),
                (rb"20\d\d-", b"soon-"),
                (rb"\d\d:\d\d:\d\d", b"99:99:99"),
            )
        )
        found = [wrong for wrong in wrongs if wrong != raw]
        if not found:
            not_testable("the record holds neither the word of a status nor a time in ISO 8601")
        for wrong in found:
            world.witness.overwrite(task.task_id, wrong)
            for call in calls(
                lambda: store.get_task(task.task_id),
                lambda: store.update_task_status(task.task_id, TaskStatus.CLIPPING, 40),
                lambda: store.cancel_task(task.task_id),
            ):
                with pytest.raises(RecordUnreadable) as refused:
                    await call()
                assert refused.value.key.endswith(task.task_id)
            assert world.witness.raw(task.task_id) == wrong


@case("FAIL-09", needs=Capability.SHARED)
async def test_an_unreadable_record_does_not_take_the_list_down(world: World) -> None:
    """The others are listed, and the page names the key of the one that cannot be read."""
    async with world.open() as store:
        tasks = [await store.create_task(a_request()) for _ in range(4)]
        world.witness.overwrite(tasks[1].task_id, b"not a record")
        world.witness.overwrite_with_another_type(tasks[2].task_id)
        page = await store.list_tasks()
        assert [task.task_id for task in page.tasks] == [tasks[3].task_id, tasks[0].task_id]
        assert page.total == 4
        assert {key[-len(tasks[1].task_id) :] for key in page.unreadable} == {tasks[1].task_id, tasks[2].task_id}
