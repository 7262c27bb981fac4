"""Calls on new stores that show which arguments a method takes, what it changes, and which argument names the entry."""

from __future__ import annotations

import asyncio
import re
import signal
import time
from collections.abc import Sequence
from itertools import islice, product
from typing import Any, TypeAlias
from unittest import mock

from conformance.compare.values import Observer
from conformance.infer.kinds import EARLIER, TYPED, Parameter
from conformance.infer.methods import Method
from conformance.infer.opening import LocalStore
from conformance.operations.operation import WHOLE, Operation, OperationsError, with_ids
from conformance.operations.parts import settled
from conformance.operations.trees import Tree, mismatches
from conformance.process import PROGRESS
from conformance.text import source

_SLOW = 2.0
"""Seconds that a call may take; one that takes longer waits for something."""
_BLOCKED = 3
"""After so many seconds a call that cannot be cancelled is interrupted."""
_LATER = 3600.5
"""Seconds by which the clock is put forward when calls are repeated: what gives a time gives another one then."""
_MOST_TRIALS = 60
"""Combinations of kinds that are tried for the arguments of a method."""
_MOST_STARTS = 20
"""Other methods after which a call is tried."""
_UNUSABLE = {TimeoutError: "it waits for something", OperationsError: "its result cannot be compared"}
"""Why a method with such an answer is not compared."""
_MISUSE = (TypeError, AttributeError, ValueError, NotImplementedError, AssertionError)
"""Exceptions by which a store says that an argument is of a wrong kind."""
_IDS = ("str", "bytes", "UUID")
_TIMES = ("int", "float", "datetime", "date", "timedelta")


Step: TypeAlias = tuple[Method, dict[str, Any]]
"""A call of an experiment, with its arguments."""


def _call(method: Method, *optional: str, turn: int = 0) -> Step:
    """Return a call with the first or second sample of each required argument, and of these."""
    names = {*method.places, *optional}
    return method, {name: kind.samples[turn] for name, kind in method.kinds.items() if name in names}


def _with_other(step: Step, name: str) -> Step:
    """Return a call with the second sample of an argument."""
    method, arguments = step
    return method, arguments | {name: method.kinds[name].samples[1]}


class Lab:
    """Makes calls on new stores of two kinds, the quicker first, and writes down in the methods what they show."""

    def __init__(self, harnesses: Sequence[LocalStore]) -> None:
        signal.signal(signal.SIGALRM, _interrupt)
        self._harnesses = harnesses
        self._methods: list[Method] = []
        """Those for whose arguments kinds were found."""
        self._seen: dict[Any, Tree] = {}
        """By the calls of an experiment, what the last one gave."""

    async def find(self, methods: Sequence[Method]) -> None:
        """Find the arguments and then the role of each method, or why it cannot be used."""
        for method in [*methods] * 2:  # the second time ids, and what others have made, are known
            if await self._choose(method, method.required) and method not in self._methods:
                self._methods.append(method)
        for method in methods:
            if method not in self._methods:
                method.unusable = method.unusable or "no argument that was tried is accepted"
                continue
            for parameter in method.optional:
                if parameter.trust:
                    await self._choose(method, [parameter])
        self._methods = [method for method in methods if not method.unusable]

        await self._observe([[]])
        makers = [method for method in self._methods if method.is_write]
        for method in makers:
            method.is_maker = True
        await self._observe([[_call(method), _call(method, turn=1)] for method in makers])

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
            if not any(issubclass(tree.kind, _MISUSE) for tree in await self._both(*start, step)):
                return not step[0].unusable
        return False

    async def _are_alike(self, step: Step) -> bool:
        """Whether both stores give the same, also with a call before or after it that alone gives the same."""
        sequences = [[step]]
        for other in map(_call, self._methods):
            first, second = await self._both(other)
            if first == second:
                sequences += [[step, other], [other, step]]
        for steps in sequences:
            first, second = await self._both(*steps)
            if first != second:
                return False
        return True

    async def _both(self, *steps: Step) -> list[Tree]:
        return [await self._play(*steps, on=on) for on in (0, 1)]

    async def _observe(self, starts: Sequence[Sequence[Step]]) -> None:
        """Find out which methods show what others did, and which of their arguments have to be the same."""
        for writer, reader, start in product(self._methods, self._methods, starts):
            read = _call(reader)
            if start and not await self._shows([], start[0], read):
                continue
            for write in (_call(writer), _call(writer, *writer.kinds)):  # some change nothing without optional ones
                if await self._shows(start, write, read):
                    writer.is_write = reader.is_shown = True
                    await self._find_entry(start, write, read)
                    break

    async def _find_entry(self, start: Sequence[Step], write: Step, read: Step) -> None:
        """Change an argument of both: if only the other entry is shown, then it names the entry."""
        for name, other in product(write[1], read[1]):
            elsewhere, there = _with_other(write, name), _with_other(read, other)
            if await self._shows(start, elsewhere, read):
                continue
            is_known = name == other and other in read[0].entry  # where nothing stands under the other name
            if is_known or await self._shows(start, elsewhere, there):
                write[0].entry.add(name)
                read[0].entry.add(other)

    async def _shows(self, start: Sequence[Step], write: Step, read: Step) -> bool:
        """Whether the read gives something else after the write."""
        return await self._play(*start, write, read) != await self._play(*start, read)

    async def _play(self, *steps: Step, on: int = 0) -> Tree:
        """Return what the last of these calls gives on a new store. On the quicker one they are repeated later."""
        harness = self._harnesses[on]
        key = on, source([(method.name, arguments) for method, arguments in steps])
        if key not in self._seen:
            self._seen[key] = await _played(harness, steps)
            if on == 0 and await self._differs_later(steps, self._seen[key]):
                self._seen[key] = await _played(harness, steps)
        return self._seen[key]

    async def _differs_later(self, steps: Sequence[Step], before: Tree) -> bool:
        """Note which fields of the last answer differ when the same is done later: they are ids or times."""
        later = time.time() + _LATER
        with mock.patch("time.time", return_value=later):
            after = await _played(self._harnesses[0], steps)
        method, _ = steps[-1]
        for mismatch in mismatches(before, after):
            named = re.findall(r"[.'\"](\w+)", "".join(mismatch.path))
            for fields, kinds in ((method.ids, _IDS), (method.times, _TIMES)):
                if mismatch.what in kinds:
                    fields.add(named[-1] if named else WHOLE)
        return before != after


async def _played(harness: LocalStore, steps: Sequence[Step]) -> Tree:
    """Make calls in order on a new store, and return what the last one gave; of an exception only the class."""
    observer = Observer()
    async with harness.open("") as store:
        for method, arguments in steps:
            operation = Operation(method.name, method.name, **method.facts())
            PROGRESS.begin(f"a call of {method.name}")
            signal.alarm(_BLOCKED)
            try:
                async with asyncio.timeout(_SLOW):
                    given = with_ids(arguments, [*observer.names])
                    value = await settled(operation, operation.invoke(store, given))
                observer.learn(value, operation, "result")
                tree = observer.look(value, operation)
            except Exception as error:  # noqa: BLE001  whatever the store raises is its answer
                tree = Tree(type(error))
            finally:
                signal.alarm(0)
            method.unusable = _UNUSABLE.get(tree.kind, method.unusable)
    harness.discard("")
    return tree


def _interrupt(*_: Any) -> None:
    raise TimeoutError
