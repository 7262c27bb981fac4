"""The methods that two stores share, and what is known of each."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from conformance.infer.kinds import SECONDS, Parameter, parameter_of
from conformance.infer.opening import CLOSES, OPENS, parameters_of
from conformance.operations.operation import WHOLE, Operation

UNKNOWN = "no argument that was tried is accepted"
"""Why a method is not compared for which no kinds of arguments are found."""


@dataclass(eq=False)
class Method:
    """A method that both stores have, and what is known of it so far.

    `unusable` says why it is not compared. `kinds` are those of the arguments that are used, `entry` the arguments that
    name what it changes or shows: none if that is the whole store. `times` are fields that depend on the time.
    """

    name: str
    required: list[Parameter]
    optional: list[Parameter]
    unusable: str = UNKNOWN
    kinds: dict[str, Any] = field(default_factory=dict)
    slow_calls: int = 0
    is_write: bool = False
    is_maker: bool = False
    """Whether it changes what is shown of an empty store."""
    is_shown: bool = False
    """Whether it shows what some method did."""
    entry: set[str] = field(default_factory=set)
    ids: set[str] = field(default_factory=set)
    times: set[str] = field(default_factory=set)

    @property
    def places(self) -> list[str]:
        """The arguments that are always given, by their places."""
        return [parameter.name for parameter in self.required]

    @property
    def lifetimes(self) -> list[str]:
        """The arguments that are lifetimes."""
        return [name for name, kind in self.kinds.items() if kind.names == SECONDS]

    @property
    def operation(self) -> Operation:
        """The method as a harness names it, with kinds in the place of strategies.

        One that nothing shows may change anything.
        """
        places = self.places
        required = {name: self.kinds[name] for name in places}
        optional = {name: kind for name, kind in self.kinds.items() if name not in places}
        named = [name for name in places if name in self.entry]
        makes_ids = self.is_write and bool(self.ids)
        entry = WHOLE if makes_ids else tuple(named) or WHOLE
        is_read = self.is_shown and not self.is_write
        return Operation(
            self.name,
            self.name,
            required,
            optional,
            ids=sorted(self.ids) or (),
            times=sorted(self.times),
            writes=None if is_read else entry,
            reads=entry if is_read else None,
            positional=places,
            lifetime=next(iter(self.lifetimes), None),
        )


def shared_methods(first: type, second: type) -> Iterator[Method]:
    """Yield the public methods of both classes, without those that open or close a store."""
    for name in dir(first):
        functions = [inspect.getattr_static(store, name, None) for store in (first, second)]
        if name[0] == "_" or name in OPENS + CLOSES or not all(map(inspect.isfunction, functions)):
            continue
        _, *parameters = [each for each in parameters_of(functions[0]) if each.kind is not each.VAR_KEYWORD]
        required = [parameter_of(each) for each in parameters if each.default is each.empty]
        optional = [parameter_of(each) for each in parameters if each.default is not each.empty]
        method = Method(name, required, [parameter for parameter in optional if parameter.trust])
        if name[0] == "a" and hasattr(first, name[1:]):
            method.unusable = f"it is {name[1:]} for callers that await"
        yield method
