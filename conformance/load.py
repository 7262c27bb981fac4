"""Callers under load while something fails: what each task went through is judged by the model, and nothing is lost."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from math import inf
from typing import Any, NamedTuple

from conformance.core.arguments import for_store
from conformance.core.failing import READS, Trouble, is_unavailable
from conformance.core.finding import Finding, Tally
from conformance.core.linearizability import OutOfBudgetError, orders
from conformance.core.observe import describe, raised_of, result_of
from conformance.core.scenario import Call, Scenario, cancel, create, get, update
from conformance.core.states import Made, allowed
from conformance.harness import Capability, Harness, HookMissingError
from conformance.spec.model import Invocation, Raised, Record, State
from conformance.subjects.proxy import Action, Stage
from conformance.tables import failures
from conformance.tables.failures import Row
from taskstore import TaskStatus

CALLERS = 6
_NEEDED = frozenset({Capability.REMOTE, Capability.SHARED, Capability.CALLER_IDS})
_SECONDS = 1.0
"""The time-outs of the store."""
_PAUSE, _RETRY = 0.003, 0.02
"""Seconds between the calls of a caller, and after one that failed."""
_CALM, _TROUBLED, _PATIENCE = 0.15, 0.2, 10.0
"""Seconds before a failure, those that it lasts, and those in which the open store has to work again."""
_SHARED_FOR = 0.05
"""Seconds after which all callers turn to another shared task."""
_READ_TOGETHER = 50
_MOST_STEPS = 20_000
_SHOWN, _FIELDS = 12, ("status", "current_step")
_ABOUT = ("ATOM-01", "FAIL-13")
_LAST = 2**62


class Seen(NamedTuple):
    """A call, what came of it, and when: in nanoseconds of the system's clock."""

    task: str
    call: Call
    observed: Any
    called: int
    returned: int


@dataclass
class Callers:
    """The callers of one process, which share a store."""

    store: Any
    number: int
    seed: int
    seen: list[Seen] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=lambda: [0] * CALLERS)
    """By caller, when a write of its was acknowledged last."""

    async def work(self, is_over: Callable[[], bool]) -> None:
        """Make calls until it is over."""
        await asyncio.gather(*(self._call(caller, is_over) for caller in range(CALLERS)))

    async def _call(self, caller: int, is_over: Callable[[], bool]) -> None:
        name = f"{self.number}-{caller}"
        for call in _plan(name, random.Random(f"{self.seed} {name}")):  # noqa: S311  a workload is no secret
            if is_over():
                return
            seen = await self.make(call)
            if call.operation not in READS and isinstance(seen.observed, Record):
                self.acknowledged[caller] = seen.called
            await asyncio.sleep(_RETRY if is_unavailable(seen.observed) else _PAUSE)

    async def make(self, call: Call) -> Seen:
        """Make a call, and keep what comes of it."""
        called = time.monotonic_ns()
        try:
            given = {name: for_store(value) for name, value in call.arguments.items()}
            observed: Any = result_of(await getattr(self.store, call.operation)(**given), has_cursor=False)
        except Exception as error:  # noqa: BLE001  whatever the store raises is its result
            observed = raised_of(error)
        self.seen.append(Seen(str(call.arguments["task_id"]), call, observed, called, time.monotonic_ns()))
        return self.seen[-1]


def _plan(caller: str, rng: random.Random) -> Iterator[Call]:
    """Calls on tasks of this caller alone, which are short, and between them on a task that all callers share."""
    for number in count():
        own = f"own-{caller}-{number}"
        yield create(task_id=own)
        yield _shared(rng, f"{caller}-{number}a")
        yield update(own, TaskStatus.CLIPPING, current_step=f"step of {own}")
        yield _shared(rng, f"{caller}-{number}b")
        yield get(own)
        yield cancel(own) if rng.random() < 0.5 else update(own, TaskStatus.COMPLETED, current_step=f"end of {own}")  # noqa: PLR2004


def _shared(rng: random.Random, number: str) -> Call:
    task, drawn = f"shared-{int(time.monotonic() / _SHARED_FOR)}", rng.random()
    calls = {
        0.2: create(task_id=task),
        0.45: get(task),
        0.95: update(task, TaskStatus.CLIPPING, current_step=f"step {number}"),
        0.975: cancel(task),
        1.0: update(task, TaskStatus.COMPLETED, current_step=f"end {number}"),
    }
    return next(call for share, call in calls.items() if drawn < share)


@asynccontextmanager
async def _breaking(trouble: Trouble) -> AsyncIterator[None]:
    """Connections break again and again, each time in the middle of what is under way."""
    for stage, action in ((Stage.REPLY, Action.RESET), (Stage.MIDDLE, Action.CUT), (Stage.REQUEST, Action.CUT)) * 4:
        trouble.interruption = trouble.proxy.interrupt(stage, action)
        with suppress(TimeoutError):
            async with asyncio.timeout(_TROUBLED):
                await trouble.proxy.until(lambda: trouble.is_met)
    trouble.proxy.release()
    yield


