"""What a store may hold: every state that explains the results so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import dropwhile, islice, permutations
from typing import Any, NamedTuple

from conformance.engine.observe import badness, differences, is_usable, unmarked
from conformance.engine.order import Budget, OutOfBudgetError, orders
from conformance.spec.model import FIELDS, Call, Outcome, Page, Record, State, Symbol, step

_ENOUGH = 16
"""Explanations of concurrent calls that are kept, of each state before them."""
_MOST_STEPS = 10**5
"""Of the search for explanations: some seconds, for a store that is wrong."""
_LOOKED_AT = 8
"""From how many calls each next one of the nearest order is taken."""
_FEW = 4
"""Of so many calls every order is tried."""


class Possible(NamedTuple):
    """A state that the store may be in, and the calls whose answer was lost and that may still take effect."""

    state: State
    pending: tuple[Call, ...] = ()


def after(outcome: Outcome, observed: Any, call: Call) -> State:
    """The state after a result that was expected."""
    if outcome.written is None:
        return outcome.state
    return outcome.state.with_task(observed, call.at)


def with_lost_calls(beliefs: Iterable[Possible]) -> list[Possible]:
    """The states that there may be now: each lost call may have taken effect meanwhile, or not."""
    found = list(beliefs)
    if not any(possible.pending for possible in found):
        return found
    for possible in found:
        for index, call in enumerate(possible.pending):
            left = possible.pending[:index] + possible.pending[index + 1 :]
            for outcome in step(possible.state, call):
                if outcome.written is not None:
                    found.append(Possible(outcome.state.with_task(outcome.written, call.at), left))
                elif outcome.state != possible.state:
                    found.append(Possible(outcome.state, left))
    return found


def bind(state: State, observed: Any) -> State:
    """Give the symbols of tasks that no one has seen the values that a result shows."""
    if state.is_seen:
        return state
    unseen = state.unseen()
    records = [observed] if isinstance(observed, Record) else list(getattr(observed, "records", ()))
    for record in records:
        for key, waiting in unseen.items():
            is_new = isinstance(waiting.task_id, Symbol) and state.get(str(record.task_id)) is None
            if (is_new or record.task_id == key) and is_usable(record):
                bound = {name: getattr(record, name) for name in FIELDS if isinstance(getattr(waiting, name), Symbol)}
                state = state.seen(key, waiting._replace(**bound))
                unseen = state.unseen()
                break
    return state


def unlike(possibles: list[Possible]) -> list[Possible]:
    """The states without repetitions."""
    if len(possibles) == 1:
        return possibles
    kept: list[Possible] = []
    for one in possibles:
        if one not in kept:
            kept.append(one)
    return kept


class _Made(NamedTuple):
    """A call of several at the same time, and what came of it; None if its answer was lost."""

    call: Call
    observed: Any
    called: int = 0
    returned: int | None = 1


def explanations(start: Iterable[Possible], answered: Sequence[tuple[Call, Any]]) -> list[Possible]:
    """The states after calls that were made at the same time, one for each order that explains all results.

    Where there are too many orders to try, it is the states that were found by then.
    """
    found: list[Possible] = []
    for possible in start:
        lost = [_Made(call, None, returned=None) for call in possible.pending]
        made = [*(_Made(*one) for one in answered), *lost]
        with suppress(OutOfBudgetError):
            for order in islice(orders(possible.state, made, _allowed, Budget(_MOST_STEPS)), _ENOUGH):
                pending = tuple(one.call for one in lost if all(one is not done for done in order.calls))
                found.append(Possible(order.state, pending))
    return unlike(found)


def explanations_in_part(start: Iterable[Possible], answered: Sequence[tuple[Call, Any]]) -> list[Possible]:
    """The states after purges and listings at the same time, if a purge takes several moments and pages show some.

    A page then holds each task that stays, any of those that are removed, and nothing else.
    """
    pages = [one for one in answered if one[0].operation == "list_tasks"]
    others = [one for one in answered if one[0].operation != "list_tasks"]
    if {call.operation for call, _ in others} != {"purge"}:
        return []
    return [
        end
        for begin in start
        for end in explanations([begin], others)
        if all(_is_between(begin.state, end.state, *one) for one in pages)
    ]


def _is_between(before: State, behind: State, call: Call, observed: Any) -> bool:
    expected = step(before, call)[0].result
    if not isinstance(expected, Page) or not isinstance(observed, Page):
        return False
    tasks = before.in_order(call.arguments.get("status"))[::-1]
    came = {one.task_id for one in observed.records}
    stay = {one.task_id for one in tasks if str(one.task_id) in behind.tasks}
    shown = [one for one in tasks if one.task_id in came | stay]
    if expected.offset:
        shown = [*dropwhile(lambda one: one.task_id not in came, shown)]
    if expected.limit < len(tasks):  # what was removed after its place was known is left out
        shown = shown[: len(came)]
    possible = expected._replace(records=tuple(shown), total=observed.total, following=observed.following)
    return len(stay) <= observed.total <= len(tasks) and not differences(possible, observed)


class Difference(NamedTuple):
    """A result that is not what the model gives in some order, and the fields in which it differs."""

    call: Call
    expected: Any
    observed: Any
    names: tuple[str, ...]


def nearest_order(start: Iterable[Possible], answered: Sequence[tuple[Call, Any]]) -> list[Difference]:
    """What differs in an order of calls that does not explain their results, but comes near.

    It is the nearest of all orders of a few calls. One of many is found call by call: next comes the one whose result
    differs least. What the engine wrote into objects of the store counts only between results that differ in nothing
    else.
    """
    orders = [
        _differences_in(possible.state, order)
        for possible in with_lost_calls(start)
        for order in (permutations(answered) if len(answered) <= _FEW else [answered])
    ]
    return min(
        orders, key=lambda order: [sum(one) for one in zip(*(_distance(*one[2:]) for one in order), strict=True)]
    )


def _differences_in(state: State, answered: Sequence[tuple[Call, Any]]) -> list[Difference]:
    found, left = [], list(answered)
    looked_at = 1 if len(left) <= _FEW else _LOOKED_AT
    while left:
        ways = [
            (_distance(observed, names), place, outcome, names)
            for place, (call, observed) in enumerate(left[:looked_at])
            for outcome in step(bind(state, observed), call)
            for names in [differences(outcome.result, observed)]
        ]
        _, place, outcome, names = min(ways, key=lambda way: way[:2])
        call, observed = left.pop(place)
        if names:
            found.append(Difference(call, outcome.result, observed, names))
        if outcome.written is None or (isinstance(observed, Record) and is_usable(observed)):
            state = after(outcome, observed, call)
    return found


def _distance(observed: Any, names: tuple[str, ...]) -> tuple[int, int]:
    return badness(unmarked(names, observed)), badness(names)


def _allowed(state: State, made: _Made) -> Iterator[State]:
    """The states that a call may leave, if it may give what it gave."""
    call, observed = made.call, made.observed
    if made.returned is None:
        for outcome in step(state, call):
            yield outcome.state if outcome.written is None else outcome.state.with_task(outcome.written, call.at)
        return
    for outcome in step(bind(state, observed), call):
        if not differences(outcome.result, observed):
            yield after(outcome, observed, call)
