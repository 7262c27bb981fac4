"""Calls on new stores that show which arguments a method takes, what it changes, and which argument names the entry."""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial, reduce
from itertools import islice, product
from time import perf_counter, process_time
from typing import Any

from conformance.infer.kinds import EARLIER, Parameter
from conformance.infer.methods import UNTRIED, Method, Step, variants, with_other
from conformance.infer.opening import LocalStore
from conformance.operations.observer import Observer
from conformance.operations.operation import LONGEST, WHOLE, OperationsError, with_ids
from conformance.operations.parts import field_in, settled
from conformance.operations.trees import Tree, mismatches
from conformance.process import PROGRESS

_SLOW = 0.9
"""Seconds that a call may take."""
_WAITS = 2
"""Calls that take longer, of a method that waits for something: often for a whole second."""
_BLOCKED = 1.5
"""After so many seconds a call that does not let the loop go on, or cannot be cancelled, is interrupted."""
_LATER = timedelta(hours=1, seconds=0.5)
"""By which the clock is put forward when calls are repeated: what gives a time gives another one then."""
_LIFE = timedelta(seconds=1.2)
"""After which an entry has ended that was given a short lifetime."""
_LONG = int(LONGEST.total_seconds()) - 1
"""Seconds after which every lifetime has ended."""
_WAITED = 4
"""Lifetimes that are waited for, two in each store, until one has ended."""
_TICK = 0.05
"""Seconds in which timers run that are due, also those of a library's threads."""
_TRIAL_SECONDS = 6.0
_SECONDS = 12.0
"""Of processor time for the experiments with arguments, and for all."""
_FEW_TRIALS = 6
_MOST_TRIALS = 40
"""Combinations of kinds that are tried for the arguments of a method, when all have been tried with few."""
_MOST_STARTS = 4
"""Other methods after which a call is tried."""
_OFTEN = 10
"""Calls of a method of which one alone shows nothing."""
_MOST_MAKERS = 2
"""Methods that make what a read shows, of which each makes the entries on which others are tried."""
_MISUSE = (TypeError, AttributeError, ValueError, NotImplementedError, AssertionError, OperationsError)
"""Exceptions by which a store says that an argument is of a wrong kind, or by which a result cannot be compared."""
Experiment = tuple[list[Step], Step, Step, int]
"""Calls that are made before, one that may write, so many times, and one that may show it."""
_IDS = ("str", "bytes", "UUID")
_TIMES = ("int", "float", "datetime", "date", "timedelta")


