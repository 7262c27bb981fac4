"""The orders of calls that explain what they gave. It knows no task store.

The search of Wing and Gong, "Testing and verifying concurrent objects" (1993), with Lowe's memory: an order is made
call by call, taking next one that no other had to precede, as long as what was recorded is allowed; calls made so far
and the state reached are never tried twice.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from math import inf
from typing import Protocol, TypeVar


class Spanned(Protocol):
    """A call with its time: `returned` is None if it is open for ever."""

    @property
    def called(self) -> int: ...  # noqa: D102  the class says it
    @property
    def returned(self) -> int | None: ...  # noqa: D102


State = TypeVar("State", bound=Hashable)
Call = TypeVar("Call", bound=Spanned)


class OutOfBudgetError(Exception):
    """Nothing is decided: neither that an order exists nor that none does."""


def orders(  # noqa: C901  one search
    initial: State,
    calls: Sequence[Call],
    after: Callable[[State, Call], Iterable[State]],
    steps: int,
) -> Iterator[tuple[tuple[Call, ...], State]]:
    """The orders that explain the calls and are no other than that of the clock, one for each end.

    Args:
        initial: The state before the calls.
        calls: A call without an answer may stand anywhere after it was made, or nowhere.
        after: Gives the states that a call may leave, if what was recorded of it is allowed there.
        steps: How many the search may take.

    Yields:
        The calls in their order, and the state behind them.

    Raises:
        OutOfBudgetError: if the steps do not suffice to tell.
    """
    calls = sorted(calls, key=lambda call: call.called)
    ends = [inf if call.returned is None else call.returned for call in calls]
    answered = sum(1 << place for place, end in enumerate(ends) if end < inf)
    seen: set[tuple[int, State]] = {(0, initial)}

    def following(done: int, state: State) -> Iterator[tuple[int, State]]:
        nonlocal steps
        for place in _next(calls, ends, done):
            if not steps:
                raise OutOfBudgetError
            steps -= 1
            for reached in after(state, calls[place]):
                # A lost call that changes nothing is as if it had never happened.
                if calls[place].returned is not None or reached != state:
                    yield place, reached

    if not answered:
        yield (), initial
        return
    order: list[Call] = []
    path = [(0, following(0, initial))]
    while path:
        done, ways = path[-1]
        for place, state in ways:
            now = done | 1 << place
            if (now, state) in seen:
                continue
            seen.add((now, state))
            if now & answered == answered:
                yield (*order, calls[place]), state
                continue
            path.append((now, following(now, state)))
            order.append(calls[place])
            break
        else:
            path.pop()
            del order[-1:]


def _next(calls: Sequence[Spanned], ends: Sequence[float], done: int) -> Iterator[int]:
    """The calls that can come next, by their replies: none that is not done had returned before they were made."""
    horizon, candidates = inf, []
    first = (~done & (done + 1)).bit_length() - 1
    for place in range(first, len(calls)):
        if calls[place].called > horizon:
            break
        if not done >> place & 1:
            candidates.append(place)
            horizon = min(horizon, ends[place])
    return iter(sorted((place for place in candidates if calls[place].called <= horizon), key=ends.__getitem__))
