"""A scenario: one operation on one subject behind a proxy, and the comparison of its results with its effects."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any

from conformance.case import Namespace
from conformance.strategies import a_request
from conformance.subjects.proxy import Action, Proxy, Stage
from conformance.verify.faults.operations import Operation, Target
from taskstore import StoreUnavailable, TaskExists

POOL = 2
"""The connections of a store under test: few, so that one that is lost is missed. `open_at` gets it in the URL."""
_NEIGHBOURS = 8
PATIENT = 5.0
"""The timeouts of a store that is not to run into them, in seconds."""


class BrokenPromiseError(Exception):
    """A guarantee that holds during faults was broken."""


class NotTestableError(Exception):
    """The fault cannot be caused here."""


@dataclass(frozen=True)
class Fault:
    """One way to fail: its name, the sentence that a report quotes, and the play that brings it about."""

    name: str
    sentence: str
    play: Callable[[Scenario], Awaitable[None]]


def fault(play: Callable[[Scenario], Awaitable[None]]) -> Fault:
    """Make a fault of an async function; its docstring is the sentence."""
    return Fault(play.__name__.replace("_", "-"), " ".join(cleandoc(play.__doc__ or "").split()), play)


@dataclass
class Outcome:
    """The outcome of one call."""

    target: Target
    answer: Any = None
    error: BaseException | None = None
    repeated: bool = False

    @property
    def may(self) -> bool:
        """Whether a call that failed may have taken effect. After a cancellation nobody knows."""
        if isinstance(self.error, StoreUnavailable):
            return self.error.write_may_have_happened
        return isinstance(self.error, asyncio.CancelledError | TimeoutError)


def demand(holds: object, reason: str) -> None:
    """Go on if it holds.

    Raises:
        BrokenPromiseError: if not.
    """
    if not holds:
        raise BrokenPromiseError(reason)


class Scenario:
    """What a fault is played in. `account` compares the results of the operation's calls with its effects."""

    def __init__(self, operation: Operation, namespace: Namespace, proxy: Proxy, direct: Any) -> None:
        self.harness = namespace.harness
        self.operation = operation
        self.proxy = proxy
        self.direct = direct
        """An instance that is not behind the proxy."""
        self.namespace = namespace
        self.done: bool | None = None
        """Whether a call that failed did take effect, where the fault decides that."""
        self.allowed: tuple[type[Exception], ...] = ()
        """What else a call that had no effect may raise."""
        self._outcomes: list[Outcome] = []
        self._neighbours: list[Any] = []

    async def begin(self) -> None:
        """Set up the tasks that other calls get, and the operation."""
        self._neighbours = [
            await self.direct.create_task(a_request(video=f"neighbour-{n}")) for n in range(_NEIGHBOURS)
        ]
        if self.operation.needs - self.harness.capabilities:
            raise NotTestableError("the subject does not declare maintenance")
        await self.operation.rehearse(self.direct)

    def note(self, line: str) -> None:
        """Add to the script what was done besides the calls."""
        self.namespace.script.note(line, None)

    async def targets(self, count: int) -> list[Target]:
        """Set up what as many calls are about."""
        return [await self.operation.prepare(self.direct) for _ in range(count)]

    @asynccontextmanager
    async def store(
        self, *, seconds: float = PATIENT, pool: int = POOL, warm: bool = True, closed: bool = False
    ) -> AsyncIterator[Any]:
        """A store behind the proxy, its connections open if it is to be `warm`.

        After the block the fault is over. Unless the block has `closed` the store, the next calls then have to get
        their own answers, a call that may be repeated has to succeed, and the pool has to be whole. A closed store has
        to leave no connection.
        """
        url = f"{self.proxy.url}?max_connections={pool}"
        self.note(f"proxy = Proxy(harness.url()); opened with {seconds} s and {pool} connections behind the proxy")
        async with self.harness.open_at(self.namespace.name, url, seconds) as opened:
            store = self.namespace.script.recorded(opened)
            if warm:
                await self.at_once(store, pool, seconds)
            yield store
            if not closed:
                await self._is_whole(store, pool, seconds)
        await self._in_time(lambda: not self.proxy.connections, "a closed store leaves a connection open")

    async def _is_whole(self, store: Any, pool: int, seconds: float) -> None:
        await self.next_calls(store)
        await self._repeat(store)
        await self.at_once(store, pool, seconds)
        open_now = self.proxy.connections
        await self._in_time(lambda: self.proxy.connections <= pool, f"of {pool} connections {open_now} are open")

    async def call(self, store: Any, target: Target | None = None) -> Outcome:
        """Make the call, which may fail. An answer has to be its own."""
        outcome = self.expected(target or await self.operation.prepare(self.direct))
        try:
            outcome.answer = await self.operation.call(store, outcome.target)
        except Exception as error:  # noqa: BLE001  judged here and at the end
            outcome.error = error
        return self.checked(outcome)

    def expected(self, target: Target) -> Outcome:
        """Note a call that is about to be made."""
        outcome = Outcome(target)
        self._outcomes.append(outcome)
        return outcome

    def checked(self, outcome: Outcome) -> Outcome:
        """Check that a call gave its own answer, or raised what a store may raise."""
        error = outcome.error
        if error is None:
            try:
                right = self.operation.is_right(outcome.target, outcome.answer)
            except (AttributeError, TypeError, IndexError):
                right = False
            demand(right, f"the answer is not its own: {outcome.answer!r:.200}")
        elif not isinstance(error, (StoreUnavailable, *self.allowed)):
            raise BrokenPromiseError(f"{type(error).__name__} came out: {error!s:.200}") from error
        elif isinstance(error, StoreUnavailable) and not self.operation.writes:
            demand(not error.write_may_have_happened, "a read says that it may have written")
        return outcome

    def answered(self, outcome: Outcome) -> None:
        """The call has to have been answered."""
        demand(outcome.error is None, f"it was not answered: {type(outcome.error).__name__}: {outcome.error!s:.160}")

    def check_may(self, outcome: Outcome, *, may: bool) -> None:
        """A call that failed has to state correctly whether the write may have happened."""
        if outcome.error is None or not self.operation.writes:
            return
        word = "left and its reply did not come" if may else "did not leave, or was refused"
        demand(outcome.may is may, f"its request {word}, and it says write_may_have_happened={outcome.may}")

    def refused(self, outcome: Outcome) -> None:
        """The call has to have failed as unavailable, and to state that nothing was written."""
        demand(isinstance(outcome.error, StoreUnavailable), "it was answered by a server that refuses")
        self.check_may(outcome, may=False)

    async def next_calls(self, store: Any) -> None:
        """Calls for other tasks, alone and together, get their own answers."""
        alone, *together = self._neighbours[:4]
        answers = [await self._read(store, alone)]
        answers += await asyncio.gather(*(self._read(store, one) for one in together))
        for expected, answer in zip((alone, *together), answers, strict=True):
            demand(not isinstance(answer, Exception), f"the next call failed: {type(answer).__name__}: {answer!s:.160}")
            demand(answer == expected, f"the next call got another's answer: {answer!r:.200}")

    async def at_once(self, store: Any, count: int, seconds: float = PATIENT) -> None:
        """So many calls have to have a request under way at the same time."""
        tasks = self._neighbours[:count]
        ids = [task.task_id.encode() for task in tasks]
        await self._read(store, tasks[0])  # a connection that has broken is found, and a new one made
        held = self.proxy.interrupt(Stage.REPLY, Action.HOLD, times=count, containing=ids)
        calls = [asyncio.ensure_future(self._read(store, one)) for one in tasks]
        try:
            async with asyncio.timeout(seconds):
                await self.proxy.until(lambda: len(held.seen) == count)
        except TimeoutError:
            raise BrokenPromiseError(f"of {count} calls at once {len(held.seen)} reached the server") from None
        finally:
            self.proxy.release()
            answers = await asyncio.gather(*calls)
        demand(answers == tasks, f"calls at once were answered {answers!r:.200}")

    async def _read(self, store: Any, task: Any) -> Any:
        try:
            return await store.get_task(task.task_id)
        except Exception as error:  # noqa: BLE001  compared by the caller
            return error

    async def _repeat(self, store: Any) -> None:
        """A caller that does not know the outcome of a call may repeat it, where the contract allows that."""
        unsure = [outcome for outcome in self._outcomes if outcome.error is not None and not outcome.repeated]
        if not unsure or not self.operation.repeatable:
            return
        last = unsure[-1]
        last.repeated = True
        self.allowed = (*self.allowed, TaskExists) if last.may else self.allowed
        again = await self.call(store, last.target)
        demand(
            again.error is None or isinstance(again.error, TaskExists),
            f"repeated, it fails: {type(again.error).__name__}",
        )

    async def hold(self, stage: Stage, call: Coroutine[Any, Any, Any]) -> asyncio.Future[Any]:
        """Start a call, and return as soon as the proxy holds it: it must not be answered without the server."""
        interruption = self.proxy.interrupt(stage, Action.HOLD)
        made = asyncio.ensure_future(call)
        made.add_done_callback(lambda _: self.proxy.notify())
        await self._in_time(lambda: interruption.met or made.done(), "no request came")
        demand(interruption.met, "it was answered without the server")
        return made

    async def _in_time(self, condition: Callable[[], object], reason: str) -> None:
        try:
            async with asyncio.timeout(PATIENT):
                await self.proxy.until(condition)
        except TimeoutError:
            raise BrokenPromiseError(reason) from None

    async def account(self) -> None:
        """Compare the results of the calls with their effects: each took effect once, or not at all if it says so."""
        groups: defaultdict[Target | None, list[Outcome]] = defaultdict(list)
        for outcome in self._outcomes:
            groups[None if self.operation.shared else outcome.target].append(outcome)
        async with self.harness.open(self.namespace.name) as direct:
            for outcomes in groups.values():
                targets = list(dict.fromkeys(outcome.target for outcome in outcomes))
                happened = await self.operation.effect(direct, targets)
                self._balance(outcomes, targets, happened)

    def _balance(self, outcomes: list[Outcome], targets: list[Target], happened: int) -> None:
        most = sum(target.most for target in targets)
        claimed = sum(self.operation.claim(outcome.answer) for outcome in outcomes if outcome.error is None)
        unsure = sum(outcome.may for outcome in outcomes)
        demand(happened <= most, f"it took effect {happened} times, and at most {most} times was asked for")
        demand(claimed <= happened, f"{claimed} effects were answered for, and {happened} took place")
        demand(happened == claimed or unsure, f"{happened} effects took place, and {claimed} were answered for")
        if self.done is not None and self.operation.writes and len(outcomes) == 1 and outcomes[0].error is not None:
            expected = most if self.done else 0
            demand(happened == expected, f"{happened} effects took place where the fault allows {expected}")


async def play(fault: Fault, operation: Operation, namespace: Namespace) -> None:
    """Play one fault on one operation, in a namespace that is empty.

    Raises:
        BrokenPromiseError: if something that must hold does not.
        NotTestableError: if the fault cannot be brought about.
        HookMissingError: if the harness lacks a hook that it needs.
    """
    with ExitStack() as stack:
        stack.callback(namespace.harness.discard, namespace.name)
        async with Proxy(namespace.harness.url()) as proxy, namespace.open() as direct:
            scenario = Scenario(operation, namespace, proxy, direct)
            await scenario.begin()
            await fault.play(scenario)
            await scenario.account()
