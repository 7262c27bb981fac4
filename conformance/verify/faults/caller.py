"""Faults of the caller: it is cancelled at every await, runs out of its own time, or comes from another event loop."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from itertools import count
from typing import Any

from conformance.subjects.proxy import Stage
from conformance.verify.faults.operations import Target
from conformance.verify.faults.scenario import Fault, NotTestableError, Outcome, Scenario, demand, fault
from taskstore import StoreNotOpen

_CALLERS = 50
_QUEUE_SECONDS = 1.0


class Cancellation:
    """Cancels the task that awaits `of(...)` when the coroutine suspends for the n-th time.

    At once, or `late`: when what it waits for is done, and before it goes on.
    """

    def __init__(self, suspension: int, *, late: bool) -> None:
        self._suspension = suspension
        self._late = late
        self.took_place = False

    @types.coroutine
    def of(self, coroutine: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
        """Run a coroutine, and return what it returns."""
        step: Callable[[Any], Any] = coroutine.send
        value: Any = None
        for suspension in count(1):
            try:
                awaited = step(value)
            except StopIteration as end:
                return end.value
            if suspension == self._suspension:
                self._cancel(awaited)
            try:
                step, value = coroutine.send, (yield awaited)
            except BaseException as error:  # noqa: BLE001  thrown into the coroutine, whatever it is
                step, value = coroutine.throw, error
        raise AssertionError  # `count` has no end

    def _cancel(self, awaited: Any) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  a coroutine is run by a task
        self.took_place = True
        if self._late and isinstance(awaited, asyncio.Future):
            # The task adds its own callback after this one, so it is cancelled between the result and its next step.
            awaited.add_done_callback(lambda _: task.cancel())
        else:
            task.cancel()


async def cancelled_call(scenario: Scenario, store: Any, target: Target, cancellation: Cancellation) -> Outcome:
    """Make a call that is cancelled on its way, if it has so many suspensions."""
    outcome = scenario.expected(target)
    call = asyncio.ensure_future(cancellation.of(scenario.operation.call(store, target)))
    await asyncio.wait([call])
    if call.cancelled():
        outcome.error = asyncio.CancelledError()
    elif (error := call.exception()) is not None:
        outcome.error = error
    else:
        outcome.answer = call.result()
    if cancellation.took_place:
        came = "an answer" if outcome.error is None else type(outcome.error).__name__
        demand(call.cancelled(), f"the caller was cancelled, and {came} came out")
        return outcome
    return scenario.checked(outcome)


def _at_every_await(*, warm: bool, late: bool) -> Fault:
    async def play(scenario: Scenario) -> None:
        if warm:
            async with scenario.store() as store:
                for suspension in count(1):
                    if not await attempt(scenario, store, suspension):
                        return
                    await scenario.next_calls(store)
        for suspension in count(1):
            async with scenario.store(warm=False) as store:
                if not await attempt(scenario, store, suspension):
                    return

    async def attempt(scenario: Scenario, store: Any, suspension: int) -> bool:
        cancellation = Cancellation(suspension, late=late)
        scenario.note(f"the next call is cancelled at its await number {suspension}")
        outcome = await cancelled_call(scenario, store, await scenario.operation.prepare(scenario.direct), cancellation)
        if not cancellation.took_place:
            scenario.answered(outcome)
        return cancellation.took_place

    name = f"cancelled-{'late' if late else 'early'}-{'warm' if warm else 'cold'}"
    when = "when what it waits for has just come" if late else "as soon as it waits"
    where = "a connection that is open" if warm else "a connection that has yet to be opened"
    return Fault(name, f"The caller is cancelled at every await in turn, {when}, on {where}.", play)


def _in_the_queue(*, late: bool) -> Fault:
    async def play(scenario: Scenario) -> None:
        async with scenario.store(seconds=_QUEUE_SECONDS, pool=1) as store:
            for suspension in count(1):
                first = await scenario.hold(Stage.REPLY, scenario.next_calls(store))
                cancellation = Cancellation(suspension, late=late)
                scenario.note(f"one caller has the only connection; the next is cancelled at its await {suspension}")
                target = await scenario.operation.prepare(scenario.direct)
                second = asyncio.ensure_future(cancelled_call(scenario, store, target, cancellation))
                await asyncio.sleep(0)  # the second is in the queue before the third
                third = asyncio.ensure_future(scenario.next_calls(store))
                await asyncio.sleep(0)
                scenario.proxy.release()
                await asyncio.gather(first, second, third)
                if not cancellation.took_place:
                    return

    when = "when what it waits for has just come" if late else "as soon as it waits"
    name = f"cancelled-{'late' if late else 'early'}-queued"
    sentence = f"One caller's reply is due on the only connection; the next is cancelled at every await in turn, {when}"
    return Fault(name, f"{sentence}; those before and behind it are served.", play)


def _while(stage: Stage) -> Fault:
    async def play(scenario: Scenario) -> None:
        async with scenario.store() as store:
            scenario.note(f"proxy.interrupt(Stage.{stage.name}, Action.HOLD); cancelled when met; then proxy.release()")
            outcome = scenario.expected(await scenario.operation.prepare(scenario.direct))
            call = await scenario.hold(stage, scenario.operation.call(store, outcome.target))
            others = asyncio.ensure_future(scenario.next_calls(store))
            await asyncio.sleep(0)  # their requests are on their way
            call.cancel()
            await asyncio.wait([call])
            outcome.error = asyncio.CancelledError()
            demand(call.cancelled(), "the caller was cancelled, and something else came out")
            scenario.done = True
            scenario.proxy.release()
            await others

    where = {
        Stage.REQUEST: "its request is under way, which arrives after that",
        Stage.REPLY: "its reply is due, which comes after that",
        Stage.MIDDLE: "half of its reply is there, and the rest comes after that",
    }
    return Fault(f"cancelled-{stage}", f"The caller is cancelled while {where[stage]}.", play)


@fault
async def callers_timeout(scenario: Scenario) -> None:
    """The caller's own `asyncio.timeout` ends while the reply is due: TimeoutError comes out, and nothing else."""
    async with scenario.store() as store:
        scenario.note("proxy.interrupt(Stage.REPLY, Action.HOLD); asyncio.timeout ends when met; then proxy.release()")
        outcome = scenario.expected(await scenario.operation.prepare(scenario.direct))

        async def call() -> None:
            async with asyncio.timeout(None) as limit:
                limits.append(limit)
                outcome.answer = await scenario.operation.call(store, outcome.target)

        limits: list[asyncio.Timeout] = []
        calling = await scenario.hold(Stage.REPLY, call())
        limits[0].reschedule(0)
        await asyncio.wait([calling])
        scenario.proxy.release()
        outcome.error = None if calling.cancelled() else calling.exception()
        demand(type(outcome.error) is TimeoutError, f"{outcome.error!r:.100} came out of a caller's timeout")
        scenario.done = True


