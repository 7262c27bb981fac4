"""A scenario: one operation on one subject behind a proxy, and the account of what its calls said and did."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any

from conformance.case import Namespace
from conformance.strategies import a_request
from conformance.subjects.proxy import Action, Interruption, Proxy, Stage
from conformance.verify.faults.operations import Operation, Target
from taskstore import StoreUnavailable, TaskExists

POOL = 2
"""The connections of a store under test: few, so that one that is lost is missed. `open_at` gets it in the URL."""
_NEIGHBOURS = 8
PATIENT = 5.0
"""The timeouts of a store that is not to run into them, in seconds."""


class BrokenPromiseError(Exception):
    """The store did not do what a fault must not keep it from doing."""


class NotTestableError(Exception):
    """The fault cannot be brought about here."""


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
    """What one call came to."""

    target: Target
    answer: Any = None
    error: BaseException | None = None
    repeated: bool = False

    @property
    def may(self) -> bool:
        """Whether a call that failed may have taken effect, by its own word: who was cancelled does not know."""
        said = self.error.write_may_have_happened if isinstance(self.error, StoreUnavailable) else None
        return isinstance(self.error, asyncio.CancelledError | TimeoutError) if said is None else said


def demand(holds: object, reason: str) -> None:
    """Go on if it holds.

    Raises:
        BrokenPromiseError: if not.
    """
    if not holds:
        raise BrokenPromiseError(reason)


class Scenario:
    """What a fault is played in. Every call of the operation that is made through it is accounted for at the end."""

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
        """What else may come out of a call that has had no effect."""
        self._outcomes: list[Outcome] = []
        self._neighbours: list[Any] = []

    async def begin(self) -> None:
        """Set up the tasks that other calls ask for, and the operation."""
        self._neighbours = [
            await self.direct.create_task(a_request(video=f"neighbour-{n}")) for n in range(_NEIGHBOURS)
        ]
        if self.operation.needs - self.harness.capabilities:
            raise NotTestableError("the subject does not declare maintenance")
        await self.operation.rehearse(self.direct)

    def note(self, line: str) -> None:
        """Write into the script what was done besides the calls."""
        self.namespace.script.note(line, None)

    async def targets(self, count: int) -> list[Target]:
        """Set up what as many calls are about."""
        return [await self.operation.prepare(self.direct) for _ in range(count)]

    @asynccontextmanager
    async def store(
        self, *, seconds: float = PATIENT, pool: int = POOL, warm: bool = True, closed: bool = False
    ) -> AsyncIterator[Any]:
        """A store behind the proxy, its connections open if it is to be `warm`.

        After the block the fault is over, and must have left nothing: unless the block has `closed` it, the next calls
        get their own answers, what may be repeated can be, and the pool is whole; closed, it leaves no connection.
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
        """Make the call, whatever comes of it; an answer has to be its own."""
        outcome = self.expected(target or await self.operation.prepare(self.direct))
        try:
            outcome.answer = await self.operation.call(store, outcome.target)
        except Exception as error:  # noqa: BLE001  judged here and at the end
            outcome.error = error
        return self.checked(outcome)

    def expected(self, target: Target) -> Outcome:
        """A call that is about to be made, and will be accounted for."""
        outcome = Outcome(target)
        self._outcomes.append(outcome)
        return outcome

    def checked(self, outcome: Outcome) -> Outcome:
        """What a call came to: its own answer, or what a store may raise."""
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

    def says(self, outcome: Outcome, *, may: bool) -> None:
        """The call was answered after all, or says rightly whether the write may have happened."""
        if outcome.error is None or not self.operation.writes:
            return
        word = "left and its reply did not come" if may else "did not leave, or was refused"
        demand(outcome.may is may, f"its request {word}, and it says write_may_have_happened={outcome.may}")

    def refused(self, outcome: Outcome) -> None:
        """The call has to have failed as unavailable, and to say that nothing was written."""
        demand(isinstance(outcome.error, StoreUnavailable), "it was answered by a server that refuses")
        self.says(outcome, may=False)

    async def next_calls(self, store: Any) -> None:
        """Calls for other tasks, alone and together, get their own answers."""
        alone, *together = self._neighbours[:4]
        answers = [await self._read(store, alone)]
        answers += await asyncio.gather(*(self._read(store, one) for one in together))
        for asked, answer in zip((alone, *together), answers, strict=True):
            demand(not isinstance(answer, Exception), f"the next call failed: {type(answer).__name__}: {answer!s:.160}")
            demand(answer == asked, f"the next call got another's answer: {answer!r:.200}")

    async def at_once(self, store: Any, count: int, seconds: float = PATIENT) -> None:
        """As many calls have a request under way at the same time."""
        asked = self._neighbours[:count]
        ids = [task.task_id.encode() for task in asked]
        await self._read(store, asked[0])  # a connection that has broken is found, and a new one made
        held = self.proxy.interrupt(Stage.REPLY, Action.HOLD, times=count, containing=ids)
        calls = [asyncio.ensure_future(self._read(store, one)) for one in asked]
        try:
            async with asyncio.timeout(seconds):
                await self.proxy.until(lambda: len(held.seen) == count)
        except TimeoutError:
            raise BrokenPromiseError(f"of {count} calls at once {len(held.seen)} reached the server") from None
        finally:
            self.proxy.release()
            answers = await asyncio.gather(*calls)
        demand(answers == asked, f"calls at once were answered {answers!r:.200}")

    async def _read(self, store: Any, task: Any) -> Any:
        try:
            return await store.get_task(task.task_id)
        except Exception as error:  # noqa: BLE001  compared by the caller
            return error

    async def _repeat(self, store: Any) -> None:
        """A caller that does not know what became of a call may make it again, where the contract says so."""
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

    async def met(self, interruption: Interruption, call: asyncio.Future[Any]) -> None:
        """Return when something has been interrupted; a call that ends first was answered without the server."""
        call.add_done_callback(lambda _: self.proxy.notify())
        await self._in_time(lambda: interruption.met or call.done(), "no request came")
        demand(interruption.met, "it was answered without the server")

    async def _in_time(self, condition: Callable[[], object], reason: str) -> None:
        try:
            async with asyncio.timeout(PATIENT):
                await self.proxy.until(condition)
        except TimeoutError:
            raise BrokenPromiseError(reason) from None

    async def account(self) -> None:
        """Hold what the calls said against what happened: each once, or not at all where it says so."""
        groups: defaultdict[Target | None, list[Outcome]] = defaultdict(list)
        for outcome in self._outcomes:
            groups[None if self.operation.shared else outcome.target].append(outcome)
        async with self.harness.open(self.namespace.name) as direct:
            for outcomes in groups.values():
                targets = list(dict.fromkeys(outcome.target for outcome in outcomes))
                happened = await self.operation.effect(direct, self.namespace.inspector, targets)
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


@contextmanager
def _discarded(namespace: Namespace) -> Iterator[None]:
    try:
        yield
    finally:
        namespace.harness.discard(namespace.name)


async def play(fault: Fault, operation: Operation, namespace: Namespace) -> None:
    """Play one fault on one operation, in a namespace that is empty.

    Raises:
        BrokenPromiseError: if something that must hold does not.
        NotTestableError: if the fault cannot be brought about.
        HookMissingError: if the harness lacks a hook that it needs.
    """
    with _discarded(namespace):
        async with Proxy(namespace.harness.url()) as proxy, namespace.open() as direct:
            scenario = Scenario(operation, namespace, proxy, direct)
            await scenario.begin()
            await fault.play(scenario)
            await scenario.account()
