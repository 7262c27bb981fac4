"""One benchmark: a store opened, warmed and timed, and what its figures belong to written beside them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from statistics import median
from time import perf_counter
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.clock import AwaitedClock
from benchmarks.depth import Depth, Pace, Plan
from benchmarks.loop import Loop
from benchmarks.setting import Setting, namespace_name
from benchmarks.subjects import SUBJECTS, Subject
from benchmarks.workload import Work, fill, getting, listing, pinging, updating
from conformance import Harness
from taskstore import TaskStore

CLOCK = AwaitedClock()
"""What `pytest.mark.benchmark(timer=CLOCK.read)` reads."""

FEWEST_SINGLE, MOST_SINGLE = 1_000, 10_000
"""Calls of memory mode that a block times one by one: a p99 has ten calls beyond it."""
WARM = 20
"""Calls of each kind after which Python 3.11 and later have specialised what they run."""


class WrongAnswerError(Exception):
    """A call that was timed did not do what it is timed for."""


@dataclass(frozen=True)
class Opened:
    """A store on a namespace that has these tasks, and the harness that opened it."""

    harness: Harness
    namespace: str
    store: TaskStore
    ids: Sequence[str]


class Stores:
    """The stores of a block, on one loop: in Redis mode a client is opened once for each namespace, and stays warm."""

    def __init__(self, loop: Loop, setting: Setting, until_the_end: AsyncExitStack, harnesses: ExitStack) -> None:
        self._loop = loop
        self._setting = setting
        self._until_the_end = until_the_end
        self._harnesses = harnesses
        self._kept: dict[tuple[str, str], Opened] = {}

    @classmethod
    @contextmanager
    def opened(cls, loop: Loop, setting: Setting) -> Iterator[Stores]:
        """Keep clients until the end of the block."""
        stores = AsyncExitStack()
        with ExitStack() as harnesses:
            try:
                yield cls(loop, setting, stores, harnesses)
            finally:
                loop.run(stores.aclose())

    def warm_up(self, depth: Depth) -> None:
        """Make some calls of each kind on each design: Python is slow at what it does for the first time."""
        for subject in self._first_of_each_design():
            opened = self._keep(subject, namespace_name(subject.design, "other", depth.tasks_afar))
            for kind in (getting, updating, listing):
                work = kind(opened.harness, opened.store, opened.ids)
                self._loop.run(_call(work))

    def _first_of_each_design(self) -> Iterator[Subject]:
        near = [subject for subject in SUBJECTS.values() if subject.place in self._setting.places]
        yield from {subject.design: subject for subject in reversed(near)}.values()

    def facts(self, subject: Subject) -> Mapping[str, str]:
        """Say what is known of the subject's server."""
        return self._setting.places[subject.place].facts if subject.place else {}

    @contextmanager
    def filled(self, subject: Subject, purpose: str, tasks: int) -> Iterator[Opened]:
        """Give a store that has that many tasks: a new one in memory mode, and in Redis mode one that was filled."""
        name = namespace_name(subject.design, purpose, tasks)
        if subject.place:
            yield self._keep(subject, name)
            return
        harness = subject.harness("")
        stack = AsyncExitStack()
        try:
            store = self._loop.run(stack.enter_async_context(harness.open(name)))
            yield Opened(harness, name, store, self._loop.run(fill(store, tasks)))
        finally:
            self._loop.run(stack.aclose())
            harness.discard(name)

    def _keep(self, subject: Subject, name: str) -> Opened:
        if (subject.name, name) not in self._kept:
            place = self._setting.places[subject.place]
            namespace = self._setting.namespaces[place.server][name]
            harness = subject.harness(place.at(namespace.database))
            self._harnesses.enter_context(harness.running())
            store = self._loop.run(self._until_the_end.enter_async_context(harness.open(name)))
            self._loop.run(harness.ping(store))  # connects
            self._kept[subject.name, name] = Opened(harness, name, store, namespace.ids)
        return self._kept[subject.name, name]


