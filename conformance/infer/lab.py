"""The methods that two stores share, calls of them on new stores, and what these give."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from conformance.compare.values import Observer
from conformance.infer.kinds import Kind, Parameter, parameter_of
from conformance.infer.opening import CLOSES, OPENS, LocalStore, is_required, parameters_of
from conformance.operations.operation import WHOLE, Operation, OperationsError, with_ids
from conformance.operations.parts import settled
from conformance.operations.trees import Tree, mismatches

_SECONDS = 0.5
"""How long a call may take; one that takes longer waits for something."""
_LATER = 1.1
"""Seconds after which a call is repeated: what gives a time, or the time that is left, gives another one then."""
_AT_ONCE = 300
"""Experiments that may wait at the same time; with a server there is one."""
_IDS = frozenset({"str", "bytes", "UUID"})
_TIMES = frozenset({"int", "float", "datetime", "date", "timedelta"})


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
    entry: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    times: set[str] = field(default_factory=set)
    was_late: bool = False
    """Whether its latest call took too long."""

    @property
    def is_read(self) -> bool:
        """Whether it only shows what others did. One that takes a lifetime may change when an entry ends."""
        return self.is_shown and not self.is_write and not self.lifetime

    @property
    def lifetime(self) -> str | None:
        """The argument that is a lifetime, by its name or type."""
        return next((name for name, kind in self.kinds.items() if kind.is_lifetime), None)

    def operation(self) -> Operation:
        """Return it as an operation. One that nothing shows may change anything."""
        required = [parameter.name for parameter in self.required]
        given = {name: kind.strategy for name, kind in self.kinds.items()}
        place = tuple(self.entry) if len(self.entry) > 1 else "".join(self.entry)
        return Operation(
            self.name,
            self.name,
            {name: strategy for name, strategy in given.items() if name in required},
            {name: strategy for name, strategy in given.items() if name not in required},
            ids=sorted(self.ids),
            times=sorted(self.times),
            writes=None if self.is_read else place,
            reads=place if self.is_read else None,
            positional=required,
            lifetime=self.lifetime,
        )

    def call(self, turn: int = 0, **changed: Any) -> Step:
        """Return a call with the first or second sample of each required argument, or with what is given here."""
        samples = {parameter.name: self.kinds[parameter.name].samples[turn] for parameter in self.required}
        return Step(self, samples | changed)


@dataclass(frozen=True, eq=False)
class Step:
    """A call of an experiment, and how many seconds pass before it."""

    method: Method
    arguments: Mapping[str, Any]
    pause: float = 0.0


def shared_methods(first: type, second: type) -> Iterator[Method]:
    """Yield the public methods of both classes, without those that open or close a store."""
    for name in dir(first):
        found = [inspect.getattr_static(store, name, None) for store in (first, second)]
        if name.startswith("_") or name in {*OPENS, *CLOSES} or not all(map(inspect.isfunction, found)):
            continue
        ours, theirs = (parameters_of(getattr(store, name))[1:] for store in (first, second))
        count = sum(map(is_required, ours))
        names = {parameter.name for parameter in theirs if parameter.kind is not parameter.VAR_KEYWORD}
        required = [parameter_of(parameter) for parameter in ours[:count]]
        optional = [parameter_of(parameter) for parameter in ours[count:] if parameter.name in names]
        kinds = {parameter.kind for parameter in (*ours[:count], *theirs[:count])}
        if sum(map(is_required, theirs)) != count or inspect.Parameter.KEYWORD_ONLY in kinds:
            yield Method(name, required, optional, "the two stores require other arguments")
        elif inspect.iscoroutinefunction(found[0]) and hasattr(first, name.removeprefix("a")) and name[0] == "a":
            yield Method(name, required, optional, f"it is {name[1:]} for callers that await")
        elif any(parameter.kind is parameter.VAR_POSITIONAL for parameter in ours):
            yield Method(name, required, optional, "it takes any number of arguments")
        else:
            yield Method(name, required, optional)


class Lab:
    """Makes calls on new stores of one kind. `tell` is told each method before it is called."""

    def __init__(self, harness: LocalStore, tell: Callable[[str], object]) -> None:
        self._harness = harness
        self._tell = tell
        self._turns = asyncio.Semaphore(1 if harness.store.is_served else _AT_ONCE)

    async def kind(self) -> type:
        """Return the class of the store."""
        async with self._harness.open("") as store:
            return type(store)

    async def play(self, *steps: Step) -> Tree:
        """Make calls in order on a new store, and return what the last one gave."""
        observer = Observer()
        async with self._turns, self._harness.open("") as store:
            for step in steps:
                await asyncio.sleep(step.pause)
                value = await self._call(store, step, [*observer.names])
                tree = _tree(step.method, value, observer)
        if self._harness.store.is_served:
            self._harness.discard("")
        return tree

    async def _call(self, store: Any, step: Step, ids: list[Any]) -> Any:
        """Return the result or the exception of a call."""
        operation = step.method.operation()
        self._tell(step.method.name)
        began = time.monotonic()
        value: Any
        try:
            async with asyncio.timeout(_SECONDS):
                value = await settled(operation, operation.invoke(store, with_ids(dict(step.arguments), ids)))
        except Exception as error:  # noqa: BLE001  whatever the store raises is its answer
            value = error
        is_late = time.monotonic() - began > _SECONDS
        if is_late and step.method.was_late:  # once may be the machine's fault
            step.method.unusable = "it waits for something"
        step.method.was_late = is_late
        if value is store or hasattr(value, "__enter__") or hasattr(value, "__aenter__"):
            step.method.unusable = "it gives a connection, a lock or the store itself"
        return value

    async def learn(self, starts: Sequence[Sequence[Step]], methods: Sequence[Method]) -> None:
        """Note which fields of each method's answer differ when the same is done again: they are ids or times."""
        await asyncio.gather(*(self._repeat(start, method) for start, method in product(starts, methods)))

    async def _repeat(self, start: Sequence[Step], method: Method) -> None:
        pause = 0 if self._harness.store.is_served else _LATER
        first = await self.play(*start, method.call())
        second = await self.play(*start, replace(method.call(), pause=pause))
        for mismatch in mismatches(first, second):
            names = [label.strip(".[]'\"") for label in mismatch.path if label[0] == "." or label[1] in "'\""]
            for fields, kinds in ((method.ids, _IDS), (method.times, _TIMES)):
                if mismatch.what in kinds:
                    fields.add(names[-1] if names else WHOLE)


def _tree(method: Method, value: Any, observer: Observer) -> Tree:
    """Return what a call gave as it is compared. The observer learns the ids in it."""
    if isinstance(value, BaseException):
        return Tree(type(value))
    try:
        observer.learn(value, method.operation(), "result")
        return observer.look(value, method.operation())
    except OperationsError:
        method.unusable = method.unusable or f"it gives a {type(value).__name__}, which cannot be compared"
        return Tree(type(value))
