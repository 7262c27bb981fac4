"""The player: makes the calls of a scene on a store, compares each result with the model, and says what is broken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from conformance.engine.belief import Possible
from conformance.engine.checks import TICK
from conformance.engine.populations import populate, walk
from conformance.engine.reads import READS, id_of, read_after, read_before
from conformance.engine.run import SceneEndedError, SceneRun
from conformance.engine.scene import (
    Action,
    Advance,
    Close,
    Known,
    Optional,
    Populate,
    Reopen,
    Scene,
    Step,
    Tick,
    Together,
    Walk,
)
from conformance.engine.tally import Finding, Tally
from conformance.engine.together import together
from conformance.harness import Capability, Harness
from conformance.spec.model import Outcome, Page, Raised, Record, State


class Player:
    """Plays scenes on one subject."""

    def __init__(self, harness: Harness, tally: Tally) -> None:
        self._harness = harness
        self._tally = tally

    async def play(self, scene: Scene) -> list[Finding]:
        """Play a scene in a namespace of its own, and return what is wrong.

        Raises:
            HookMissingError: if the scene needs a hook that the harness does not have.
        """
        run = SceneRun(self._harness, self._tally, scene)
        try:
            async with run.stack:
                try:
                    async with run.limit:
                        await _play(run)
                except TimeoutError:
                    if not run.limit.expired():
                        raise
                    run.report_limit()
        finally:
            self._tally.findings += run.findings
            self._harness.discard(run.namespace)
        return run.findings


async def _play(run: SceneRun) -> None:
    for on in range(run.scene.instances):
        await run.open(on)
    try:
        for action in run.scene.actions:
            run.played += 1
            await _perform(run, action)
    except SceneEndedError:
        return
    finally:
        run.checks.unchanged()
    run.tally.exercised.update(run.scene.about)


async def _perform(run: SceneRun, action: Action) -> None:
    await _ACTIONS[type(action)](run, action)


async def _step(run: SceneRun, planned: Step) -> None:
    arguments = run.resolved(planned.arguments)
    if run.is_audited:
        await read_before(run, planned, arguments)
    observed, raw, at = await run.call(planned, arguments)
    run.script.step(planned, f"raises {observed.error}" if isinstance(observed, Raised) else "")
    outcome = await run.compare(planned, arguments, observed, raw, at)
    before = _remember(run, planned, arguments, outcome, observed)
    is_write = planned.operation not in READS
    if is_write and run.is_audited and planned.on not in run.closed:
        await read_after(run, planned, arguments, outcome, observed, before)


def _remember(
    run: SceneRun, planned: Step, arguments: Mapping[str, Any], outcome: Outcome, observed: Any
) -> Record | None:
    """Keep what came out under its label, and count what changed nothing. Return the task as it was before."""
    if planned.label and isinstance(observed, Record | Page):
        run.known[planned.label] = observed
    task_id = id_of(arguments, observed)
    before = run.latest.get(task_id)
    if isinstance(observed, Record):
        run.latest[task_id] = observed
    if outcome.written is not None:
        run.idle.pop(task_id, None)
    elif planned.operation in ("create_task", "update_task_status", "cancel_task", "restore"):
        numbers: tuple[str, ...] = outcome.requirements
        if isinstance(outcome.result, Raised):  # the others say that it raises, as it did
            is_refused = outcome.result.error in ("InvalidArgument", "TaskFinal")
            kept = ("VAL-05",) if is_refused else ("MAINT-02", "ID-06")
            numbers = (*("LIFE-14",) * is_refused, *(number for number in numbers if number in kept))
        run.idle.setdefault(task_id, []).extend(numbers)
    return before


async def _advance(run: SceneRun, action: Advance) -> None:
    run.script.note(f"# {action.by} pass")
    run.harness.advance(run.namespace, action.by)
    run.passed += action.by


async def _tick(run: SceneRun, _: Tick) -> None:
    await asyncio.sleep(TICK)
    run.checks.has_ticked = True


async def _reopen(run: SceneRun, action: Reopen) -> None:
    run.script.note(f"# store{action.on + 1} is closed and opened again")
    await run.close(action.on)
    await run.open(action.on)
    run.was_reopened = True
    others_hold_it = len(run.beliefs) == 1 and {*range(len(run.stores))} - run.closed - {action.on}
    if Capability.PERSISTENT not in run.capabilities and not others_hold_it:
        run.beliefs[run.side(action.on)] = [Possible(State(run.lifetime))]


async def _close(run: SceneRun, action: Close) -> None:
    run.script.note(f"# store{action.on + 1} is closed")
    await run.close(action.on)
    run.closed.add(action.on)


async def _optional(run: SceneRun, action: Optional) -> None:
    if action.applies_to(run.capabilities):
        for inner in action.actions:
            await _perform(run, inner)


async def _known(run: SceneRun, action: Known) -> None:
    run.is_audited = False
    for inner in action.actions:
        await _perform(run, inner)
    run.is_audited = True


_ACTIONS: Mapping[type, Callable[[SceneRun, Any], Awaitable[None]]] = {
    Step: _step,
    Together: together,
    Populate: populate,
    Walk: walk,
    Advance: _advance,
    Tick: _tick,
    Reopen: _reopen,
    Close: _close,
    Known: _known,
    Optional: _optional,
}
