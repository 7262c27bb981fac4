"""One benchmark: a store filled, warmed and timed, and what its figures belong to written beside them."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.clock import AwaitedClock
from benchmarks.depth import Depth, Pace
from benchmarks.loop import Loop
from benchmarks.subjects import Subject
from benchmarks.workload import Work, fill, pinging
from conformance import Harness
from taskstore import TaskStore

CLOCK = AwaitedClock()
"""What `pytest.mark.benchmark(timer=CLOCK.read)` reads."""


class WrongAnswerError(Exception):
    """A call that was timed did not do what it is timed for."""


@dataclass(frozen=True)
class Running:
    """A subject while its server is there."""

    subject: Subject
    harness: Harness
    facts: Mapping[str, str]

    @contextmanager
    def filled(self, loop: Loop, world: str, tasks: int) -> Iterator[tuple[TaskStore, list[str]]]:
        """Open a store on a world with that many tasks, and give the ids; nothing of it is left at the end."""
        opened = AsyncExitStack()
        interrupted = False
        try:
            store = loop.run(opened.enter_async_context(self.harness.open(world)))
            yield store, loop.run(fill(store, tasks))
        except KeyboardInterrupt:
            interrupted = True  # Ctrl-C in a terminal reaches our servers too, and they end now in any case
            raise
        finally:
            loop.run(opened.aclose())
            if not interrupted:
                self.harness.discard(world)


@dataclass(frozen=True)
class Bench:
    """What times work through pytest-benchmark, on one loop."""

    benchmark: BenchmarkFixture
    loop: Loop
    depth: Depth

    def measure(
        self, running: Running, operation: str, tasks: int, work: Callable[[Harness, TaskStore, Sequence[str]], Work]
    ) -> None:
        """Time an operation of a store that has that many tasks, in a world of its own."""
        with running.filled(self.loop, f"{operation}-{tasks}", tasks) as (store, ids):
            self.label(running.subject, operation, tasks, running.facts)
            if running.subject.mode == "memory":
                self.time(work(running.harness, store, ids), batched=True)
            else:
                ping = pinging(running.harness, store, ids)
                self.time(work(running.harness, store, ids), batched=False, ping=ping)

    def label(self, subject: Subject, operation: str, tasks: int, facts: Mapping[str, str]) -> None:
        """Write beside the figures what they belong to: the report reads these names."""
        self.benchmark.group = f"{operation}, {tasks} tasks"
        self.benchmark.extra_info.update(
            operation=operation,
            subject=subject.name,
            design=subject.design,
            mode=subject.mode,
            transport=subject.transport,
            tasks=tasks,
            facts=dict(facts),
        )

    def time(self, work: Work, *, batched: bool, ping: Work | None = None) -> None:
        """Warm up, fit rounds and calls into the depth's time, and measure.

        Before each round one `ping` is timed too, so that the machine's moods meet both alike and their ratio counts.

        Raises:
            WrongAnswerError: if the last call of a round did not do what it should; no figure is kept then.
        """
        plan = self.depth.plan(self._warm_up(work), batched=batched)
        self.benchmark.extra_info["calls_per_round"] = plan.calls
        pings: list[float] = []

        def before_a_round() -> tuple[tuple[Any, ...], dict[str, Any]]:
            if ping is not None:
                pings.append(self._seconds_of(ping))
            return (_batch(work, plan.calls),), {}

        gc.collect()
        try:
            self.benchmark.pedantic(  # type: ignore[no-untyped-call]  # pytest-benchmark has no annotations
                lambda batch: self._round(work, batch),
                setup=before_a_round,
                rounds=plan.rounds,
            )
        except KeyboardInterrupt:
            self.benchmark.has_error = True  # other exceptions it marks itself; half a benchmark it would stumble over
            raise
        self.benchmark.extra_info["ping_seconds"] = pings

    def _warm_up(self, work: Work) -> Pace:
        started, elapsed = perf_counter(), 0.0
        calls: list[float] = []
        while not calls or elapsed < self.depth.warm_up_seconds:
            calls.append(self._seconds_of(work))
            elapsed = perf_counter() - started
        return Pace(tuple(calls), elapsed)

    def _seconds_of(self, work: Work) -> float:
        before = CLOCK.read()
        self._round(work, _batch(work, 1))
        return CLOCK.read() - before

    def _round(self, work: Work, batch: Sequence[tuple[Any, ...]]) -> None:
        answer = self.loop.run(CLOCK.time(work.call, batch))
        if not work.right(answer, *batch[-1]):
            raise WrongAnswerError(f"{work.call.__name__}{batch[-1]} answered {answer!r}")


def _batch(work: Work, calls: int) -> list[tuple[Any, ...]]:
    return list(islice(work.arguments, calls))