def _closed(stage: Stage, where: str) -> Fault:
    async def play(scenario: Scenario) -> None:
        async with scenario.store(warm=stage is not Stage.CONNECT, closed=True) as store:
            scenario.note(f"proxy.interrupt(Stage.{stage.name}, Action.HOLD); aclose() when met; then proxy.release()")
            close = getattr(store, "aclose", None)
            if close is None:
                raise NotTestableError("the store has no aclose")
            call = await scenario.hold(stage, scenario.call(store))
            await close()
            await asyncio.wait([call])
            scenario.proxy.release()
            demand(not call.cancelled(), "a caller that nobody cancelled was cancelled")
            scenario.check_may(call.result(), may=stage is not Stage.CONNECT)
            scenario.done = stage is not Stage.CONNECT

    return Fault(f"closed-{stage}", f"The store is closed while a caller {where}: the caller is told.", play)


@fault
async def fifty_callers(scenario: Scenario) -> None:
    """Fifty callers share one connection: each call is made once, and each caller gets its own answer."""
    async with scenario.store(pool=1) as store:
        targets = await scenario.targets(_CALLERS)
        for outcome in await asyncio.gather(*(scenario.call(store, target) for target in targets)):
            scenario.answered(outcome)


@fault
async def another_loop(scenario: Scenario) -> None:
    """The store is called from a second event loop: it refuses, or serves; the first loop goes on."""
    scenario.allowed = (StoreNotOpen,)
    async with scenario.store() as store:
        target = await scenario.operation.prepare(scenario.direct)
        scenario.note("in another thread: asyncio.run(the next call)")
        call = asyncio.wait_for(scenario.call(store, target), 5)
        await asyncio.to_thread(asyncio.run, call)
        scenario.allowed = ()


CALLER_FAULTS = (
    *(_at_every_await(warm=warm, late=late) for warm in (True, False) for late in (False, True)),
    _in_the_queue(late=False),
    _in_the_queue(late=True),
    _while(Stage.REQUEST),
    _while(Stage.REPLY),
    _while(Stage.MIDDLE),
    callers_timeout,
    _closed(Stage.CONNECT, "waits for a connection"),
    _closed(Stage.REPLY, "waits for its reply"),
    fifty_callers,
    another_loop,
)