@dataclass(frozen=True)
class Bench:
    """What times work through pytest-benchmark, on one loop."""

    benchmark: BenchmarkFixture
    loop: Loop
    depth: Depth

    def measure(
        self,
        stores: Stores,
        subject: Subject,
        operation: str,
        work: Callable[[Harness, TaskStore, Sequence[str]], Work],
        tasks: int | None = None,
    ) -> None:
        """Time an operation of a store that has that many tasks, or as many as the depth says."""
        tasks = self.depth.tasks if tasks is None else tasks
        with stores.filled(subject, operation, tasks) as opened:
            self.label(subject, operation, tasks, stores.facts(subject))
            asks = subject.mode == "redis" and operation != "ping"
            ping = pinging(opened.harness, opened.store, ()) if asks else None
            self.time(work(opened.harness, opened.store, opened.ids), batched=subject.mode == "memory", ping=ping)

    def label(self, subject: Subject, operation: str, tasks: int, facts: Mapping[str, str]) -> None:
        """Write beside the figures what they belong to: the report reads these names."""
        self.benchmark.group = f"{operation}, {tasks} tasks"
        self.benchmark.extra_info.update(
            operation=operation,
            subject=subject.name,
            design=subject.design,
            mode=subject.mode,
            transport=subject.transport,
            distance_ms=subject.distance_ms,
            tasks=tasks,
            facts=dict(facts),
        )

    def time(self, work: Work, *, batched: bool, ping: Work | None = None) -> None:
        """Warm up, fit rounds and calls into the depth's time, and measure.

        Before each round one `ping` is timed too, so that the machine's moods meet both alike and their ratio counts.
        A call that is long is its own warm-up: made once, and timed.

        Raises:
            WrongAnswerError: if the last call of a round did not do what it should; no figure is kept then.
        """
        pings: list[float] = []

        def before_a_round() -> None:
            if ping is not None:
                pings.append(self._seconds_of(ping))

        pace = self._warm_up(work, before_a_round)
        if self.depth.is_long(pace):
            plan = Plan(calls=1, rounds=1)
            self._record(lambda: CLOCK.add(pace.calls[0]), None, plan)
        else:
            pings.clear()
            plan = self.depth.plan(pace, batched=batched)

            def prepare() -> tuple[tuple[Any, ...], dict[str, Any]]:
                before_a_round()
                return (_batch(work, plan.calls),), {}

            self._record(lambda batch: self._round(work, batch), prepare, plan)
            if batched:
                self._time_single_calls(work, pace)
        self.benchmark.extra_info.update(calls_per_round=plan.calls, ping_seconds=pings)

    def _time_single_calls(self, work: Work, pace: Pace) -> None:
        """Time calls one by one, for their tail: a round of many hides the call in which garbage was collected."""
        calls = max(FEWEST_SINGLE, min(MOST_SINGLE, int(self.depth.seconds / median(pace.calls))))
        seconds = sorted(self.loop.run(CLOCK.time_each(work.call, _batch(work, calls))))
        p99 = seconds[math.ceil(0.99 * calls) - 1]
        self.benchmark.extra_info["single_calls"] = [{"n": calls, "p99": p99, "most": seconds[-1]}]

    def _record(self, target: Callable[..., None], setup: Callable[[], Any] | None, plan: Plan) -> None:
        try:
            self.benchmark.pedantic(target, setup=setup, rounds=plan.rounds)  # type: ignore[no-untyped-call]  # bare
        except KeyboardInterrupt:
            self.benchmark.has_error = True  # other exceptions it marks itself; half a benchmark it would stumble over
            raise

    def _warm_up(self, work: Work, before_a_round: Callable[[], None]) -> Pace:
        calls: list[float] = []
        rounds: list[float] = []
        while sum(rounds) < self.depth.warm_up_seconds:
            started = perf_counter()
            before_a_round()
            calls.append(self._seconds_of(work))
            rounds.append(perf_counter() - started)
        return Pace(tuple(calls), tuple(rounds))

    def _seconds_of(self, work: Work) -> float:
        before = CLOCK.read()
        self._round(work, _batch(work, 1))
        return CLOCK.read() - before

    def _round(self, work: Work, batch: Sequence[tuple[Any, ...]]) -> None:
        answer = self.loop.run(CLOCK.time(work.call, batch))
        if not work.right(answer, *batch[-1]):
            raise WrongAnswerError(f"{work.call.__name__}{batch[-1]} answered {answer!r}")


async def _call(work: Work) -> None:
    for arguments in islice(work.arguments, WARM):
        await work.call(*arguments)


def _batch(work: Work, calls: int) -> list[tuple[Any, ...]]:
    return list(islice(work.arguments, calls))
