"""Plans: calls of any operations, from starts where they can show something."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Any, Literal

from conformance.engine.kinds import in_turn
from conformance.engine.scenario import Call
from conformance.operations.choices import Choice, pool_of
from conformance.operations.operation import Operation
from conformance.operations.parts import inside

Calls = tuple[Call, ...]
_ARGUMENTS = "different", "equal", "all"


@dataclass(frozen=True)
class Plan:
    """Calls that are raced, each on the instance `on` that it names. During one alone something dies."""

    start: Calls
    """Made before, one after the other."""
    racing: Calls
    """Made at the same time, each by a caller of its own."""
    after: Calls = ()
    """Reads, made when all have returned."""
    title: str = field(default="", compare=False)
    """How a command line calls it."""

    @property
    def kind(self) -> Literal["race", "death"]:
        """What a finding is called."""
        return "death" if len(self.racing) == 1 else "race"


def plans_of(
    operations: Collection[Operation],
    crowd: Sequence[Operation],
    brinks: Mapping[str, Calls],
    instances: Sequence[int],
) -> Sequence[Plan]:
    """Return the plans of a crowd. Its calls are on so many instances in turn; only if their arguments differ on fewer.

    `brinks` has for an operation the calls of it after which one more gives another answer.
    """
    first = next(operation for operation in operations if not operation.is_read)
    after = [call(read) for read in operations if read.is_read and {*read.arguments} <= {*read.entry}]
    starts = {"entry absent": (), "entry there": (call(first, 2),)}
    for name in [operation.name for operation in crowd if crowd[1:]]:
        starts[f"at the brink of {name}"] = brinks.get(name, ())

    names = " × ".join(operation.name for operation in crowd)
    plans: list[Plan] = []
    for start, arguments in product(starts, _ARGUMENTS):
        racing = []
        for place, operation in enumerate(crowd):
            turn = 0 if arguments == "equal" else place
            racing.append(call(operation, turn, is_full=arguments == "all"))
        for count in instances if arguments == "different" else instances[-1:]:
            title = f"{names}, {start}, {arguments} arguments, instances: {count}"
            plan = Plan(starts[start], tuple(in_turn(racing, count)), tuple(after), title)
            if plan not in plans:
                plans.append(plan)
    return plans


def call(operation: Operation, turn: int = 0, *, is_full: bool = False) -> Call:
    """Return a call on the common entry, with other arguments in each of three turns, and all of them if full."""
    given = {}
    for name, strategy in operation.strategies.items():
        if name in operation.entry:
            given[name] = pool_of(strategy).plain
        elif name in operation.arguments or is_full:
            values = _apart(strategy)
            given[name] = values[turn % len(values)]
    return Call(operation.name, given)


@cache
def _apart(strategy: Any) -> Sequence[Choice]:
    """Return values that are not empty: a first one, and others by how little they have in common with it."""
    values = pool_of(strategy).choices
    first, *others = [value for value in values if value.value] or values
    labels = _labels(first)
    return [first, *sorted(others, key=lambda value: len(labels & _labels(value)))]


def _labels(value: Choice) -> set[Any]:
    return {label for label, _ in inside(value.value)}
