"""The depths of a run: how many blocks it has, how many tasks the stores hold, and how long a benchmark may take."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.measure.estimate import BLOCKS
from conformance.measure.timing import Effort


@dataclass(frozen=True)
class Depth:
    """The blocks, and what each of them does.

    Stores hold `tasks`, and for a listing one of `sizes`.
    """

    blocks: int
    effort: Effort
    tasks: int
    sizes: tuple[int, ...]


# Of thirteen blocks an interval leaves out the lowest and the highest, of twelve it does not.
DEPTHS = {
    "quick": Depth(BLOCKS, Effort(rounds=50, seconds=0.006), tasks=1_000, sizes=(100, 1_000)),
    "default": Depth(BLOCKS, Effort(rounds=200, seconds=0.02), tasks=10_000, sizes=(100, 1_000, 10_000)),
    "full": Depth(13, Effort(rounds=1_000, seconds=0.12), tasks=10_000, sizes=(100, 1_000, 10_000)),
}
