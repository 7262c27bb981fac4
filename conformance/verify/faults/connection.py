"""Faults of the connection: cut, reset or held, at each stage of an exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from conformance.subjects.proxy import Action, Stage
from conformance.verify.faults.scenario import Fault, NotTestableError, Scenario, demand, fault

IMPATIENT = 0.25
"""The timeouts of a store that is to run into them, in seconds."""
_DELAY = 0.005
_TOGETHER = 8

_WHERE = {
    Stage.CONNECT: "A new connection is accepted, and before a byte is passed on",
    Stage.REQUEST: "The request has left the client, and before the server sees it",
    Stage.REPLY: "The server has done what it was asked, and before a byte of its reply is passed on",
    Stage.MIDDLE: "The server has done what it was asked, and in the middle of its reply",
}
_WHAT = {
    Action.CUT: "the connection is closed.",
    Action.RESET: "the connection is reset.",
    Action.HOLD: "nothing more is passed on until the caller's time is over; then the rest is.",
}


def _interrupted(stage: Stage, action: Action) -> Fault:
    async def play(scenario: Scenario) -> None:
        seconds = IMPATIENT if action is Action.HOLD else 5.0
        async with scenario.store(seconds=seconds, warm=stage is not Stage.CONNECT) as store:
            times = 1 if scenario.operation.writes else 100  # a store may ask again for what it reads
            scenario.note(f"proxy.interrupt(Stage.{stage.name}, Action.{action.name}, times={times})")
            interruption = scenario.proxy.interrupt(stage, action, times=times)
            outcome = await scenario.call(store)
            scenario.note("proxy.release()")
            scenario.proxy.release()
            demand(interruption.met, "it was answered without the server")
            scenario.check_may(outcome, may=stage is not Stage.CONNECT)
            lost = stage is Stage.CONNECT or (stage is Stage.REQUEST and action is not Action.HOLD)
            scenario.done = not lost

    return Fault(f"{stage}-{action}", f"{_WHERE[stage]} {_WHAT[action]}", play)


def _interruptions() -> Iterator[Fault]:
    for stage in Stage:
        for action in _WHAT:
            yield _interrupted(stage, action)


@fault
async def refused(scenario: Scenario) -> None:
    """Nothing listens at the server's address."""
    async with scenario.store(warm=False) as store:
        scenario.note("await proxy.refuse()")
        await scenario.proxy.refuse()
        scenario.refused(await scenario.call(store))
        scenario.note("await proxy.listen()")
        await scenario.proxy.listen()


def _idle(action: Action) -> Callable[[Scenario], Awaitable[None]]:
    async def play(scenario: Scenario) -> None:
        async with scenario.store() as store:
            target = await scenario.operation.prepare(scenario.direct)
            scenario.note(f"proxy.break_all(Action.{action.name})")
            scenario.proxy.break_all(action)
            await scenario.call(store, target)

    return play


@fault
async def slow(scenario: Scenario) -> None:
    """Every byte takes its time, each way; calls together get their own answers, and nothing is sent twice."""
    scenario.proxy.delay = _DELAY
    scenario.note(f"proxy = Proxy(harness.url(), delay={_DELAY})")
    async with scenario.store() as store:
        scenario.answered(await scenario.call(store))


@fault
async def in_two_halves(scenario: Scenario) -> None:
    """The reply stops in the middle, and goes on while the caller waits: it is one answer."""
    async with scenario.store() as store:
        scenario.note("proxy.interrupt(Stage.MIDDLE, Action.HOLD); released when it is met")
        call = await scenario.hold(Stage.MIDDLE, scenario.call(store))
        scenario.proxy.release()
        scenario.answered(await call)


@fault
async def second_request_cut(scenario: Scenario) -> None:
    """The server has lost its scripts, and the reply to the request that brings them again is cut off."""
    async with scenario.store() as store:
        target = await scenario.operation.prepare(scenario.direct)
        scenario.note("SCRIPT FLUSH; proxy.interrupt(Stage.REPLY, Action.CUT, after=1)")
        scenario.harness.administer("SCRIPT", "FLUSH")
        interruption = scenario.proxy.interrupt(Stage.REPLY, Action.CUT, after=1)
        outcome = await scenario.call(store, target)
        scenario.proxy.release()
        if not interruption.met:
            scenario.answered(outcome)
            raise NotTestableError("the operation needs no script: it is one request")
        scenario.done = True
        scenario.check_may(outcome, may=True)


def _together(action: Action) -> Fault:
    async def play(scenario: Scenario) -> None:
        async with scenario.store() as store:
            targets = [await scenario.operation.prepare(scenario.direct)] * _TOGETHER
            if not scenario.operation.shared:
                targets = await scenario.targets(_TOGETHER)
            scenario.note(f"proxy.interrupt(Stage.MIDDLE, Action.{action.name}), and {_TOGETHER} calls at once")
            scenario.proxy.interrupt(Stage.MIDDLE, action)
            await asyncio.gather(*(scenario.call(store, target) for target in targets))
            scenario.proxy.release()

    sentence = f"Calls are made at once, and in the middle of the first reply {_WHAT[action]}"
    return Fault(f"together-{action}", sentence, play)


CONNECTION_FAULTS = (
    refused,
    *_interruptions(),
    Fault("idle-cut", "The connections are closed while nobody uses them.", _idle(Action.CUT)),
    Fault("idle-reset", "The connections are reset while nobody uses them.", _idle(Action.RESET)),
    slow,
    in_two_halves,
    second_request_cut,
    _together(Action.CUT),
    _together(Action.RESET),
)
