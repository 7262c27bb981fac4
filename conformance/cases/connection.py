"""When the connection fails in the middle of a call: what is said, and whose answer is whose afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from itertools import count, product
from typing import TypeVar

import pytest

from conformance.case import World, calls, case, not_testable
from conformance.cases.atomicity import maintained
from conformance.harness import Capability
from conformance.strategies import a_request
from conformance.verify.proxy import Action, Interruption, Proxy, Stage
from taskstore import StoreNotOpen, StoreUnavailable, Task, TaskNotFound, TaskStatus, TaskStore, TaskStoreError

SECONDS = 0.5
"""That a store waits for an answer: longer than a server takes, and short enough to be waited for."""
LONG = 10.0
Answer = TypeVar("Answer")
_BREAKS = tuple(product((Stage.REPLY, Stage.MIDDLE), (Action.CUT, Action.RESET)))


@asynccontextmanager
async def behind_a_proxy(world: World, seconds: float) -> AsyncIterator[tuple[Proxy, TaskStore]]:
    """A store that waits so long for an answer and has a connection, and the proxy that it goes through."""
    url = world.harness.url()
    if not url.startswith("redis://"):
        not_testable("the proxy understands neither TLS nor sockets of files")
    async with Proxy(url) as proxy, world.harness.open_at(world.name, proxy.url, seconds) as store:
        await store.list_tasks()
        yield proxy, world.script.recorded(store)


@case("FAIL-11", needs=Capability.REMOTE)
async def test_a_lost_answer_denies_no_write(world: World) -> None:
    """A create, update or cancel says "nothing was written" only if that is so, whichever of its answers is cut off."""
    async with world.open() as witness, behind_a_proxy(world, LONG) as (proxy, store):
        for stage, action in _BREAKS:
            tasks = [await witness.create_task(a_request()) for _ in range(2)]
            before = await listed(witness)
            for call in calls(
                partial(store.create_task, a_request()),
                partial(store.update_task_status, tasks[0].task_id, TaskStatus.CLIPPING, 40),
                partial(store.cancel_task, tasks[1].task_id),
            ):
                async for _ in each_exchange(proxy, store, stage, action):
                    said = await what_it_says(call)
                    after = await listed(witness)
                    assert said is not Written.NO or after == before, "a write that happened was denied"
                    before = after


@case("FAIL-11", needs=Capability.REMOTE)
async def test_a_purge_whose_answer_is_lost_is_not_denied(world: World) -> None:
    """The same of a purge."""
    async with world.open() as witness, behind_a_proxy(world, LONG) as (proxy, opened):
        store = maintained(opened)
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        assert await store.purge(tomorrow) == 0  # a server that has to learn how to purge has learned it now
        async for _ in each_exchange(proxy, store, Stage.REPLY, Action.CUT):
            task = await witness.cancel_task((await witness.create_task(a_request())).task_id)
            said = await what_it_says(partial(store.purge, tomorrow))
            assert said is not Written.NO or task in await listed(witness), "a write that happened was denied"


@case("FAIL-11", needs=Capability.REMOTE)
async def test_a_late_answer_denies_no_write(world: World) -> None:
    """The same of an update whose answer does not come in time."""
    async with world.open() as witness, behind_a_proxy(world, SECONDS) as (proxy, store):
        task = await witness.create_task(a_request())
        task = await store.update_task_status(task.task_id, TaskStatus.CLIPPING, 20)  # the server has learned how
        held = proxy.interrupt(Stage.REPLY, Action.HOLD)
        said = await what_it_says(lambda: store.update_task_status(task.task_id, TaskStatus.CLIPPING, 40))
        assert held.met
        changed = await witness.get_task(task.task_id) != task
        assert said is not Written.NO or not changed, "a write that happened was denied"
        proxy.release()


@case("FAIL-12", needs=Capability.REMOTE)
async def test_a_read_that_is_cut_off_finds_out_nothing(world: World) -> None:
    """It raises StoreUnavailable or asks again, which is neither "not found" nor an empty page."""
    async with world.open() as witness, behind_a_proxy(world, LONG) as (proxy, store):
        task = await witness.create_task(a_request())
        for stage, action in _BREAKS:
            async for _ in each_exchange(proxy, store, stage, action):
                assert await unless_unavailable(store.get_task(task.task_id)) in (task, None)
            async for _ in each_exchange(proxy, store, stage, action):
                page = await unless_unavailable(store.list_tasks())
                assert page is None or list(page.tasks) == [task]


@case("FAIL-13", needs=Capability.REMOTE)
async def test_nobody_gets_an_answer_that_came_too_late(world: World) -> None:
    """After calls that did not wait for theirs the next ones get their own, and no connection is left over."""
    async with world.open() as witness, behind_a_proxy(world, SECONDS) as (proxy, store):
        first, other = [await witness.create_task(a_request()) for _ in range(2)]
        at_rest = proxy.connections
        for _ in range(2):
            held = proxy.interrupt(Stage.REPLY, Action.HOLD)
            late = asyncio.ensure_future(unless_unavailable(store.get_task(first.task_id)))
            await met(proxy, held)
            await asyncio.sleep(SECONDS / 2)
            early = asyncio.ensure_future(unless_unavailable(store.get_task(other.task_id)))
            assert await late in (first, None)
            proxy.release()
            assert await early in (other, None)
            assert await store.get_task(other.task_id) == other
        # One more than before may be there: two calls were under way at once.
        await in_time(proxy.until(lambda: proxy.connections <= at_rest + 1), "connections are left over")


@case("FAIL-13", needs=Capability.REMOTE)
async def test_after_a_break_everybody_is_told_and_the_next_calls_work(world: World) -> None:
    """Of calls that are under way when the connection breaks none waits for ever, and none gets another's answer."""
    async with world.open() as witness, behind_a_proxy(world, LONG) as (proxy, store):
        tasks = [await witness.create_task(a_request()) for _ in range(8)]

        async def answers() -> list[Task | None]:
            return await asyncio.gather(*(unless_unavailable(store.get_task(task.task_id)) for task in tasks))

        for action in (Action.CUT, Action.RESET):
            held = proxy.interrupt(Stage.REPLY, Action.HOLD)
            under_way = asyncio.ensure_future(answers())
            await met(proxy, held)
            proxy.break_all(action)
            proxy.release()
            for got in (await in_time(under_way, "somebody still waits"), await answers()):
                assert all(one in (task, None) for one, task in zip(got, tasks, strict=True))
            assert await answers() == tasks