@asynccontextmanager
async def _flushed(trouble: Trouble) -> AsyncIterator[None]:
    trouble.harness.administer("SCRIPT", "FLUSH")
    yield


@asynccontextmanager
async def _killed(trouble: Trouble) -> AsyncIterator[None]:
    administer = trouble.harness.administer
    administer("CONFIG", "SET", "appendonly", "yes")
    names = "aof_rewrite_in_progress", "aof_rewrite_scheduled"
    while any(map(administer("INFO", "persistence").get, names)):  # noqa: ASYNC110  of the server's own accord
        await asyncio.sleep(0.01)
    async with failures.KILLED.failure.cause(trouble):
        yield
    administer("CONFIG", "SET", "appendonly", "no")


BREAKING = failures.row_of("connections break", _breaking, "", "ATOM-01 FAIL-11 FAIL-13")
FLUSHED = failures.row_of("the server loses its scripts", _flushed, "", "ATOM-01 FAIL-06")
KILLED = failures.row_of("the server is killed", _killed, "", "DUR-01 FAIL-17")
SHORT = (BREAKING, failures.LOST, FLUSHED, failures.READ_ONLY)
FULL = (
    *(*SHORT, failures.BROKEN, failures.LATE, failures.REFUSED, failures.DISCONNECTED, failures.BUSY),
    *(failures.OUT_OF_MEMORY, KILLED),
)
DIRECT = (failures.MOVED, *failures.FAILED_OVER)
"""Failures of several servers. The store meets them without a proxy."""


async def load(
    harness: Harness, tally: Tally, rows: Sequence[Row] = SHORT, *, seed: int = 0, processes: int = 1
) -> None:
    """Let callers work while one failure follows the other, then read all tasks, and judge.

    What the subject has no hook for is left out. With more `processes` the others open the same subject.
    """
    missing = _NEEDED - harness.capabilities
    rows = [row for row in rows if harness.capabilities >= frozenset(row.needs)]
    if missing or not rows:
        reason = f"the subject does not declare {min(missing)}" if missing else "it has no such failure"
        tally.missing.update(dict.fromkeys(_ABOUT, (reason, "")))
        return
    namespace = f"conformance-load-{seed}-{time.monotonic_ns():x}"
    try:
        seen, met = await _played(harness, namespace, rows, tally, seed, processes)
        async with harness.open(namespace) as direct:
            reader = Callers(direct, 0, 0)
            tasks = list(dict.fromkeys(one.task for one in seen))
            for first in range(0, len(tasks), _READ_TOGETHER):
                await asyncio.gather(*(reader.make(get(task)) for task in tasks[first : first + _READ_TOGETHER]))
    except HookMissingError as hook:
        tally.missing.update(dict.fromkeys(_ABOUT, (str(hook), hook.hook)))
        return
    finally:
        harness.discard(namespace)
    about = tuple(dict.fromkeys(number for row in met for number in row.about))
    judge(seen, reader.seen, about, tally, may_lose=any(row in failures.FAILED_OVER for row in met))


async def _played(
    harness: Harness, namespace: str, rows: Sequence[Row], tally: Tally, seed: int, processes: int
) -> tuple[list[Seen], list[Row]]:
    """Return what all callers saw, and the failures that they met."""
    met, over = list[Row](), False
    async with AsyncExitStack() as stack:
        trouble = await stack.enter_async_context(Trouble(harness, namespace, _SECONDS))
        is_direct = all(row in DIRECT for row in rows)
        opened = harness.open(namespace) if is_direct else trouble.open()
        callers = Callers(await stack.enter_async_context(opened), 0, seed)
        url = harness.url() if is_direct else trouble.url
        others = [Elsewhere(harness, namespace, url, number, seed) for number in range(1, processes)]
        working = asyncio.ensure_future(callers.work(lambda: over))
        for row in rows:
            await asyncio.sleep(_CALM)
            with suppress(HookMissingError):
                async with row.failure.cause(trouble):
                    met.append(row)
                    await asyncio.sleep(_TROUBLED)
            trouble.proxy.release()
            if not await _works_again(callers, tally):
                expected = f"calls succeed after this: {row.failure.name}"
                _report(tally, "again", row.about, expected, f"none within {_PATIENCE:g} s")
                break
        over = True
        if (await asyncio.wait([working], timeout=_PATIENCE))[1]:
            _report(tally, "hangs", ("FAIL-01", "FAIL-13"), "calls end", "they still wait")
            working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        return [*callers.seen, *(one for other in others for one in other.end())], met


async def _works_again(callers: Callers, tally: Tally) -> bool:
    """Whether each caller has a write acknowledged that it called from now on."""
    ended, patience = time.monotonic_ns(), time.monotonic() + _PATIENCE
    while min(callers.acknowledged) < ended and time.monotonic() < patience:
        tally.on_progress()
        await asyncio.sleep(0.01)
    return min(callers.acknowledged) >= ended


