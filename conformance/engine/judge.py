"""Tracks the states that are consistent with every result so far, and finds what a result has that none explains."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from math import inf
from typing import Any, NamedTuple

from conformance.engine.contract import Contract, Entry, Fields, Outcome, Raised, differences
from conformance.engine.finding import Signature

_ENOUGH = 16
"""Ends of concurrent calls that are kept."""
_MOST_NODES = 3_000
"""Nodes of the search for an order. Each holds a state."""
_SHORT = 12
"""So long are the values that tell two findings apart."""


class Candidate(NamedTuple):
    """A state that the store may be in, and the calls that may still take effect."""

    state: Any
    pending: tuple[Entry, ...] = ()


class Comparison(NamedTuple):
    """An outcome that is allowed, and the fields in which a result differs from it."""

    outcome: Outcome
    fields: Fields


_Node = tuple[tuple[Entry, ...], Any]
"""The calls that are still to be made, and the state that the others have led to."""


class Judge:
    """The states that one namespace may be in, which begins empty."""

    def __init__(self, contract: Contract, learned: Mapping[Signature, bool]) -> None:
        self._contract = contract
        self._learned = learned
        self.can_tell = True
        """Whether somebody can tell what is right where the last calls were made."""
        self._furthest: list[_Node] = []
        """The nodes that the search has reached with the fewest answers left to explain, and how many these are."""
        self._candidates = [Candidate(contract.initial())]

    def explain(self, made: Sequence[Entry], *, is_over: bool = False) -> bool:
        """Keep the states after concurrent calls, one for each order that explains all results, if there is one.

        Those that have failed have no result, and may take effect then, never, or later unless `is_over`.
        """
        self.can_tell = True
        answered = [entry for entry in made if not entry.has_failed]
        lost = [entry for entry in made if entry.may_have_happened]
        self._fewest = inf

        found = {}
        for state, pending in self._candidates:
            ends = self._ends((*answered, *pending, *lost), state, set(), is_over=is_over)
            found.update(dict.fromkeys(ends if is_over else islice(ends, _ENOUGH)))
        self._candidates = [*found] or self._candidates
        return bool(found)

    def nearest(self) -> tuple[Entry, list[Comparison]]:
        """Return the call whose result is nearest to what some order gives, and what the orders give there.

        The orders are those that explain most of the other results.
        """
        found: dict[Entry, list[Comparison]] = {}
        for left, state in self._furthest[:_ENOUGH]:
            for entry in left:
                for compared in () if entry.has_failed else self._compared(state, entry):
                    found.setdefault(entry, []).append(compared)

        def order(entry: Entry) -> tuple[Any, ...]:
            found[entry].sort(key=_distance)
            nearest = found[entry][0]
            return *_distance(nearest), entry.operation.name, nearest.fields

        entry = min(found, key=order)
        return entry, found[entry]

    def signature(self, entry: Entry, found: Comparison) -> Signature:
        """Return what findings of one cause have in common: in which fields or facts what came for what."""
        ids = entry.operation.ids
        alike = []
        for result in (entry.observed, found.outcome.result):
            if isinstance(result, Raised):
                text = f"{result.error}({_shortly(result.facts, ids)})"
            else:
                text = _shortly({name: getattr(result, name, result) for name in found.fields}, ids)
            alike.append(text)
        return f"{entry.operation.name}: {' in place of '.join(alike)}"

    # The search of Wing and Gong, "Testing and verifying concurrent objects" (1993), with Lowe's memory: an order is
    # made call by call, as long as the results are allowed. No node is visited twice, since the same calls that lead
    # to the same state go on alike.

    def _ends(self, left: tuple[Entry, ...], state: Any, seen: set[_Node], *, is_over: bool) -> Iterator[Candidate]:
        """Yield the states after all calls that have an answer, and the others that may still take effect then.

        If it `is_over`, those without an answer take effect before or never.
        """
        node = left, state
        if node in seen or len(seen) == _MOST_NODES:
            return
        seen.add(node)
        waiting = sum(not entry.has_failed for entry in left)
        if waiting < self._fewest:
            self._furthest = []
            self._fewest = waiting
        if waiting == self._fewest:
            self._furthest.append(node)
        if not waiting:
            yield Candidate(state, () if is_over else left)
            if not is_over:
                return

        for place, entry in enumerate(left):
            others = left[:place] + left[place + 1 :]
            for reached in self._after(state, entry):
                yield from self._ends(others, reached, seen, is_over=is_over)
                # If a read is right and changes nothing, no other call has to be tried before it: without the read,
                # any order that has it later goes on alike.
                if entry.operation.is_read and reached == state:
                    return

    def _after(self, state: Any, entry: Entry) -> Iterator[Any]:
        """Yield the states that a call may leave. If it failed and changes nothing, it is as if it never happened."""
        compared = self._compared(state, entry)
        fitting = [outcome for outcome, fields in compared if entry.has_failed or not fields]
        if fitting:
            entry.outcome = min(fitting, key=lambda outcome: outcome.state != state)  # the least that explains it
        for outcome in fitting:
            if not entry.has_failed or outcome.state != state:
                yield self._contract.bind(outcome.state, entry.observed)
        for found in () if fitting else compared:
            holds_it = self._learned.get(self.signature(entry, found))
            if holds_it is None:
                continue
            entry.outcome = outcome = found.outcome
            if type(outcome.result) is not type(entry.observed):  # nobody knows what it has left
                self.can_tell = False
            elif holds_it:
                yield self._contract.adopt(outcome.state, entry.observed)
            else:
                yield outcome.state

    def _compared(self, state: Any, entry: Entry) -> list[Comparison]:
        contract = self._contract
        outcomes = contract.step(contract.bind(state, entry.observed), entry)
        self.can_tell &= bool(outcomes)
        return [Comparison(outcome, differences(outcome.result, entry.observed)) for outcome in outcomes]


def _distance(found: Comparison) -> tuple[bool, int]:
    return "" in found.fields, len(found.fields)


def _shortly(values: Mapping[str, Any], ids: Collection[str]) -> str:
    """Return names with values where these are short texts or numbers, and else with their types; ids have neither."""
    texts = []
    for name, value in values.items():
        is_short = value is None or (isinstance(value, str | float) and len(str(value)) <= _SHORT)
        text = repr(value) if is_short else type(value).__name__
        texts.append(name if name in ids else f"{name}={text}".removeprefix("="))
    return ", ".join(texts)
