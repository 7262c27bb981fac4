"""Faults of the connection: cut, reset or held, at each stage of an exchange."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from conformance.verify.proxy import Action, Stage
from conformance.verify.scene import Fault, NotTestableError, Scene, demand, fault

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
    async def play(scene: Scene) -> None:
        seconds = IMPATIENT if action is Action.HOLD else 5.0
        async with scene.store(seconds=seconds, warm=stage is not Stage.CONNECT) as store:
            scene.tell(f"proxy.interrupt(Stage.{stage.name}, Action.{action.name})")
            interruption = scene.proxy.interrupt(stage, action)
            outcome = await scene.call(store)
            scene.tell("proxy.release()")
            scene.proxy.release()
            demand(interruption.met, "it was answered without the server")
            scene.says(outcome, may=stage is not Stage.CONNECT)
            lost = stage is Stage.CONNECT or (stage is Stage.REQUEST and action is not Action.HOLD)
            scene.done = not lost

    return Fault(f"{stage}-{action}", f"{_WHERE[stage]} {_WHAT[action]}", play)


def _interruptions() -> Iterator[Fault]:
    for stage in Stage:
        for action in _WHAT:
            yield _interrupted(stage, action)


@fault
async def refused(scene: Scene) -> None:
    """Nothing listens at the server's address."""
    async with scene.store(warm=False) as store:
        scene.tell("await proxy.refuse()")
        await scene.proxy.refuse()
        scene.refused(await scene.call(store))
        scene.tell("await proxy.listen()")
        await scene.proxy.listen()


def _idle(action: Action) -> Callable[[Scene], Awaitable[None]]:
    async def play(scene: Scene) -> None:
        async with scene.store() as store:
            target = await scene.operation.prepare(scene.direct)
            scene.tell(f"proxy.break_all(Action.{action.name})")
            scene.proxy.break_all(action)
            await scene.call(store, target)

    return play


@fault
async def slow(scene: Scene) -> None:
    """Every byte takes its time, each way; calls together get their own answers, and nothing is sent twice."""
    scene.proxy.delay = _DELAY
    scene.tell(f"proxy = Proxy(harness.url(), delay={_DELAY})")
    async with scene.store() as store:
        scene.answered(await scene.call(store))


@fault
async def in_two_halves(scene: Scene) -> None:
    """The reply stops in the middle, and goes on while the caller waits: it is one answer."""
    async with scene.store() as store:
        scene.tell("proxy.interrupt(Stage.MIDDLE, Action.HOLD); released when it is met")
        interruption = scene.proxy.interrupt(Stage.MIDDLE, Action.HOLD)
        call = asyncio.ensure_future(scene.call(store))
        await scene.met(interruption, call)
        scene.proxy.release()
        scene.answered(await call)


@fault
async def second_request_cut(scene: Scene) -> None:
    """The server has lost its scripts, and the reply to the request that brings them again is cut off."""
    async with scene.store() as store:
        target = await scene.operation.prepare(scene.direct)
        scene.tell("SCRIPT FLUSH; proxy.interrupt(Stage.REPLY, Action.CUT, after=1)")
        scene.harness.administer("SCRIPT", "FLUSH")
        interruption = scene.proxy.interrupt(Stage.REPLY, Action.CUT, after=1)
        outcome = await scene.call(store, target)
        scene.proxy.release()
        if not interruption.met:
            scene.answered(outcome)
            raise NotTestableError("the operation needs no script: it is one request")
        scene.done = True
        scene.says(outcome, may=True)


def _together(action: Action) -> Fault:
    async def play(scene: Scene) -> None:
        async with scene.store() as store:
            targets = [await scene.operation.prepare(scene.direct)] * _TOGETHER
            if not scene.operation.shared:
                targets = await scene.targets(_TOGETHER)
            scene.tell(f"proxy.interrupt(Stage.MIDDLE, Action.{action.name}), and {_TOGETHER} calls at once")
            scene.proxy.interrupt(Stage.MIDDLE, action)
            await asyncio.gather(*(scene.call(store, target) for target in targets))
            scene.proxy.release()

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
