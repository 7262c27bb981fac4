"""The methods that two stores share, and what is known of each."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from conformance.infer.kinds import SECONDS, Kind, Parameter, parameter_of
from conformance.infer.opening import CLOSES, OPENS, parameters_of
from conformance.operations.operation import WHOLE


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
    def named(self) -> tuple[str, ...]:
        """The arguments that name the entry, in order."""
        return tuple(name for name in self.places if name in self.entry)

    def facts(self) -> dict[str, Any]:
        """Return what an `Operation` says of it beside its arguments.

        One that nothing shows, or that takes a lifetime, may change anything.
        """
        lifetimes = [name for name, kind in self.kinds.items() if kind.names == SECONDS]
        is_read = self.is_shown and not self.is_write
        particular = {
            "ids": sorted(self.ids),
            "times": sorted(self.times),
            "positional": self.places,
            "lifetime": next(iter(lifetimes), None),
        }
        facts = {name: fact for name, fact in particular.items() if fact}
        return {"reads" if is_read else "writes": self.named or WHOLE} | facts


def shared_methods(first: type, second: type) -> Iterator[Method]:
    """Yield the public methods of both classes, without those that open or close a store."""
    for name in dir(first):
        functions = [inspect.getattr_static(store, name, None) for store in (first, second)]
        if name[0] == "_" or name in OPENS + CLOSES or not all(map(inspect.isfunction, functions)):
            continue
        _, *parameters = [each for each in parameters_of(functions[0]) if each.kind is not each.VAR_KEYWORD]
        required = [parameter_of(each) for each in parameters if each.default is each.empty]
        optional = [parameter_of(each) for each in parameters if each.default is not each.empty]
        method = Method(name, required, optional)
        if name[0] == "a" and hasattr(first, name[1:]):
            method.unusable = f"it is {name[1:]} for callers that await"
        yield method
