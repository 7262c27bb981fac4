"""Calls that are made at the same time: some order of them has to explain their results."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.engine.belief import Difference, Possible, explanations, explanations_in_part, nearest_order
from conformance.engine.observe import contrast, is_usable, traits_of, unmarked
from conformance.engine.reads import READS, read_after_together
from conformance.engine.run import SceneEndedError, SceneRun
from conformance.engine.scene import Step, Together
from conformance.spec.model import FINAL, Call, Raised, Record, Span

_SHOWN_CALLS = 8
_SHOWN_RESULTS = 3
_ENDED = ("StoreNotOpen", "StoreUnavailable")
"""What a call may raise that waits when its store is closed."""


async def together(run: SceneRun, action: Together) -> None:
    """Make calls at the same time, and look for an order that explains their results."""
    planned = action.steps
    arguments = [run.resolved(one.arguments) for one in planned]
    run.script.note(_written(run, action))
    began = run.now()
    run.has_raced = True
    results = await _made(run, action, arguments)
    answered: list[tuple[Step, Call, Any]] = []
    lost_calls: list[tuple[Step, Call]] = []
    made = list(enumerate(zip(planned, arguments, results, strict=True)))
    if action.is_independent:
        made.sort(key=lambda one: _place(one[1][2]))
    for number, (one, given, result) in made:
        at = Span(began, run.now()) if isinstance(result, BaseException) else result[2]
        call = Call(one.operation, given, at)
        if isinstance(result, asyncio.CancelledError) and number in action.places_cancelled:
            lost_calls.append((one, call))
        elif isinstance(result, BaseException):
            raise result
        elif action.is_closed and isinstance(result[0], Raised):
            lost_calls += [(one, call)] if _may_have_written(run, one, result[0]) else []
        elif action.is_independent:
            await run.compare(one, given, *result)
        else:
            answered.append((one, call, result[0]))
    if action.is_independent:
        return
    about = tuple(dict.fromkeys(number for one in action.steps for number in one.about)) or ("ATOM-01",)
    _explain(run, about, answered, lost_calls)
    if run.is_audited:
        await read_after_together(run, about)


def _place(result: Any) -> tuple[Any, ...]:
    """Where a call of many stands: tasks by the time at which the store wrote them, behind them what was refused."""
    observed = None if isinstance(result, BaseException) else result[0]
    if isinstance(observed, Record) and is_usable(observed):
        return 1, observed.updated_at, observed.status in FINAL
    return (2 if isinstance(observed, Raised) else 0,)


def _written(run: SceneRun, action: Together) -> str:
    """The calls as a line of a script."""
    calls = ", ".join(run.script.call(one) for one in action.steps[:_SHOWN_CALLS])
    calls += f", …  # {len(action.steps)} calls" if len(action.steps) > _SHOWN_CALLS else ""
    which = "first" if action.cancels_first else "last"
    lost = f"  # the {which} {action.cancelled} are cancelled" if action.cancelled else ""
    closed = f"  # store{action.steps[0].on + 1} is closed meanwhile" if action.is_closed else ""
    return f"await asyncio.gather({calls}){lost}{closed}"


async def _made(run: SceneRun, action: Together, arguments: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Make the calls, disturb them as planned, and wait for all of them."""
    tasks = [asyncio.ensure_future(run.call(*one)) for one in zip(action.steps, arguments, strict=True)]
    for _ in range(action.turns if action.cancelled or action.is_closed else 0):
        await asyncio.sleep(0)
    if action.cancelled:
        run.has_cancelled = True
        for place in action.places_cancelled:
            tasks[place].cancel()
    if action.is_closed:
        on = action.steps[0].on
        run.closed.add(on)
        await run.close(on)
    results: list[Any] = await asyncio.gather(*tasks, return_exceptions=True)
    return results


def _may_have_written(run: SceneRun, planned: Step, raised: Raised) -> bool:
    """Report a call that a closed store ends with another exception, and say whether it may have taken effect."""
    if raised.error not in _ENDED:
        words = f"{planned.operation} raised {raised.error} when the store was closed"
        run.report(("API-04",), words, planned.operation, "closed")
    return planned.operation not in READS


def _explain(
    run: SceneRun,
    about: tuple[str, ...],
    answered: list[tuple[Step, Call, Any]],
    lost_calls: list[tuple[Step, Call]],
) -> None:
    for side, beliefs in enumerate(run.beliefs):
        here = [(call, observed) for one, call, observed in answered if run.side(one.on) == side]
        lost = tuple(call for one, call in lost_calls if run.side(one.on) == side)
        start = [Possible(one.state, (*one.pending, *lost)) for one in beliefs]
        found = explanations(start, here) or explanations_in_part(start, here)
        if not found:
            nearest = nearest_order(start, here)
            words = f"no order of the calls explains their results; in the nearest one {_in_words(nearest)}"
            if _is_marked(nearest):  # all else was compared, and that order explains it
                run.tally.exercised.update(about)
                about = ("VAL-02",)
            traits = [
                trait
                for one in nearest
                for trait in traits_of(one.call.operation, one.expected, one.observed, one.names)
            ]
            run.report(about, words, "together", traits=tuple(traits))
            raise SceneEndedError
        run.beliefs[side] = found
    run.tally.exercised.update(about)
    for planned, _, observed in answered:
        if planned.label and isinstance(observed, Record):
            run.known[planned.label] = observed


def _in_words(nearest: list[Difference]) -> str:
    shown = [f"{one.call.operation} gave {contrast(*one[1:])}" for one in nearest[:_SHOWN_RESULTS]]
    return "; ".join(
        [*shown, *([f"and {len(nearest) - _SHOWN_RESULTS} more"] if len(nearest) > _SHOWN_RESULTS else [])]
    )


def _is_marked(nearest: list[Difference]) -> bool:
    """Whether nothing differs but what the engine wrote into tasks that were returned earlier."""
    return bool(nearest) and not any(unmarked(one.names, one.observed) for one in nearest)
