"""The checker: whether some order of calls explains what they gave. It knows no task store.

The search of Wing and Gong, with Lowe's memory: an order is made call by call, taking next one that no other had to
precede, as long as the specification agrees with what was recorded; calls made so far and the state reached are never
tried twice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any, Generic, Protocol, TypeVar


class Spanned(Protocol):
    """A call with its time: `returned` is None if it is open for ever."""

    @property
    def called(self) -> int: ...  # noqa: D102  the class says it
    @property
    def returned(self) -> int | None: ...  # noqa: D102


State = TypeVar("State", bound=Hashable)
Call = TypeVar("Call", bound=Spanned)


@dataclass(frozen=True)
class Specification(Generic[State, Call]):
    """What is right: where it begins, what a call gives in a state, and whether that agrees with what was recorded."""

    initial: State
    step: Callable[[State, Call], tuple[Any, State]]
    agrees: Callable[[Any, Call], bool]


@dataclass
class Budget:
    """How many steps a search may still take."""

    steps: int
    taken: int = field(default=0)


class OutOfBudgetError(Exception):
    """Nothing is decided: neither that an order exists nor that none does."""


def find_order(
    specification: Specification[State, Call], calls: Sequence[Call], budget: Budget
) -> tuple[Call, ...] | None:
    """An order of the calls that explains what each gave and is no other than that of the clock; None if there is none.

    A call without an answer may stand anywhere after it was made, or nowhere.

    Raises:
        OutOfBudgetError: if the steps do not suffice to tell.
    """
    calls = sorted(calls, key=lambda call: call.called)
    ends = [inf if call.returned is None else call.returned for call in calls]
    answered = sum(1 << place for place, end in enumerate(ends) if end < inf)
    seen: set[tuple[int, State]] = set()
    path: list[tuple[int, State, Iterator[int]]] = [(0, specification.initial, _next(calls, ends, 0))]
    order: list[Call] = []
    while path:
        done, state, places = path[-1]
        if done & answered == answered:
            return tuple(order)
        for place in places:
            if budget.taken >= budget.steps:
                raise OutOfBudgetError
            budget.taken += 1
            call = calls[place]
            result, after = specification.step(state, call)
            # A lost call that changes nothing is as if it had never happened.
            fits = specification.agrees(result, call) if call.returned is not None else after != state
            now = done | 1 << place
            if fits and (now, after) not in seen:
                seen.add((now, after))
                path.append((now, after, _next(calls, ends, now)))
                order.append(call)
                break
        else:
            path.pop()
            del order[-1:]
    return None


def _next(calls: Sequence[Spanned], ends: Sequence[float], done: int) -> Iterator[int]:
    """The calls that can come next: none that is not done had returned before they were made. Lost ones come last."""
    horizon, candidates = inf, []
    first = (~done & (done + 1)).bit_length() - 1
    for place in range(first, len(calls)):
        if calls[place].called > horizon:
            break
        if not done >> place & 1:
            candidates.append(place)
            horizon = min(horizon, ends[place])
    return iter(sorted((place for place in candidates if calls[place].called <= horizon), key=ends.__getitem__))