class Elsewhere:
    """Callers in another process, with a store of their own."""

    def __init__(self, harness: Harness, namespace: str, url: str, number: int, seed: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._over, (self._here, there) = context.Event(), context.Pipe(duplex=False)
        arguments = type(harness), namespace, url, number, seed, self._over, there
        self._process = context.Process(target=_elsewhere, args=arguments, daemon=True)
        self._process.start()
        there.close()

    def end(self) -> list[Seen]:
        """End them, and return what they saw.

        Raises:
            HookMissingError: if the process could not open the subject.
        """
        self._over.set()
        try:
            return list(self._here.recv())
        except EOFError:
            raise HookMissingError("a harness that another process can make without arguments") from None
        finally:
            self._process.join()


def _elsewhere(kind: type[Harness], namespace: str, url: str, number: int, seed: int, over: Any, pipe: Any) -> None:
    async def work() -> list[Seen]:
        async with kind().open_at(namespace, url, _SECONDS) as store:
            callers = Callers(store, number, seed)
            await callers.work(over.is_set)
            return callers.seen

    pipe.send(asyncio.run(work()))


# The judge


def judge(
    seen: Iterable[Seen], afterwards: Iterable[Seen], about: tuple[str, ...], tally: Tally, *, may_lose: bool = False
) -> None:
    """Report what no call may give and, unless it may be lost, each task that no order of its calls explains."""
    histories: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        if words := _is_foreign(one):
            _report(tally, one.call.operation, ("FAIL-13", *about), words, describe(one.observed), (one,))
        histories[one.task].append(one)
    last = {one.task: one._replace(called=_LAST, returned=_LAST + 1) for one in afterwards}
    for task, made in histories.items() if not may_lose else ():
        whole = [*made, *([last[task]] if task in last else [])]
        if not is_explained(made):
            history, expected = _shortest(made), "results that some order of the calls explains"
            _report(tally, "order", ("ATOM-01", *about), expected, describe(history[-1].observed), history)
        elif not is_explained(whole):
            expected, actual = "what was acknowledged is there afterwards", describe(whole[-1].observed, _FIELDS)
            _report(tally, "lost", (*about, "ATOM-01"), expected, actual, whole)
    tally.exercised.update(dict.fromkeys((*_ABOUT, *about), len(histories)))


def _is_foreign(one: Seen) -> str:
    if not isinstance(one.observed, Raised):
        return ""
    if is_unavailable(one.observed):
        may = dict(one.observed.facts).get("write_may_have_happened")
        return "a read that writes nothing" if may and one.call.operation in READS else ""
    return (
        ""
        if one.observed.error in ("TaskNotFound", "TaskExists", "TaskFinal")
        else "a right result or StoreUnavailable"
    )


def is_explained(history: Iterable[Seen]) -> bool:
    """Whether some order of the calls on a task explains what came of them. True if that cannot be told in time."""
    made = [*_made(history)]
    shown = {one.observed.current_step: _time_of(one.observed) for one in made if isinstance(one.observed, Record)}

    def rank(one: Made) -> tuple[float, bool]:
        if isinstance(one.observed, Record):
            return _time_of(one.observed), one.call.operation in READS
        return (
            0.0 if isinstance(one.observed, Raised) else shown.get(one.call.arguments.get("current_step", ""), inf)
        ), True

    # A step that no result shows was overwritten, or never written: an order without it explains as much.
    needed = [
        one for one in made if one.returned is not None or one.call.arguments.get("current_step", "") in {*shown, ""}
    ]
    try:
        return next(orders(State(None), needed, allowed, _MOST_STEPS, rank), None) is not None
    except OutOfBudgetError:
        return True


def _time_of(task: Record) -> float:
    return task.updated_at.timestamp() if isinstance(task.updated_at, datetime) else inf


def _made(history: Iterable[Seen]) -> Iterator[Made]:
    """The calls that may have taken effect. One that ended without a result may do so at any time."""
    for one in history:
        call = Invocation(one.call.operation, one.call.arguments)
        if not is_unavailable(one.observed):
            yield Made(call, one.observed, one.called, one.returned)
        elif dict(one.observed.facts).get("write_may_have_happened"):
            yield Made(call, None, one.called, None)


def _shortest(history: Sequence[Seen]) -> Sequence[Seen]:
    """The shortest beginning of a history that no order explains."""
    few, many = 0, len(history)
    while few + 1 < many:
        middle = (few + many) // 2
        few, many = (middle, many) if is_explained(history[:middle]) else (few, middle)
    return history[:many]


def _report(
    tally: Tally, kind: str, about: Sequence[str], expected: str, actual: str, history: Sequence[Seen] = ()
) -> None:
    shown = [one for one in sorted(history, key=lambda one: one.called) if one.called < _LAST]
    lines = (
        f"{(one.called - shown[0].called) / 1e6:8.1f} ms  {one.call}  # {describe(one.observed, _FIELDS)}"
        for one in shown
    )
    scenario = Scenario("callers under load", ())
    numbers = tuple(dict.fromkeys(about))
    tally.add(Finding(numbers, expected, actual, ("load", kind), scenario, tuple(lines)[-_SHOWN:]))
