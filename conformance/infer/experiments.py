"""Calls on new stores that show which arguments a method takes, what it changes, and which argument names the entry."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import reduce
from itertools import islice, product
from time import perf_counter
from typing import Any

from conformance.compare.values import Observer
from conformance.infer.kinds import EARLIER, TYPED, Parameter
from conformance.infer.methods import Method, Step, with_other
from conformance.infer.opening import LocalStore
from conformance.operations.operation import WHOLE, OperationsError, with_ids
from conformance.operations.parts import field_in, leaves_of, settled
from conformance.operations.trees import Tree, mismatches
from conformance.process import PROGRESS

_SLOW = 0.9
"""Seconds that a call may take. One that takes longer twice waits for something: often for a whole second."""
_BLOCKED = 1.5
"""After so many seconds a call that does not let the loop go on, or cannot be cancelled, is interrupted."""
_LATER = timedelta(hours=1, seconds=0.5)
"""By which the clock is put forward when calls are repeated: what gives a time gives another one then."""
_LIFE = timedelta(seconds=1.2)
"""After which an entry has ended that was given a short lifetime."""
_TICK = 0.05
"""Seconds in which timers run that are due, also those of a library's threads."""
_MOST_TRIALS = 60
"""Combinations of kinds that are tried for the arguments of a method."""
_MOST_STARTS = 20
"""Other methods after which a call is tried."""
_MISUSE = (TypeError, AttributeError, ValueError, NotImplementedError, AssertionError)
"""Exceptions by which a store says that an argument is of a wrong kind."""
_IDS = ("str", "bytes", "UUID")
_TIMES = ("int", "float", "datetime", "date", "timedelta")


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

        calls = [method.step() for method in self._usable]
        writes = [*calls, *(method.step(*method.kinds) for method in self._usable)]  # which may change more
        starts = [[], *([method.step(), method.step(turn=1)] for method in self._usable)]
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
        chosen = before = method.kinds
        for kinds in islice(product(*(parameter.kinds for parameter in parameters)), _MOST_TRIALS):
            method.kinds = before | dict(zip(names, kinds, strict=True))
            call = method.step(*names)
            if method.reason or (EARLIER in kinds and not has_ids) or not await self._accepts(call):
                continue
            is_right = trust == TYPED or await self._are_alike(call)
            if is_right or (trust and chosen is before):
                chosen = method.kinds
                method.is_accepted = True
            if is_right:
                break
        method.kinds = chosen

    async def _accepts(self, call: Step) -> bool:
        """Whether both stores take a call when they are empty, or after a call of another method."""
        for start in [[], *([method.step()] for method in self._usable[:_MOST_STARTS])]:
            for on in (0, 1):
                tree = await self._play(*start, call, on=on)
                if issubclass(tree.kind, _MISUSE):
                    break
            else:
                return not call[0].reason
        return False

    async def _are_alike(self, call: Step) -> bool:
        """Whether both stores give the same, also with a call before or after it that alone gives the same."""
        sequences = [[call]]
        for other in (method.step() for method in self._usable):
            if not await self._differ(other):
                sequences += [[call, other], [other, call]]
        for calls in sequences:
            if await self._differ(*calls):
                return False
        return True

    async def _differ(self, *calls: Step) -> bool:
        return await self._play(*calls) != await self._play(*calls, on=1)

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
            if writer.entry - {name} and isinstance(write[1][name], dict):
                continue  # the fields of an entry that another argument names
            elsewhere = with_other(write, name)
            there = with_other(read, other)
            if await self._shows(start, elsewhere, read) or await self._shows(start, write, there):
                continue  # a listing, perhaps of those until this one
            is_known = name == other and other in reader.entry  # where nothing stands under the other name
            if is_known or await self._shows(start, elsewhere, there):
                writer.entry.add(name)
                reader.entry.add(other)

    async def _shows(self, start: Sequence[Step], write: Step, read: Step) -> bool:
        """Whether the read gives something else after the write, and without it the same each time."""
        before = await self._play(*start, read)
        if before == await self._play(*start, write, read):
            return False
        return before == await _play(self._harnesses[0], [*start, read])

    async def follow_the_clock(self) -> bool:
        """Whether what ends by a wait ends by a jump of the clock, and the reverse, in both stores, by every method."""
        are_alike = set[bool]()
        for method in self._usable:
            lifetimes = method.lifetimes
            write = with_other(method.step(*lifetimes), *lifetimes)  # which are short
            reads = [
                read for read in map(Method.step, self._usable) if lifetimes and await self._shows([], write, read)
            ]
            for harness, read in product(self._harnesses, reads[:1]):
                waited = await _play(harness, [write, read], asyncio.sleep(_LIFE.total_seconds()))
                jumped = await _play(harness, [write, read], _jump(harness))
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

        tree = await _play(harness, steps)
        if any(method.slow_calls for method, _ in steps):  # perhaps the machine was busy
            tree = await _play(harness, steps)
        if on == 0:
            harness.advance("", _LATER)
            later = await _play(harness, steps)
            if tree != later:
                _note_what_differs(steps[-1][0], tree, later)
                tree = await _play(harness, steps)
        self._seen[key] = tree
        return tree


def _note_what_differs(method: Method, tree: Tree, later: Tree) -> None:
    """Note the ids and times among the fields in which two answers differ."""
    for mismatch in mismatches(tree, later):
        name = reduce(field_in, mismatch.path, WHOLE)
        if mismatch.what in _IDS:
            method.ids.add(name)
        elif mismatch.what in _TIMES:
            method.times.add(name)


async def _jump(harness: LocalStore) -> None:
    """Put the clock forward between timers that a write has started, and those that are due then."""
    await asyncio.sleep(_TICK)
    harness.advance("", _LIFE)
    await asyncio.sleep(_TICK)


async def _play(harness: LocalStore, steps: Sequence[Step], pause: Any = None) -> Tree:
    """Make calls in order on a new store, the last after a pause, and return what that gave."""
    observer = Observer()
    if pause:
        harness.advance("", timedelta(0))  # from here on time goes on alike, whatever the pause is
    async with harness.open("") as store:
        for step in steps:
            if pause and step is steps[-1]:
                await pause
            tree = await _make(store, observer, *step)
    harness.discard("")
    return tree


async def _make(store: Any, observer: Observer, method: Method, arguments: Mapping[str, Any]) -> Tree:
    """Make a call, and return what it gave; of an exception only the class."""
    PROGRESS.begin(f"a call of {method.name}")
    operation = method.operation
    began = perf_counter()
    signal.setitimer(signal.ITIMER_REAL, _BLOCKED)
    try:
        async with asyncio.timeout(_SLOW):
            value = await settled(operation, operation.invoke(store, with_ids(arguments, [*observer.names])))
        method.ids |= {name for _, name, part in leaves_of(value) if part in observer.names}
        observer.learn(value, operation, "result")
        tree = observer.look(value, operation)
    except Exception as error:  # noqa: BLE001  whatever the store raises is its answer
        tree = Tree(type(error))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)

    is_slow = perf_counter() - began >= _SLOW  # a library may catch what interrupts it
    method.slow_calls = method.slow_calls + 1 if is_slow else 0
    if method.slow_calls > 1:
        method.reason = "it waits for something"
    if tree.kind is OperationsError:
        method.reason = "its result cannot be compared"
    return tree


def _interrupt(*_: Any) -> None:
    raise TimeoutError
