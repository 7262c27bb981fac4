"""When the connection fails in the middle of a call: what is said, and whose answer is whose afterwards."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar, cast

import pytest

from conformance.case import Namespace, NotTestable, case
from conformance.cases.cost import what_is_open
from conformance.cases.operations import make_target, operations_of
from conformance.cases.table.bench import connected, outcome_of, plain_url
from conformance.cases.table.failures import LOADING_REPLY
from conformance.harness import Capability
from conformance.strategies import a_request
from conformance.subjects.proxy import Action, Interruption, Proxy, Stage
from taskstore import FailureKind, MaintainedTaskStore, StoreUnavailable, Task, TaskNotFound, TaskStore, TaskStoreError

SECONDS = 0.5
"""That a store waits for an answer: longer than a server takes, and short enough to be waited for."""
LONG = 10.0
Answer = TypeVar("Answer")


@asynccontextmanager
async def behind_a_proxy(namespace: Namespace, seconds: float) -> AsyncIterator[tuple[Proxy, TaskStore]]:
    """A store that waits so long for an answer and has a connection, and the proxy that it goes through."""
    async with (
        Proxy(plain_url(namespace)) as proxy,
        namespace.harness.open_at(namespace.name, proxy.url, seconds) as store,
    ):
        await store.list_tasks()
        yield proxy, namespace.script.recorded(store)


@case("FAIL-11", needs=(Capability.REMOTE, Capability.MAINTENANCE))
async def test_a_purge_that_fails_halfway_denies_no_write(store: TaskStore, namespace: Namespace) -> None:
    """Whichever of its requests the server refuses: if it says that nothing was written, every task is still there."""
    async with behind_a_proxy(namespace, LONG) as (proxy, other):
        for after in range(4):
            for _ in range(6):
                created = await asyncio.gather(*(store.create_task(a_request()) for _ in range(50)))
                await asyncio.gather(*(store.cancel_task(task.task_id) for task in created))
            before = (await store.list_tasks(limit=0)).total
            proxy.interrupt(Stage.REQUEST, Action.ANSWER, after=after, text=b"-OOM command not allowed\r\n")
            denied = False
            try:
                await cast(MaintainedTaskStore, other).purge(datetime.now(UTC) + timedelta(days=1))
            except StoreUnavailable as error:
                denied = not error.write_may_have_happened
            proxy.release()
            assert not denied or (await store.list_tasks(limit=0)).total == before, f"request {after + 1} was refused"


@case("FAIL-13", needs=Capability.REMOTE)
async def test_a_large_page_that_is_cut_off_leaves_nothing_out(namespace: Namespace) -> None:
    """A page of more than a megabyte, whichever of its exchanges fails, has every task or is not returned."""
    async with namespace.open() as inspector, behind_a_proxy(namespace, LONG) as (proxy, store):
        for _ in range(4):
            await inspector.create_task(a_request({"text": "x" * 600_000}))
        expected = (await inspector.list_tasks()).tasks
        for stage, action, text in (
            (Stage.REPLY, Action.CUT, b""),
            (Stage.MIDDLE, Action.RESET, b""),
            (Stage.REQUEST, Action.ANSWER, LOADING_REPLY),
        ):
            for after in range(6):
                interruption = proxy.interrupt(stage, action, after=after, text=text)
                page = await unless_unavailable(store.list_tasks())
                assert page is None or page.tasks == expected, f"exchange {after + 1}: {stage}"
                interruption.times = 0
                proxy.release()
                await connected(lambda: store.list_tasks(limit=0))
    async with behind_a_proxy(namespace, SECONDS) as (proxy, store):
        for after in range(6):
            held = proxy.interrupt(Stage.REPLY, Action.HOLD, after=after)
            page = await unless_unavailable(store.list_tasks())
            assert page is None or page.tasks == expected, f"the reply {after + 1} is late"
            proxy.release()
            if not held.met:
                break
            await connected(lambda: store.list_tasks(limit=0))


@case("FAIL-13", needs=Capability.REMOTE)
async def test_nobody_gets_an_answer_that_came_too_late(namespace: Namespace) -> None:
    """After calls that did not wait for theirs the next ones get their own, and no connection is left over."""
    async with namespace.open() as inspector, behind_a_proxy(namespace, SECONDS) as (proxy, store):
        first, other = [await inspector.create_task(a_request()) for _ in range(2)]
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


@case("FAIL-06", needs=Capability.REMOTE)
async def test_a_server_that_goes_on_loading_is_told(namespace: Namespace) -> None:
    """Every exchange is answered by LOADING: each call ends within its time, and fails."""
    kinds = (FailureKind.LOADING, FailureKind.TIMEOUT)  # it may ask again until its time is over
    async with namespace.open() as direct, behind_a_proxy(namespace, SECONDS) as (proxy, store):
        for operation in operations_of(namespace.harness.capabilities):
            target = await make_target(direct)
            proxy.interrupt(Stage.REQUEST, Action.ANSWER, times=1_000_000, text=LOADING_REPLY)
            outcome = await outcome_of(operation.call(store, target))
            assert isinstance(outcome, StoreUnavailable), f"{operation.name}: {outcome!r}"
            assert outcome.failure_kind in kinds, f"{operation.name}: {outcome!r}"
            proxy.release()
            await connected(lambda: store.list_tasks(limit=0))


@case("FAIL-13", needs=Capability.REMOTE)
async def test_after_a_break_everybody_is_told_and_the_next_calls_work(namespace: Namespace) -> None:
    """Of calls that are under way when the connection breaks none waits for ever, and none gets another's answer."""
    async with namespace.open() as inspector, behind_a_proxy(namespace, LONG) as (proxy, store):
        tasks = [await inspector.create_task(a_request()) for _ in range(8)]

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
async def test_a_connection_that_the_server_has_just_ended_costs_no_call(
    store: TaskStore, namespace: Namespace
) -> None:
    """The same if the call comes before the event loop has seen the end: each operation is answered."""
    for operation in operations_of(namespace.harness.capabilities):
        target = await make_target(store)
        namespace.harness.administer("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        outcome = await outcome_of(operation.call(store, target))
        assert not isinstance(outcome, StoreUnavailable), f"{operation.name}: {outcome}"


@case("API-02", needs=Capability.REMOTE)
async def test_an_application_with_many_open_files_is_served(namespace: Namespace) -> None:
    """The files and sockets of a store have numbers above 1,024, which `select` does not take: each operation works."""
    with many_open_files():
        async with namespace.open() as store:
            for operation in operations_of(namespace.harness.capabilities):
                target = await make_target(store)
                outcome = await outcome_of(operation.call(store, target))
                refused = isinstance(outcome, TaskStoreError) and not isinstance(outcome, StoreUnavailable)
                assert refused or not isinstance(outcome, BaseException), f"{operation.name}: {outcome!r}"


@contextmanager
def many_open_files() -> Iterator[None]:
    """Have so many files open that others get numbers above 1,024.

    Raises:
        NotTestable: if the system does not let this process have so many.
    """
    try:
        import resource
    except ImportError:
        raise NotTestable("the system has no limit of open files to raise") from None
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        if before[0] != resource.RLIM_INFINITY:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(before[0], 2_048), before[1]))
    except ValueError:
        raise NotTestable("the system allows too few open files") from None
    with ExitStack() as files:
        files.callback(resource.setrlimit, resource.RLIMIT_NOFILE, before)
        for _ in range(1_100):
            files.enter_context(Path(os.devnull).open("rb"))
        yield


