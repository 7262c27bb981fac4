"""What a store may hold: the states of the model that explain its results so far."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

from conformance.core.linearizability import OutOfBudgetError, orders
from conformance.core.observe import differences, is_usable
from conformance.spec.model import FIELDS, Invocation, Outcome, Record, State, Symbol, step

_ENOUGH = 16
"""Ends of calls at the same time that are kept."""
_CROWD = 40
"""Of more calls at the same time the first order is taken: what they leave must not depend on it."""
_STEPS_EACH = 5
"""Of the search for an order of a crowd, for each call: most are explained in the order of their replies."""
_MOST_STEPS = 10**5
"""Of the search for an order: some seconds, for a store that is wrong."""


class Candidate(NamedTuple):
    """A state that the store may be in, and the calls without a reply that may still take effect."""

    state: State
    pending: tuple[Invocation, ...] = ()


def after(outcome: Outcome, observed: Any, call: Invocation) -> State:
    """The state after an outcome, which was observed."""
    return outcome.state if outcome.written is None else outcome.state.with_task(observed, call.at)


def with_pending(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The states that there may be now: each call without a reply may have taken effect meanwhile, or not."""
    found = dict.fromkeys(candidates)
    left = [candidate for candidate in found if candidate.pending]
    for candidate in left:  # what is added is looked at too
        for place, call in enumerate(candidate.pending):
            others = candidate.pending[:place] + candidate.pending[place + 1 :]
            for outcome in step(candidate.state, call):
                one = Candidate(after(outcome, outcome.written, call), others)
                if one.state != candidate.state and one not in found:
                    found[one] = None
                    left.append(one)
    return list(found)


def bind(state: State, observed: Any) -> State:
    """Give tasks that nobody has seen yet the ids and times that a result shows."""
    for record in [observed] if isinstance(observed, Record) else getattr(observed, "records", ()):
        for key in state.unseen:
            waiting, at = state.tasks[key]
            is_new = isinstance(waiting.task_id, Symbol) and state.get(str(record.task_id)) is None
            if (is_new or record.task_id == key) and is_usable(record):
                seen = {name: getattr(record, name) for name in FIELDS if isinstance(getattr(waiting, name), Symbol)}
                state = state.without({key}).with_task(waiting._replace(**seen), at)
                break
    return state


class Made(NamedTuple):
    """A call, what came of it, and when: by the numbers of the events. Without a reply `returned` is None."""

    call: Invocation
    observed: Any
    called: int = 0
    returned: int | None = 1


def explanations(start: Iterable[Candidate], answered: Sequence[tuple[Invocation, Any]]) -> list[Candidate]:
    """The states after calls that were made at the same time: one for each order that explains all results.

    Where there are too many orders to try, it is the states that were found by then.
    """
    found: list[Candidate] = []
    enough, steps = (_ENOUGH, _MOST_STEPS) if len(answered) <= _CROWD else (1, _STEPS_EACH * len(answered))
    for candidate in start:
        lost = [Made(call, None, returned=None) for call in candidate.pending]
        made = [*(Made(*one) for one in answered), *lost]
        with suppress(OutOfBudgetError):
            for order, state in islice(orders(candidate.state, made, allowed, steps), enough):
                pending = tuple(one.call for one in lost if all(one is not done for done in order))
                found.append(Candidate(state, pending))
    return list(dict.fromkeys(found))


def allowed(state: State, made: Made) -> Iterator[State]:
    """The states that a call may leave, if it may give what it gave."""
    for outcome in step(bind(state, made.observed), made.call):
        if made.returned is None:
            yield after(outcome, outcome.written, made.call)
        elif not differences(outcome.result, made.observed):
            yield after(outcome, made.observed, made.call)
