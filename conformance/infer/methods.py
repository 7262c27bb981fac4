"""The methods that two stores share, and what is known of each."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field

from conformance.infer.kinds import SECONDS, Kind, Parameter, parameter_of
from conformance.infer.opening import CLOSES, OPENS, is_required, parameters_of
from conformance.operations.operation import Operation


@dataclass(eq=False)
class Method:
    """A method that both stores have, and what is known of it so far.

    `kinds` are those of the arguments that are used, `entry` the arguments that name what it changes or shows: none if
    that is the whole store. `unusable` says why it is not compared. `times` are fields that depend on the time.
    """

    name: str
    required: list[Parameter]
    optional: list[Parameter]
    unusable: str = ""
    kinds: dict[str, Kind] = field(default_factory=dict)
    is_write: bool = False
    is_shown: bool = False
    """Whether it shows what some method did."""
    entry: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    times: set[str] = field(default_factory=set)
    late: int = 0
    """How many of the latest calls took too long."""

    def operation(self) -> Operation:
        """Return it as an operation. One that nothing shows, or that takes a lifetime, may change anything."""
        required = [parameter.name for parameter in self.required]
        given = {name: kind.strategy for name, kind in self.kinds.items()}
        entry = tuple(name for name in required if name in self.entry)
        place = entry if len(entry) > 1 else "".join(entry)
        lifetimes = [name for name, kind in self.kinds.items() if kind.names == SECONDS]
        is_read = self.is_shown and not self.is_write and not lifetimes
        return Operation(
            self.name,
            self.name,
            {name: given.pop(name) for name in required},
            given,
            ids=sorted(self.ids),
            times=sorted(self.times),
            writes=None if is_read else place,
            reads=place if is_read else None,
            positional=required,
            lifetime=next(iter(lifetimes), None),
        )


def shared_methods(first: type, second: type) -> Iterator[Method]:
    """Yield the public methods of both classes, without those that open or close a store."""
    for name in dir(first):
        functions = [inspect.getattr_static(store, name, None) for store in (first, second)]
        if name[0] == "_" or name in OPENS + CLOSES or not all(map(inspect.isfunction, functions)):
            continue
        _, *parameters = parameters_of(functions[0])
        required = [parameter_of(parameter) for parameter in parameters if is_required(parameter)]
        optional = [parameter_of(parameter) for parameter in parameters if parameter.default is not parameter.empty]
        method = Method(name, required, optional)
        if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
            method.unusable = "it takes any number of arguments"
        elif name[0] == "a" and hasattr(first, name[1:]):
            method.unusable = f"it is {name[1:]} for callers that await"
        yield method
