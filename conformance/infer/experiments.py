"""Calls on new stores that show which arguments a method takes, what it changes, and which argument names the entry."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice, product
from typing import Any, TypeAlias

from conformance.compare.values import Observer
from conformance.infer.kinds import AMOUNT, EARLIER, SECONDS, TYPED, Parameter
from conformance.infer.methods import Method
from conformance.infer.opening import LocalStore
from conformance.operations.operation import WHOLE, OperationsError, with_ids
from conformance.operations.parts import settled
from conformance.operations.trees import Tree, mismatches
from conformance.process import PROGRESS
from conformance.text import source

_SLOW = 0.5
"""Seconds that a call may take; one that takes longer waits for something."""
_BLOCKED = 2.0
"""After so many seconds a call that cannot be cancelled is interrupted."""
_LATER = 1.1
"""Seconds after which a call is repeated: what gives a time gives another one then."""
_MOST_TRIALS = 60
"""Combinations of kinds that are tried for the arguments of a method."""
_MOST_STARTS = 20
"""Other methods after which a call is tried."""
_MISUSE = (TypeError, AttributeError, ValueError, NotImplementedError, AssertionError)
"""Exceptions by which a store says that an argument is of a wrong kind."""
_IDS = ("str", "bytes", "UUID")
_TIMES = ("int", "float", "datetime", "date", "timedelta")


class _BlockedError(BaseException):
    """A call is interrupted: no store catches this."""


Step: TypeAlias = tuple[Method, dict[str, Any]]
"""A call of an experiment, with its arguments."""


def _call(method: Method, *optional: str, turn: int = 0) -> Step:
    """Return a call with the first or second sample of each required argument, and of these."""
    names = {parameter.name for parameter in method.required} | {*optional}
    return method, {name: kind.samples[turn] for name, kind in method.kinds.items() if name in names}


class Lab:
    """Makes calls on new stores of two kinds, the quicker first, and writes down in the methods what they show."""

    def __init__(self, harnesses: Sequence[LocalStore]) -> None:
        self._harnesses = harnesses
        signal.signal(signal.SIGALRM, _interrupt)
        self._methods: list[Method] = []
        """Those for whose arguments kinds were found."""
        self._seen: dict[Any, Tree] = {}
        """By the calls of an experiment, what the last one gave."""

    async def find(self, methods: Sequence[Method]) -> list[Method]:
        """Find the arguments and then the role of each method, and return those that can be used."""
        takes_ids = [method for method in methods if any(EARLIER in each.kinds for each in method.required)]
        for method in sorted(methods, key=takes_ids.__contains__) * 2:  # some need ids, or what others have made
            if method not in self._methods and await self._choose(method, method.required):
                self._methods.append(method)
                await self._learn([[]], 0)
        for method in self._methods:
            for parameter in method.optional:
                if parameter.trust:
                    await self._choose(method, [parameter])
        self._methods = [method for method in methods if method in self._methods and not method.unusable]

        await self._observe([[]])
        makers = [method for method in self._methods if method.is_write]
        one = [[_call(method)] for method in makers]
        two = [[_call(method), _call(method, turn=1)] for method in makers]
        await self._observe([*one, *two])
        return [method for method in self._methods if not method.unusable]

    async def _choose(self, method: Method, parameters: Sequence[Parameter]) -> bool:
        """Choose kinds that both stores accept and, where they are guessed, treat alike.

        If all make a difference, the first that are accepted will do where names say what the arguments are.
        """
        names = [parameter.name for parameter in parameters]
        trust = min((parameter.trust for parameter in parameters), default=TYPED)
        has_ids = any(method.ids for method in self._methods)
        before, accepted = method.kinds, None
        for kinds in islice(product(*(parameter.kinds for parameter in parameters)), _MOST_TRIALS):
            if method.unusable or (EARLIER in kinds and not has_ids):
                continue
            method.kinds = before | dict(zip(names, kinds, strict=True))
            step = _call(method, *names)
            if await self._accepts(step):
                if trust == TYPED or await self._are_alike(step):
                    return True
                accepted = accepted or method.kinds
        method.kinds = before
        if accepted and trust:
            method.kinds = accepted
        return method.kinds is not before

    async def _accepts(self, step: Step) -> bool:
        """Whether both stores take a call when they are empty, or after a call of another method."""
        for start in [[], *([_call(method)] for method in self._methods[:_MOST_STARTS])]:
            given = [await self._play(*start, step, on=harness) for harness in self._harnesses]
            if not any(issubclass(tree.kind, _MISUSE) for tree in given):
                return not step[0].unusable
        return False

    async def _are_alike(self, step: Step) -> bool:
        """Whether both stores give the same, also with a call before or after it that alone gives the same."""
        sequences = [[step]]
        for other in map(_call, self._methods):
            if await self._is_same([other]):
                sequences += [[step, other], [other, step]]
        is_same = [await self._is_same(steps) for steps in sequences]
        return all(is_same)

    async def _is_same(self, steps: Sequence[Step]) -> bool:
        first, second = [await self._play(*steps, on=harness) for harness in self._harnesses]
        return first == second

    async def _learn(self, starts: Sequence[Sequence[Step]], seconds: float) -> None:
        """Note which fields of each method's answer differ when the same is done later: they are ids or times."""
        experiments = [(*start, _call(method)) for start, method in product(starts, self._methods)]
        first = [await self._play(*steps) for steps in experiments]
        self._seen.clear()
        await asyncio.sleep(seconds)
        for steps, before in zip(experiments, first, strict=True):
            method, _ = steps[-1]
            for mismatch in mismatches(before, await self._play(*steps)):
                named = re.findall(r"[.'\"](\w+)", "".join(mismatch.path))
                for fields, kinds in ((method.ids, _IDS), (method.times, _TIMES)):
                    if mismatch.what in kinds:
                        fields.add(named[-1] if named else WHOLE)
        self._seen.clear()

    async def _observe(self, starts: Sequence[Sequence[Step]]) -> None:
        """Find out which methods show what others did, and which of their arguments have to be the same."""
        await self._learn(starts, _LATER)
        for writer, reader, start in product(self._methods, self._methods, starts):
            read = _call(reader)
            for write in (_call(writer), _call(writer, *writer.kinds)):  # some change nothing without optional ones
                if await self._shows(start, write, read):
                    writer.is_write = reader.is_shown = True
                    await self._find_entry(start, write, read)
                    break

    async def _find_entry(self, start: Sequence[Step], write: Step, read: Step) -> None:
        """Change an argument of both: if only the other entry is shown, then it names the entry."""
        (writer, given), (reader, shown) = write, read
        for name, other in product(given, shown):
            elsewhere = writer, given | {name: writer.kinds[name].samples[1]}
            there = reader, shown | {other: reader.kinds[other].samples[1]}
            if {writer.kinds[name].names, reader.kinds[other].names} & {AMOUNT, SECONDS}:
                continue
            if await self._shows(start, elsewhere, read):
                continue
            is_known = name == other and other in reader.entry  # where nothing stands under the other name
            if is_known or await self._shows(start, elsewhere, there):
                writer.entry.add(name)
                reader.entry.add(other)

    async def _shows(self, start: Sequence[Step], write: Step, read: Step) -> bool:
        """Whether the read gives something else after the write."""
        return await self._play(*start, write, read) != await self._play(*start, read)

    async def _play(self, *steps: Step, on: LocalStore | None = None) -> Tree:
        """Make calls in order on a new store, and return what the last one gave."""
        harness = on or self._harnesses[0]
        key = harness, source([(method.name, arguments) for method, arguments in steps])
        if key not in self._seen:
            observer = Observer()
            async with harness.open("") as store:
                for step in steps:
                    tree = await _made(store, step, observer)
            harness.discard("")
            if any(method.late == 1 for method, _ in steps):  # once may be the machine's fault
                return await self._play(*steps, on=on)
            self._seen[key] = tree
        return self._seen[key]


async def _made(store: Any, step: Step, observer: Observer) -> Tree:
    """Return the result or the exception of a call as it is compared. The observer learns the ids in it."""
    method, arguments = step
    operation = method.operation()
    PROGRESS.begin(method.name)
    signal.setitimer(signal.ITIMER_REAL, _BLOCKED)
    began = time.monotonic()
    try:
        async with asyncio.timeout(_SLOW):
            given = with_ids(arguments, [*observer.names])
            value = await settled(operation, operation.invoke(store, given))
    except (Exception, _BlockedError) as error:  # noqa: BLE001  whatever the store raises is its answer
        return Tree(type(error))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        method.late = method.late + 1 if time.monotonic() - began > _SLOW else 0
        if method.late > 1:
            method.unusable = "it waits for something"
    is_odd = value is store or {"__enter__", "__aenter__"} & {*dir(value)}  # a connection, a lock
    with suppress(OperationsError):
        if not is_odd:
            observer.learn(value, operation, "result")
            return observer.look(value, operation)
    method.unusable = f"it gives a {type(value).__name__}, which cannot be compared"
    return Tree(type(value))


def _interrupt(*_: Any) -> None:
    raise _BlockedError
