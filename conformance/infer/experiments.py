"""Calls on new stores that show which arguments a method takes, what it changes, and which argument names the entry."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from itertools import islice, product
from time import perf_counter
from typing import Any, TypeAlias

from conformance.compare.values import Observer
from conformance.infer.kinds import EARLIER, TYPED, Parameter
from conformance.infer.methods import UNKNOWN, Method
from conformance.infer.opening import LocalStore
from conformance.operations.operation import WHOLE, OperationsError, with_ids
from conformance.operations.parts import fields_of, settled
from conformance.operations.trees import Tree, mismatches
from conformance.process import PROGRESS

_SLOW = 0.9
"""Seconds that a call may take. One that takes longer twice waits for something: often for a whole second."""
_BLOCKED = 3.0
"""After so many seconds a call that is awaited, and cannot be cancelled, is interrupted."""
_LATER = timedelta(hours=1, seconds=0.5)
"""By which the clock is put forward when calls are repeated: what gives a time gives another one then."""
_LIFE = timedelta(seconds=1.2)
"""After which an entry has ended that was given a short lifetime."""
_TICK = 0.002
"""Seconds in which a loop runs its timers."""
_MOST_TRIALS = 60
"""Combinations of kinds that are tried for the arguments of a method."""
_MOST_STARTS = 20
"""Other methods after which a call is tried."""
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

    def __init__(self, harnesses: Sequence[LocalStore], methods: Sequence[Method]) -> None:
        signal.signal(signal.SIGALRM, _interrupt)
        self._harnesses = harnesses
        self._methods = methods
        self._seen: dict[Any, Tree] = {}
        """By the calls of an experiment, what the last one gave."""

    @property
    def _usable(self) -> list[Method]:
        return [method for method in self._methods if not method.unusable]

    async def find(self) -> None:
        """Find the arguments and then the role of each method, or why it cannot be used."""
        for method in [*self._methods] * 2:  # the second time ids, and what others have made, are known
            await self._choose(method, method.required)
        for method in self._usable:
            for parameter in method.optional:
                await self._choose(method, [parameter])

        calls = [_call(method) for method in self._usable]
        writes = [*calls, *(_call(method, *method.kinds) for method in self._usable)]  # which may change more
        starts = [[], *([call, _call(call[0], turn=1)] for call in calls)]
        for start, write, read in product(starts, writes, calls):
            if not start or await self._shows([], start[0], read):
                await self._observe(start, write, read)

    # Arguments

    async def _choose(self, method: Method, parameters: Sequence[Parameter]) -> None:
        """Choose kinds that both stores accept and, where they are guessed, treat alike.

        If all make a difference, the first that are accepted will do where names say what the arguments are.
        """
        names = [parameter.name for parameter in parameters]
        trust = min((parameter.trust for parameter in parameters), default=TYPED)
        has_ids = any(other.ids for other in self._usable)
        before, accepted = method.kinds, None
        for kinds in islice(product(*(parameter.kinds for parameter in parameters)), _MOST_TRIALS):
            if method.unusable not in ("", UNKNOWN) or (EARLIER in kinds and not has_ids):
                continue
            method.kinds = before | dict(zip(names, kinds, strict=True))
            step = _call(method, *names)
            if not await self._accepts(step):
                continue
            if trust == TYPED or await self._are_alike(step):
                break
            accepted = accepted or method.kinds
        else:
            method.kinds = before
            if not (accepted and trust):
                return
            method.kinds = accepted
        if method.unusable == UNKNOWN:
            method.unusable = ""

    async def _accepts(self, step: Step) -> bool:
        """Whether both stores take a call when they are empty, or after a call of another method."""
        for start in [[], *([_call(method)] for method in self._usable[:_MOST_STARTS])]:
            for on in (0, 1):
                given = await self._play(*start, step, on=on)
                if step[0].unusable not in ("", UNKNOWN):
                    return False
                if issubclass(given.kind, _MISUSE):
                    break
            else:
                return True
        return False

    async def _are_alike(self, step: Step) -> bool:
        """Whether both stores give the same, also with a call before or after it that alone gives the same."""
        sequences = [[step]]
        for other in map(_call, self._usable):
            if not await self._differ(other):
                sequences += [[step, other], [other, step]]
        for steps in sequences:
            if await self._differ(*steps):
                return False
        return True

    async def _differ(self, *steps: Step) -> bool:
        return await self._play(*steps) != await self._play(*steps, on=1)

    # Roles

    async def _observe(self, start: Sequence[Step], write: Step, read: Step) -> None:
        """Find out whether a read shows a write, and which of their arguments have to be the same for that."""
        if not await self._shows(start, write, read):
            return
        writer = write[0]
        reader = read[0]
        writer.is_write = reader.is_shown = True
        writer.is_maker = writer.is_maker or not start
        for name, other in product(write[1], read[1]):
            elsewhere = _with_other(write, name)
            there = _with_other(read, other)
            is_id = writer.kinds[name] is EARLIER
            asks_id = reader.kinds[other] is EARLIER
            if is_id != asks_id or await self._shows(start, elsewhere, read):
                continue
            is_known = name == other and other in reader.entry  # where nothing stands under the other name
            if is_known or await self._shows(start, elsewhere, there):
                writer.entry.add(name)
                reader.entry.add(other)

    async def _shows(self, start: Sequence[Step], write: Step, read: Step) -> bool:
        """Whether the read gives something else after the write."""
        return await self._play(*start, write, read) != await self._play(*start, read)

    async def follow_the_clock(self) -> bool:
        """Whether what ends by a wait ends by a jump of the clock, and the reverse, in both stores, by every method."""
        are_alike = set[bool]()
        for writer in self._usable:
            write = _call(writer, *writer.lifetimes)
            for name in writer.lifetimes:
                write = _with_other(write, name)  # which is short
            reads = [read for read in map(_call, self._usable) if await self._shows([], write, read)]
            for harness, read in product(self._harnesses, reads[:1] if writer.lifetimes else ()):
                waited = await _played(harness, [write, read], partial(asyncio.sleep, _LIFE.total_seconds()))
                jumped = await _played(harness, [write, read], partial(_jump, harness))
                are_alike.add(waited == jumped)
        return are_alike == {True}

    # Calls

    async def _play(self, *steps: Step, on: int = 0) -> Tree:
        """Return what the last of these calls gives on a new store.

        On the quicker one they are made again later: fields of the last answer that differ then are ids or times.
        """
        harness = self._harnesses[on]
        key = on, repr([(method.name, arguments) for method, arguments in steps])
        if key in self._seen:
            return self._seen[key]

        tree = await _played(harness, steps)
        if any(method.slow_calls for method, _ in steps):  # perhaps the machine was busy
            tree = await _played(harness, steps)
        if on == 0:
            harness.advance("", _LATER)
            again = await _played(harness, steps)
            if tree != again:
                _note_what_differs(steps[-1][0], tree, again)
                tree = await _played(harness, steps)
        self._seen[key] = tree
        return tree


def _note_what_differs(method: Method, tree: Tree, again: Tree) -> None:
    """Note the ids and times among the fields in which two answers differ."""
    for mismatch in mismatches(tree, again):
        path = "".join(mismatch.path)
        named = re.findall(r"[.'\"](\w+)", path) or [WHOLE]
        if mismatch.what in _IDS:
            method.ids.add(named[-1])
        elif mismatch.what in _TIMES:
            method.times.add(named[-1])


async def _jump(harness: LocalStore) -> None:
    """Put the clock forward, and let timers run that are due."""
    harness.advance("", _LIFE)
    await asyncio.sleep(_TICK)


async def _played(harness: LocalStore, steps: Sequence[Step], pause: Any = None) -> Tree:
    """Make calls in order on a new store, and return what the last one gave; of an exception only the class.

    The last comes after a pause.
    """
    observer = Observer()
    async with harness.open("") as store:
        for step in steps:
            method, arguments = step
            if pause and step is steps[-1]:
                await pause()
            operation = method.operation
            PROGRESS.begin(f"a call of {method.name}")
            began = perf_counter()
            signal.setitimer(signal.ITIMER_REAL, _SLOW)
            try:
                result = operation.invoke(store, with_ids(arguments, [*observer.names]))
                signal.setitimer(signal.ITIMER_REAL, _BLOCKED)
                async with asyncio.timeout(_SLOW):
                    value = await settled(operation, result)
                method.ids |= {field for field, part in fields_of(value) if part in observer.names}
                observer.learn(value, operation, "result")
                tree = observer.look(value, operation)
            except Exception as error:  # noqa: BLE001  whatever the store raises is its answer
                tree = Tree(type(error))
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
            is_slow = perf_counter() - began >= _SLOW  # a library may catch what interrupts it
            method.slow_calls = method.slow_calls + 1 if is_slow else 0
            if method.slow_calls > 1:
                method.unusable = "it waits for something"
            if tree.kind is OperationsError:
                method.unusable = "its result cannot be compared"
    harness.discard("")
    return tree


def _interrupt(*_: Any) -> None:
    raise TimeoutError
