"""Steps: what a caller does in one example, alike on both sides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from conformance.compare.operation import Operation

_STEPS = 12


@dataclass(frozen=True)
class Call:
    """A step: call an operation."""

    operation: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """A step: the caller changes something that it passed in or got back, the latest or one before it."""

    back: int
    place: int


Steps = list[Call | Change | None]


def steps_of(operations: Iterable[Operation]) -> st.SearchStrategy[Steps]:
    """Sequences of calls, and of changes that a caller makes.

    All are of one length, with None for a step that does nothing: shrinking puts None where it would otherwise give up
    before it has removed every step, and long sequences are not rarer than short ones.
    """
    calls = [
        st.builds(
            Call,
            operation=st.just(operation.name),
            arguments=st.fixed_dictionaries(dict(operation.arguments), optional=dict(operation.optional)),
        )
        for operation in operations
    ]
    changes = st.builds(Change, back=st.integers(0, 7), place=st.integers(0, 7))
    return st.lists(st.one_of(st.none(), *calls, changes), min_size=_STEPS, max_size=_STEPS)


def simpler(steps: Steps, operations: Mapping[str, Operation]) -> Iterator[Steps]:
    """The same steps without one of them, or without one optional argument."""
    for index, step in reversed([*enumerate(steps)]):
        before, after = steps[:index], steps[index + 1 :]
        yield before + after
        if isinstance(step, Call):
            for name in operations[step.operation].optional.keys() & step.arguments.keys():
                fewer = {known: value for known, value in step.arguments.items() if known != name}
                yield [*before, replace(step, arguments=fewer), *after]
