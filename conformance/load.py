"""Callers under load while something fails: what each task went through is judged by the model, and nothing is lost."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
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

_CALLERS = 6
_NEEDED = frozenset({Capability.REMOTE, Capability.SHARED, Capability.CALLER_IDS})
_TIMEOUT, _PAUSE, _RETRY = 1.0, 0.003, 0.02
"""Seconds: the time-outs of the store, and how long a caller waits between calls, and after one that failed."""
_CALM, _TROUBLED, _PATIENCE = 0.15, 0.2, 10.0
"""Seconds before a failure, those that it lasts, and those in which the open store has to work again."""
_SHARED_FOR = 0.05
"""Seconds after which all callers turn to another shared task."""
_MOST_STEPS, _SHOWN = 20_000, 12
_FIELDS = ("status", "current_step")
_ABOUT = ("ATOM-01", "FAIL-13")
_NEVER = 2**62


class Seen(NamedTuple):
    """A call, what came of it, and when: in nanoseconds of the system's clock."""

    task: str
    call: Call
    observed: Any
    called: int
    returned: int


@dataclass
class Callers:
    """Callers that share a store."""

    store: Any
    seed: int = 0
    is_over: bool = False
    seen: list[Seen] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=lambda: [0] * _CALLERS)
    """By caller, when a write of its was acknowledged last."""

    async def work(self) -> None:
        """Make calls until it is over."""
        await asyncio.gather(*map(self._work, range(_CALLERS)))

    async def _work(self, caller: int) -> None:
        for call in _plan(caller, random.Random(f"{self.seed} {caller}")):  # noqa: S311  a workload is no secret
            if self.is_over:
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
        self.seen.append(Seen(call.arguments["task_id"], call, observed, called, time.monotonic_ns()))
        return self.seen[-1]


def _plan(caller: int, rng: random.Random) -> Iterator[Call]:
    """Calls on short tasks of this caller alone, and between them on a task that all callers share."""
    for number in count():
        own, step = f"own-{caller}-{number}", f"step {caller}-{number}"
        for call in (create(task_id=own), update(own, TaskStatus.CLIPPING, current_step=step), get(own), cancel(own)):
            yield call
            shared = f"shared-{int(time.monotonic() / _SHARED_FOR)}"
            write = update(shared, TaskStatus.CLIPPING, current_step=f"{call.operation} {step}")
            end = update(shared, TaskStatus.COMPLETED, current_step=f"end {step}")
            yield rng.choice((create(task_id=shared), get(shared), get(shared), *[write] * 5, rng.choice((write, end))))


@asynccontextmanager
async def _breaking(trouble: Trouble) -> AsyncIterator[None]:
    """Connections break again and again, each time in the middle of what is under way."""
    for stage, action in ((Stage.REPLY, Action.RESET), (Stage.MIDDLE, Action.CUT), (Stage.REQUEST, Action.CUT)) * 4:
        trouble.interruption = trouble.proxy.interrupt(stage, action)
        with suppress(TimeoutError):
            async with asyncio.timeout(_TROUBLED):
                await trouble.proxy.until(lambda: trouble.is_met)
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
    async with failures.KILLED.cause(trouble):
        yield
    administer("CONFIG", "SET", "appendonly", "no")


BREAKING = Row("connections break", _breaking, about="ATOM-01 FAIL-11 FAIL-13")
SHORT = (BREAKING, failures.LOST, Row("the server loses its scripts", _flushed, about="ATOM-01 FAIL-06"))
FULL = (
    *(*SHORT, failures.READ_ONLY, failures.BROKEN, failures.LATE, failures.REFUSED, failures.DISCONNECTED),
    *(failures.BUSY, failures.OUT_OF_MEMORY, Row("the server is killed", _killed, about="DUR-01 FAIL-17")),
)


async def load(harness: Harness, tally: Tally, rows: Sequence[Row] = SHORT, *, seed: int = 0) -> None:
    """Let callers work while one failure follows the other, then read all tasks, and judge.

    What the subject has no hook for is left out.
    """
    if missing := _NEEDED - harness.capabilities:
        tally.missing.update(dict.fromkeys(_ABOUT, (f"the subject does not declare {min(missing)}", "")))
        return
    namespace = f"conformance-load-{seed}-{time.monotonic_ns():x}"
    try:
        async with Trouble(harness, namespace, _TIMEOUT) as trouble, trouble.open() as store:
            callers = Callers(store, seed)
            met = await _met(callers, trouble, rows, tally)
        async with harness.open(namespace) as store:
            reader = Callers(store)
            for task in dict.fromkeys(one.task for one in callers.seen):
                await reader.make(get(task))
    except HookMissingError as hook:
        tally.missing.update(dict.fromkeys(_ABOUT, (str(hook), hook.hook)))
        return
    finally:
        harness.discard(namespace)
    judge(callers.seen, reader.seen, tuple(dict.fromkeys(number for row in met for number in row.about.split())), tally)


