"""The depths of a run: how many blocks it has, how many tasks the stores hold, and how long a benchmark may take."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

BLOCKS = 9
"""With fewer no interval of a median reaches the confidence that eight claims at once ask for (`reports/RULE.md`)."""
MOST_CALLS = 500
BATCH_SECONDS = 0.001
"""How long a batch should take: the two readings of the clock cost about 0.1 µs, and must not count."""
FEWEST_ROUNDS = 3
"""In a block, unless a call is long."""


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
class Depth:
    """The blocks, the rounds that are wanted of each benchmark in a block, and the seconds that those may take.

    Stores hold `tasks`, for a listing one of `sizes`, and for a listing at a distance `tasks_afar`.
    """

    blocks: int
    rounds: int
    seconds: float
    tasks: int
    sizes: tuple[int, ...]
    tasks_afar: int

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


# Of thirteen blocks an interval leaves out the lowest and the highest, of twelve it does not.
DEPTHS = {
    "quick": Depth(blocks=BLOCKS, rounds=50, seconds=0.006, tasks=1_000, sizes=(100, 1_000), tasks_afar=10),
    "default": Depth(blocks=BLOCKS, rounds=200, seconds=0.02, tasks=10_000, sizes=(100, 1_000, 10_000), tasks_afar=10),
    "full": Depth(blocks=13, rounds=1_000, seconds=0.12, tasks=10_000, sizes=(100, 1_000, 10_000), tasks_afar=100),
}
