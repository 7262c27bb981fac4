"""Tracks the states that are consistent with every result so far, and finds what a result has that none explains."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import islice
from typing import Any, TypeAlias

from conformance.engine.contract import Contract, Entry
from conformance.engine.finding import Signature
from conformance.engine.outcome import Outcome, Raised

_ENOUGH = 16
"""Ends of concurrent calls that are kept."""
_CROWD = 40
"""Concurrent calls above which the first order is taken: what they leave must not depend on it."""
_STEPS_EACH = 5
"""Steps of the search for each call of a crowd: most are explained in the order of their making."""
_MOST_STEPS = 10**5
"""Steps of the search for an order: some seconds, for a store that is wrong."""

_SHORT = 12
"""So long are the values that tell two findings apart."""

Candidate: TypeAlias = tuple[Any, tuple[Entry, ...]]
"""A state that the store may be in, and the calls without a reply that may still take effect."""


class Judge:
    """The states that one namespace may be in."""

    def __init__(self, contract: Contract, learned: AbstractSet[Signature]) -> None:
        self._contract = contract
        self._learned = learned
        self._candidates: list[Candidate] = []
        self.forget()

    def forget(self) -> None:
        """Believe that the store is empty."""
        self._candidates = [(self._contract.initial(), ())]

    def explain(self, made: Sequence[Entry], *, is_over: bool = False) -> bool:
        """Keep the states after concurrent calls, one for each order that explains all results, if there is one.

        Those that have failed have no result, and may take effect then, never, or later unless `is_over`.
        """
        answered = [entry for entry in made if not entry.has_failed]
        if len(answered) > 1:
            answered.sort(key=lambda entry: _latest_time(entry.observed))
        lost = [entry for entry in made if entry.may_have_happened]
        is_crowd = len(made) > _CROWD
        steps = _STEPS_EACH * len(made) if is_crowd else _MOST_STEPS
        enough = 1 if is_crowd else _ENOUGH
        found: list[Candidate] = []
        for state, pending in self._candidates:
            search = _Search(self._after, answered, (*pending, *lost), steps)
            found += islice(search.ends(state, is_over=is_over), None if is_over else enough)
        self._candidates = list(dict.fromkeys(found)) or self._candidates
        return bool(found)

    def nearest(self, entry: Entry) -> tuple[Outcome, tuple[str, ...]] | None:
        """Return the outcome that a result is nearest to, and the fields that differ. None if nobody can tell."""
        compared = []
        for state, pending in self._candidates:
            found = self._compared(state, entry)
            reached = [after for lost in pending for after in self._after(state, lost)]
            if not found or not all(self._contract.step(after, entry.invocation) for after in reached):
                return None
            compared += found
        return min(compared, key=lambda pair: ("" in pair[1], len(pair[1])))

    def _after(self, state: Any, entry: Entry) -> Iterator[Any]:
        """Yield the states that a call may leave. If it failed and changes nothing, it is as if it never happened."""
        compared = self._compared(state, entry)
        fitting = [outcome for outcome, names in compared if entry.has_failed or not names]
        if fitting:
            entry.outcome = fitting[0] if len(fitting) == 1 else min(fitting, key=lambda one: one.state != state)
        for outcome in fitting:
            if not entry.has_failed:
                yield self._contract.bind(outcome.state, entry.observed)
            elif outcome.state != state:
                yield outcome.state
        for outcome, names in [] if fitting else compared:
            if self.signature(entry, outcome, names) in self._learned:
                adopted = self._contract.adopt(outcome.state, outcome.result, entry.observed)
                if adopted is not None:
                    entry.outcome = outcome
                    yield adopted

    def signature(self, entry: Entry, outcome: Outcome, names: tuple[str, ...]) -> Signature:
        """Return what findings of one cause have in common: in which fields what came in place of what."""
        operation = self._contract.operations[entry.call.operation]
        results = []
        for result in (outcome.result, entry.observed):
            facts = result.facts if isinstance(result, Raised) else ()
            telling = [name for name, _ in facts if name not in operation.ids]
            results.append(_sort(result, telling or names))
        return operation.name, names, *results

    def _compared(self, state: Any, entry: Entry) -> list[tuple[Outcome, tuple[str, ...]]]:
        """Return the outcomes that are allowed, and in which fields the result differs from each."""
        state = self._contract.bind(state, entry.observed)
        outcomes = self._contract.step(state, entry.invocation)
        return [(outcome, self._contract.differences(outcome.result, entry.observed)) for outcome in outcomes]


class _Search:
    """The search of Wing and Gong, "Testing and verifying concurrent objects" (1993), with Lowe's memory.

    An order is made call by call, as long as the results are allowed. A node is which calls are done, as bits, and the
    state that they lead to. No node is visited twice: the same calls that lead to the same state go on alike.
    """

    def __init__(
        self,
        after: Callable[[Any, Entry], Iterator[Any]],
        answered: Sequence[Entry],
        pending: Sequence[Entry],
        steps: int,
    ) -> None:
        self._after = after
        self._calls = (*answered, *pending)
        self._answered = (1 << len(answered)) - 1
        self._steps = steps

    def ends(self, start: Any, *, is_over: bool) -> Iterator[Candidate]:
        """Yield the states after all calls that have an answer, and the others that may still take effect then.

        If it `is_over`, those without an answer take effect before or never.
        """
        seen: set[tuple[int, Any]] = set()
        path: list[Iterator[tuple[int, Any]]] = [iter([(0, start)])]
        while path:
            node = next(path[-1], None)
            if node is None:  # every order that begins so was tried: back to the call before
                path.pop()
                continue
            if node in seen:
                continue
            seen.add(node)
            done, state = node
            is_end = done & self._answered == self._answered
            if is_end:
                yield state, () if is_over else tuple(self._left(done))
            if is_over or not is_end:
                path.append(self._following(done, state))

    def _left(self, done: int) -> Iterator[Entry]:
        for place, entry in enumerate(self._calls):
            if not done >> place & 1:
                yield entry

    def _following(self, done: int, state: Any) -> Iterator[tuple[int, Any]]:
        """Yield the nodes that one more call leads to."""
        for place, entry in enumerate(self._calls):
            if self._steps > 0 and not done >> place & 1:
                self._steps -= 1
                for reached in self._after(state, entry):
                    yield done | 1 << place, reached


def _sort(value: Any, names: Iterable[str]) -> Any:
    """Return what is alike in two results of one cause: short texts and numbers, of others the types."""
    if isinstance(value, Raised):
        facts = dict(value.facts)
        return value.error, *(_sort(facts[name], ()) for name in names if name in facts)
    if hasattr(value, "_fields"):
        return tuple(_sort(getattr(value, name), ()) for name in names if name in value._fields)
    is_short = value is None or (isinstance(value, str | float) and len(str(value)) <= _SHORT)
    return value if is_short else type(value).__name__


def _latest_time(observed: Any) -> str:
    """Return the latest time in a result: they sort calls at the same time in the likely order."""
    if isinstance(observed, tuple):
        return max(map(_latest_time, observed), default="")
    return str(observed) if isinstance(observed, datetime) else ""