class Lab:
    """Makes calls on new stores of two kinds, the quicker first, and writes down in the methods what they show."""

    has_clock = False
    """Whether lifetimes end by a jump of the clock in both stores."""

    def __init__(self, harnesses: Sequence[LocalStore], methods: Sequence[Method]) -> None:
        signal.signal(signal.SIGALRM, _interrupt)
        self._harnesses = harnesses
        self._methods = methods
        self.left_out: list[str] = []
        """What is not compared or found out, with its reason."""
        self._seen: dict[Any, Tree] = {}
        """By the calls of an experiment, what the last one gave."""

    @property
    def usable(self) -> list[Method]:
        """The methods that both stores accept."""
        return [method for method in self._methods if not method.unusable]

    async def find(self) -> None:
        """Find the arguments and then the role of each method, or why it cannot be used."""
        tried = [method for method in self._methods if method.unusable == UNTRIED]
        for trials, method in product((_FEW_TRIALS, _MOST_TRIALS), tried):  # the second time ids are known
            await self._choose(method, method.required, trials)
        for method in self.usable:
            for parameter in method.optional:
                await self._choose(method, [parameter], _MOST_TRIALS)

        calls = [method.step() for method in self.usable]
        lasting = [method.step(*method.lifetimes) for method in self.usable if method.lifetimes]
        full = [method.step(*method.kinds) for method in self.usable if len(method.kinds) > len(method.required)]
        makers = [[call for call in calls if await self._shows([], call, read)] for read in calls]
        rounds = product((_first_experiments, _closer_experiments), zip(calls, makers, strict=True))
        for experiments, (read, own) in rounds:
            if process_time() > _SECONDS:
                self.left_out.append("not looked for any more, as experiments have taken too long: what methods do")
                break
            those = own or [maker for others in makers for maker in others]  # what they make it may show later
            entries = [[with_other(maker, *maker[1]), maker] for maker in those[:_MOST_MAKERS]]
            for experiment in experiments(entries, calls + full, read):
                if await self._shows(*experiment):
                    await self._observe(*experiment)
        await self._follow_the_clock(calls, lasting)
        if self.has_clock or not lasting:
            await self._find_lifetimes(calls)
        self.left_out += [f"not compared: {each.name}: {each.unusable}" for each in self._methods if each.unusable]

    # Arguments

    async def _choose(self, method: Method, parameters: Sequence[Parameter], trials: int) -> None:
        """Choose the first kinds that both stores accept."""
        names = [parameter.name for parameter in parameters]
        has_ids = any(other.ids for other in self.usable)
        before = method.kinds
        for kinds in islice(product(*(parameter.kinds for parameter in parameters)), trials):
            if process_time() > _TRIAL_SECONDS or method.slow_calls >= _WAITS:
                break
            method.kinds = before | dict(zip(names, kinds, strict=True))
            if (has_ids or EARLIER not in kinds) and await self._accepts(method.step(*names)):
                method.unusable = ""
                return
        method.kinds = before

    async def _accepts(self, call: Step) -> bool:
        """Whether both stores take a call when they are empty, or after a call of another method."""
        for start in [[], *([method.step()] for method in self.usable[:_MOST_STARTS])]:
            trees = [await self._play(*start, call, on=on) for on in (0, 1)]
            if not any(issubclass(tree.kind, _MISUSE) for tree in trees):
                return call[0].slow_calls < _WAITS
        return False

    # Roles

    async def _observe(self, start: Sequence[Step], write: Step, read: Step, times: int) -> None:
        """Note that a read shows a write, and find out which of their arguments have to be the same for that."""
        writer = write[0]
        reader = read[0]
        writer.is_write = reader.is_shown = True
        writer.is_maker = writer.is_maker or not start
        for name, other in product(write[1], read[1]):
            if writer.entry - {name} and isinstance(write[1][name], dict):
                continue  # the fields of an entry that another argument names
            elsewhere = with_other(write, name)
            there = with_other(read, other)
            if await self._shows(start, elsewhere, read, times) or await self._shows(start, write, there, times):
                continue  # a listing, perhaps of those until this one
            is_known = name == other and other in reader.entry  # where nothing stands under the other name
            if is_known or await self._shows(start, elsewhere, there, times):
                writer.entry.add(name)
                reader.entry.add(other)

    async def _shows(self, start: Sequence[Step], write: Step, read: Step, times: int = 1) -> bool:
        """Whether the read gives something else after the write, and without it the same each time."""
        before = await self._play(*start, read)
        if before == await self._play(*start, *[write] * times, read):
            return False
        return before == await _play(self._harnesses[0], [*start, read])

    async def _follow_the_clock(self, calls: Sequence[Step], lasting: Sequence[Step]) -> None:
        """Find out by the first lifetimes that are shown whether a jump of the clock does what a wait does.

        Methods that change what it does are writes.
        """
        lasts = ""
        agreed = list[bool]()
        for method, read in product(lasting, calls):
            for name in method[0].lifetimes:
                short = with_other(method, name)
                start = _entry_for(method, calls)
                if lasts or len(agreed) == _WAITED or not await self._shows(start, short, read):
                    continue
                for harness in self._harnesses:
                    ended = await _play(harness, [*start, short, read], _jump)
                    agreed.append(ended == await _play(harness, [*start, short, read], _wait))
                    if ended == await _play(harness, [*start, short, read]):
                        continue
                    method[0].lasts = lasts = name
                    for renewal in lasting:
                        renewed = await _play(harness, [*start, short, renewal, read], _jump)
                        renewal[0].is_write |= ended != renewed
        self.has_clock = bool(agreed) and all(agreed)

    async def _find_lifetimes(self, calls: Sequence[Step]) -> None:
        """Find out how long entries live if no argument says so, where the clock ends them in both stores."""
        for write, read in product(calls, calls):
            method = write[0]
            if process_time() > _SECONDS or not method.is_write or method.lifetimes:
                continue
            steps = [*_entry_for(write, calls), *[write] * _OFTEN, read]
            both = [await self._after(steps, 0, on) != await self._after(steps, _LONG, on) for on in (0, 1)]
            if all(both):
                self.has_clock = True
                method.lasts = max(int(method.lasts), await self._span(steps))

    async def _span(self, steps: Sequence[Step]) -> int:
        """Return after how many seconds the last call gives something else."""
        before = await self._after(steps, 0)
        lives, ended = 0, _LONG
        while ended - lives > 1:
            middle = (lives + ended) // 2
            if await self._after(steps, middle) == before:
                lives = middle
            else:
                ended = middle
        return ended

    async def _after(self, steps: Sequence[Step], seconds: int, on: int = 0) -> Tree:
        """Return what the last call gives when so much time has passed before it."""
        return await _play(self._harnesses[on], steps, partial(_jump, by=timedelta(seconds=seconds), tick=0))

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
        if on == 0:
            harness.advance("", _LATER)
            later = await _play(harness, steps)
            if tree != later:
                _note_what_differs(steps[-1][0], tree, later)
                tree = await _play(harness, steps)
        self._seen[key] = tree
        return tree


