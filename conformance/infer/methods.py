"""The methods that two stores share, and what is known of each."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from conformance.infer.kinds import SECONDS, Parameter, parameter_of
from conformance.infer.opening import CLOSES, OPENS, parameters_of
from conformance.operations.operation import WHOLE, Operation

_ITEMS = {"__getitem__", "__setitem__", "__delitem__", "__contains__", "__len__"}  # of a mapping
UNTRIED = "no argument that was tried is accepted"


@dataclass(eq=False)
class Method:
    """A method that both stores have, and what is known of it so far.

    `kinds` are those of the arguments that are used, `entry` the arguments that name what it changes or shows: none if
    that is the whole store. `times` are fields that depend on the time.
    """

    name: str
    required: list[Parameter] = field(default_factory=list)
    optional: list[Parameter] = field(default_factory=list)
    unusable: str = UNTRIED
    """Why it is not compared, if so: both stores have to accept the arguments that `kinds` gives."""
    kinds: dict[str, Any] = field(default_factory=dict)
    slow_calls: int = 0
    is_write: bool = False
    is_maker: bool = False
    """Whether it changes what is shown of an empty store."""
    is_shown: bool = False
    """Whether it shows what some method did."""
    entry: set[str] = field(default_factory=set)
    lasts: str | int = 0
    """The argument that says how long an entry lives after it, or so many seconds if none says so."""
    ids: set[str] = field(default_factory=set)
    times: set[str] = field(default_factory=set)

    @property
    def lifetimes(self) -> list[str]:
        """The arguments that are lifetimes."""
        return [name for name, kind in self.kinds.items() if kind.names == SECONDS]

    @property
    def operation(self) -> Operation:
        """The method as a harness names it, with kinds in the place of strategies."""
        required = [parameter.name for parameter in self.required]
        named = tuple(name for name in required if name in self.entry)
        entry = WHOLE if self.is_write and self.ids else named or WHOLE
        is_read = self.is_shown and not self.is_write
        return Operation(
            self.name,
            self.name,
            {name: self.kinds[name] for name in required},
            {name: kind for name, kind in self.kinds.items() if name not in required},
            ids=sorted(self.ids) or (),
            times=sorted(self.times),
            writes=None if is_read else entry,
            reads=entry if is_read else None,
            positional=[parameter.name for parameter in self.required if parameter.is_placed],
            lifetime=self.lasts or next(iter(self.lifetimes), None),
        )

    def step(self, *optional: str) -> "Step":
        """Return a call with the first sample of each required argument, and of these."""
        names = [*(parameter.name for parameter in self.required), *optional]
        return self, {name: self.kinds[name].samples[0] for name in names}


Step = tuple[Method, dict[str, Any]]
"""A call of an experiment, with its arguments."""


def with_other(step: Step, *names: str) -> Step:
    """Return a call with the other of two samples of these arguments."""
    method, arguments = step
    changed = {}
    for name in names:
        first, second = method.kinds[name].samples[:2]
        changed[name] = first if arguments[name] is second else second
    return method, arguments | changed


def variants(step: Step) -> list[Step]:
    """Return a call, and with the other sample of each argument."""
    return [step, *(with_other(step, name) for name in step[1])]


def shared_methods(first: type, second: type) -> Iterator[Method]:
    """Yield the public methods of both classes and those of a mapping, without those that open or close a store."""
    for name in dir(first):
        functions = [inspect.getattr_static(store, name, None) for store in (first, second)]
        if (name[0] == "_" and name not in _ITEMS) or not all(map(inspect.isfunction, functions)):
            continue
        method = Method(name)
        for each in parameters_of(functions[0])[1:]:
            parameter = parameter_of(each)
            if each.kind is each.VAR_KEYWORD:
                continue
            if each.default is each.empty:
                method.required.append(parameter)
            elif parameter.is_known:
                method.optional.append(parameter)
        if name in OPENS + CLOSES and not method.required:
            continue
        if name[0] == "a" and hasattr(first, name[1:]):
            method.unusable = f"it is {name[1:]} for callers that await"
        yield method
