"""Timing through pytest-benchmark: a call warmed up, its rounds and batches fitted into some time, and measured.

A round is one call, or as many as take a millisecond where calls are short: the two readings of the clock cost about
0.1 µs and must not count. A quantile of such rounds is one of means, and a mean hides the call in which garbage was
collected: so calls of batched rounds are timed one by one besides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from statistics import median
from time import perf_counter
from typing import Any, Protocol

from pytest_benchmark.fixture import BenchmarkFixture

from conformance.measure.clock import AwaitedClock
from conformance.measure.estimate import quantile
from conformance.measure.loop import Loop

CLOCK = AwaitedClock()
"""What `pytest.mark.benchmark(timer=CLOCK.read)` reads."""
MOST_CALLS = 500
BATCH_SECONDS = 0.001
FEWEST_ROUNDS = 3
"""In a block, unless a call is long."""
FEWEST_SINGLE, MOST_SINGLE = 1_000, 10_000
"""Calls that a block times one by one where rounds are batches: a p99 has ten calls beyond it."""


class WrongAnswerError(Exception):
    """A call that was timed did not do what it is timed for."""


class Work(Protocol):
    """Calls without end, all of one kind; `right` takes an answer and the arguments that it answers."""

    @property
    def call(self) -> Callable[..., Awaitable[Any]]: ...  # noqa: D102
    @property
    def arguments(self) -> Iterator[tuple[Any, ...]]: ...  # noqa: D102
    @property
    def right(self) -> Callable[..., bool]: ...  # noqa: D102


@dataclass(frozen=True)
class Pace:
    """What the warm-up saw of each call: the awaited seconds, and the seconds of a round with everything around it."""

    calls: tuple[float, ...]
    rounds: tuple[float, ...]


@dataclass(frozen=True)
class Plan:
    """How many calls a round has, and how many rounds there are in a block."""

    calls: int
    rounds: int


@dataclass(frozen=True)
class Effort:
    """The rounds that are wanted of each benchmark in a block, and the seconds that those may take.

    `quantiles` are kept of the calls that are timed one by one, of which there are at least `fewest_single`.
    """

    rounds: int
    seconds: float
    quantiles: tuple[float, ...] = ()
    fewest_single: int = FEWEST_SINGLE

    @property
    def warm_up_seconds(self) -> float:
        """How long calls are made before any counts; the first one is always made to its end."""
        return self.seconds / 5

    def is_long(self, pace: Pace) -> bool:
        """Whether one call takes all the time: its first is its figure then, and what is not yet warm is lost in it."""
        return pace.calls[0] > self.seconds

    def plan(self, pace: Pace, *, batched: bool) -> Plan:
        """Fit the rounds into the time, and the calls into the rounds: one each, or a batch where calls are short."""
        call = median(pace.calls)
        calls = max(1, min(MOST_CALLS, round(BATCH_SECONDS / call))) if batched else 1
        seconds = median(pace.rounds) + (calls - 1) * call
        return Plan(calls, max(FEWEST_ROUNDS, min(self.rounds, int(self.seconds / seconds))))


@dataclass(frozen=True)
class Timer:
    """What times work through pytest-benchmark, on one loop."""

    benchmark: BenchmarkFixture
    loop: Loop
    effort: Effort

    def time(self, work: Work, *, batched: bool, ping: Work | None = None) -> None:
        """Warm up, fit rounds and calls into the time, and measure.

        Before each round one `ping` is timed too, so that machine noise affects both equally and their ratio counts.
        A call that is long is its own warm-up: made once, and timed.

        Raises:
            WrongAnswerError: if the last call of a round did not do what it should; no figure is kept then.
        """
        pings: list[float] = []

        def before_a_round() -> None:
            if ping is not None:
                pings.append(self._seconds_of(ping))

        pace = self._warm_up(work, before_a_round)
        if self.effort.is_long(pace):
            plan = Plan(calls=1, rounds=1)
            self._record(lambda: CLOCK.add(pace.calls[0]), None, plan)
        else:
            pings.clear()
            plan = self.effort.plan(pace, batched=batched)

            def prepare() -> tuple[tuple[Any, ...], dict[str, Any]]:
                before_a_round()
                return (_batch(work, plan.calls),), {}

            self._record(lambda batch: self._round(work, batch), prepare, plan)
            if batched:
                self._time_single_calls(work, pace)
        self.benchmark.extra_info.update(calls_per_round=plan.calls, ping_seconds=pings)

    def _time_single_calls(self, work: Work, pace: Pace) -> None:
        calls = max(self.effort.fewest_single, min(MOST_SINGLE, int(self.effort.seconds / median(pace.calls))))
        seconds = sorted(self.loop.run(CLOCK.time_each(work.call, _batch(work, calls))))
        single: dict[str, Any] = {"n": calls, "p99": quantile(seconds, 0.99), "most": seconds[-1]}
        if self.effort.quantiles:
            single["quantiles"] = {f"{share:g}": quantile(seconds, share) for share in self.effort.quantiles}
        self.benchmark.extra_info["single_calls"] = [single]

    def _record(self, target: Callable[..., None], setup: Callable[[], Any] | None, plan: Plan) -> None:
        try:
            self.benchmark.pedantic(target, setup=setup, rounds=plan.rounds)  # type: ignore[no-untyped-call]  # bare
        except KeyboardInterrupt:
            self.benchmark.has_error = True  # other exceptions it marks itself; half a benchmark it would stumble over
            raise

    def _warm_up(self, work: Work, before_a_round: Callable[[], None]) -> Pace:
        calls: list[float] = []
        rounds: list[float] = []
        while sum(rounds) < self.effort.warm_up_seconds:
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
            raise WrongAnswerError(f"{getattr(work.call, '__name__', work.call)}{batch[-1]} answered {answer!r}")


def _batch(work: Work, calls: int) -> list[tuple[Any, ...]]:
    return list(islice(work.arguments, calls))
