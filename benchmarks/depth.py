"""The depths of a run: how many blocks it has, how many tasks the stores hold, and how long a benchmark may take."""

from __future__ import annotations

from dataclasses import dataclass

from conformance.measure.estimate import BLOCKS
from conformance.measure.timing import Effort


@dataclass(frozen=True)
class Depth:
    """The blocks, and what each of them does.

    A store holds one of `sizes`; a listing is measured at each of them, the others at the last.
    """

    blocks: int
    effort: Effort
    sizes: tuple[int, ...]


# Of thirteen blocks an interval leaves out the lowest and the highest, of twelve it does not.
DEPTHS = {
    "quick": Depth(BLOCKS, Effort(rounds=50, seconds=0.006), sizes=(100, 1_000)),
    "default": Depth(BLOCKS, Effort(rounds=200, seconds=0.02), sizes=(100, 1_000, 10_000)),
    "full": Depth(13, Effort(rounds=1_000, seconds=0.12), sizes=(100, 1_000, 10_000)),
}
