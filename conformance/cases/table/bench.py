"""A bench: a namespace, a proxy and a user of the server with a password, where one operation meets failures.

So the operations meet one failure together, and none sees what another does.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlsplit

from conformance.case import Namespace, NotTestable
from conformance.cases.operations import MANY, Operation, Target, make_target
from conformance.cases.table.failures import IDLE, PASSWORD, PATIENT, REFUSED, Failure, Then
from conformance.cases.table.seen import HangsError, Seen, is_right
from conformance.harness import Capability, HookMissingError
from conformance.strategies import a_request
from conformance.subjects.proxy import Action, Interruption, Proxy
from conformance.verify.faults.operations import old_task
from taskstore import FailureKind, StoreUnavailable, Task, TaskStatus

Value = TypeVar("Value")
LIMIT = 4.0
"""That any call may take: a store that is impatient gives up before, and nothing else has to be waited for."""
DAYS = timedelta(days=4)
"""More than half of a lifetime."""
_ATTEMPTS = 5
_PARTS = 4
"""A limit is waited for in so many parts. If the machine stops for a while, only one of the parts is used up."""
BESIDE = 3
"""Calls in flight beside the one that fails."""


class Bench:
    """Where one operation meets one failure after the other."""

    def __init__(self, namespace: Namespace, operation: Operation) -> None:
        self.operation = operation
        self._namespace = Namespace(namespace.harness, f"{namespace.name}-{secrets.token_hex(3)}")
        self._namespace.script = namespace.script
        self._interruption: Interruption | None = None

    async def set_up(self, stack: AsyncExitStack) -> None:
        """Open a healthy store, and one that has to go on after failures."""
        stack.callback(self._namespace.harness.discard, self._namespace.name)
        self._proxy = await stack.enter_async_context(Proxy(stack.enter_context(credentials(self._namespace))))
        self._healthy: Any = await stack.enter_async_context(self._namespace.open())
        self._lasting = await self._open(stack, PATIENT)

    async def _open(self, stack: AsyncExitStack, seconds: float) -> Any:
        opened = self._namespace.harness.open_at(self._namespace.name, self._proxy.url, seconds)
        return await stack.enter_async_context(opened)

    async def play(self, failure: Failure, number: int) -> Seen:
        """Make a call that fails at its exchange of that number, if the failure is one of an exchange."""
        is_expiring = Capability.EXPIRING in self._namespace.harness.capabilities
        sweeps = (failure.rule or failure.makes) and self.operation.writes and is_expiring
        if sweeps:
            for _ in range(2):
                await self._healthy.create_task(a_request())
            self._let_pass(DAYS)
        target = await self._make_target()
        expected = await self._expected(target)
        address = f"127.0.0.1:{urlsplit(self._proxy.url).port}"
        seen = Seen(failure, self.operation, target, address, expected)
        before = await self._stored(target)
        at_rest = self._proxy.connections
        lasts = not failure.early and failure.action is not Action.HOLD
        async with AsyncExitStack() as stack:
            opened = self._lasting if lasts else await self._open(stack, failure.seconds)
            seen.shown = f"{opened} {opened!r}"
            store = self._namespace.script.recorded(opened)
            if not failure.early:
                await connected(lambda: store.list_tasks(limit=1))
                # Writes may have a connection of their own, which is to be warm too.
                await connected(lambda: store.cancel_task(target.bystanders[1].task_id))
                # A store may keep what it has read. It must not answer with that when the server fails.
                await connected(lambda: store.get_task(target.task.task_id))
                if not self.operation.changes:
                    await connected(lambda: self.operation.call(store, target))
            if sweeps:  # what has expired by now is left for the call to remove
                self._let_pass(DAYS)
            await self._begin(failure, number)
            with self._namespace.harness.cause_failure(failure.makes) if failure.makes else nullcontext():
                await self._call(seen, store, stack)
            if self._interruption is not None:
                self._interruption.times = 0  # what has not met it by now is not to
            if failure.then is not Then.CLOSE:
                await self._end(seen, store)
        # What was held has arrived, and is done, when its connection has gone.
        self._proxy.release()
        most = BESIDE + 1 if lasts else at_rest
        await until(self._proxy, lambda: self._proxy.connections <= most)
        seen.left = max(0, self._proxy.connections - most)
        seen.changed = changed(before, await self._stored(target))
        bystanders = await asyncio.gather(
            *(outcome_of(self._healthy.get_task(one.task_id)) for one in target.bystanders)
        )
        seen.lost = [one.task_id for one, now in zip(target.bystanders, bystanders, strict=True) if one != now]
        if failure.rule or failure.makes:
            seen.misfiled = await self._misfiled(target)
        seen.met = self._interruption is not None and self._interruption.met > 0
        return seen

    async def _begin(self, failure: Failure, number: int) -> None:
        """Let the next call fail."""
        self._interruption = None
        if failure.stage is not None:
            self._interruption = self._proxy.interrupt(
                failure.stage, failure.action, after=number, times=failure.times, text=failure.text
            )
        elif failure in REFUSED:
            await self._proxy.refuse()
        elif failure.rule:
            self._namespace.harness.administer("ACL", "SETUSER", self._namespace.name, failure.rule)
        if failure in (*REFUSED, *IDLE):
            accepted = self._proxy.accepted
            self._proxy.break_all(failure.action)
            await until(self._proxy, lambda: self._proxy.accepted - self._proxy.connections >= accepted)

    async def _call(self, seen: Seen, store: Any, stack: AsyncExitStack) -> None:
        """Make the call, and others beside it on the same store."""
        failure = seen.failure
        call = asyncio.ensure_future(self.operation.call(store, seen.target))
        await asyncio.sleep(0)  # its request is the first
        # An answer in the server's place would come before those that the server still owes.
        beside = 0 if failure.action is Action.ANSWER else BESIDE
        others = [asyncio.ensure_future(store.get_task(seen.target.other.task_id)) for _ in range(beside)]
        if failure.then is not None:
            await until(self._proxy, lambda: call.done() or (self._interruption and self._interruption.met))
        if failure.then is Then.CLOSE:
            closing = asyncio.ensure_future(stack.aclose())
            seen.closed = await ends(closing, call, *others, seconds=LIMIT / 2)
            self._proxy.release()  # a call that still waits is answered now
            if await ends(closing):
                await closing
            closing.cancel()
        elif failure.then is Then.CANCEL:
            call.cancel()
            self._proxy.release()
        seen.outcome, *seen.beside = await asyncio.gather(*map(outcome_of, (call, *others)))

    async def _end(self, seen: Seen, store: Any) -> None:
        """Make the next calls. What is held stays so for the first of them: a connection that is silent is given up."""
        if seen.failure in REFUSED:
            await self._proxy.listen()
        elif seen.failure.rule:
            self._namespace.harness.administer("ACL", "SETUSER", self._namespace.name, f">{PASSWORD}", "+@all")
        seen.next = await connected(lambda: store.get_task(seen.target.other.task_id))
        if seen.failure.then is None:
            await until(self._proxy, lambda: not self._proxy.held)
            seen.silent = self._proxy.held
        self._proxy.release()
        if self.operation.name == "purge":  # which would do what this one was to do
            return
        is_impatient = seen.failure.early or seen.failure.action is Action.HOLD
        for _ in range(_ATTEMPTS):
            target = await self._make_target()
            expected = await self._expected(target)
            again = Seen(seen.failure, self.operation, target, seen.address, expected)
            again.outcome = await outcome_of(self.operation.call(store, target))
            if not (is_impatient and _is_late(again.outcome)):
                break
        again.changed = changed({target.task.task_id: target.task}, await self._stored(target))
        seen.again = again.outcome if again.has_failed else is_right(again)

    async def _expected(self, target: Target) -> Any:
        """What the call has to return or to raise, if it changes nothing."""
        return None if self.operation.changes else await outcome_of(self.operation.call(self._healthy, target))

    async def _make_target(self) -> Target:
        if self.operation.name != "purge":
            return await make_target(self._healthy)
        await self._healthy.purge(datetime.now(UTC))  # what an earlier one has left
        target = await make_target(self._healthy)
        old = await old_task()
        await self._healthy.restore(old.model_copy(update={"video_ids": target.request.video_ids}))
        return target

    def _let_pass(self, time: timedelta) -> None:
        with suppress(HookMissingError):
            self._namespace.harness.advance(self._namespace.name, time)

    async def _misfiled(self, target: Target) -> list[str]:
        """The statuses whose listings disagree with the listing of all about the target, or with their own total."""
        found = []
        tasks = (await self._healthy.list_tasks(limit=MANY)).tasks
        for status in TaskStatus:
            page = await self._healthy.list_tasks(status, limit=MANY)
            listed = {one.task_id for one in page.tasks}
            right = {one.task_id for one in tasks if one.status == status}
            is_counted = page.total == len(listed) or len(listed) == MANY
            if not is_counted or {target.task.task_id, target.new.task_id} & (listed ^ right):
                found.append(str(status))
        return found

    async def _stored(self, target: Target) -> dict[str, Task]:
        status = TaskStatus.CANCELLED if self.operation.name == "purge" else None
        page = await self._healthy.list_tasks(status, limit=MANY)
        return {one.task_id: one for one in page.tasks if list(one.video_ids) == list(target.request.video_ids)}


def changed(before: Mapping[str, Task], after: Mapping[str, Task]) -> dict[str, tuple[Task | None, Task | None]]:
    """The tasks that differ, before and after."""
    pairs = {task_id: (before.get(task_id), after.get(task_id)) for task_id in {*before, *after}}
    return {task_id: pair for task_id, pair in pairs.items() if pair[0] != pair[1]}


async def connected(read: Callable[[], Awaitable[Any]]) -> Any:
    """What comes of a read. A busy machine may take longer to connect than an impatient store waits."""
    for _ in range(_ATTEMPTS):
        outcome = await outcome_of(read())
        if not _is_late(outcome):
            break
    return outcome


async def reconnect(namespace: Namespace, store: Any) -> None:
    """Let a store connect again, where the harness can end its connection."""
    with suppress(HookMissingError):
        namespace.harness.administer("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        for _ in range(_ATTEMPTS):  # it may notice by calls that fail
            if not isinstance(await outcome_of(store.list_tasks(limit=1)), StoreUnavailable):
                break


def _is_late(outcome: Any) -> bool:
    return isinstance(outcome, StoreUnavailable) and outcome.failure_kind is FailureKind.TIMEOUT


async def outcome_of(call: Awaitable[Any]) -> Any:
    """What comes of a call within the limit: its answer, or what it raises."""
    started: asyncio.Future[Any] = asyncio.ensure_future(call)
    if not await ends(started):
        started.cancel()
        return HangsError(f"it still waits after {LIMIT} s")
    return asyncio.CancelledError() if started.cancelled() else started.exception() or started.result()


async def ends(*calls: asyncio.Future[Any], seconds: float = LIMIT) -> bool:
    """Whether all of them end within so many seconds."""
    for _ in range(_PARTS):
        _, waiting = await asyncio.wait(calls, timeout=seconds / _PARTS)
        if not waiting:
            return True
    return False


async def until(proxy: Proxy, condition: Callable[[], object]) -> None:
    """Return as soon as it holds, in that very turn of the event loop, or at the limit."""
    for _ in range(_PARTS):
        with suppress(TimeoutError):
            async with asyncio.timeout(LIMIT / _PARTS):
                await proxy.until(condition)
                break


async def settled(read: Callable[[], Value], wanted: Value) -> Value:
    """What is read, as soon as it is what is wanted; what is read last, if that takes more than a second."""
    deadline = asyncio.get_running_loop().time() + 1
    while (found := read()) != wanted and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    return found


async def cancelled_after(turns: int, call: Awaitable[Any]) -> None:
    """Make a call, and cancel it after so many turns of the event loop, whether it has ended or not."""
    called: asyncio.Future[Any] = asyncio.ensure_future(call)
    for _ in range(turns):
        await asyncio.sleep(0)
    called.cancel()
    await asyncio.gather(called, return_exceptions=True)


async def cancel_when(moment: Awaitable[Any], call: Awaitable[Any]) -> asyncio.Future[Any] | None:
    """Cancel a call as soon as the moment is there. Return it, as it ended, if it ended by itself before."""
    called: asyncio.Future[Any] = asyncio.ensure_future(call)
    waiting: asyncio.Future[Any] = asyncio.ensure_future(moment)
    for _ in range(_PARTS):
        if (await asyncio.wait([called, waiting], timeout=LIMIT / _PARTS, return_when=asyncio.FIRST_COMPLETED))[0]:
            break
    has_ended, has_come = called.done(), waiting.done()
    for one in (called, waiting):
        one.cancel()
    await asyncio.gather(called, waiting, return_exceptions=True)
    assert has_ended or has_come, f"after {LIMIT} s the call has not come to where it is to be cancelled"
    return called if has_ended else None


def plain_url(namespace: Namespace) -> str:
    """The server's URL, for a proxy to lead to.

    Raises:
        NotTestable: if the proxy cannot, since the server is behind TLS or a socket of files.
    """
    url = namespace.harness.url()
    if not url.startswith("redis://"):
        raise NotTestable("the proxy understands neither TLS nor sockets of files")
    return url


@contextmanager
def credentials(namespace: Namespace) -> Iterator[str]:
    """The server's URL, for a user of the namespace's with a password; as it is, where nobody may make one."""
    url = plain_url(namespace)
    try:
        namespace.harness.administer(
            "ACL", "SETUSER", namespace.name, "reset", "on", f">{PASSWORD}", "~*", "&*", "+@all"
        )
    except HookMissingError:
        yield url
        return
    try:
        yield f"redis://{namespace.name}:{PASSWORD}@{url.removeprefix('redis://').rpartition('@')[2]}"
    finally:
        namespace.harness.administer("ACL", "DELUSER", namespace.name)
