"""Tracks the states that are consistent with every result so far, and finds what a result has that none explains."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple, TypeAlias

from conformance.engine.contract import Contract, Entry, Outcome, Raised, differences
from conformance.engine.finding import Signature

_ENOUGH = 16
"""Ends of concurrent calls that are kept."""
_MOST_NODES = 3_000
"""Nodes of the search for an order. Each holds a state."""
_MOST_STEPS = 200_000
"""Steps of the search: seconds, for a store that is wrong. A right crowd of 600 needs at most 180,000."""
_MORE_STEPS = 2_000
"""Steps of the search for others after the first: what a crowd leaves must not depend on its order."""
_SHORT = 12
"""So long are the values that tell two findings apart."""


class Candidate(NamedTuple):
    """A state that the store may be in, and the calls that may still take effect."""

    state: Any
    pending: tuple[Entry, ...] = ()


class Comparison(NamedTuple):
    """An outcome that is allowed, and the fields in which a result differs from it."""

    outcome: Outcome
    fields: tuple[str, ...]


_Node: TypeAlias = tuple[tuple[Entry, ...], Any]
"""The calls that are still to be made, and the state that the others have led to."""


class Judge:
    """The states that one namespace may be in."""

    def __init__(self, contract: Contract, learned: AbstractSet[Signature]) -> None:
        self._contract = contract
        self._learned = learned
        self.can_tell = True
        """Whether somebody can tell what is right where the last calls were made."""
        self._steps = 0
        self.forget()

    def forget(self) -> None:
        """Believe that the store is empty."""
        self._candidates = [Candidate(self._contract.initial())]

    def explain(self, made: Sequence[Entry], *, is_over: bool = False) -> bool:
        """Keep the states after concurrent calls, one for each order that explains all results, if there is one.

        Those that have failed have no result, and may take effect then, never, or later unless `is_over`.
        """
        self.can_tell = True
        answered = [entry for entry in made if not entry.has_failed]
        if len(answered) > 1:  # in the likely order
            answered.sort(key=lambda entry: _latest_time(entry.observed))
        lost = [entry for entry in made if entry.may_have_happened]

        found: dict[Candidate, None] = {}
        for state, pending in self._candidates:
            ends = self._ends(state, (*answered, *pending, *lost), is_over=is_over)
            found |= dict.fromkeys(ends if is_over else islice(ends, _ENOUGH))
        self._candidates = [*found] or self._candidates
        return bool(found)

    def nearest(self, entry: Entry) -> Comparison:
        """Return the outcome that a result is nearest to."""
        compared = [found for state, _ in self._candidates for found in self._compared(state, entry)]
        return min(compared, key=lambda found: ("" in found.fields, len(found.fields)))

    def signature(self, entry: Entry, found: Comparison) -> Signature:
        """Return what findings of one cause have in common: in which fields what came in place of what."""
        results = (found.outcome.result, entry.observed)
        alike = (_alike(result, found.fields, entry.operation.ids) for result in results)
        return entry.operation.name, found.fields, *alike

    # The search of Wing and Gong, "Testing and verifying concurrent objects" (1993), with Lowe's memory: an order is
    # made call by call, as long as the results are allowed. No node is visited twice, since the same calls that lead
    # to the same state go on alike.

    def _ends(self, start: Any, calls: tuple[Entry, ...], *, is_over: bool) -> Iterator[Candidate]:
        """Yield the states after all calls that have an answer, and the others that may still take effect then.

        If it `is_over`, those without an answer take effect before or never.
        """
        seen: set[_Node] = set()
        self._steps = _MOST_STEPS
        path: list[Iterator[_Node]] = [iter([(calls, start)])]
        while path and len(seen) < _MOST_NODES and self._steps > 0:
            node = next(path[-1], None)
            if node is None:  # every order that begins so was tried: back to the call before
                path.pop()
                continue
            if node in seen:
                continue
            seen.add(node)
            left, state = node
            is_end = all(entry.has_failed for entry in left)
            if is_end:
                yield Candidate(state, () if is_over else left)
                if not is_over:
                    self._steps = min(self._steps, _MORE_STEPS)
            if is_over or not is_end:
                path.append(self._following(left, state))

    def _following(self, left: tuple[Entry, ...], state: Any) -> Iterator[_Node]:
        """Yield the nodes that one more call leads to.

        If a read is right and changes nothing, no other call has to be tried before it: without the read, any order
        that has it later goes on alike.
        """
        for place, entry in enumerate(left):
            self._steps -= 1
            for reached in self._after(state, entry):
                yield left[:place] + left[place + 1 :], reached
                if entry.operation.is_read and reached == state:
                    return

    def _after(self, state: Any, entry: Entry) -> Iterator[Any]:
        """Yield the states that a call may leave. If it failed and changes nothing, it is as if it never happened."""
        compared = self._compared(state, entry)
        fitting = [outcome for outcome, fields in compared if entry.has_failed or not fields]
        if fitting:
            entry.outcome = min(fitting, key=lambda outcome: outcome.state != state)  # the least that explains it
        for outcome in fitting:
            if not entry.has_failed:
                yield self._contract.bind(outcome.state, entry.observed)
            elif outcome.state != state:
                yield outcome.state
        for found in () if fitting else compared:
            if self.signature(entry, found) in self._learned:
                entry.outcome = outcome = found.outcome
                if type(outcome.result) is type(entry.observed):
                    yield self._contract.adopt(outcome.state, entry.observed)

    def _compared(self, state: Any, entry: Entry) -> list[Comparison]:
        contract = self._contract
        outcomes = contract.step(contract.bind(state, entry.observed), entry)
        self.can_tell &= bool(outcomes)
        return [Comparison(outcome, differences(outcome.result, entry.observed)) for outcome in outcomes]


def _alike(result: Any, fields: tuple[str, ...], ids: Collection[str]) -> Any:
    """Return what is alike in two results of one cause: the error with its facts, or what stands in some fields."""
    if isinstance(result, Raised):
        return result.error, *(_short(value) for name, value in result.facts.items() if name not in ids)
    return tuple(_short(getattr(result, name, result)) for name in fields if name not in ids)


def _short(value: Any) -> Any:
    """Return a short text or number; of anything else the type."""
    is_short = value is None or (isinstance(value, str | float) and len(str(value)) <= _SHORT)
    return value if is_short else type(value).__name__


def _latest_time(observed: Any) -> str:
    if isinstance(observed, tuple):
        return max(map(_latest_time, observed), default="")
    return str(observed) if isinstance(observed, datetime) else ""