def _first_experiments(entries: Sequence[list[Step]], calls: Sequence[Step], read: Step) -> Iterator[Experiment]:
    """Yield each call on an empty store and on entries, before the read."""
    for start, call in product([[], *entries], calls):
        yield start, call, read, 1


def _closer_experiments(entries: Sequence[list[Step]], calls: Sequence[Step], read: Step) -> Iterator[Experiment]:
    """Yield calls that have shown no effect: often, as a limit may be reached; with other arguments; and after writes.

    They may need what those leave.
    """
    start = [*entries, []][0]
    writes = [call for call in calls if call[0].is_write]
    for call in calls:
        if call[0].is_write and read[0].is_shown:
            continue
        yield start, call, read, _OFTEN
        for other, there in product(variants(call), variants(read)):
            yield start, other, there, 1
        for before in writes:
            yield [*start, before], call, read, 1


def _entry_for(call: Step, calls: Sequence[Step]) -> Sequence[Step]:
    """Return a call that makes an entry first, unless this call makes one."""
    return [] if call[0].is_maker else [maker for maker in calls if maker[0].is_maker][:1]


def _note_what_differs(method: Method, tree: Tree, later: Tree) -> None:
    """Note the ids and times among the fields in which two answers differ."""
    for mismatch in mismatches(tree, later):
        name = reduce(field_in, mismatch.path, WHOLE)
        if mismatch.what in _IDS:
            method.ids.add(name)
        elif mismatch.what in _TIMES:
            method.times.add(name)


async def _jump(harness: LocalStore, by: timedelta = _LIFE, tick: float = _TICK) -> None:
    await asyncio.sleep(tick)  # a timer that a write has started runs before the clock jumps
    harness.advance("", by)
    await asyncio.sleep(tick)


async def _wait(_: LocalStore) -> None:
    await asyncio.sleep(_LIFE.total_seconds())


async def _play(
    harness: LocalStore, steps: Sequence[Step], pause: Callable[[LocalStore], Awaitable[None]] | None = None
) -> Tree:
    """Make calls in order on a new store, the last after a pause, and return what that gave."""
    observer = Observer()
    async with harness.open("") as store:
        for step in steps:
            if pause and step is steps[-1]:
                await pause(harness)
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
        observer.learn(value, operation, "result")
        tree = observer.look(value, operation)
    except Exception as error:  # noqa: BLE001  whatever the store raises is its answer
        tree = Tree(type(error))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)

    method.slow_calls += perf_counter() - began >= _SLOW  # a library may catch what interrupts it
    if method.slow_calls >= _WAITS:
        method.unusable = "it waits for something"
    if method.unusable and operation.name in observer.opaque:  # also on a new store
        method.unusable = "its result cannot be compared"
        return Tree(OperationsError)
    return tree


def _interrupt(*_: Any) -> None:
    raise TimeoutError
