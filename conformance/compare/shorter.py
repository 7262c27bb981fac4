"""Shorter forms of a sequence: plainer arguments, time that passes at once, and what a short one explains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Any, TypeAlias

from conformance.compare.plan import pool
from conformance.compare.play import EndOfLife, Steps
from conformance.engine.scenario import Action, Call, Mutate, Wait
from conformance.operations.choices import Choice
from conformance.operations.operation import Operation

_EACH = 2
"""Values of each set of classes that are tried: some sequences need two different ones."""


_EACH_SEVERAL = 12
"""The same of collections, in which there is more to be plain."""
_Stands: TypeAlias = Mapping[Any, Any]
"""What stands for each entry and instance."""


def plainer(operation: Operation, argument: str, choice: Choice) -> Iterator[Choice]:
    """Yield the plainest values of every set of classes that has nothing which this value has not."""
    most = _EACH_SEVERAL if choice.is_several else _EACH
    tried = Counter[frozenset[str]]()
    for plain in pool(operation, argument).plainer(choice):
        tried[plain.classes] += 1
        if tried[plain.classes] <= most:
            yield plain


def merged(steps: Steps) -> Steps:
    """Return the steps, in which time that passes in two parts passes at once."""
    found: list[Action] = []
    for step in steps:
        last = found[-1] if found else None
        if isinstance(step, EndOfLife) and isinstance(last, EndOfLife):
            found[-1] = EndOfLife(last.by + step.by, step.when)
        else:
            found.append(step)
    return tuple(found)


def explains(short: Steps, steps: Steps, operations: Mapping[str, Operation]) -> bool:
    """Whether a short sequence is what is left of another one without some actions and with plainer values."""
    entries = {name: operation.entry for name, operation in operations.items()}
    return _Embedding(entries).matches(short[:-1], steps[:-1], _Embedding(entries).fits(short[-1], steps[-1], {}))


class _Embedding:
    """Finds the steps of a short sequence in another one. `stands` says what stands for each entry and instance."""

    def __init__(self, entries: Mapping[str, Collection[str]]) -> None:
        self._entries = entries

    def matches(self, short: Steps, steps: Steps, stands: _Stands | None) -> bool:
        """Whether the short steps stand in the others, in their order."""
        if stands is None or not short:
            return stands is not None
        for place in range(len(steps) - len(short) + 1):
            if self.matches(short[1:], steps[place + 1 :], self.fits(short[0], steps[place], stands)):
                return True
        return False

    def fits(self, short: Action, action: Action, stands: _Stands) -> _Stands | None:
        """Return what stands for each entry and instance; None if this is no shorter form of the other action."""
        match short, action:
            case Call(), Call():
                return self._fits_call(short, action, stands)
            case Mutate(), Mutate():
                is_shorter = short.what == action.what and action.place in (None, short.place)
            case Wait(), Wait() if type(short) is type(action):
                is_shorter = short.by <= action.by
            case _:
                is_shorter = short == action
        return stands if is_shorter else None

    def _fits_call(self, short: Call, call: Call, stands: _Stands) -> _Stands | None:
        if short.operation != call.operation or not short.arguments.keys() <= call.arguments.keys():
            return None
        found = {**stands}
        if found.setdefault(call.on, short.on) != short.on:
            return None
        for name, plain in short.arguments.items():
            choice = call.arguments[name]
            if choice != plain and not plain.is_plainer_than(choice):
                return None
            is_entry = name in self._entries[call.operation]
            if is_entry and found.setdefault(choice, plain) != plain:
                return None
        return found
