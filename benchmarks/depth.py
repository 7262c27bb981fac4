"""The depths of a run: how many rounds a benchmark makes, and how long it may take."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

FEWEST_ROUNDS = 9
"""Below this no interval of a median reaches the confidence that eight claims at once ask for (`reports.verdicts`)."""
MOST_CALLS = 500
BATCH_SECONDS = 0.001
"""How long a batch should take: the two readings of the clock cost about 0.1 µs, and must not count."""


@dataclass(frozen=True)
class Pace:
    """What the warm-up saw: the awaited seconds of each call, and the seconds that all of it took, loop included."""

    calls: tuple[float, ...]
    elapsed: float


@dataclass(frozen=True)
class Plan:
    """How many calls a round has, and how many rounds there are."""

    calls: int
    rounds: int


@dataclass(frozen=True)
class Depth:
    """The rounds that are wanted of each benchmark, and the seconds that they may take together."""

    rounds: int
    seconds: float

    @property
    def warm_up_seconds(self) -> float:
        """How long calls are made before any counts; the first one is always made to its end."""
        return self.seconds / 5

    def plan(self, pace: Pace, *, batched: bool) -> Plan:
        """Fit the rounds into the time, and the calls into the rounds: one each, or a batch where calls are short."""
        call = median(pace.calls)
        calls = max(1, min(MOST_CALLS, round(BATCH_SECONDS / call))) if batched else 1
        seconds = pace.elapsed / len(pace.calls) + (calls - 1) * call
        return Plan(calls, max(FEWEST_ROUNDS, min(self.rounds, int(self.seconds / seconds))))


DEPTHS = {
    "quick": Depth(rounds=300, seconds=0.3),
    "default": Depth(rounds=2_000, seconds=1.5),
    "full": Depth(rounds=10_000, seconds=6),
}
