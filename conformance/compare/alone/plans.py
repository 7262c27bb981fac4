"""Plans: calls of any operations, from starts where they can show something."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any, Literal

from conformance.engine.scenario import Call
from conformance.operations.choices import Choice, pool_of
from conformance.operations.operation import Operation
from conformance.operations.parts import inside

_ARGUMENTS = "different", "equal", "all"


@dataclass(frozen=True, slots=True)
class Plan:
    """Calls that are raced, each on the instance `on` that it names. During one alone something dies."""

    start: tuple[Call, ...]
    """Made before, one after the other."""
    racing: tuple[Call, ...]
    """Made at the same time, each by a caller of its own."""
    after: tuple[Call, ...] = ()
    """Reads, made when all have returned."""
    title: str = ""
    """How a command line calls it."""

    @property
    def kind(self) -> Literal["race", "death"]:
        """What a finding is called."""
        return "death" if len(self.racing) == 1 else "race"


def plans_of(
    operations: Collection[Operation],
    crowd: Sequence[Operation],
    instances: Sequence[int],
    brinks: Mapping[str, tuple[Call, ...]],
) -> Iterator[Plan]:
    """Yield the plans of a crowd, on so many instances, with different arguments.

    `brinks` has for an operation the calls of it after which one more gives another answer.
    """
    first = next(operation for operation in operations if not operation.is_read)
    reads = (read for read in operations if read.is_read and {*read.arguments} <= {*read.entry})
    after = tuple(map(call, reads))
    starts: dict[str, tuple[Call, ...]] = {"entry absent": (), "entry there": (call(first, 2),)}
    for operation in crowd:
        if operation.name in brinks:
            starts[f"at the brink of {operation.name}"] = brinks[operation.name]

    seen = []
    for start, arguments, count in product(starts, _ARGUMENTS, instances):
        racing = []
        for place, operation in enumerate(crowd):
            turn = 0 if arguments == "equal" else place % 2
            racing.append(replace(call(operation, turn, is_full=arguments == "all"), on=place % count))
        if (starts[start], racing) not in seen:
            seen.append((starts[start], racing))
            names = " × ".join(operation.name for operation in crowd)
            title = f"{names}, {start}, {arguments} arguments, instances: {count}"
            yield Plan(starts[start], tuple(racing), after, title)


def call(operation: Operation, turn: int = 0, *, is_full: bool = False) -> Call:
    """Return a call on the common entry, with other arguments in each of three turns, and all of them if full."""
    given = {}
    for name, strategy in operation.strategies.items():
        if name in operation.entry:
            given[name] = pool_of(strategy).plain
        elif name in operation.arguments or is_full:
            given[name] = _apart(strategy)[turn]
    return Call(operation.name, given)


@cache
def _apart(strategy: Any) -> tuple[Choice, Choice, Choice]:
    """Return two values that are not empty and have as little in common as possible, and a third if there is one."""
    values = pool_of(strategy).choices
    filled = [value for value in values if value.value] or values
    labels = [{label for label, _ in inside(value.value)} for value in filled]
    nearest = min(range(1, len(filled)), key=lambda place: len(labels[0] & labels[place]), default=0)
    others = [value for place, value in enumerate(filled) if place not in (0, nearest)]
    return filled[0], filled[nearest], [*others, filled[0]][0]