@case("FAIL-14", needs=Capability.REMOTE)
async def test_a_connection_that_was_closed_while_idle_costs_no_call(world: World) -> None:
    """However the server closed it, the next call succeeds."""
    async with behind_a_proxy(world, LONG) as (proxy, store):
        for action in (Action.CUT, Action.RESET):
            task = await store.create_task(a_request())
            accepted = proxy.accepted
            proxy.break_all(action)
            # All that were there have gone; a store may open others meanwhile.
            await in_time(proxy.until(lambda: proxy.accepted - proxy.connections >= accepted), "nothing was closed")  # noqa: B023  it is awaited here
            assert await unless_unavailable(store.get_task(task.task_id)) == task


@case("FAIL-12", needs=Capability.REMOTE)
async def test_what_speaks_no_redis_is_not_not_found(world: World) -> None:
    """What greets as Redis does, and answers a question as a web server does, is no server of tasks."""
    async with not_redis() as port, world.harness.open_at(world.name, f"redis://127.0.0.1:{port}/0", LONG) as store:
        assert await unless_unavailable(store.get_task("task_0")) is None
        assert await unless_unavailable(store.list_tasks()) is None


@case("API-07", needs=Capability.REMOTE)
async def test_closing_ends_the_calls_that_still_wait(world: World) -> None:
    """A store that is closed while a call waits for its answer ends it at once, with an exception of its own."""
    async with AsyncExitStack() as opened:
        proxy, store = await opened.enter_async_context(behind_a_proxy(world, LONG))
        held = proxy.interrupt(Stage.REPLY, Action.HOLD)
        waiting = asyncio.ensure_future(store.list_tasks())
        await met(proxy, held)
        await in_time(opened.aclose(), "closing waits for the call")
        with pytest.raises((StoreUnavailable, StoreNotOpen)):
            await in_time(waiting, "it still waits")


async def each_exchange(proxy: Proxy, store: TaskStore, stage: Stage, action: Action) -> AsyncIterator[None]:
    """Interrupt the first exchange of what is done with the store, then the second, until there is no such exchange."""
    for number in count():
        await store.list_tasks()  # connects, if the last one cost the connection: no greeting is interrupted
        interruption = proxy.interrupt(stage, action, after=number)
        yield
        proxy.release()
        if not interruption.met:
            assert number, "what is done asks the server nothing"
            return


@asynccontextmanager
async def not_redis() -> AsyncIterator[int]:
    """The port of something that takes every greeting, and no question."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while said := await reader.read(65_536):
                commands = said.startswith(b"*") + said.count(b"\r\n*")
                greeting = any(word in said for word in (b"CLIENT", b"HELLO", b"SELECT"))
                writer.write(b"+OK\r\n" * commands if greeting else b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


class Written(Enum):
    """What a call says about its write."""

    YES = "it returned"
    PERHAPS = "it may have happened"
    NO = "nothing was written"


async def what_it_says(write: Callable[[], Awaitable[object]]) -> Written:
    """Make a call whose answer is lost: it raises, or it has asked again."""
    try:
        await write()
    except StoreUnavailable as error:
        return Written.PERHAPS if error.write_may_have_happened else Written.NO
    except TaskStoreError:  # it found what it had written itself
        return Written.NO
    return Written.YES


async def unless_unavailable(read: Awaitable[Answer]) -> Answer | None:
    """The answer, or None if the server could not be asked, of which no write can be said to have happened."""
    try:
        return await read
    except StoreUnavailable as error:
        if error.write_may_have_happened:
            pytest.fail("a read says that a write may have happened")
        return None
    except TaskNotFound:
        pytest.fail("not found, when the server could not be asked")


async def in_time(awaited: Awaitable[Answer], complaint: str) -> Answer:
    """What is awaited, if it comes long before the store itself would give up."""
    try:
        async with asyncio.timeout(LONG / 2):
            return await awaited
    except TimeoutError:
        pytest.fail(complaint)


async def met(proxy: Proxy, interruption: Interruption) -> None:
    """Wait until an exchange has been interrupted."""
    await proxy.until(lambda: interruption.met)


async def listed(store: TaskStore) -> list[Task]:
    """Every task, as it is now."""
    return list((await store.list_tasks(limit=100)).tasks)