async def _met(callers: Callers, trouble: Trouble, rows: Sequence[Row], tally: Tally) -> list[Row]:
    """Let them work, and return the failures that they met."""
    met = list[Row]()
    working = asyncio.ensure_future(callers.work())
    for row in rows:
        await asyncio.sleep(_CALM)
        with suppress(HookMissingError):
            async with row.cause(trouble):
                met.append(row)
                await asyncio.sleep(_TROUBLED)
        trouble.proxy.release()
        if not await _work_again(callers, tally):
            expected = f"calls succeed after this: {row.name}"
            _report(tally, "again", row.about.split(), expected, f"none within {_PATIENCE:g} s")
            break
    callers.is_over = True
    if (await asyncio.wait([working], timeout=_PATIENCE))[1]:
        _report(tally, "hangs", ("FAIL-01", "FAIL-13"), "calls end", "they still wait")
        working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return met


async def _work_again(callers: Callers, tally: Tally) -> bool:
    """Whether each caller has a write acknowledged that it called from now on."""
    ended, patience = time.monotonic_ns(), time.monotonic() + _PATIENCE
    while min(callers.acknowledged) < ended and time.monotonic() < patience:
        tally.on_progress()
        await asyncio.sleep(0.01)
    return min(callers.acknowledged) >= ended


def judge(seen: Iterable[Seen], afterwards: Iterable[Seen], about: Sequence[str], tally: Tally) -> None:
    """Report what no call may give, and each task that no order of its calls explains, or the last reading of it."""
    histories: dict[str, list[Seen]] = defaultdict(list)
    for one in seen:
        histories[one.task].append(one)
        if words := _is_foreign(one):
            _report(tally, one.call.operation, ("FAIL-13", *about), words, describe(one.observed), (one,))
    last = {one.task: one._replace(called=_NEVER, returned=_NEVER + 1) for one in afterwards}
    for task, made in histories.items():
        for history in (made, [*made, last[task]]):
            if not is_explained(history):
                expected = "results that some order of the calls explains, and nothing acknowledged is lost"
                _report(tally, "order", ("ATOM-01", *about), expected, describe(history[-1].observed, _FIELDS), history)
                break
    tally.exercised.update(dict.fromkeys((*_ABOUT, *about), len(histories)))


def _is_foreign(one: Seen) -> str:
    """What should have come in place of a result that no call may give."""
    if is_unavailable(one.observed):
        may = dict(one.observed.facts).get("write_may_have_happened")
        return "a read that writes nothing" if may and one.call.operation in READS else ""
    is_foreign = isinstance(one.observed, Raised) and one.observed.error not in (
        "TaskNotFound",
        "TaskExists",
        "TaskFinal",
    )
    return "a right result or StoreUnavailable" if is_foreign else ""


def is_explained(history: Sequence[Seen]) -> bool:
    """Whether some order of the calls on a task explains what came of them. True if that cannot be told in time."""
    shown = {one.observed.current_step for one in history if isinstance(one.observed, Record)}
    # A step that no result shows was overwritten, or never written: an order without it explains as much.
    made = [
        one
        for one in _made(history)
        if one.returned is not None or one.call.arguments.get("current_step", "") in {*shown, ""}
    ]
    try:
        return next(orders(State(None), made, allowed, _MOST_STEPS), None) is not None
    except OutOfBudgetError:
        return True


def _made(history: Iterable[Seen]) -> Iterator[Made]:
    """The calls that may have taken effect. One that ended without a result may do so at any time."""
    for one in history:
        call = Invocation(one.call.operation, one.call.arguments)
        if not is_unavailable(one.observed):
            yield Made(call, one.observed, one.called, one.returned)
        elif dict(one.observed.facts).get("write_may_have_happened"):
            yield Made(call, None, one.called, None)


def _report(
    tally: Tally, kind: str, about: Iterable[str], expected: str, actual: str, history: Sequence[Seen] = ()
) -> None:
    lines = [
        f"{(one.called - history[0].called) / 1e6:8.1f} ms  {one.call}  # {describe(one.observed, _FIELDS)}"
        for one in history
        if one.called < _NEVER
    ]
    numbers = tuple(dict.fromkeys(about))
    tally.add(Finding(numbers, expected, actual, ("load", kind), Scenario(), tuple(lines[-_SHOWN:])))