@case("COST-05", needs=Capability.REMOTE)
async def test_failures_leave_nothing_behind(namespace: Namespace) -> None:
    """However often calls fail on one store, no connection, file, thread, timer or task is left."""
    async with behind_a_proxy(namespace, LONG) as (proxy, store):
        task = await store.create_task(a_request())
        open_then = []
        for _ in range(3):
            for stage, action in ((Stage.REPLY, Action.CUT), (Stage.MIDDLE, Action.RESET), (Stage.CONNECT, Action.CUT)):
                for number in range(4):
                    proxy.interrupt(stage, action)
                    if stage is Stage.CONNECT:
                        proxy.break_all(action)
                        await in_time(proxy.until(lambda: not proxy.connections), "connections are left over")
                    if number % 2:
                        await outcome_of(store.create_task(a_request()))
                    else:
                        await unless_unavailable(store.get_task(task.task_id))
                    proxy.release()
            assert await store.get_task(task.task_id) == task
            await in_time(proxy.until(lambda: proxy.connections <= 1), "connections are left over")
            open_then.append(what_is_open())
        assert open_then[1] == open_then[2]
    async with behind_a_proxy(namespace, SECONDS) as (proxy, store):
        for number in range(4):  # calls whose reply never comes
            proxy.interrupt(Stage.REPLY, Action.HOLD)
            call = store.create_task(a_request()) if number % 2 else store.get_task(task.task_id)
            await outcome_of(call)  # one that is made again by the store may be answered
            assert await store.get_task(task.task_id) == task
        await in_time(proxy.until(lambda: proxy.held <= 1), "connections on which no reply came are left over")


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
